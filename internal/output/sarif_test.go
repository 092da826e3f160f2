// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// sarifLog is what the specification requires of a log, as far as we write it. Unknown
// fields are errors, so that nothing is written that this test does not know.
type sarifLog struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name, Version, InformationURI string
				Rules                         []struct {
					ID, Name                                string
					ShortDescription, FullDescription, Help *sarifMessage
					DefaultConfiguration                    struct{ Level string }
					Properties                              struct {
						Tags             []string
						Precision        string
						ProblemSeverity  string `json:"problem.severity"`
						SecuritySeverity string `json:"security-severity"`
						Category         string
						Controls         []string
					}
				}
			}
		}
		ColumnKind         string
		OriginalURIBaseIDs map[string]struct{ Description sarifMessage } `json:"originalUriBaseIds"`
		Results            []sarifResult
		Invocations        []struct {
			ExecutionSuccessful                                        *bool
			ExitCode                                                   int
			StartTimeUtc, EndTimeUtc                                   string
			ToolExecutionNotifications, ToolConfigurationNotifications []struct {
				Level          string
				Message        *sarifMessage
				Locations      []sarifLocation
				AssociatedRule *struct {
					ID    string
					Index *int
				}
			}
		}
		Properties map[string]any
	}
}

type (
	sarifMessage  struct{ Text, Markdown string }
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI, URIBaseID string }
			Region           *struct{ StartLine int }
		}
		LogicalLocations []struct{ Name, FullyQualifiedName, Kind string }
	}
	sarifResult struct {
		RuleID              string
		RuleIndex           *int
		Level               string
		Message             *sarifMessage
		Locations           []sarifLocation
		PartialFingerprints map[string]string
		Suppressions        []struct{ Kind, Status, Justification string }
		BaselineState       string
		Properties          map[string]any
	}
)

func readSARIF(t *testing.T, doc []byte) sarifLog {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	var log sarifLog
	if err := d.Decode(&log); err != nil {
		t.Fatalf("decode SARIF: %v\n%s", err, doc)
	}
	return log
}

func TestSARIFIsWhole(t *testing.T) {
	sarif, err := output.Named("sarif")
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{
		"rich": render(t, "sarif", rich(), output.Options{Baseline: true}), "clear": render(t, "sarif", clear(), output.Options{}),
		"hostile": replay(t, sarif, hostileReport(), hostileChecks(hostile), output.Options{}),
	} {
		t.Run(name, func(t *testing.T) {
			log := readSARIF(t, doc)
			if log.Version != "2.1.0" || len(log.Runs) != 1 {
				t.Fatalf("version %q with %d runs", log.Version, len(log.Runs))
			}
			run := log.Runs[0]
			for i, r := range run.Tool.Driver.Rules {
				if r.ID == "" || r.ShortDescription == nil || r.ShortDescription.Text == "" {
					t.Errorf("rule %d has no id or description: %+v", i, r)
				}
				checkLevel(t, r.DefaultConfiguration.Level)
				if n, err := strconv.ParseFloat(r.Properties.SecuritySeverity, 64); err != nil || n <= 0 || n > 10 {
					t.Errorf("rule %s: security-severity %q", r.ID, r.Properties.SecuritySeverity)
				}
				if tags := slices.Sorted(slices.Values(r.Properties.Tags)); len(slices.Compact(tags)) != len(r.Properties.Tags) {
					t.Errorf("rule %s: tags %v stand there twice", r.ID, r.Properties.Tags)
				}
				if r.Help != nil && (r.Help.Text == "" || r.Help.Markdown == "") {
					t.Errorf("rule %s: help without text", r.ID)
				}
			}
			for i, r := range run.Results {
				if r.Message == nil || r.Message.Text == "" || r.RuleID == "" || r.PartialFingerprints["seaworthy/v1"] == "" {
					t.Errorf("result %d lacks something: %+v", i, r)
				}
				checkLevel(t, r.Level)
				if r.RuleIndex != nil && run.Tool.Driver.Rules[*r.RuleIndex].ID != r.RuleID {
					t.Errorf("result %d: rule %d is not %s", i, *r.RuleIndex, r.RuleID)
				}
				checkLocations(t, r.Locations)
			}
			inv := run.Invocations[0]
			if inv.ExecutionSuccessful == nil {
				t.Error("the invocation does not say whether it was successful")
			}
			for _, n := range append(inv.ToolExecutionNotifications, inv.ToolConfigurationNotifications...) {
				checkLevel(t, n.Level)
				checkLocations(t, n.Locations)
				if n.Message == nil || n.Message.Text == "" {
					t.Error("a notification says nothing")
				}
			}
		})
	}
}

