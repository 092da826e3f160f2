// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestPerformanceAndResultAreTwoFacts(t *testing.T) {
	for _, tt := range []struct {
		name      string
		at        string // of the clock
		collected string
		how       audit.Performance
		state     seaworthy.OccurrenceState
		result    string
		reason    string
	}{
		{"in time", "2026-03-30", "2026-03-30", audit.Performance{}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"in time, with a deviation", "2026-03-30", "2026-03-30", audit.Performance{Result: seaworthy.ResultDeviation, Reason: "two rights stayed"},
			seaworthy.Performed, seaworthy.ResultDeviation, "two rights stayed"},
		{"performed late", "2026-04-20", "2026-04-20", audit.Performance{}, seaworthy.Late, seaworthy.ResultAsExpected, "performed 2026-04-20, due 2026-04-01"},
		{"told late", "2026-04-20", "2026-04-20", audit.Performance{At: date("2026-03-30")}, seaworthy.Late, seaworthy.ResultAsExpected, "came in 2026-04-20"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, small(), func(c *company) {
				c.program()
				c.at(tt.at)
				_, err := c.minutes(c.occurrences("access-review")[0], tt.collected, tt.how)
				c.must(err)
				c.must(c.Advance(c.t.Context()))
				o := c.occurrences("access-review")[0]
				if o.State != tt.state || o.Result != tt.result || !strings.Contains(o.Reason, tt.reason) || o.PerformedBy != manager.Actor {
					t.Errorf("occurrence = %+v, want %s, %s, %q", o, tt.state, tt.result, tt.reason)
				}
			})
		})
	}
}

func TestEvidenceRefuses(t *testing.T) {
	each(t, small(), func(c *company) {
		c.program()
		c.at("2026-03-30")
		o := c.occurrences("access-review")[0]
		good := seaworthy.Evidence{Kind: seaworthy.EvidenceAttestation, Title: "Minutes", Shows: seaworthy.Operation, Statement: "s",
			Occurrences: []string{o.ID}, EffectiveFrom: date("2026-03-29"), EffectiveTo: date("2026-03-30"), CollectedAt: date("2026-03-30")}
		engineer := seaworthy.Principal{Actor: "user:eve", UserID: "eve", Role: seaworthy.Engineer}
		for name, tt := range map[string]struct {
			by     seaworthy.Principal
			change func(*seaworthy.Evidence, *audit.Performance)
			want   seaworthy.Kind
		}{
			"a viewer":                    {viewer, func(*seaworthy.Evidence, *audit.Performance) {}, seaworthy.KindForbidden},
			"an engineer who owns it not": {engineer, func(*seaworthy.Evidence, *audit.Performance) {}, seaworthy.KindForbidden},
			"speaks of the future":        {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.EffectiveTo = date("2026-12-31") }, seaworthy.KindInvalid},
			"collected in the future":     {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.CollectedAt = date("2026-04-30") }, seaworthy.KindInvalid},
			"performed in the future":     {manager, func(_ *seaworthy.Evidence, p *audit.Performance) { p.At = date("2026-04-30") }, seaworthy.KindInvalid},
			"performed before the window": {manager, func(_ *seaworthy.Evidence, p *audit.Performance) { p.At = date("2025-12-30") }, seaworthy.KindInvalid},
			"an upload without bytes":     {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.Kind = seaworthy.EvidenceUpload }, seaworthy.KindInvalid},
			"a link without address":      {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.Kind = seaworthy.EvidenceLink }, seaworthy.KindInvalid},
			"a report by hand":            {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.Kind = seaworthy.EvidenceRun }, seaworthy.KindInvalid},
			"for nothing":                 {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.Occurrences = nil }, seaworthy.KindInvalid},
			"for what is not there":       {manager, func(e *seaworthy.Evidence, _ *audit.Performance) { e.Occurrences = []string{"x"} }, seaworthy.KindNotFound},
			"a deviation unexplained":     {manager, func(_ *seaworthy.Evidence, p *audit.Performance) { p.Result = seaworthy.ResultDeviation }, seaworthy.KindInvalid},
			"for what reports show": {manager, func(e *seaworthy.Evidence, _ *audit.Performance) {
				e.Occurrences = []string{c.dayOf("pod-security", "2026-03-29").ID}
			}, seaworthy.KindInvalid},
		} {
			e, how := good, audit.Performance{}
			tt.change(&e, &how)
			if _, err := c.AddEvidence(c.t.Context(), tt.by, e, how); !isKind(err, tt.want) {
				c.t.Errorf("%s: %v, want an error of kind %d", name, err, tt.want)
			}
		}
		if got := c.occurrences("access-review")[0]; got != o {
			c.t.Errorf("what was refused left %+v", got)
		}
		v, err := c.store.Control(c.t.Context(), "access-review")
		c.must(err)
		v.OwnerUser = "eve"
		_, err = c.ChangeControl(c.t.Context(), manager, v)
		c.must(err)
		if _, err := c.AddEvidence(c.t.Context(), engineer, good, audit.Performance{}); err != nil {
			c.t.Errorf("the control's owner: %v", err)
		}
	})
}

