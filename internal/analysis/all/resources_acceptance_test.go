// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// resourceAnalyzers judge how the objects of a cluster fit together.
var resourceAnalyzers = []string{"availability", "backup", "capacity", "exposure", "netpol", "observability", "references", "storage"}

// resourceParams are what the checks of the suites ran with, by a part of the input's
// path, where the cases do not say so themselves.
var resourceParams = map[string]map[string]string{
	"kasten-hourly-rpo/": {"max-interval": "1h"},
}

// TestResourceAcceptance runs the analyzers of resources over cases that others wrote
// and prints the score of each check and every miss. All have to hold.
func TestResourceAcceptance(t *testing.T) {
	inputs, cases := others.Cases[acceptanceCase](t)
	by := map[string]*analysis.Analyzer{}
	for _, a := range all.Analyzers {
		for _, c := range a.Checks {
			if slices.Contains(resourceAnalyzers, a.Name) {
				by[c.ID] = a
			}
		}
	}
	scores := map[string]*[2]int{}
	for _, c := range cases {
		a := by[c.Check]
		if a == nil || c.Wave != "1" {
			continue
		}
		score := scores[c.Check]
		if score == nil {
			score = &[2]int{}
			scores[c.Check] = score
		}
		score[1]++
		if why := resourceCase(t, inputs, a, c); why != "" {
			t.Errorf("MISS %s (%s, %s): %s", c.ID, c.Check, c.Input, why)
			continue
		}
		score[0]++
	}
	var out []string
	total := [2]int{}
	for check, s := range scores {
		out = append(out, fmt.Sprintf("%-34s %3d of %3d", check, s[0], s[1]))
		total[0], total[1] = total[0]+s[0], total[1]+s[1]
	}
	slices.Sort(out)
	t.Logf("acceptance of the resource analyzers: %d of %d\n%s", total[0], total[1], strings.Join(out, "\n"))
}

// resourceCase judges one case and says what is wrong with the verdict, or nothing.
func resourceCase(t *testing.T, inputs string, a *analysis.Analyzer, c acceptanceCase) string {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "acceptance"})
	for _, input := range append([]string{c.Input}, c.Context...) {
		if err := load(s, inputs, input); err != nil {
			return err.Error()
		}
	}
	var params map[string]string
	for part, p := range resourceParams {
		if strings.Contains(c.Input, part) {
			params = p
		}
	}
	subjects := c.SubjectsFail
	if c.Subject != "" {
		subjects = append(subjects, c.Subject)
	}
	hit := false
	r := analysistest.Analyze(t, a, s, c.Check, params)
	for _, v := range r.Verdicts {
		if v.Check == c.Check && len(v.Items) > 0 && (len(subjects) == 0 || slices.ContainsFunc(subjects, func(name string) bool { return named(v.Object, name) })) {
			hit = true
		}
	}
	if hit != (c.Expect == "fail") {
		return fmt.Sprintf("want %s on %v of %d objects, got\n%s", c.Expect, subjects, len(s.Objects()), r)
	}
	return ""
}

// named tells whether a subject, Kind/namespace/name or namespace/name[Kind], is the
// object. A subject without a namespace may be of any.
func named(o *snapshot.Object, subject string) bool {
	var kind, ns, name string
	if rest, ok := strings.CutSuffix(subject, "]"); ok {
		rest, kind, _ = strings.Cut(rest, "[")
		ns, name, _ = strings.Cut(rest, "/")
	} else if parts := strings.Split(subject, "/"); len(parts) == 3 {
		kind, ns, name = parts[0], parts[1], parts[2]
	}
	return o.Kind == kind && o.Name == name && (ns == "" || ns == o.EffectiveNamespace())
}
