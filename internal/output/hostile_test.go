// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// hostileReport is a report whose every text is hostile.
func hostileReport() *seaworthy.Report { return poisoned(rich(), hostile) }

// poisoned puts s into every string of the report that a manifest or a user's file can
// fill. Words with a fixed set of values stay.
func poisoned(whole *seaworthy.Report, s string) *seaworthy.Report {
	r := &seaworthy.Report{} // a copy, since reports share the lists of their checks
	b, err := json.Marshal(whole)
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil {
		panic(err)
	}
	fixed := map[reflect.Type]bool{
		reflect.TypeFor[seaworthy.Severity](): true, reflect.TypeFor[seaworthy.Status](): true, reflect.TypeFor[seaworthy.Standing](): true,
	}
	keep := map[string]bool{"APIVersion": true, "Fingerprint": true, "Shows": true, "By": true, "Started": true, "Finished": true}
	var poison func(v reflect.Value, name string)
	poison = func(v reflect.Value, name string) {
		switch v.Kind() {
		case reflect.String:
			if !fixed[v.Type()] && !keep[name] && v.String() != "" && !(name == "Kind" && (v.String() == "files" || v.String() == "cluster")) {
				v.SetString(s)
			}
		case reflect.Pointer:
			if !v.IsNil() {
				poison(v.Elem(), name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				poison(v.Index(i), name)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Type.String() != "time.Time" {
					poison(v.Field(i), f.Name)
				}
			}
		}
	}
	poison(reflect.ValueOf(r).Elem(), "")
	for i := range r.Findings {
		r.Findings[i].Object.APIVersion = s
	}
	for _, c := range r.Covered { // no two have the same id
		for i := range c.Requirements {
			c.Requirements[i].ID = fmt.Sprint(s, i)
		}
	}
	return r
}

// hostileChecks is the description of one check that is as hostile as its findings.
func hostileChecks(s string) []seaworthy.Check {
	return []seaworthy.Check{{
		ID: s, Title: s, Severity: seaworthy.High, Category: s, Rationale: s, Remediation: s, Snippet: s, Controls: []string{s}, Custom: true, File: s,
	}}
}

// TestNoFormatLetsControlsThrough looks at the bytes that reach a terminal or a log.
func TestNoFormatLetsControlsThrough(t *testing.T) {
	for _, f := range output.Formats {
		t.Run(f.Name, func(t *testing.T) {
			for _, r := range []*seaworthy.Report{hostileReport(), poisoned(rich(), "::error::x"), poisoned(rich(), "##[group]x")} {
				got := string(replay(t, f, r, hostileChecks(hostile), output.Options{Coverage: true, All: true}))
				if !utf8.ValidString(got) {
					t.Error("the output is not UTF-8")
				}
				harmless(t, f.Name, got)
			}
		})
	}
}

func harmless(t *testing.T, format, got string) {
	t.Helper()
	for i, r := range got {
		ours := r == '\n' || r == '\r' && format == "csv" || r == '\u200b' && format == "markdown"
		if !ours && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029') {
			t.Fatalf("the output holds %U: %q", r, got[max(0, i-60):min(len(got), i+20)])
		}
	}
	for line := range strings.Lines(got) {
		if format != "github" && strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Fatalf("a build agent obeys the line %q", line)
		}
		if strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
			if format != "json" && format != "sarif" && format != "gitlab" && format != "openreports" { // data stays as it is
				t.Fatalf("a build agent obeys the line %q", line)
			}
		}
	}
}