func TestDesignPerformsNothing(t *testing.T) {
	each(t, small(), func(c *company) {
		c.program()
		c.at("2026-03-30")
		o := c.occurrences("access-review")[0]
		_, err := c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{Kind: seaworthy.EvidenceLink, URL: "https://wiki.example/access", Title: "Procedure",
			Shows: seaworthy.Design, Occurrences: []string{o.ID}, EffectiveFrom: c.now, EffectiveTo: c.now}, audit.Performance{})
		c.must(err)
		if got := c.occurrences("access-review")[0]; got.State != seaworthy.Expected {
			c.t.Errorf("occurrence = %+v, want it still expected: a procedure shows design", got)
		}
	})
}

func TestEventsAndWhatIsNotRequired(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		c.at("2026-02-01")
		ctx := c.t.Context()
		if _, err := c.Expect(ctx, manager, "access-review", "x", c.now, c.now.Add(day)); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("an event of a control by the calendar: %v", err)
		}
		if _, err := c.Expect(ctx, manager, "offboarding", "program 06fhrgtb02y78cz0jebhvrv2", c.now, c.now.Add(day)); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("an event that is called as the results of a program: %v", err)
		}
		left, err := c.Expect(ctx, manager, "offboarding", "Kim left", c.now, c.now.Add(day))
		c.must(err)
		_, err = c.Expect(ctx, manager, "offboarding", "Lee left", c.now, c.now.Add(day))
		c.must(err)
		_, err = c.minutes(left, "2026-02-01", audit.Performance{})
		c.must(err)
		c.at("2026-02-03")
		list := c.occurrences("offboarding")
		states := map[string]seaworthy.OccurrenceState{}
		for _, o := range list {
			states[o.Event] = o.State
		}
		if len(list) != 2 || states["Kim left"] != seaworthy.Performed || states["Lee left"] != seaworthy.Missed {
			c.t.Errorf("states = %v, want one performed and one missed", states)
		}
		if _, err := c.NotRequired(ctx, manager, left.ID, "never mind"); !isKind(err, seaworthy.KindConflict) {
			c.t.Errorf("what was performed is not required: %v, want a conflict", err)
		}
		board := c.occurrences("board-oversight")[0]
		if _, err := c.NotRequired(ctx, manager, board.ID, " "); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("without a reason: %v", err)
		}
		_, err = c.NotRequired(ctx, manager, board.ID, "there is no board yet")
		c.must(err)
		if got := c.ready(p, "board-oversight"); got.Standing != seaworthy.ControlNotRequired {
			c.t.Errorf("readiness = %+v, want 'not required'", got)
		}
	})
}

func TestEditingAnExpiryNeverRevivesEvidence(t *testing.T) {
	each(t, small(), func(c *company) {
		c.program()
		c.at("2026-03-30")
		e, err := c.minutes(c.occurrences("access-review")[0], "2026-03-30", audit.Performance{})
		c.must(err)
		for when, want := range map[string]bool{"2026-03-29": false, "2026-04-01": true, "2026-06-30": true, "2026-07-01": false} {
			if got := e.Current("quarterly", date(when)); got != want {
				c.t.Errorf("Current on %s = %t, want %t", when, got, want)
			}
		}
		// There is no way to change evidence: putting it again makes another piece with
		// its own time, and an end in the future is refused.
		e.EffectiveTo = date("2027-01-01")
		if _, err := c.AddEvidence(c.t.Context(), manager, e, audit.Performance{}); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("evidence that says it holds until 2027: %v, want it refused", err)
		}
	})
}

