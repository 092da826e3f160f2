// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestProgramLife(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		if p.ID == "" || p.Framework != "soc2" || !p.Open() {
			c.t.Fatalf("program = %+v, want an open one of SOC 2", p)
		}
		ctx := c.t.Context()
		for name, change := range map[string]func(*seaworthy.Program){
			"no such requirement": func(p *seaworthy.Program) {
				p.Excluded = []seaworthy.ExcludedRequirement{{Requirement: "CC9.9", Reason: "r"}}
			},
			"excluded without reason": func(p *seaworthy.Program) { p.Excluded = []seaworthy.ExcludedRequirement{{Requirement: "CC6.2"}} },
			"no security":             func(p *seaworthy.Program) { p.Categories = []string{"privacy"} },
			"ends before it starts":   func(p *seaworthy.Program) { p.To = p.From },
			"no such framework":       func(p *seaworthy.Program) { p.Framework = "iso" },
			"out of scope, no reason": func(p *seaworthy.Program) {
				p.Scope = []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "x"}}
			},
			"a namespace of no source": func(p *seaworthy.Program) { p.Scope = []seaworthy.ScopeItem{{Kind: "galaxy", Name: "x", In: true}} },
		} {
			bad := p
			change(&bad)
			if _, err := c.ChangeProgram(ctx, manager, bad); !isKind(err, seaworthy.KindInvalid) && !isKind(err, seaworthy.KindNotFound) {
				c.t.Errorf("%s: %v, want it refused", name, err)
			}
		}
		if _, err := c.ChangeProgram(ctx, viewer, p); !isKind(err, seaworthy.KindForbidden) {
			c.t.Errorf("a viewer changes it: %v", err)
		}
		closed, err := c.CloseProgram(ctx, manager, p.ID)
		c.must(err)
		if closed.Open() {
			c.t.Error("the program is still open")
		}
		if _, err := c.ChangeProgram(ctx, manager, p); !isKind(err, seaworthy.KindConflict) {
			c.t.Errorf("changing a closed program: %v, want a conflict", err)
		}
		history, err := c.store.History(ctx, "program", p.ID)
		c.must(err)
		if len(history) != 2 || history[1].Actor != manager.Actor {
			c.t.Errorf("%d entries of the log, want two", len(history))
		}
	})
}

func TestReconcile(t *testing.T) {
	each(t, small(), func(c *company) {
		for _, id := range []string{"fine", "silent", "never", "out", "unsaid"} {
			c.cluster(id, seaworthy.Production)
		}
		c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
			for id, declared := range map[string]bool{"noticed": false, "retired": true} {
				s := seaworthy.DeclaredSource{ID: id, Kind: seaworthy.KindCluster, Name: id, Environment: seaworthy.Production, Declared: declared, CreatedAt: tx.At}
				if id == "retired" {
					s.RetiredAt = tx.At
				}
				if err := tx.PutSource(&s); err != nil {
					return err
				}
			}
			for id, ago := range map[string]time.Duration{"fine": time.Hour, "silent": 3 * day, "out": time.Hour, "unsaid": time.Hour, "noticed": time.Hour} {
				if err := tx.PutSourceState(store.SourceState{SourceID: id, RunID: "r", ReportedAt: tx.At.Add(-ago)}); err != nil {
					return err
				}
			}
			return nil
		}))
		p := c.program("fine", "silent", "never", "retired")
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: "out", Reason: "a sandbox"})
		list, err := c.Reconcile(c.t.Context(), p)
		c.must(err)
		got, amiss := map[string]string{}, []string{}
		for _, s := range list {
			got[s.Source.ID] = s.Standing + "/" + s.Scope
			if s.Amiss() {
				amiss = append(amiss, s.Source.ID)
			}
		}
		want := map[string]string{"fine": "reporting/in", "silent": "silent/in", "never": "never/in", "out": "reporting/out", "unsaid": "reporting/",
			"noticed": "undeclared/", "retired": "retired/in"}
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Errorf("standings (-want +got):\n%s", diff)
		}
		slices.Sort(amiss)
		if diff := cmp.Diff([]string{"never", "noticed", "silent", "unsaid"}, amiss); diff != "" {
			c.t.Errorf("amiss (-want +got):\n%s", diff)
		}
	})
}

