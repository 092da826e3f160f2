// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
)

// What a report counts by namespace is kept, once for all that counts the same, and a
// program that leaves out namespaces is counted without them.
func TestCountsByNamespaceAreKept(t *testing.T) {
	type tallies = map[string]seaworthy.NamespaceTally
	each(t, func(t *testing.T, w *world) {
		r := cluster()
		r.Checks[0].Status, r.Checks[0].InScope, r.Checks[0].Passed, r.Checks[0].Failed = seaworthy.StatusFailed, 5, 3, 2
		r.Checks[0].ByNamespace = tallies{"shop": {InScope: 2, Passed: 2}, "play": {InScope: 2, Failed: 2, Waived: 0}}
		r.Checks[1].InScope, r.Checks[1].Passed = 3, 3
		first := w.take(r)
		if first.Checks[0].ByNamespace != nil || len(first.ByNamespace) != 1 || len(first.ByNamespace["privileged-container"]) != 64 {
			t.Fatalf("the run says %+v and %v by namespace", first.Checks[0], first.ByNamespace)
		}
		kept, err := w.store.RunChecks(t.Context(), first.ID)
		if err != nil || !cmp.Equal(kept["privileged-container"].ByNamespace, r.Checks[0].ByNamespace) || kept["latest-tag"].ByNamespace != nil {
			t.Errorf("RunChecks = %+v, %v", kept, err)
		}
		r.Source.Started = r.Source.Started.Add(1)
		if again := w.take(r); again.ByNamespace["privileged-container"] != first.ByNamespace["privileged-container"] {
			t.Errorf("the same counts are kept as %v and %v", first.ByNamespace, again.ByNamespace)
		}

		p := &seaworthy.Program{Scope: []seaworthy.ScopeItem{
			{Kind: seaworthy.KindCluster, Source: first.SourceID, In: true},
			{Kind: seaworthy.KindNamespace, Source: first.SourceID, Name: "play", Reason: "a game"},
		}}
		checks, err := w.store.Checks(t.Context(), p)
		if err != nil || len(checks) != 2 {
			t.Fatalf("Checks = %+v, %v", checks, err)
		}
		if c := checks[1]; c.ID != "privileged-container" || c.InScope != 3 || c.Passed != 3 || c.Failed != 0 || c.Sources[seaworthy.StatusPassed] != 1 || c.Whole != nil {
			t.Errorf("through the program: %+v, want 3 of 3 and nothing failed", c)
		}
		if c := checks[0]; c.InScope != 3 || !cmp.Equal(c.Whole, []string{first.SourceID}) {
			t.Errorf("what is not counted by namespace: %+v, want that it says so", c)
		}
		all, err := w.store.Checks(t.Context(), nil)
		if err != nil || all[1].InScope != 5 || all[1].Failed != 2 || all[0].Whole != nil {
			t.Errorf("without a program: %+v, %v", all, err)
		}
		through, whole, err := w.store.Divider().Checks(t.Context(), first, p)
		if err != nil || through[0].Status != seaworthy.StatusPassed || through[0].InScope != 3 || first.Checks[0].InScope != 5 || len(whole) != 1 || !whole["latest-tag"] {
			t.Errorf("the run through the program: %+v, %v, %v", through, whole, err)
		}
		lost := first
		lost.ByNamespace = map[string]string{"privileged-container": strings.Repeat("0", 64)}
		through, whole, err = w.store.Divider().Checks(t.Context(), lost, p)
		if err != nil || through[0].InScope != 5 || !whole["privileged-container"] {
			t.Errorf("a run whose counts are gone, through the program: %+v, %v, %v, want the whole, and that it says so", through, whole, err)
		}
	})
}

func TestCountsByNamespaceThatCannotBe(t *testing.T) {
	many := map[string]seaworthy.NamespaceTally{}
	for i := range seaworthy.MaxNamespacesOfCheck + 1 {
		many["n"+strconv.Itoa(i)] = seaworthy.NamespaceTally{InScope: 1, Passed: 1}
	}
	one := func(name string, t seaworthy.NamespaceTally) map[string]seaworthy.NamespaceTally {
		return map[string]seaworthy.NamespaceTally{name: t}
	}
	each(t, func(t *testing.T, w *world) {
		for says, spaces := range map[string]map[string]seaworthy.NamespaceTally{
			`in a namespace called ""`:  one("", seaworthy.NamespaceTally{InScope: 1, Passed: 1}),
			"in a namespace called":     one(strings.Repeat("n", 513), seaworthy.NamespaceTally{InScope: 1, Passed: 1}),
			"0 in scope, 0 passed":      one("shop", seaworthy.NamespaceTally{}),
			"2 in scope, 1 passed":      one("shop", seaworthy.NamespaceTally{InScope: 2, Passed: 1}),
			"1 failed (2 waived)":       one("shop", seaworthy.NamespaceTally{InScope: 2, Passed: 1, Failed: 1, Waived: 2}),
			"-1 passed":                 one("shop", seaworthy.NamespaceTally{InScope: 1, Passed: -1, Failed: 2}),
			"does not add up":           one("shop", seaworthy.NamespaceTally{InScope: 1 << 41, Passed: 1 << 41}),
			"more of latest-tag in its": {"a": {InScope: 1, Errors: 1}, "b": {InScope: 1, Errors: 1}},
			"5001 namespaces":           many,
		} {
			r := cluster()
			r.Checks[1].InScope, r.Checks[1].Passed, r.Checks[1].Failed, r.Checks[1].Waived, r.Checks[1].Errors = 10, 6, 3, 3, 1
			r.Checks[1].ByNamespace = spaces
			_, err := w.try(t.Context(), robot, "prod", text(t, r))
			var e *seaworthy.Error
			if !errors.As(err, &e) || e.Kind != seaworthy.KindInvalid || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "latest-tag") {
				t.Errorf("%q: %v", says, err)
			}
		}
		r, many := cluster(), maps.Clone(many)
		delete(many, "n0")
		r.Checks = nil
		for i := range seaworthy.MaxNamespacePairs/len(many) + 1 {
			r.Checks = append(r.Checks, seaworthy.CheckResult{ID: "c" + strconv.Itoa(i), Severity: seaworthy.Low, Status: seaworthy.StatusPassed, InScope: len(many), Passed: len(many), ByNamespace: many})
		}
		if _, err := w.try(t.Context(), robot, "prod", text(t, r)); err == nil || !strings.Contains(err.Error(), "more than 200000 pairs") {
			t.Errorf("too many pairs: %v", err)
		}
		r.Checks = r.Checks[1:]
		if _, err := w.try(t.Context(), robot, "prod", text(t, r)); err != nil {
			t.Errorf("as many pairs as may be: %v", err)
		}
	})
}
