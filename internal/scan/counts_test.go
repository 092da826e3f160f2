// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// What is counted adds up, over everything that the example company has and over real
// manifests, where they are at hand.
func TestCountsAddUp(t *testing.T) {
	t.Run("example", func(t *testing.T) { addsUp(t, "../../examples/shop", 100) })
	corpus, ok := others.Have(t, "corpus")
	if !ok {
		return
	}
	folders, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() {
			t.Run(f.Name(), func(t *testing.T) { addsUp(t, filepath.Join(corpus, f.Name()), 20) })
		}
	}
}

func addsUp(t *testing.T, path string, atLeast int) {
	cfg := config(t, scan.Selection{})
	cfg.IncludePassed, cfg.Cover = true, []string{"soc2"}
	k := run(t, cfg, files(t, path))
	if len(k.Findings) < atLeast {
		t.Fatalf("%s has %d findings", path, len(k.Findings))
	}
	failed := countFindings(t, k)
	passed, statuses := map[string]int{}, 0
	spaces := map[string]map[string]seaworthy.NamespaceTally{}
	count := func(check, namespace string, one seaworthy.NamespaceTally) {
		if spaces[check] == nil {
			spaces[check] = map[string]seaworthy.NamespaceTally{}
		}
		if namespace != "" {
			spaces[check][namespace] = spaces[check][namespace].Plus(one)
		}
	}
	for _, p := range k.Passes {
		passed[p.Check]++
		count(p.Check, p.Object.Namespace, seaworthy.NamespaceTally{InScope: 1, Passed: 1})
	}
	for check, objects := range failed {
		for _, namespace := range objects {
			count(check, namespace, seaworthy.NamespaceTally{InScope: 1, Failed: 1})
		}
	}
	for _, r := range k.Checks {
		if r.InScope != r.Passed+r.Failed+r.Errors || r.Passed != passed[r.ID] {
			t.Errorf("%s does not add up: %+v, with %d passes", r.ID, r, passed[r.ID])
		}
		if diff := gocmp.Diff(spaces[r.ID], r.ByNamespace, cmpopts.IgnoreFields(seaworthy.NamespaceTally{}, "Waived")); diff != "" && r.Errors == 0 {
			t.Errorf("%s by namespace (-counted +result):\n%s", r.ID, diff)
		}
		if r.Failed != len(failed[r.ID]) {
			t.Errorf("%s: %d objects failed, findings name %d", r.ID, r.Failed, len(failed[r.ID]))
		}
		if (r.Status == seaworthy.StatusPassed) != (r.InScope > 0 && r.Passed == r.InScope && r.Reason == "") {
			t.Errorf("%s is %s with %+v", r.ID, r.Status, r)
		}
		if r.Status != seaworthy.StatusPassed && r.Status != seaworthy.StatusFailed && r.Reason == "" {
			t.Errorf("%s is %s without a reason", r.ID, r.Status)
		}
	}
	for _, n := range k.Summary.ByStatus {
		statuses += n
	}
	if statuses != len(k.Checks) || k.Summary.Findings != len(k.Findings) || k.Summary.Errors != len(k.Errors) {
		t.Errorf("the summary does not add up: %+v", k.Summary)
	}
	if len(k.Covered) != 1 || len(k.Covered[0].Requirements) != 61 {
		t.Errorf("coverage is not that of 61 criteria")
	}
}

// countFindings holds each finding to its check and all of them to the counts. It gives
// the objects that each check fails, with their namespaces.
func countFindings(t *testing.T, k *keep) map[string]map[string]string {
	t.Helper()
	known, results := map[string]seaworthy.Check{}, map[string]seaworthy.CheckResult{}
	for i, c := range k.checks {
		known[c.ID], results[c.ID] = c, k.Checks[i]
	}
	perCheck, failed := map[string]int{}, map[string]map[string]string{}
	seen, bySev := map[string]string{}, map[seaworthy.Severity]int{}
	for i, f := range k.Findings {
		c, ok := known[f.Check]
		if !ok || c.Severity != f.Severity || c.Category != f.Category {
			t.Errorf("finding %d is of a check that did not run like this: %+v", i, f)
		}
		if f.Message == "" || f.File == "" || f.Line <= 0 || f.Object.Kind == "" || len(f.Controls) == 0 || len(f.Requirements) == 0 {
			t.Errorf("finding %d does not say what, where and for what: %+v", i, f)
		}
		what := fmt.Sprintf("%s %s %s:%d %s %s", f.Check, f.Object, f.File, f.Line, f.Path, f.Message)
		if other, twice := seen[f.Fingerprint]; twice {
			t.Errorf("two findings are one:\n%s\n%s", what, other)
		}
		seen[f.Fingerprint] = what
		perCheck[f.Check]++
		bySev[f.Severity]++
		if failed[f.Check] == nil {
			failed[f.Check] = map[string]string{}
		}
		failed[f.Check][f.Origin+" "+f.Object.APIVersion+" "+f.Object.String()+" "+f.File] = f.Object.Namespace
	}
	for id, n := range perCheck {
		if results[id].Findings != n {
			t.Errorf("%s has %d findings and counts %d", id, n, results[id].Findings)
		}
	}
	if diff := gocmp.Diff(bySev, k.Summary.BySev); diff != "" {
		t.Errorf("severities (-counted +summary):\n%s", diff)
	}
	return failed
}
