// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/live"
)

// TestWhatNothingCameOf is no change that nobody approved: the watch was there to show what
// persists, and shows nothing of it. Where it was not, and where it shows it after all, it is.
func TestWhatNothingCameOf(t *testing.T) {
	const told = "change-out-of-band: jane changed shop/Deployment/web in production, which nobody had approved"
	since := func(c *clock, ago time.Duration) live.State {
		return live.State{Synced: true, Watching: c.time().Add(-ago), Unlisted: map[string]string{}}
	}
	for name, test := range map[string]struct {
		watch func(*clock, *Agent) (live.State, bool)
		want  []string
	}{
		"it watches":          {func(c *clock, _ *Agent) (live.State, bool) { return since(c, 10*time.Minute), true }, nil},
		"another one watches": {func(*clock, *Agent) (live.State, bool) { return live.State{}, false }, []string{told}},
		"it began to watch":   {func(c *clock, _ *Agent) (live.State, bool) { return since(c, time.Minute), true }, []string{told}},
		"the watch is broken": {func(c *clock, _ *Agent) (live.State, bool) {
			s := since(c, 10*time.Minute)
			s.Broken = "closed"
			return s, true
		}, []string{told}},
		"it may not list them": {func(c *clock, _ *Agent) (live.State, bool) {
			s := since(c, 10*time.Minute)
			s.Unlisted["Deployment"] = "forbidden"
			return s, true
		}, []string{told}},
		"the watch was broken": {func(c *clock, a *Agent) (live.State, bool) {
			a.teller.breaks = []seaworthy.AgentGap{{Place: seaworthy.SeenByWatch, From: c.time().Add(-30 * time.Second), To: c.time().Add(-20 * time.Second)}}
			return since(c, 10*time.Minute), true
		}, []string{told}},
	} {
		t.Run(name, func(t *testing.T) {
			c := noon()
			a := testAgent(t, c, &people{})
			a.teller.see(workload(seaworthy.SeenByWebhook, "1", 5, 2, c.time()))
			c.forward(claimsTake)
			state, watches := test.watch(c, a)
			a.teller.judge(state, watches)
			if got := a.titles(); !slices.Equal(got, test.want) {
				t.Fatalf("told: %q, want %q", got, test.want)
			}
			for _, l := range a.teller.boxes["people"].letters {
				if !slices.ContainsFunc(l.Notice.Details, func(d seaworthy.NoticeDetail) bool { return d.Name == "What came of it" }) {
					t.Errorf("it is not said that nobody knows what came of it: %+v", l.Notice)
				}
			}
			// The watch shows it after all: then it is told as what it is, once.
			a.teller.see(workload(seaworthy.SeenByWatch, "5", 5, 2, c.time().Add(-claimsTake)))
			a.teller.judge(state, watches)
			a.teller.judge(state, watches)
			if got := a.titles(); !slices.Equal(got, []string{told}) {
				t.Errorf("told: %q, want %q", got, told)
			}
		})
	}
}

// TestTheBreaksOfTheWatch are known as they are told, each once.
func TestTheBreaksOfTheWatch(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	g := seaworthy.AgentGap{Place: seaworthy.SeenByWatch, From: c.time(), Reason: "closed"}
	a.gap(g)
	c.forward(time.Minute)
	g.To = c.time()
	a.gap(g)
	a.gap(seaworthy.AgentGap{Place: seaworthy.SeenByWebhook, From: c.time(), Reason: "nobody is asked"})
	if b := a.teller.breaks; len(b) != 1 || !b[0].To.Equal(c.time()) {
		t.Errorf("breaks: %+v", b)
	}
	c.forward(2 * window)
	g.From, g.To = c.time(), time.Time{}
	a.gap(g)
	if b := a.teller.breaks; len(b) != 1 || !b[0].From.Equal(c.time()) {
		t.Errorf("breaks: %+v", b)
	}
}
