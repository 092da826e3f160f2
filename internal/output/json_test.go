// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

const schemaFile = "../../docs/schema/report-v1.schema.json"

func TestJSONReadsBackTheSame(t *testing.T) {
	big, _ := largeReport(300)
	for name, r := range map[string]*seaworthy.Report{"rich": rich(), "clear": clear(), "large": big, "hostile": hostileReport()} {
		t.Run(name, func(t *testing.T) {
			got, err := output.Read(bytes.NewReader(render(t, "json", r, output.Options{})))
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if diff := cmp.Diff(asJSON(t, r), asJSON(t, got)); diff != "" {
				t.Errorf("the report read back differs (-want +got):\n%s", diff)
			}
			if name == "rich" {
				if diff := cmp.Diff(r, got); diff != "" {
					t.Errorf("the report read back differs (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// asJSON is a report as encoding/json sees it, with what JSON cannot hold replaced.
func asJSON(t *testing.T, r *seaworthy.Report) (v any) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestJSONKeysAreInOrder(t *testing.T) {
	d := json.NewDecoder(bytes.NewReader(render(t, "json", rich(), output.Options{})))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for d.More() {
		k, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.(string))
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"apiVersion", "tool", "source", "catalogue", "findings", "passed",
		"finished", "checks", "errors", "skipped", "waivers", "coverage", "summary",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// TestJSONHasNoNullArrays gives every list as nil.
func TestJSONHasNoNullArrays(t *testing.T) {
	r := &seaworthy.Report{
		Header:   seaworthy.Header{APIVersion: seaworthy.ReportVersion, Source: seaworthy.Source{Kind: "files"}},
		Findings: []seaworthy.Finding{{Check: "a", Severity: "low", Fingerprint: strings.Repeat("0", 32)}},
		Trailer: seaworthy.Trailer{
			Checks: []seaworthy.CheckResult{{ID: "a", Severity: "low", Status: "passed"}},
			Covered: []seaworthy.FrameworkCoverage{
				{Framework: "x", Shows: "design"},
				{Framework: "y", Shows: "design", Requirements: []seaworthy.RequirementCoverage{{
					ID: "1", Standing: "passing", Controls: []seaworthy.ControlCoverage{{ID: "c"}},
				}}},
			},
		},
	}
	got := render(t, "json", r, output.Options{})
	if s := strings.ReplaceAll(string(got), `"waiver":null`, ""); strings.Contains(s, "null") {
		t.Errorf("the report holds a null:\n%s", got)
	}
	validate(t, reportSchema(t), got)
}

func TestJSONKeepsToItsSchema(t *testing.T) {
	schema := reportSchema(t)
	big, _ := largeReport(200)
	for name, r := range map[string]*seaworthy.Report{"rich": rich(), "clear": clear(), "large": big} {
		t.Run(name, func(t *testing.T) { validate(t, schema, render(t, "json", r, output.Options{})) })
	}
	for name, break_ := range map[string]func(map[string]any){
		"no_summary":      func(r map[string]any) { delete(r, "summary") },
		"null_findings":   func(r map[string]any) { r["findings"] = nil },
		"other_version":   func(r map[string]any) { r["apiVersion"] = "seaworthy.dev/report/v2" },
		"unknown_status":  func(r map[string]any) { r["checks"].([]any)[0].(map[string]any)["status"] = "fine" },
		"no_fingerprint":  func(r map[string]any) { delete(r["findings"].([]any)[0].(map[string]any), "fingerprint") },
		"unknown_verdict": func(r map[string]any) { r["summary"].(map[string]any)["exit"] = 7 },
	} {
		t.Run(name, func(t *testing.T) {
			var doc map[string]any
			if err := json.Unmarshal(render(t, "json", rich(), output.Options{}), &doc); err != nil {
				t.Fatal(err)
			}
			break_(doc)
			if err := schema.Validate(doc); err == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatalf("compile the schema: %v", err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, doc []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%#v", err)
	}
}

// TestSchemaNamesEveryField holds the schema to the Go types: each field is described,
// none is described that is not there, and what is never left out is required.
func TestSchemaNamesEveryField(t *testing.T) {
	b, err := os.ReadFile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	var root schemaObject
	if err := json.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	compare(t, "report", reflect.TypeFor[seaworthy.Report](), root)
	compare(t, "tool", reflect.TypeFor[seaworthy.Tool](), root.Properties["tool"])
	for name, typ := range map[string]reflect.Type{
		"source": reflect.TypeFor[seaworthy.Source](), "catalogue": reflect.TypeFor[seaworthy.Catalogue](),
		"finding": reflect.TypeFor[seaworthy.Finding](), "object": reflect.TypeFor[seaworthy.Object](),
		"appliedWaiver": reflect.TypeFor[seaworthy.AppliedWaiver](), "pass": reflect.TypeFor[seaworthy.Pass](),
		"checkResult": reflect.TypeFor[seaworthy.CheckResult](), "problem": reflect.TypeFor[seaworthy.Problem](),
		"waiver": reflect.TypeFor[seaworthy.Waiver](), "waiverNotice": reflect.TypeFor[seaworthy.WaiverNotice](),
		"frameworkCoverage": reflect.TypeFor[seaworthy.FrameworkCoverage](), "requirementCoverage": reflect.TypeFor[seaworthy.RequirementCoverage](),
		"controlCoverage": reflect.TypeFor[seaworthy.ControlCoverage](), "summary": reflect.TypeFor[seaworthy.Summary](),
	} {
		compare(t, name, typ, root.Defs[name])
	}
}

type schemaObject struct {
	Required   []string                `json:"required"`
	Properties map[string]schemaObject `json:"properties"`
	Defs       map[string]schemaObject `json:"$defs"`
}

func compare(t *testing.T, name string, typ reflect.Type, s schemaObject) {
	t.Helper()
	var all, required []string
	for _, f := range reflect.VisibleFields(typ) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" || tag == "-" || f.Anonymous || f.Type == reflect.TypeFor[time.Time]() && f.Anonymous {
			continue
		}
		all = append(all, tag)
		if options == "" {
			required = append(required, tag)
		}
	}
	var described []string
	for p := range s.Properties {
		described = append(described, p)
	}
	slices.Sort(all)
	slices.Sort(required)
	slices.Sort(described)
	slices.Sort(s.Required)
	if diff := cmp.Diff(all, described); diff != "" {
		t.Errorf("%s: properties (-Go +schema):\n%s", name, diff)
	}
	if diff := cmp.Diff(required, s.Required); diff != "" {
		t.Errorf("%s: required (-Go +schema):\n%s", name, diff)
	}
}
