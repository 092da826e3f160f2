// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// programOf makes a program of the half year with clusters in scope.
func (c *company) programOf(name string, sources ...string) seaworthy.Program {
	c.t.Helper()
	p := seaworthy.Program{Name: name, Type: seaworthy.TypeII, From: date("2026-01-01"), To: date("2026-07-01"), Categories: []string{"security", "availability"}}
	for _, s := range sources {
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: s, In: true})
	}
	p, err := c.CreateProgram(c.t.Context(), manager, p)
	c.must(err)
	return p
}

// results gives what a program counts of a control, by day.
func (c *company) results(p seaworthy.Program, control string) map[string]string {
	c.t.Helper()
	list, err := c.store.AllOccurrences(c.t.Context(), store.OccurrenceFilter{Control: control, Program: p.ID})
	c.must(err)
	out := map[string]string{}
	for _, o := range list {
		day := o.From.Format("2006-01-02")
		if out[day] != "" {
			c.t.Errorf("%s of %s stands twice for %s", control, day, p.Name)
		}
		out[day] = string(o.State) + " " + o.Result
	}
	return out
}

// A cluster that only one program looks at says nothing to another.
func TestProgramsCountWhatTheyLookAt(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		europe, america := c.programOf("Europe", "prod-eu"), c.programOf("America", "prod-us")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-06T02:00")
		const control, day = "pod-security", "2026-01-05"
		if got := c.results(europe, control)[day]; got != "performed as expected" {
			c.t.Errorf("Europe: %q, want it performed: its cluster reported", got)
		}
		if got := c.results(america, control)[day]; got != "missed no data" {
			c.t.Errorf("America: %q, want no data: its cluster did not report", got)
		}
		if got := c.dayOf(control, day); got.ProgramID == "" {
			c.t.Errorf("what comes of all is counted by every program: %+v", got)
		}
		if got := c.ready(europe, control); got.Tally.Performed != 1 || got.Tally.Missed != 4 {
			c.t.Errorf("readiness of Europe: %+v, want one day performed after four before any report", got.Tally)
		}
		if got := c.ready(america, control); got.Tally.Performed != 0 || got.Tally.NoData != 5 {
			c.t.Errorf("readiness of America: %+v, want five days without data", got.Tally)
		}
		evidence, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{})
		c.must(err)
		for _, e := range evidence {
			for _, id := range e.Occurrences {
				if o, err := c.store.Occurrence(c.t.Context(), id); err != nil || !o.Of(europe.ID) && o.ProgramID != seaworthy.OfNoProgram {
					c.t.Errorf("the report of prod-eu is evidence of %+v (%v)", o, err)
				}
			}
		}
		// A report that comes in later changes what the program counts whose cluster it is.
		c.now = date("2026-01-08T02:00")
		c.report("prod-us", func(r *seaworthy.Run) { r.FinishedAt = date("2026-01-05T13:00") })
		c.at("2026-01-08T03:00")
		if got := c.results(america, control)[day]; got != "late as expected" {
			c.t.Errorf("America after its report: %q, want it late", got)
		}
		if got := c.results(europe, control)[day]; got != "performed as expected" {
			c.t.Errorf("Europe after the report of another: %q", got)
		}
	})
}

// A program that comes later has results of its own from the start of its period on, and
// changes nothing for those that were there.
func TestALaterProgramHasResultsOfItsOwn(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		europe := c.programOf("Europe", "prod-eu")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-06T02:00")
		before := c.results(europe, "pod-security")
		if o := c.dayOf("pod-security", "2026-01-05"); o.ProgramID != "" {
			c.t.Errorf("one program alone: %+v, want it of every program", o)
		}
		c.now = date("2026-01-06T03:00")
		america := c.programOf("America", "prod-us")
		c.at("2026-01-06T03:01")
		for day, want := range before {
			if got := c.results(europe, "pod-security")[day]; got != want {
				c.t.Errorf("Europe on %s: %q, was %q", day, got, want)
			}
		}
		if got := c.results(america, "pod-security")["2026-01-05"]; got != "missed no data" {
			c.t.Errorf("America: %q, want no data", got)
		}
		c.addsNothing(c.Advance)
	})
}

// Programs that look at the same count the same.
func TestProgramsThatLookAtTheSameShareResults(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		one, two := c.programOf("One", "prod-eu"), c.programOf("Two", "prod-eu")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-06T02:00")
		if o := c.dayOf("pod-security", "2026-01-05"); o.ProgramID != "" {
			c.t.Errorf("occurrence = %+v, want it of every program", o)
		}
		for _, p := range []seaworthy.Program{one, two} {
			if got := c.results(p, "pod-security")["2026-01-05"]; got != "performed as expected" {
				c.t.Errorf("%s: %q", p.Name, got)
			}
		}
	})
}

// A program that comes later has days of its own of what the change trail and monitoring
// judged before it.
func TestALaterProgramCountsTheTrail(t *testing.T) {
	catalogue := trailed()
	for _, k := range assisted().Controls {
		if k.Trail == seaworthy.TrailMonitoring {
			catalogue.Controls = append(catalogue.Controls, k)
			catalogue.Frameworks[0].Requirements[0].Controls = append(catalogue.Frameworks[0].Requirements[0].Controls, k.ID)
		}
	}
	each(t, catalogue, func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		c.agent("prod-eu", date("2026-01-01"))
		europe := c.programOf("Europe", "prod-eu")
		c.own()
		c.reportedAt("prod-eu", "2026-01-05T12:00")
		c.at("2026-01-06T02:00")
		america := c.programOf("America", "prod-us")
		c.at("2026-01-06T03:00")
		for control, want := range map[string][2]string{
			"detection": {"performed as expected", "missed no data"}, "watching": {"performed as expected", "performed deviation"},
		} {
			for i, p := range []seaworthy.Program{europe, america} {
				if got := c.results(p, control)["2026-01-05"]; got != want[i] {
					c.t.Errorf("%s of %s: %q, want %q", control, p.Name, got, want[i])
				}
			}
		}
	})
}

