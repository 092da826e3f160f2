// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

func TestQuarterlyControlWithOneOfTwoShowsMissed(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		c.at("2026-03-20")
		q1 := c.occurrences("access-review")[0]
		_, err := c.minutes(q1, "2026-03-20", audit.Performance{})
		c.must(err)
		c.at("2026-04-02")
		if got := c.ready(p, "access-review"); got.Standing != seaworthy.ControlAsExpected || !got.Fresh {
			t := c.t
			t.Fatalf("after the first review: %+v, want as expected", got)
		}
		c.at("2026-07-02")
		got := c.ready(p, "access-review")
		want := seaworthy.Tally{Performed: 1, Missed: 1}
		if got.Tally != want || got.Standing != seaworthy.ControlNeedsYou || !strings.Contains(strings.Join(got.Reasons, ";"), "1 of 2 expected performances missed") {
			c.t.Fatalf("readiness = %+v, want %+v and 'needs you'", got, want)
		}
	})
}

// TestWhatIsOverNeedsNobody holds apart what somebody has to see to now and what was amiss
// before: a review that was missed asks for somebody until one is performed again.
func TestWhatIsOverNeedsNobody(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		c.at("2026-04-02")
		if got := c.ready(p, "access-review"); got.Standing != seaworthy.ControlNeedsYou || len(got.Reasons) == 0 || len(got.Past) != 0 {
			c.t.Fatalf("with a missed review: %+v, want that it needs somebody", got)
		}
		c.at("2026-06-20")
		_, err := c.minutes(c.occurrences("access-review")[1], "2026-06-20", audit.Performance{})
		c.must(err)
		c.at("2026-07-02")
		got := c.ready(p, "access-review")
		if got.Standing != seaworthy.ControlDeviated || len(got.Reasons) != 0 || !slices.Equal(got.Past, []string{"1 of 2 expected performances missed"}) {
			c.t.Errorf("with a review after it: %+v, want that it deviated and needs nobody", got)
		}
		r, err := c.Readiness(c.t.Context(), p.ID, c.now)
		c.must(err)
		if r.Counts.Deviated == 0 || r.Counts.Total() != len(r.Controls) {
			c.t.Errorf("counts %+v of %d controls", r.Counts, len(r.Controls))
		}
	})
}

func TestNotReadyWithoutOwnerOccurrenceAndFreshEvidence(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-02-10")
		review := c.occurrences("access-review")[0]
		_, err := c.minutes(review, "2026-02-10", audit.Performance{})
		c.must(err)
		for control, reason := range map[string]string{
			"access-review": "nobody owns it",
			"offboarding":   "no occurrence in the period",
		} {
			got := c.ready(p, control)
			if got.Standing != seaworthy.ControlNeedsYou || !slices.ContainsFunc(got.Reasons, func(r string) bool { return strings.Contains(r, reason) }) {
				c.t.Errorf("%s: %+v, want a reason that says %q", control, got, reason)
			}
		}
		c.own()
		if got := c.ready(p, "access-review"); got.Standing != seaworthy.ControlAsExpected {
			c.t.Errorf("with owner and evidence: %+v, want as expected", got)
		}
		if got := c.ready(p, "board-oversight"); got.Standing != seaworthy.ControlWaiting || got.Tally.Expected != 1 {
			c.t.Errorf("a year's meeting that is not due: %+v, want 'not due yet'", got)
		}
	})
}

func TestEvidenceOutsideThePeriodIsExcluded(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		c.at("2026-01-10")
		q1 := c.occurrences("access-review")[0]
		// Taken in January, of what was so in August of the year before.
		_, err := c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{
			Kind: seaworthy.EvidenceAttestation, Title: "Minutes", Shows: seaworthy.Operation, Statement: "All rights",
			Occurrences: []string{q1.ID}, EffectiveFrom: date("2025-08-01"), EffectiveTo: date("2025-08-31"), CollectedAt: c.now,
		}, audit.Performance{At: c.now})
		c.must(err)
		if got := c.ready(p, "access-review"); got.Fresh || got.Standing != seaworthy.ControlNeedsYou {
			c.t.Fatalf("readiness = %+v, want no fresh evidence: evidence outside the period does not count", got)
		}
	})
}