func TestCatalogueChangesKeepTheCompanysOwn(t *testing.T) {
	each(t, small(), func(c *company) {
		ctx := c.t.Context()
		mine, err := c.store.Control(ctx, "access-review")
		c.must(err)
		mine.Cadence, mine.OwnerUser = "monthly", "meg"
		_, err = c.ChangeControl(ctx, manager, mine)
		c.must(err)
		_, err = c.CreateControl(ctx, manager, seaworthy.TrackedControl{Active: true, Control: seaworthy.Control{ID: "red-team", Title: "Red team", Statement: "The company tries.",
			Owner: "security-lead", Kind: "detective", Cadence: "annual", Evidence: []string{"report"}, Sources: []string{"people"}}})
		c.must(err)

		changed := small()
		for i := range changed.Controls {
			if changed.Controls[i].ID == "access-review" {
				changed.Controls[i].Title, changed.Controls[i].Cadence = "Access is reviewed", "semi-annual"
			}
		}
		c.now = date("2026-02-01")
		anew := audit.New(c.store, changed, nil)
		c.must(anew.Seed(ctx))
		c.must(anew.Seed(ctx)) // and no version more
		versions, err := c.store.ControlVersions(ctx, "access-review")
		c.must(err)
		if len(versions) != 3 {
			c.t.Fatalf("%d versions, want 3", len(versions))
		}
		got := versions[2]
		if got.Title != "Access is reviewed" || got.Cadence != "monthly" || got.OwnerUser != "meg" || !got.EffectiveFrom.Equal(c.now) {
			c.t.Errorf("after the catalogue changed: %+v, want its title and the company's cadence and owner", got)
		}
		if list, err := c.store.ControlsAsOf(ctx, date("2026-01-15")); err != nil || list[0].Title != "access-review" || list[0].Cadence != "monthly" {
			c.t.Errorf("as of January: %+v, %v", list[0], err)
		}
		all, err := c.store.Controls(ctx)
		c.must(err)
		if len(all) != 7 {
			c.t.Errorf("%d controls, want the company's own beside six", len(all))
		}
	})
}

func TestControlsRefuse(t *testing.T) {
	each(t, small(), func(c *company) {
		ctx := c.t.Context()
		v, err := c.store.Control(ctx, "offboarding")
		c.must(err)
		for name, tt := range map[string]struct {
			by     seaworthy.Principal
			change func(*seaworthy.TrackedControl)
			want   seaworthy.Kind
		}{
			"a viewer":                    {viewer, func(*seaworthy.TrackedControl) {}, seaworthy.KindForbidden},
			"not active, without reason":  {manager, func(v *seaworthy.TrackedControl) { v.Active = false }, seaworthy.KindInvalid},
			"a cadence that is none":      {manager, func(v *seaworthy.TrackedControl) { v.Cadence = "often" }, seaworthy.KindInvalid},
			"a check that there is not":   {manager, func(v *seaworthy.TrackedControl) { v.Checks = []string{"nope"} }, seaworthy.KindInvalid},
			"no version":                  {manager, func(v *seaworthy.TrackedControl) { v.Version = 0 }, seaworthy.KindInvalid},
			"changed in between":          {manager, func(v *seaworthy.TrackedControl) { v.Version = 7 }, seaworthy.KindConflict},
			"out of scope without reason": {manager, func(v *seaworthy.TrackedControl) { v.Scope = []seaworthy.ScopeItem{{Kind: "system", Name: "crm"}} }, seaworthy.KindInvalid},
		} {
			bad := v
			tt.change(&bad)
			if _, err := c.ChangeControl(ctx, tt.by, bad); !isKind(err, tt.want) {
				c.t.Errorf("%s: %v, want an error of kind %d", name, err, tt.want)
			}
		}
		v.Version = 0
		if _, err := c.CreateControl(ctx, manager, v); !isKind(err, seaworthy.KindConflict) {
			c.t.Errorf("a second control of the id: %v, want a conflict", err)
		}
	})
}

func TestCadenceChangesFromTheNextWindowOn(t *testing.T) {
	each(t, small(), func(c *company) {
		c.program()
		c.at("2026-02-10")
		v, err := c.store.Control(c.t.Context(), "access-review")
		c.must(err)
		v.Cadence = "monthly"
		_, err = c.ChangeControl(c.t.Context(), manager, v)
		c.must(err)
		c.at("2026-05-10")
		var got []string
		for _, o := range c.occurrences("access-review") {
			got = append(got, o.From.Format("01-02")+" to "+o.DueAt.Format("01-02"))
		}
		slices.Sort(got)
		want := []string{"01-01 to 04-01", "03-01 to 04-01", "04-01 to 05-01", "05-01 to 06-01"}
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Errorf("windows (-want +got):\n%s", diff)
		}
	})
}

func TestDroppedControlsNeedNothing(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-04-10")
		v, err := c.store.Control(c.t.Context(), "access-review")
		c.must(err)
		v.Active, v.Reason = false, "the provider does it"
		_, err = c.ChangeControl(c.t.Context(), manager, v)
		c.must(err)
		c.at("2026-08-10")
		list := c.occurrences("access-review")
		if len(list) != 2 || list[0].State != seaworthy.Missed || list[1].State != seaworthy.NotRequired || list[1].Reason == "" {
			c.t.Errorf("occurrences = %+v, want the first missed, the second not required, no third", list)
		}
		r, err := c.Readiness(c.t.Context(), p.ID, c.now)
		c.must(err)
		// The period was over by then, so its control had been there until July only in name.
		if _, ok := r.Control("access-review"); ok || r.Inactive != 1 {
			c.t.Errorf("%d inactive controls, want 1", r.Inactive)
		}
	})
}
