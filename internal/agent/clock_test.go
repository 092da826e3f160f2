// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// placesAt is what knows of the places by a clock, and the gaps that it told of.
func placesAt(t *testing.T, c *clock, file string) (*places, *[]seaworthy.AgentGap) {
	t.Helper()
	var gaps []seaworthy.AgentGap
	p, err := openPlaces(file, c.moments(), func(g seaworthy.AgentGap) { gaps = append(gaps, g) })
	if err != nil {
		t.Fatal(err)
	}
	p.lead(true)
	return p, &gaps
}

// TestTheClockIsSet an hour forward and back, while everything works, while something does
// not, and between two runs: nothing falls silent by it, no gap ends before it begins, and
// each is as long as it lasted.
func TestTheClockIsSet(t *testing.T) {
	const audit = seaworthy.SeenByAudit
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			c, file := noon(), filepath.Join(t.TempDir(), "places.json")
			p, gaps := placesAt(t, c, file)
			p.works(audit)
			c.forward(30 * time.Second)
			c.set(jump)
			if quiet := p.quiet(audit); quiet != 30*time.Second {
				t.Errorf("while it works: quiet for %s, want 30s", quiet)
			}
			if got, want := p.proved(audit), c.time().Add(-30*time.Second); !got.Equal(want) {
				t.Errorf("it was proven at %s, want %s by the clock of now", got, want)
			}
			p.works(audit)
			if len(*gaps) != 0 {
				t.Errorf("the clock alone makes gaps: %+v", *gaps)
			}
			c.forward(20 * time.Second)
			p.fails(audit, "silent")
			began := c.time().Add(-20 * time.Second)
			c.forward(time.Minute)
			c.set(jump)
			c.forward(time.Minute)
			p.works(audit)
			if g := *gaps; len(g) != 2 || !g[1].From.Equal(began) || g[1].To.Sub(g[1].From) != 140*time.Second {
				t.Errorf("while it does not: gaps %+v, want one of 2m20s from %s", g, began)
			}
			c.set(jump)
			c.forward(time.Minute)
			p, gaps = placesAt(t, c, file)
			p.works(audit)
			if g := *gaps; len(g) != 1 || g[0].To.Before(g[0].From) || !g[0].To.Equal(c.time()) {
				t.Errorf("between two runs: gaps %+v", g)
			}
			p.fails(audit, "silent")
			c.set(jump)
			c.forward(time.Second)
			p, gaps = placesAt(t, c, file)
			p.works(audit)
			if g := *gaps; len(g) != 1 || g[0].To.Before(g[0].From) {
				t.Errorf("a gap over two runs: %+v", g)
			}
			if quiet := p.quiet(audit); quiet != 0 {
				t.Errorf("after it: quiet for %s", quiet)
			}
		})
	}
}

// TestNoticesWaitByNoClock has an agent that starts again after the clock was set back try
// what waits at once.
func TestNoticesWaitByNoClock(t *testing.T) {
	c, down := noon(), &people{fail: errors.New("nobody takes it")}
	a := testAgent(t, c, down)
	a.teller.ownConfiguration("somebody touched it")
	b := a.teller.boxes["people"]
	b.try(t.Context(), b.next())
	if b.next() != nil {
		t.Fatal("it is tried again at once")
	}
	c.set(-time.Hour)
	again, err := openOutbox(a.teller, "people", down, b.dir)
	if err != nil || again.next() == nil {
		left, _ := os.ReadDir(b.dir)
		t.Errorf("after a restart nothing is tried for an hour: %v, %d waiting", err, len(left))
	}
	var _ notify.Sender = down
}

// TestReplicasTellEachOtherOfAuditEvents has all events come to one replica, as an API
// server does that keeps its connection: the other one takes no silence for a gap, not when
// it leads either, until there is one.
func TestReplicasTellEachOtherOfAuditEvents(t *testing.T) {
	c := noon()
	replica := func(name string) (*Agent, *election, *[]seaworthy.AgentGap) {
		a := testAgent(t, c, &people{})
		a.cfg.Replica, a.cfg.AuditToken = name, "a token"
		p, gaps := placesAt(t, c, filepath.Join(t.TempDir(), "places.json"))
		a.places = p
		return a, &election{a: a}, gaps
	}
	taker, one, _ := replica("one")
	other, two, gaps := replica("two")
	taker.places.lead(false)
	lease := &coordinationv1.Lease{}
	round := func(events bool, rounds int) {
		for range rounds {
			c.forward(leaseEvery)
			if events {
				taker.audited.Store(int64(c.elapsed()))
				taker.places.works(seaworthy.SeenByAudit)
			}
			one.hear(lease)
			one.speak(lease)
			two.hear(lease)
			two.speak(lease)
			if other.places.quiet(seaworthy.SeenByAudit) > auditSilence {
				other.places.fails(seaworthy.SeenByAudit, "silent")
			}
		}
	}
	round(true, 100)
	if got := other.places.state(seaworthy.SeenByAudit); got != seaworthy.PlaceWorks || len(*gaps) != 0 {
		t.Errorf("events come to another replica: the stream %s, gaps %+v", got, *gaps)
	}
	last := c.time()
	round(false, 40)
	if g := *gaps; len(g) != 1 || !g[0].To.IsZero() || g[0].From.After(last) || last.Sub(g[0].From) > 30*time.Second {
		t.Errorf("no event for two minutes: gaps %+v, want one from just before %s", g, last)
	}
	round(true, 2)
	if g := *gaps; len(g) != 2 || g[1].To.IsZero() {
		t.Errorf("events again: gaps %+v", g)
	}
	// What an earlier replica wrote and nobody renews proves nothing.
	c.forward(time.Hour)
	newcomer, three, _ := replica("three")
	three.hear(lease)
	if newcomer.places.state(seaworthy.SeenByAudit) == seaworthy.PlaceWorks {
		t.Error("what is old on the Lease is taken for news")
	}
}
