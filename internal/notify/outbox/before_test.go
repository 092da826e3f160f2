// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// What an audit log holds from before a cluster had an agent is on record and no news; what
// came after is told, also of a cluster whose first agent was replaced.
func TestWhatWasBeforeTheAgent(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		w.write(func(tx *store.Tx) error {
			return errors.Join(
				tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: "s1", EnrolledAt: tx.At.Add(-time.Hour)}),
				tx.PutAgent(&seaworthy.Agent{ID: "a2", SourceID: "s1", EnrolledAt: tx.At}),
				tx.PutChange(change("before", tx.At.Add(-2*time.Hour))), tx.PutChange(change("after", tx.At.Add(-time.Minute))),
			)
		})
		w.work()
		if list := w.notices(w.receiver.take("/a")); len(list) != 1 || list[0].Path != "/changes/after" {
			t.Errorf("told: %s", titles(list))
		}
	})
}

// Who says who is behind a name is told of: who may explain a change hangs on it.
func TestActorsAreToldOf(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		a := seaworthy.KnownActor{ID: "k1", Name: "ops-alice", UserID: "u1"}
		w.work()
		w.receiver.take("/a")
		w.write(func(tx *store.Tx) error { return tx.PutKnownActor(&a) })
		w.write(func(tx *store.Tx) error { return tx.DropKnownActor(&a) })
		w.work()
		list := w.notices(w.receiver.take("/a"))
		if len(list) != 2 || list[0].Kind != seaworthy.NoticeOwnConfig || list[0].Path != "/actors" {
			t.Errorf("told: %s", titles(list))
		}
	})
}
