// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

var owner = seaworthy.Principal{Actor: "user:olu", UserID: "olu", Name: "Olu", Role: seaworthy.Owner}

// What retention removed and what people had erased is no tampering; the same, done by
// hand, is.
func TestRemovingIsNoTampering(t *testing.T) {
	each(t, func(w *world) {
		ctx, s := w.t.Context(), w.server.Store()
		minutes := w.upload("names of people")
		comment := seaworthy.Comment{SubjectKind: seaworthy.OnControl, Subject: "access-review", Text: "ask Kim Doe"}
		w.must(s.Write(ctx, owner.Actor, func(tx *store.Tx) error {
			if err := tx.PutUser(&seaworthy.User{ID: "kim", Email: "kim@example.com", Name: "Kim Doe", Role: seaworthy.Viewer, Teams: []string{}}); err != nil {
				return err
			}
			return tx.AddComment(&comment)
		}))
		for range 3 { // what was open is fixed, and opens once more
			w.now = w.now.Add(day)
			w.report(0)
			w.now = w.now.Add(day)
			w.report(3)
		}
		w.must(w.audit.Advance(ctx))
		w.intact("before anything is removed")

		w.must(w.audit.EraseEvidence(ctx, owner, minutes.ID, "names people"))
		w.must(s.Write(ctx, owner.Actor, func(tx *store.Tx) error {
			if err := tx.Erase("comment", comment.ID, "names a person"); err != nil {
				return err
			}
			return tx.Erase("user", "kim", "left, and asked for it")
		}))
		w.intact("after erasures")

		_, err := w.audit.CloseProgram(ctx, manager, w.program.ID)
		w.must(err)
		w.must(w.audit.SetRetention(ctx, owner, audit.Retention{RawReports: 30, FindingEvents: 30, Evidence: 30, Sessions: 30}))
		w.now = w.now.AddDate(2, 0, 0)
		w.report(0)
		w.now = w.now.AddDate(2, 0, 0)
		w.must(w.audit.Retain(ctx))
		actions, err := s.Actions(ctx, "", 100)
		w.must(err)
		done := map[string]bool{}
		for _, a := range actions {
			if a.Verb == "retain" {
				done[a.Subject] = true
			}
		}
		for _, class := range []string{"raw reports", "events of findings", "evidence"} {
			if !done[class] {
				w.t.Errorf("retention removed no %s: the test shows nothing of them", class)
			}
		}
		w.intact("after retention")

		storetest.Tamper(w.t, w.db(), `DELETE FROM finding_events WHERE chunk = (SELECT MIN(id) FROM finding_chunks)`,
			`DELETE FROM finding_chunks WHERE id = (SELECT MIN(id) FROM finding_chunks)`)
		got, err := w.server.SelfCheck(ctx)
		w.must(err)
		expect(w.t, got.Problems, " is missing")
	})
}

// intact wants the nightly check to find nothing.
func (w *world) intact(when string) {
	w.t.Helper()
	got, err := w.server.SelfCheck(w.t.Context())
	w.must(err)
	if !got.Intact() {
		w.t.Fatalf("%s the check tells %q", when, got.Problems)
	}
}