func TestReadinessAsOfThePast(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		moments := []string{"2026-01-05", "2026-03-15", "2026-04-01T12:00", "2026-05-01", "2026-07-03"}
		var then []seaworthy.Readiness
		for i, m := range moments {
			c.at(m)
			if i == 1 {
				_, err := c.minutes(c.occurrences("access-review")[0], "2026-03-14", audit.Performance{})
				c.must(err)
			}
			if i == 2 { // a control that the company drops, and a scope that changes
				v, err := c.store.Control(c.t.Context(), "offboarding")
				c.must(err)
				v.Active, v.Reason = false, "nobody ever leaves"
				_, err = c.ChangeControl(c.t.Context(), manager, v)
				c.must(err)
				p.Excluded = []seaworthy.ExcludedRequirement{{Requirement: "A1.2", Reason: "not offered"}}
				_, err = c.ChangeProgram(c.t.Context(), manager, p)
				c.must(err)
			}
			r, err := c.Readiness(c.t.Context(), p.ID, c.now)
			c.must(err)
			then = append(then, r)
		}
		for i, m := range moments {
			got, err := c.Readiness(c.t.Context(), p.ID, date(m))
			c.must(err)
			if diff := cmp.Diff(then[i], got); diff != "" {
				c.t.Errorf("as of %s, differs from what was told then (-then +now):\n%s", m, diff)
			}
		}
		if n := len(then[0].Requirements) - len(then[4].Requirements); n != 1 || then[4].Inactive != 1 {
			c.t.Errorf("%d requirements less, %d inactive; want 1 and 1", n, then[4].Inactive)
		}
	})
}

func TestReadinessCountsByWhoShows(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-01-03")
		r, err := c.Readiness(c.t.Context(), p.ID, c.now)
		c.must(err)
		got := map[string]int{}
		for class, s := range r.ByClass {
			got[class] = s.Total()
		}
		want := map[string]int{seaworthy.ByMachine: 4, seaworthy.ByMixed: 1, seaworthy.ByPeople: 1}
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Errorf("controls by class (-want +got):\n%s", diff)
		}
		if got, want := r.Sentence(), "0 of 6 controls performed as expected in this period; 6 need you"; got != want {
			c.t.Errorf("Sentence = %q, want %q", got, want)
		}
		if r.Counts.Total() != 6 || len(r.NeedingYou()) != r.Counts.NeedsYou {
			c.t.Errorf("counts %+v do not match the lists", r.Counts)
		}
	})
}

func TestTypeIAsksForDesign(t *testing.T) {
	each(t, small(), func(c *company) {
		c.own()
		p, err := c.CreateProgram(c.t.Context(), manager, seaworthy.Program{Name: "Type I", Type: seaworthy.TypeI, From: date("2026-03-01"), To: date("2026-03-02"), Categories: []string{"security"}})
		c.must(err)
		c.at("2026-01-20")
		_, err = c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{Kind: seaworthy.EvidenceLink, URL: "https://wiki.example/access", Title: "Procedure",
			Shows: seaworthy.Design, Controls: []string{"access-review"}, EffectiveFrom: c.now, EffectiveTo: c.now}, audit.Performance{})
		c.must(err)
		c.at("2026-03-01")
		if got := c.ready(p, "access-review"); got.Standing != seaworthy.ControlAsExpected {
			c.t.Errorf("with a procedure: %+v, want as expected", got)
		}
		if got := c.ready(p, "board-oversight"); got.Standing != seaworthy.ControlNeedsYou || !slices.Equal(got.Reasons, []string{"no evidence"}) {
			c.t.Errorf("without one: %+v, want 'no evidence'", got)
		}
	})
}

func TestTrendFillsDays(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-01-11T12:00")
		c.at("2026-01-11T13:00")
		days, err := c.Trend(c.t.Context(), p.ID, 90)
		c.must(err)
		if len(days) != 11 || !days[0].Day.Equal(date("2026-01-01")) || !days[9].Day.Equal(date("2026-01-10")) {
			c.t.Fatalf("Trend gives %d days, want ten and now", len(days))
		}
	})
}
