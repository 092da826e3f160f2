// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

func TestStandingIsTheWorst(t *testing.T) {
	for _, tt := range []struct {
		s    seaworthy.Standings
		want seaworthy.ControlStanding
	}{
		{seaworthy.Standings{}, seaworthy.ControlNeedsYou},
		{seaworthy.Standings{AsExpected: 9, NeedsYou: 1}, seaworthy.ControlNeedsYou},
		{seaworthy.Standings{AsExpected: 9, Deviated: 1, Waiting: 1}, seaworthy.ControlDeviated},
		{seaworthy.Standings{AsExpected: 9, Waiting: 1}, seaworthy.ControlWaiting},
		{seaworthy.Standings{AsExpected: 1, NotRequired: 1}, seaworthy.ControlAsExpected},
		{seaworthy.Standings{NotRequired: 2}, seaworthy.ControlNotRequired},
	} {
		if got := tt.s.Standing(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.s, got, tt.want)
		}
	}
	for _, s := range seaworthy.ControlStandings {
		var counts seaworthy.Standings
		if counts.Add(s); counts.Total() != 1 || counts.Standing() != s {
			t.Errorf("a control that %s counts as %+v, which %s", s, counts, counts.Standing())
		}
	}
}

func TestReadinessOnlyOf(t *testing.T) {
	r := seaworthy.Readiness{
		Counts: seaworthy.Standings{AsExpected: 1, NeedsYou: 1, Deviated: 1},
		Controls: []seaworthy.ReadyControl{
			{ID: "a", Title: "A", Class: seaworthy.ByMachine, Standing: seaworthy.ControlAsExpected},
			{ID: "b", Title: "B", Class: seaworthy.ByPeople, Standing: seaworthy.ControlNeedsYou, Reasons: []string{"nobody owns it"}},
			{ID: "c", Title: "C", Class: seaworthy.ByPeople, Standing: seaworthy.ControlDeviated, Past: []string{"1 performance late"}, Degraded: true},
		},
		Requirements: []seaworthy.ReadyRequirement{{ID: "1", Controls: []string{"a", "b"}}, {ID: "2", Controls: []string{"b"}}, {ID: "3", Controls: []string{"a", "c"}}},
	}
	got := r.Only(func(c seaworthy.ReadyControl) bool { return c.ID != "b" })
	if got.Counts != (seaworthy.Standings{AsExpected: 1, Deviated: 1}) || got.ByClass[seaworthy.ByPeople].Deviated != 1 || len(got.Controls) != 2 {
		t.Errorf("counts %+v, by class %+v of %d controls", got.Counts, got.ByClass, len(got.Controls))
	}
	if len(got.Requirements) != 2 || got.Requirements[0].Standing != seaworthy.ControlAsExpected || !slices.Equal(got.Requirements[0].Controls, []string{"a"}) {
		t.Fatalf("requirements %+v: want 1, which one control is left of, and 3", got.Requirements)
	}
	if q := got.Requirements[1]; q.Standing != seaworthy.ControlDeviated || !q.Degraded || !slices.Equal(q.Past, []string{"C: 1 performance late"}) || len(q.Reasons) != 0 {
		t.Errorf("requirement 3: %+v", q)
	}
	if len(r.Requirements[0].Controls) != 2 || r.Counts.NeedsYou != 1 {
		t.Error("what it was made of has changed")
	}
}
