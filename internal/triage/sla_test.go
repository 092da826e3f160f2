// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const aDay = 24 * time.Hour

func TestDatesByTheSLAFollowIt(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		none := finding(3, "latest-tag", "shop", "shop")
		none.Severity = seaworthy.Info
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"), none)
		opened := w.now
		w.now = w.now.Add(aDay)
		byHand := w.now.Add(100 * aDay)
		_, err := w.triage.SetDue(ctx, eve, ids[1:2], byHand, "with the migration")
		w.must(err)
		due := func(want ...time.Time) {
			w.Helper()
			w.settle()
			for i, d := range want {
				if f := w.get(ids[i]); !f.DueAt.Equal(d) {
					w.Errorf("finding %d is due %s, want %s", i+1, f.DueAt, d)
				}
			}
		}
		due(opened.Add(30*aDay), byHand, time.Time{})
		w.must(w.triage.SetSLA(ctx, bob, seaworthy.SLA{seaworthy.High: 10 * aDay, seaworthy.Info: 300 * aDay}))
		due(opened.Add(10*aDay), byHand, opened.Add(300*aDay))
		if e := w.last(ids[0]); e.Kind != seaworthy.EventDue || e.Actor != "system" || e.Note != "the SLA changed" {
			w.Errorf("event %+v", e)
		}
		// Without time to follow in between.
		w.must(w.triage.SetSLA(ctx, bob, seaworthy.SLA{seaworthy.High: 20 * aDay}))
		w.must(w.triage.SetSLA(ctx, bob, seaworthy.SLA{seaworthy.High: 40 * aDay}))
		due(opened.Add(40*aDay), byHand, time.Time{})
		w.must(w.triage.SetSLA(ctx, bob, seaworthy.SLA{}))
		due(time.Time{}, byHand, time.Time{})
		w.must(w.triage.SetSLA(ctx, bob, seaworthy.DefaultSLA()))
		due(opened.Add(30*aDay), byHand, time.Time{})
		if sla, err := w.triage.SLA(ctx); err != nil || sla[seaworthy.Critical] != 7*aDay {
			w.Errorf("SLA = %v, %v", sla, err)
		}
		entries, err := w.store.History(ctx, "setting", "sla")
		if err != nil || len(entries) != 5 || entries[0].Actor != "user:bob" {
			w.Errorf("%d entries of the SLA, %v, want 5 by bob", len(entries), err)
		}
		for _, bad := range []seaworthy.SLA{{"urgent": aDay}, {seaworthy.High: time.Minute}, {seaworthy.High: -aDay}, {seaworthy.High: 90 * time.Minute}, {seaworthy.High: 4000 * aDay}} {
			w.refused(w.triage.SetSLA(ctx, bob, bad), seaworthy.KindInvalid)
		}
	})
}

func TestBreachesAndFixTimesAreCounts(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		critical := finding(4, "host-path", "pay", "pay")
		critical.Severity = seaworthy.Critical
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"), finding(3, "latest-tag", "shop", "shop"), critical)
		asked, err := w.triage.WaiveFindings(ctx, eve, ids[2:3], terms(w))
		w.must(err)
		_, err = w.triage.Approve(ctx, bob, []string{asked[0].ID}, decision())
		w.must(err)
		overdue := func(want ...store.Overdue) {
			w.Helper()
			got, err := w.store.OverdueCounts(ctx, nil)
			if err != nil || len(got) != len(want) {
				w.Fatalf("OverdueCounts = %+v, %v, want %+v", got, err, want)
			}
			for i := range want {
				if g := got[i]; g.Team != want[i].Team || g.Severity != want[i].Severity || g.Count != want[i].Count || g.Since.IsZero() {
					w.Errorf("overdue %+v, want %+v", g, want[i])
				}
			}
		}
		overdue()
		w.now = w.now.Add(8 * aDay)
		overdue(store.Overdue{Team: "pay", Severity: seaworthy.Critical, Count: 1})
		fix(w, ids[0], seaworthy.CauseObjectChanged)
		w.now = w.now.Add(30 * aDay)
		overdue(store.Overdue{Team: "pay", Severity: seaworthy.Critical, Count: 1}, store.Overdue{Team: "shop", Severity: seaworthy.High, Count: 1})
		page, err := w.store.Findings(ctx, store.FindingFilter{Overdue: true, Sort: store.ByDue})
		if err != nil || len(page.Items) != 2 || page.Items[0].ID != ids[3] {
			w.Errorf("breaches %v, %v, want the critical one first", page.Items, err)
		}
		fix(w, ids[3], seaworthy.CauseParameterChanged) // not fixed: it is judged otherwise
		w.now = w.now.Add(60 * aDay)
		began := w.now.Add(-98 * aDay)
		fixed, _, err := w.store.FixTimes(ctx, nil, began)
		w.must(err)
		if len(fixed) != 1 || fixed[0] != (store.FixTime{Severity: seaworthy.High, Count: 1, Median: 8 * aDay}) {
			w.Errorf("fixed %+v, want one of high severity after eight days", fixed)
		}
		if later, _, err := w.store.FixTimes(ctx, nil, w.now); err != nil || len(later) != 0 {
			w.Errorf("fixed since now: %+v, %v", later, err)
		}
	})
}

func fix(w *world, id string, why seaworthy.Cause) {
	w.Helper()
	w.write(func(tx *store.Tx) error {
		have, err := tx.LockFindings(id)
		if err != nil {
			return err
		}
		before := have[id]
		after := before
		after.Status, after.Cause, after.ClosedAt = seaworthy.FindingFixed, why, tx.At
		return tx.ChangeFindings([]store.FindingChange{{Before: &before, After: after, Kind: seaworthy.EventFixed, Cause: why}})
	})
}
