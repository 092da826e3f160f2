// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/seaworthy-dev/seaworthy"
)

// stream is an audit stream that a test makes up: canaries every five seconds, their events
// half a minute later, to one replica or another, or lost.
type stream struct {
	t     *testing.T
	c     *clock
	a     *Agent
	gaps  *[]seaworthy.AgentGap
	due   map[time.Duration][]func()
	n     int
	delay time.Duration
}

func newStream(t *testing.T, c *clock, name string) *stream {
	t.Helper()
	a := testAgent(t, c, &people{})
	a.cfg.Replica, a.cfg.AuditToken = name, "a token"
	p, gaps := placesAt(t, c, filepath.Join(t.TempDir(), "places.json"))
	a.places = p
	return &stream{t: t, c: c, a: a, gaps: gaps, due: map[time.Duration][]func(){}, delay: 30 * time.Second}
}

// event is an audit event of a canary, or of anything else.
func (s *stream) event(to *Agent, id string) {
	s.t.Helper()
	text := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":%q,"stage":"ResponseComplete","verb":"update","requestURI":"/api/v1/namespaces/seaworthy/configmaps/x?dryRun=All",
		"objectRef":{"resource":"configmaps","namespace":"seaworthy","name":"x","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-03-02T09:30:00Z"}`, id)
	if err := to.events([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// tick sends a canary, whose event goes to a replica, or is lost where there is none, and
// lets five seconds go by.
func (s *stream) tick(to *Agent) {
	s.t.Helper()
	s.n++
	id := fmt.Sprintf("%s%d", s.a.cfg.Replica, s.n)
	s.a.canaries.send(id, s.c.elapsed())
	s.a.canaries.sent(id, true, s.c.elapsed())
	if to != nil {
		at := s.c.elapsed() + s.delay
		s.due[at] = append(s.due[at], func() { s.event(to, canaryMark+id) })
	}
	s.c.forward(5 * time.Second)
	for _, f := range s.due[s.c.elapsed()] {
		f()
	}
	s.a.judgeAudit()
}

// TestLostCanaries: events are lost for a while that is too short to be silence, and others
// come on all the time: the gap is from the last canary that came to the next.
func TestLostCanaries(t *testing.T) {
	c := noon()
	s := newStream(t, c, "one")
	for range 40 {
		s.tick(s.a)
	}
	from := c.time().Add(-5 * time.Second)
	for range 5 {
		s.tick(nil)
		s.event(s.a, "somebody's")
	}
	to := c.time()
	for range 40 {
		s.tick(s.a)
	}
	if g := *s.gaps; len(g) != 1 || !g[0].From.Equal(from) || !g[0].To.Equal(to) || g[0].Place != seaworthy.SeenByAudit {
		t.Fatalf("gaps %+v, want one from %s to %s", g, from, to)
	}
	if got := s.a.places.state(seaworthy.SeenByAudit); got != seaworthy.PlaceWorks {
		t.Errorf("the stream %s", got)
	}
}

// TestCanariesFallSilent: other events prove nothing where canaries are logged. It is one gap
// until they come again, however many were lost.
func TestCanariesFallSilent(t *testing.T) {
	c := noon()
	s := newStream(t, c, "one")
	for range 40 {
		s.tick(s.a)
	}
	from := c.time().Add(-5 * time.Second)
	for range 60 {
		s.tick(nil)
		s.event(s.a, "somebody's")
	}
	if g := *s.gaps; len(g) != 1 || !g[0].From.Equal(from) || !g[0].To.IsZero() {
		t.Fatalf("gaps %+v, want one that lasts from %s", g, from)
	}
	for range 60 {
		s.tick(s.a)
	}
	if g := *s.gaps; len(g) != 2 || !g[1].From.Equal(from) || g[1].To.IsZero() {
		t.Errorf("gaps %+v, want the one ended", g)
	}
}

// TestCanariesThatNobodyLogs: with an audit policy that leaves them out, and while the API
// server answers none, any event proves that the stream goes on.
func TestCanariesThatNobodyLogs(t *testing.T) {
	c := noon()
	s := newStream(t, c, "one")
	for range 60 {
		s.tick(nil)
		s.event(s.a, "somebody's")
	}
	if len(*s.gaps) != 0 {
		t.Fatalf("they are left out of the log: %+v", *s.gaps)
	}
	for range 10 {
		s.tick(s.a)
	}
	for range 20 { // what was sent comes, and then nothing is answered any more
		c.forward(5 * time.Second)
		for _, f := range s.due[c.elapsed()] {
			f()
		}
		s.event(s.a, "somebody's")
		s.a.judgeAudit()
	}
	for range 30 {
		id := fmt.Sprint("refused-", c.elapsed())
		s.a.canaries.send(id, c.elapsed())
		s.a.canaries.sent(id, false, c.elapsed())
		c.forward(5 * time.Second)
		s.event(s.a, "somebody's")
		s.a.judgeAudit()
	}
	if len(*s.gaps) != 0 {
		t.Errorf("none is answered: %+v", *s.gaps)
	}
}

// TestCanariesOfReplicas: the events of the leader's come to the other replica, which tells
// of them on the Lease; what came to nobody is lost all the same.
func TestCanariesOfReplicas(t *testing.T) {
	c := noon()
	leader, other := newStream(t, c, "one"), newStream(t, c, "two")
	other.a.places.lead(false)
	one, two, lease := &election{a: leader.a}, &election{a: other.a}, &coordinationv1.Lease{}
	round := func(to *Agent, rounds int) {
		for range rounds {
			leader.tick(to)
			one.hear(lease)
			one.speak(lease)
			two.hear(lease)
			two.speak(lease)
		}
	}
	for range 6 {
		round(leader.a, 7)
		round(other.a, 11)
	}
	if len(*leader.gaps) != 0 {
		t.Fatalf("each came to one of them: %+v", *leader.gaps)
	}
	if n := len(lease.Annotations[auditNote]); n > 2000 {
		t.Errorf("the note on the Lease has %d bytes", n)
	}
	round(nil, 4)
	round(other.a, 40)
	if g := *leader.gaps; len(g) != 1 || g[0].To.Sub(g[0].From) != 25*time.Second || len(*other.gaps) != 0 {
		t.Errorf("gaps %+v, want one of 25s; of the other %+v", g, *other.gaps)
	}
}
