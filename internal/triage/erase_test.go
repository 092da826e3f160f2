// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// What people wrote is nowhere in the database after an erasure, and the log still proves
// all that is left; intact sees to the latter.
func TestWhatPeopleWroteCanBeErased(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"), finding(3, "latest-tag", "shop", "shop"))
		comment, err := w.triage.Comment(ctx, eve, seaworthy.OnFinding, ids[0], "ask Kim Doe")
		w.must(err)
		waivers, err := w.triage.WaiveFindings(ctx, eve, ids[:1], triage.Terms{Reason: "Kim Doe is ill", CompensatingControl: "Kim Doe watches", Expires: seaworthy.Date{Time: w.now.AddDate(0, 1, 0)}})
		w.must(err)
		w.now = w.now.Add(time.Minute)
		_, err = w.triage.Reject(ctx, bob, []string{waivers[0].ID}, "Kim Doe is back")
		w.must(err)
		_, err = w.triage.SetDue(ctx, eve, ids, w.now.AddDate(0, 1, 0), "Kim Doe is ill")
		w.must(err)
		w.now = w.now.Add(time.Minute)
		_, err = w.triage.Link(ctx, eve, ids[:1], "https://tickets.example.com/Kim-Doe")
		w.must(err)
		_, err = w.triage.Link(ctx, eve, ids[:1], "")
		w.must(err)
		change := seaworthy.Change{ID: "c1", SourceID: "s1", Verb: seaworthy.VerbUpdate, At: w.now, Outcome: seaworthy.OutcomePersisted, Match: seaworthy.MatchOutOfBand}
		w.write(func(tx *store.Tx) error { return tx.PutChange(&change) })
		w.now = w.now.Add(time.Minute)
		change.Explained = &seaworthy.Explanation{By: bob.Actor, At: w.now, Note: "Kim Doe did it"}
		w.write(func(tx *store.Tx) error { return tx.PutChange(&change) })

		for _, e := range []struct{ kind, id string }{{"comment", comment.ID}, {"waiver", waivers[0].ID}, {"finding", ids[0]}, {"change", "c1"}} {
			if w.traces() == 0 {
				w.Fatalf("before the %s is erased nothing is left of the name: the test shows nothing", e.kind)
			}
			for _, who := range everybody {
				if who.Role != seaworthy.Owner {
					w.refused(w.triage.Erase(ctx, who, e.kind, e.id, "asked for"), seaworthy.KindForbidden)
				}
			}
			w.refused(w.triage.Erase(ctx, ada, e.kind, e.id, " "), seaworthy.KindInvalid)
			w.refused(w.triage.Erase(ctx, ada, e.kind, "nothing", "asked for"), seaworthy.KindNotFound)
			w.must(w.triage.Erase(ctx, ada, e.kind, e.id, "asked for"))
			w.refused(w.triage.Erase(ctx, ada, e.kind, e.id, "asked for"), seaworthy.KindConflict)
		}
		w.refused(w.triage.Erase(ctx, ada, "program", "p1", "asked for"), seaworthy.KindNotFound)
		if n := w.traces(); n != 0 {
			w.Errorf("the name is still there %d times", n)
		}
		got, err := w.store.Waiver(ctx, waivers[0].ID)
		if err != nil || got.State != seaworthy.WaiverRejected || got.RequestedBy != eve.Actor {
			w.Errorf("the waiver is %+v, %v: its life is gone too", got, err)
		}
		seen, err := w.store.History(ctx, "change", "c1")
		if err != nil || len(seen) != 3 || seen[0].Erased || !seen[1].Erased || seen[2].Erased {
			w.Errorf("entries of the change: %+v, %v; want the one with the explanation erased", seen, err)
		}
		events, err := w.store.FindingEvents(ctx, ids[2])
		if err != nil || events[len(events)-1].Note != "erased" {
			w.Errorf("what a bulk action noted of another finding: %+v, %v", events, err)
		}
		// A note that is altered afterwards is found, and so is an erasure that nobody logged.
		conn := storetest.Behind(w.T, w.config)
		for _, tamper := range [][2]string{
			{`UPDATE finding_events SET note = 'said' WHERE note = 'erased'`, `UPDATE finding_events SET note = 'erased' WHERE note = 'said'`},
			{`UPDATE finding_chunks SET root = 'x' || root WHERE id = (SELECT MAX(id) FROM finding_chunks)`, `UPDATE finding_chunks SET root = SUBSTR(root, 2) WHERE id = (SELECT MAX(id) FROM finding_chunks)`},
		} {
			if _, err := conn.ExecContext(ctx, tamper[0]); err != nil {
				w.Fatal(err)
			}
			if problems := w.problems(); len(problems) == 0 {
				w.Errorf("%s: nothing is found", tamper[0])
			}
			if _, err := conn.ExecContext(ctx, tamper[1]); err != nil {
				w.Fatal(err)
			}
		}
	})
}

// traces counts what the database holds of the name.
func (w *world) traces() int {
	w.Helper()
	conn, n := storetest.Behind(w.T, w.config), 0
	for _, column := range []string{"log_entries.content", "finding_events.note", "waivers.document", "comments.document", "changes.document", "actions.document", "findings.ticket"} {
		table, name, _ := strings.Cut(column, ".")
		var here int
		if err := conn.QueryRowContext(w.Context(), `SELECT COUNT(*) FROM `+table+` WHERE `+name+` LIKE '%Kim_Doe%'`).Scan(&here); err != nil {
			w.Fatal(err)
		}
		n += here
	}
	return n
}
