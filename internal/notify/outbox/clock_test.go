// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The clock is set back an hour while a message waits to be tried again and others wait
// behind it: all go at once, each a single time, and what is urgent never waits.
func TestTheClockIsSetBack(t *testing.T) {
	each(t, func(w *world) {
		w.everything("/a")
		w.receiver.say("/a", http.StatusServiceUnavailable)
		w.changed("c1")
		for range 12 { // it waits half an hour by now
			w.work()
			w.pass(40 * time.Minute)
		}
		w.work()
		w.changed("c2")
		w.work()
		w.receiver.take("/a")
		w.receiver.say("/a", http.StatusOK)
		w.pass(-3 * time.Hour)
		w.changed("c3")
		w.work()
		w.must(w.outbox.Hasten(w.Context()))
		for range 3 {
			w.work()
		}
		told := map[string]int{}
		for _, n := range w.notices(w.receiver.take("/a")) {
			told[n.Path]++
		}
		for _, id := range []string{"c1", "c2", "c3"} {
			if n := told["/changes/"+id]; n != 1 {
				t.Errorf("of %s was told %d times: %v", id, n, told)
			}
		}
	})
}

// A destination that began to fail by a clock that was set back is told of elsewhere as soon
// as another.
func TestADestinationFailsWhileTheClockIsSetBack(t *testing.T) {
	each(t, func(w *world) {
		w.everything("/a")
		w.receiver.say("/b", http.StatusServiceUnavailable)
		d := w.hook("other", "/b")
		w.write(func(tx *store.Tx) error {
			return tx.PutNoticeRule(&seaworthy.NoticeRule{ID: "r-b", Name: "to the other", Kinds: []seaworthy.NoticeKind{seaworthy.NoticeOutOfBand}, Destinations: []string{d.ID}})
		})
		w.changed("c1")
		w.work()
		w.pass(-time.Hour)
		w.must(w.outbox.Hasten(w.Context()))
		undelivered := func() int {
			n := 0
			for _, v := range w.notices(w.receiver.take("/a")) {
				if v.Kind == seaworthy.NoticeUndelivered {
					n++
				}
			}
			return n
		}
		n := 0
		for range 10 {
			w.work()
			n += undelivered()
			w.pass(notify.Dead / 5)
		}
		if n != 1 {
			t.Errorf("of a destination that takes nothing was told %d times", n)
		}
		w.pass(-time.Hour)
		w.must(w.outbox.Hasten(w.Context()))
		for range 10 {
			w.work()
			n += undelivered()
			w.pass(notify.Dead / 5)
		}
		if n != 1 {
			t.Errorf("told again, %d times, after the clock was set back once more", n)
		}
	})
}
