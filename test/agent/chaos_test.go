// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// ofSoak names the variable of writesOf.
const ofSoak = "SEAWORTHY_WRITES"

// writesOf is how many writes a test makes: SEAWORTHY_WRITES, which `make soak` sets to what
// a busy cluster sees in an hour, or as many as there is time for with every change.
func writesOf(t *testing.T, n int) int {
	t.Helper()
	text := os.Getenv(ofSoak)
	if text == "" {
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		t.Fatalf("%s is %q, not a number from 100 on", ofSoak, text)
	}
	return n
}

// forget cuts the agent off from the API server, has something written, and lets it back
// only when the API server has forgotten all that: the agent's watches have expired.
func (w *world) forget(also func()) (b blind) {
	w.t.Helper()
	w.toAPI.cut()
	b = blind{place: store.GapWatch, from: time.Now(), why: "the watch expired"}
	also()
	w.kube.Stop(w.t)
	w.kube.Compact(w.t)
	w.kube.StartAgain(w.t)
	w.restarted = true
	b.to = time.Now()
	w.toAPI.join()
	return b
}

// TestNothingIsLost makes changes while the server is away, while the agent is restarted,
// while the agent's watches expire, and around restarts of the API server: whatever some
// place saw is on record exactly once, what stands on record last is what the cluster holds,
// object by object, and the times in which a place cannot have seen everything are gaps.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	n := writesOf(t, 400)
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	w.heard()
	x := w.writer(w.admin())
	x.write(n / 10)
	_ = w.server.Kill()
	x.write(n / 2)
	_ = r.Stop()
	away := blind{place: store.GapWebhook, from: time.Now(), why: "the agent was restarted"}
	x.write(n / 20)
	away.to = time.Now()
	r.Start()
	x.write(n / 10)
	w.server.Run()
	w.ready(r)
	expired := w.forget(func() { x.write(n / 10) })
	x.write(n / 10)
	w.ready(r)
	x.write(n - len(x.all))
	unwatched := away
	unwatched.place = store.GapWatch
	w.until("every change is on record once, and what is last is what is there", 3*time.Minute, func() error {
		list, err := x.recorded()
		if err != nil {
			return err
		}
		missing, err := x.once(list)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d are not on record, the first is %s", len(missing), n, missing[0])
		}
		return x.net(list)
	})
	w.until("where something may have gone unseen is a gap", time.Minute, func() error {
		return w.covered([]blind{away, unwatched, expired})
	})
	w.expiredForReal(expired)
	t.Logf("%d writes, %d gaps:\n%s", n, len(w.gaps()), listed(w.gaps()))
	w.intact()
}

// expiredForReal makes sure that the API server did forget.
func (w *world) expiredForReal(b blind) {
	w.t.Helper()
	for _, g := range w.gaps() {
		if g.Kind == store.GapWatch && !g.From.After(b.from) && !g.To.Before(b.to) && strings.Contains(g.Reason, "forgotten") {
			return
		}
	}
	w.t.Errorf("no watch expired:\n%s", listed(w.gaps()))
}

// TestWhatIsLostIsKnown has no audit events, and for a while neither webhook nor watch: what
// is written then is lost but for what comes of it in the end, and all of it lies in gaps.
func TestWhatIsLostIsKnown(t *testing.T) {
	t.Parallel()
	n := writesOf(t, 200)
	w := enter(t, audited(auditOff), listsSecrets)
	r := w.agent("one")
	w.ready(r)
	x := w.writer(w.admin())
	x.write(n / 4)
	w.door.cut()
	unasked := blind{place: store.GapWebhook, from: time.Now(), why: "the door was cut"}
	unwatched := w.forget(func() {
		x.write(n / 2)
		w.unasked()
	})
	unasked.to = time.Now()
	w.door.join()
	w.ready(r)
	w.until("the gaps have ended", time.Minute, func() error { return w.covered([]blind{unasked, unwatched}) })
	x.write(n - len(x.all))
	var missing []*written
	w.until("what is on record is on record once, and what is last is what is there", 2*time.Minute, func() error {
		list, err := x.recorded()
		if err != nil {
			return err
		}
		if missing, err = x.once(list); err != nil {
			return err
		}
		for _, o := range missing {
			if o.from.Before(unasked.from) || o.to.After(unasked.to) {
				return fmt.Errorf("%s is not on record, and agent and server were there", o)
			}
		}
		return x.net(list)
	})
	if len(missing) == 0 {
		t.Error("nothing was lost: what is this test about")
	}
	lost := []blind{}
	for _, o := range missing {
		for _, place := range []string{store.GapWebhook, store.GapWatch} {
			lost = append(lost, blind{place, o.from, o.to, "lost: " + o.String()})
		}
	}
	if err := w.covered(lost); err != nil {
		t.Error(err)
	}
	w.expiredForReal(unwatched)
	t.Logf("%d writes, %d of them lost, %d gaps:\n%s", n, len(missing), len(w.gaps()), listed(w.gaps()))
	w.intact()
}