func TestErasureLeavesATombstone(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.own()
		c.at("2026-03-30")
		ctx := c.t.Context()
		store1 := newBlobs()
		a := audit.New(c.store, small(), store1)
		digest, size, err := store1.Put(ctx, strings.NewReader("Kim Doe, passport 123"), 1000)
		c.must(err)
		o := c.occurrences("access-review")[0]
		e, err := a.AddEvidence(ctx, manager, seaworthy.Evidence{Kind: seaworthy.EvidenceUpload, Title: "Passport of Kim Doe", FileName: "kim-doe.pdf", Digest: digest, Size: size,
			Shows: seaworthy.Operation, Occurrences: []string{o.ID}, EffectiveFrom: c.now, EffectiveTo: c.now}, audit.Performance{})
		c.must(err)
		if err := a.EraseEvidence(ctx, viewer, e.ID, "asked by the person"); !isKind(err, seaworthy.KindForbidden) {
			c.t.Errorf("a viewer erases: %v", err)
		}
		c.now = c.now.Add(time.Hour)
		c.must(a.EraseEvidence(ctx, owner, e.ID, "asked by the person"))
		entries, err := c.store.History(ctx, "evidence", e.ID)
		c.must(err)
		if len(entries) != 2 || !entries[0].Erased || entries[0].Salt != nil || entries[1].Erased || strings.Contains(entries[1].Content, "Kim") {
			c.t.Errorf("entries = %+v, want the first erased and a tombstone", entries)
		}
		stone, err := c.store.Evidence(ctx, e.ID)
		c.must(err)
		if stone.Digest != digest || stone.ErasedAt.IsZero() || strings.Contains(stone.Title+stone.FileName, "Kim") || !stone.CollectedAt.Equal(e.CollectedAt) {
			c.t.Errorf("tombstone = %+v, want digest and times and nothing else", stone)
		}
		if _, err := store1.Open(ctx, digest); err == nil {
			c.t.Error("the bytes are still there")
		}
		if got := c.ready(p, "access-review"); got.Fresh || got.Tally.Performed != 1 {
			c.t.Errorf("readiness = %+v, want performed, without evidence to show", got)
		}
		if got := c.readyAt(p, "access-review", c.now.Add(-time.Minute)); !got.Fresh {
			c.t.Errorf("readiness before the erasure = %+v, want it as it was", got)
		}
		if err := a.EraseEvidence(ctx, owner, e.ID, "again"); !isKind(err, seaworthy.KindConflict) {
			c.t.Errorf("a second time: %v, want a conflict", err)
		}
	})
}

func TestWhatIsDue(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.own()
		c.at("2026-03-28")
		c.finding("f1", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now.Add(-day), c.now.Add(2*day), time.Time{})
		c.finding("f2", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now.Add(-9*day), c.now.Add(-2*day), time.Time{})
		c.finding("f3", "prod-eu", "shop", "no-host-path", seaworthy.FindingOpen, c.now.Add(-day), c.now.Add(20*day), time.Time{})
		list, err := c.DueUntil(c.t.Context(), p, c.now.Add(7*day))
		c.must(err)
		var got []string
		for _, d := range list {
			got = append(got, strings.Join([]string{d.Kind, d.Control + d.Check, d.OwnerUser, d.DueAt.Format(time.DateOnly), map[bool]string{true: "overdue"}[d.Overdue]}, " "))
		}
		want := []string{
			"findings no-privileged  2026-03-26 overdue",
			"occurrence access-review meg 2026-04-01 ",
			// backup-monitoring: records of the end of February must be in by the end of March
			"occurrence backup-monitoring meg 2026-03-29 ",
		}
		for _, w := range want {
			found := false
			for _, g := range got {
				found = found || g == w
			}
			if !found {
				c.t.Errorf("%q is not in\n%s", w, strings.Join(got, "\n"))
			}
		}
		if len(got) != len(want) || !list[0].Overdue || list[0].Count != 2 {
			c.t.Errorf("due:\n%s\nwant three, what is overdue first", strings.Join(got, "\n"))
		}
	})
}

func TestHonesty(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.at("2026-05-01")
		c.finding("f1", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now.Add(-100*day), c.now, time.Time{})
		c.finding("f2", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now.Add(-day), c.now, time.Time{})
		c.finding("f3", "prod-eu", "shop", "no-privileged", seaworthy.FindingWaived, c.now.Add(-day), c.now, time.Time{})
		c.finding("f4", "elsewhere", "shop", "no-privileged", seaworthy.FindingWaived, c.now.Add(-day), c.now, time.Time{})
		c.gap("prod-eu", c.now.Add(-5*day), c.now.Add(-2*day))
		c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutCheckVersion(&store.CheckVersion{ID: "no-host-path", SourceID: "prod-eu", Version: 1, CheckBasis: store.CheckBasis{Mode: "off"}, From: tx.At})
		}))
		h, err := c.Honesty(c.t.Context(), p)
		c.must(err)
		if h.Open != 2 || h.Waived != 1 || h.NeverFixed != 1 || h.OldestFinding != 100 || h.RunsMissed != 3 || len(h.Gaps) != 1 || len(h.ChecksOff) != 1 {
			c.t.Errorf("Honesty = %+v", h)
		}
	})
}
