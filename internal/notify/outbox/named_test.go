// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Who was told that somebody unknown touched the trail itself is told who it was, once, in
// the same thread, whatever else it turns out to be.
func TestWhoItWasIsTold(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		put := func(who string, flags ...seaworthy.Flag) []seaworthy.Notice {
			w.Helper()
			w.write(func(tx *store.Tx) error {
				c := change("c1", tx.At.Truncate(time.Hour), flags...)
				c.Actor.Username = who
				return tx.PutChange(c)
			})
			w.work()
			return w.notices(w.receiver.take("/a"))
		}
		first := put("", seaworthy.FlagOwnConfig)
		if len(first) != 1 || first[0].Kind != seaworthy.NoticeOwnConfig || !strings.HasPrefix(first[0].Title, "Somebody unknown changed") {
			t.Fatalf("told %s, want one notice of somebody unknown", titles(first))
		}
		if list := put("", seaworthy.FlagOwnConfig); len(list) != 0 {
			t.Errorf("told again: %s", titles(list))
		}
		second := put("jane", seaworthy.FlagOwnConfig)
		if len(second) != 1 || !strings.HasPrefix(second[0].Title, "It is known now who it was: jane changed") || second[0].Kind != first[0].Kind ||
			second[0].Thread != first[0].Thread || second[0].Path != first[0].Path || second[0].ID == first[0].ID {
			t.Errorf("told %s, want one notice of jane in the thread of the first", titles(second))
		}
		if list := put("jane", seaworthy.FlagOwnConfig); len(list) != 0 {
			t.Errorf("told again: %s", titles(list))
		}
		if list := put("jane", seaworthy.FlagOwnConfig, seaworthy.FlagReverted); len(list) != 1 || list[0].Kind != seaworthy.NoticeReverted {
			t.Errorf("when it was undone: %s", titles(list))
		}
	})
}

// Who did something else, or was known from the first, is told of once.
func TestWhoItWasIsKnown(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		for id, flags := range map[string][]seaworthy.Flag{"c1": {seaworthy.FlagOwnConfig}, "c2": nil} {
			for i, who := range []string{"", "jane"} {
				w.write(func(tx *store.Tx) error {
					c := change(id, tx.At, flags...)
					if c.Actor.Username = who; id == "c1" {
						c.Actor.Username = "jane"
					}
					return tx.PutChange(c)
				})
				w.work()
				if list := w.notices(w.receiver.take("/a")); len(list) != 1-i {
					t.Errorf("%s: told %s", id, titles(list))
				}
			}
		}
	})
}
