// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"strings"
	"testing"
)

// Every line of a CODEOWNERS file becomes at most one rule, whose pattern can be used, or
// a problem that names the line.
func FuzzParseCodeowners(f *testing.F) {
	for _, text := range []string{"* @company/shop", "/apps/ @shop # theirs", `\`, `\ `, "[section] @shop", "^[x]", "a\\ b @shop @other", "!x @shop", "[", "**/*.y[a-z]ml @shop", "\r\n\t", "#"} {
		f.Add(text)
	}
	known := map[string]string{"shop": "t1", "other": "t2"}
	f.Fuzz(func(t *testing.T, text string) {
		out := parseCodeowners(text, known)
		lines := strings.Count(text, "\n") + 1
		if len(out.Rules) > lines {
			t.Errorf("%d lines become %d rules", lines, len(out.Rules))
		}
		for _, r := range out.Rules {
			if _, err := fileMatcher(r.Path); err != nil || r.Path == "" || r.Team != "" && r.Team != "t1" && r.Team != "t2" {
				t.Errorf("the rule %+v cannot be used: %v", r, err)
			}
		}
		for _, p := range out.Problems {
			if p.Line < 1 || p.Line > lines {
				t.Errorf("a problem is of line %d of %d", p.Line, lines)
			}
		}
	})
}