// What the change trail shows is judged for a program that comes later too.
func TestALaterProgramIsJudgedByTheTrail(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		europe := c.programOf("Europe", "prod-eu")
		c.agent("prod-eu", date("2026-01-01"))
		c.at("2026-01-06T02:00")
		const control, day = "approval", "2026-01-05"
		if got := c.results(europe, control)[day]; got != "performed as expected" {
			c.t.Fatalf("Europe: %q, want it performed: an agent watched", got)
		}
		c.now = date("2026-01-06T03:00")
		america := c.programOf("America", "prod-us")
		c.at("2026-01-06T03:01")
		if got := c.results(america, control)[day]; got != "missed no data" {
			c.t.Errorf("America: %q, want no data: nobody watched its cluster", got)
		}
		if got := c.results(europe, control)[day]; got != "performed as expected" {
			c.t.Errorf("Europe after another program came: %q", got)
		}
	})
}

// What a program counted before another one came stays as it is, with its evidence, even
// where something else would come of it by now.
func TestALaterProgramLeavesResultsAsTheyAre(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		europe := c.programOf("Europe", "prod-eu")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-06T02:00")
		const control, day = "pod-security", "2026-01-05"
		was := c.dayOf(control, day)
		showed, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Occurrence: was.ID})
		c.must(err)
		if len(showed) != 1 || c.results(europe, control)[day] != "performed as expected" {
			c.t.Fatalf("%+v with %d pieces of evidence, want it performed by one report", was, len(showed))
		}
		// By a report of the same day that came later it would deviate: that was judged.
		c.now = date("2026-01-06T02:30")
		c.report("prod-eu", status("no-privileged", seaworthy.StatusError), func(r *seaworthy.Run) { r.FinishedAt = date("2026-01-05T18:00") })
		c.at("2026-01-06T02:40")
		america := c.programOf("America", "prod-us", "prod-eu")
		c.at("2026-01-06T03:00")
		if got := c.results(america, control)[day]; got != "missed no data" {
			c.t.Errorf("America: %q, want no data of its second cluster", got)
		}
		list, err := c.store.AllOccurrences(c.t.Context(), store.OccurrenceFilter{Control: control, Program: europe.ID})
		c.must(err)
		for _, o := range list {
			if o.From.Format("2006-01-02") != day {
				continue
			}
			want := was
			want.ID, want.ProgramID, want.UpdatedAt = o.ID, europe.ID, o.UpdatedAt
			if o != want {
				c.t.Errorf("Europe:\n%+v, it was\n%+v", o, want)
			}
			shows, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Occurrence: o.ID})
			c.must(err)
			if len(shows) != 1 || shows[0].RunID != showed[0].RunID || shows[0].Digest != showed[0].Digest {
				c.t.Errorf("it is shown by %+v, was by %+v", shows, showed)
			}
		}
	})
}

// Programs that look at the same production clusters share results, whatever else is in
// their scopes.
func TestProgramsThatDifferBesideProductionShareResults(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("staging", seaworthy.Staging)
		one := c.programOf("One", "prod-eu")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-06T02:00")
		was := c.dayOf("pod-security", "2026-01-05")
		two := c.programOf("Two", "prod-eu", "staging")
		c.at("2026-01-06T03:00")
		if got := c.dayOf("pod-security", "2026-01-05"); got != was {
			c.t.Errorf("%+v, it was %+v", got, was)
		}
		for _, p := range []seaworthy.Program{one, two} {
			if got := c.results(p, "pod-security")["2026-01-05"]; got != "performed as expected" {
				c.t.Errorf("%s: %q", p.Name, got)
			}
		}
	})
}

// What was judged over everything, since no program looked at the time yet, is judged for the
// program that comes to look at it.
func TestAProgramThatFollowsCountsWhatItLooksAt(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("prod-eu", seaworthy.Production)
		c.cluster("prod-us", seaworthy.Production)
		first := seaworthy.Program{Name: "First", Type: seaworthy.TypeII, From: date("2026-01-01"), To: date("2026-02-01"), Categories: []string{"security"},
			Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "prod-eu", In: true}}}
		_, err := c.CreateProgram(c.t.Context(), manager, first)
		c.must(err)
		c.now = date("2026-02-05T12:00")
		c.report("prod-eu")
		c.report("prod-us", status("no-privileged", seaworthy.StatusError))
		c.at("2026-02-06T02:00")
		const control, day = "pod-security", "2026-02-05"
		if got := c.dayOf(control, day); got.Result != seaworthy.ResultDeviation || got.ProgramID != "" {
			c.t.Fatalf("before any program of the time: %+v, want a deviation of all together", got)
		}
		second := first
		second.Name = "Second"
		second.From, second.To = date("2026-02-01"), date("2026-08-01")
		c.now = date("2026-02-06T03:00")
		second, err = c.CreateProgram(c.t.Context(), manager, second)
		c.must(err)
		c.at("2026-02-06T03:01")
		if got := c.results(second, control)[day]; got != "performed as expected" {
			c.t.Errorf("the program that followed: %q, want it performed: of its cluster there is no deviation", got)
		}
		c.addsNothing(c.Advance)
	})
}
