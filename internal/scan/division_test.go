// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
)

// Where there are too many namespaces what is counted by them is left out, never cut.
func TestDivisionGivesUpWhole(t *testing.T) {
	one := seaworthy.NamespaceTally{InScope: 1, Passed: 1}
	fill := func(d *division, check, n int) {
		for i := range n {
			d.add(check, "n"+strconv.Itoa(i), one)
		}
	}
	d := newDivision(2)
	d.add(0, "", one)
	if got := d.of(0, 1); got == nil || len(got) != 0 {
		t.Errorf("an object of no namespace gives %v, want that none is in one", got)
	}
	if got := d.of(1, 0); got != nil {
		t.Errorf("no object in scope gives %v", got)
	}
	d.add(1, "n0", seaworthy.NamespaceTally{InScope: 1, Failed: 1, Waived: 1})
	d.add(1, "n0", one)
	want := map[string]seaworthy.NamespaceTally{"n0": {InScope: 2, Passed: 1, Failed: 1, Waived: 1}}
	if diff := cmp.Diff(want, d.of(1, 2)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	fill(&d, 0, seaworthy.MaxNamespacesOfCheck)
	if got := len(d.of(0, 1)); got != seaworthy.MaxNamespacesOfCheck {
		t.Errorf("as many as may be give %d", got)
	}
	fill(&d, 0, seaworthy.MaxNamespacesOfCheck+1)
	if d.of(0, 1) != nil || d.of(1, 1) == nil {
		t.Errorf("one namespace too many of a check: %d and %d", len(d.of(0, 1)), len(d.of(1, 1)))
	}

	checks := seaworthy.MaxNamespacePairs/seaworthy.MaxNamespacesOfCheck + 1
	d = newDivision(checks)
	for check := range checks - 1 {
		fill(&d, check, seaworthy.MaxNamespacesOfCheck)
	}
	if d.of(0, 1) == nil || d.of(checks-1, 1) == nil {
		t.Error("as many pairs as may be are given up")
	}
	fill(&d, checks-1, 1)
	for check := range checks {
		if d.of(check, 1) != nil {
			t.Errorf("with a pair too many check %d is still divided", check)
		}
	}
}