func checkLevel(t *testing.T, level string) {
	t.Helper()
	if !slices.Contains([]string{"error", "warning", "note"}, level) {
		t.Errorf("level %q", level)
	}
}

func checkLocations(t *testing.T, all []sarifLocation) {
	t.Helper()
	for _, l := range all {
		a := l.PhysicalLocation.ArtifactLocation
		u, err := url.Parse(a.URI)
		if err != nil || a.URI == "" {
			t.Errorf("URI %q: %v", a.URI, err)
			continue
		}
		if relative := !u.IsAbs() && !strings.HasPrefix(a.URI, "/"); relative != (a.URIBaseID != "") {
			t.Errorf("URI %q with base %q", a.URI, a.URIBaseID)
		}
		if r := l.PhysicalLocation.Region; r != nil && r.StartLine < 1 {
			t.Errorf("line %d", r.StartLine)
		}
	}
}

func TestSARIFSaysWhatCounts(t *testing.T) {
	run := readSARIF(t, render(t, "sarif", rich(), output.Options{Baseline: true})).Runs[0]
	want := rich()
	if len(run.Results) != len(want.Findings) {
		t.Fatalf("%d results of %d findings", len(run.Results), len(want.Findings))
	}
	for i, r := range run.Results {
		f := want.Findings[i]
		level := map[seaworthy.Severity]string{"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}[f.Severity]
		state := map[bool]string{true: "new", false: "unchanged"}[f.New]
		if r.Level != level || r.BaselineState != state || (f.Waiver != nil) != (len(r.Suppressions) == 1) {
			t.Errorf("result %d: level %q, state %q, %d suppressions; finding %+v", i, r.Level, r.BaselineState, len(r.Suppressions), f)
		}
		for _, s := range r.Suppressions {
			if s.Kind != "external" || s.Status != "accepted" || !strings.Contains(s.Justification, f.Waiver.Reason) {
				t.Errorf("suppression %+v of waiver %+v", s, f.Waiver)
			}
		}
	}
	if *run.Invocations[0].ExecutionSuccessful {
		t.Error("the invocation is successful in spite of errors")
	}
	if plain := readSARIF(t, render(t, "sarif", rich(), output.Options{})); plain.Runs[0].Results[0].BaselineState != "" {
		t.Error("a baseline state without a baseline")
	}
}

func TestSARIFNamesFilesInTheRepository(t *testing.T) {
	for _, c := range []struct{ file, root, uri, base string }{
		{"deploy/a b.yaml", "", "deploy/a%20b.yaml", "%SRCROOT%"},
		{"./deploy/a.yaml", "", "deploy/a.yaml", "%SRCROOT%"},
		{"/src/repo/deploy/a.yaml", "/src/repo", "deploy/a.yaml", "%SRCROOT%"},
		{"/elsewhere/a.yaml", "/src/repo", "file:///elsewhere/a.yaml", ""},
		{"javascript:alert(1).yaml", "", "javascript%3Aalert%281%29.yaml", "%SRCROOT%"},
		{"", "", "cluster/shop/DaemonSet/node-agent", "%SRCROOT%"},
	} {
		r := rich()
		r.Findings = r.Findings[:1]
		r.Findings[0].File = c.file
		got := readSARIF(t, render(t, "sarif", r, output.Options{Root: c.root})).Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation
		if got.URI != c.uri || got.URIBaseID != c.base {
			t.Errorf("file %q below %q is %q of %q, want %q of %q", c.file, c.root, got.URI, got.URIBaseID, c.uri, c.base)
		}
	}
}
