// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// lostGaps gives the gaps of instances that did not come back.
func (w *world) lostGaps(source string) (out []seaworthy.Gap) {
	for _, g := range w.gapsOf(source) {
		if g.Kind == store.GapMessages && strings.Contains(g.Reason, "has not come back") {
			out = append(out, g)
		}
	}
	return out
}

func (w *world) silences() {
	w.Helper()
	_, err := ingest.AgentSilences(w.Context(), w.store)
	w.must(err)
}

// TestAnInstanceGoesWithItsDisk: a pod that is killed may have seen what nobody will tell,
// also when nothing waited as it was last heard of; one that ends in good order has not. The
// one in its place bounds the time.
func TestAnInstanceGoesWithItsDisk(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		started := w.now
		a.deliver(a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(1)}))
		killed := seaworthy.Heartbeat{Replica: "agent-1", Started: started, Last: map[string]uint64{seaworthy.StreamChanges: 1}, Notices: 2}
		ended := seaworthy.Heartbeat{Instance: "i2", Replica: "agent-2", Started: started, Ended: true}
		a.beat(killed)
		a.beat(ended)
		last := w.now
		w.now = w.now.Add(40 * time.Second)
		replaced := w.now
		a.beat(seaworthy.Heartbeat{Instance: "i3", Replica: "agent-3", Started: replaced})
		w.silences()
		if gaps := w.lostGaps(cluster.ID); len(gaps) != 0 {
			t.Errorf("after 40 seconds: %+v", gaps)
		}
		w.now = w.now.Add(30 * time.Second)
		a.beat(seaworthy.Heartbeat{Instance: "i3", Replica: "agent-3", Started: replaced})
		w.silences()
		w.silences()
		gaps := w.lostGaps(cluster.ID)
		if len(gaps) != 1 || gaps[0].From.Sub(last).Abs() > time.Second || gaps[0].To.Sub(replaced).Abs() > time.Second ||
			!strings.Contains(gaps[0].Reason, "agent-1") || !strings.Contains(gaps[0].Reason, "2 notices") {
			t.Fatalf("gaps %+v, want one of agent-1 from %s to %s", gaps, last, replaced)
		}
		// It was not lost after all: the network was.
		a.beat(killed)
		if gaps = w.lostGaps(cluster.ID); len(gaps) != 1 || !gaps[0].To.Equal(gaps[0].From) || !strings.Contains(gaps[0].Reason, "came back") {
			t.Errorf("it came back: %+v", gaps)
		}
	})
}

// TestNobodyComesInItsPlace: an instance that is not replaced is given up after a while.
func TestNobodyComesInItsPlace(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		a.beat(seaworthy.Heartbeat{Instance: "i1", Replica: "agent-1", Started: w.now})
		last := w.now
		for range 10 {
			w.now = w.now.Add(59 * time.Second)
			a.beat(seaworthy.Heartbeat{Instance: "i2", Replica: "agent-2", Started: last.Add(-time.Hour)})
			w.silences()
		}
		if gaps := w.lostGaps(cluster.ID); len(gaps) != 0 {
			t.Errorf("after ten minutes: %+v", gaps)
		}
		w.now = w.now.Add(30 * time.Second)
		a.beat(seaworthy.Heartbeat{Instance: "i2", Replica: "agent-2", Started: last.Add(-time.Hour)})
		w.silences()
		if gaps := w.lostGaps(cluster.ID); len(gaps) != 1 || gaps[0].From.Sub(last).Abs() > time.Second || gaps[0].To.Sub(w.now).Abs() > time.Second {
			t.Errorf("gaps %+v, want one from %s to %s", gaps, last, w.now)
		}
	})
}

// TestAnotherReplicaEndsAGap that a leader told of which is gone, although the new leader
// itself never saw the place fail. A gap of one kind of the watch is not ended by it.
func TestAnotherReplicaEndsAGap(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		began, long := w.now.Add(-time.Minute), w.now.Add(-time.Hour)
		for _, place := range []string{seaworthy.SeenByAudit, seaworthy.SeenByWatch} {
			a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: place, From: began, Reason: "silent"}))
		}
		beat := func(proved time.Time) []seaworthy.Gap {
			p := seaworthy.Place{State: seaworthy.PlaceWorks, Since: long, Proved: proved}
			a.beat(seaworthy.Heartbeat{Instance: "i2", Leader: true, Watching: long, Places: map[string]seaworthy.Place{seaworthy.SeenByAudit: p, seaworthy.SeenByWatch: p}})
			return w.gapsOf(cluster.ID)
		}
		for _, g := range beat(began.Add(-time.Second)) {
			if !g.To.IsZero() {
				t.Errorf("what was proven before it began ends %+v", g)
			}
		}
		proved := w.now.Add(-5 * time.Second)
		for _, g := range beat(proved) {
			if want := g.Kind == store.GapAudit; g.To.IsZero() == want || want && g.To.Sub(proved).Abs() > time.Second {
				t.Errorf("the place works since an hour, as proven at %s: %+v", proved, g)
			}
		}
	})
}

// TestClocksOfAgentsAreSet an hour forward and back: a watch that held makes no gap, and a
// gap that ends before it begins is one all the same.
func TestClocksOfAgentsAreSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				cluster := w.declare("prod", "", "shop")
				a := w.enrolled(cluster.ID)
				watching, off := w.now.Add(-10*time.Minute), time.Duration(0)
				beat := func() {
					b := seaworthy.Heartbeat{Instance: "i1", Leader: true, Watching: watching, At: w.now.Add(off)}
					w.do(a.bearer(), "POST", "/api/v1/agent/heartbeat", b).want(200, nil)
				}
				beat()
				w.now = w.now.Add(15 * time.Second)
				off = jump
				beat()
				w.now = w.now.Add(15 * time.Second)
				beat()
				w.silences()
				if gaps := w.gapsOf(cluster.ID); len(gaps) != 0 {
					t.Errorf("the clock alone makes gaps: %+v", gaps)
				}
				began := w.now.Add(-time.Minute)
				a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: began, Reason: "silent"}))
				a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: began, To: began.Add(jump), Reason: "silent"}))
				gaps := w.gapsOf(cluster.ID)
				if len(gaps) != 1 || gaps[0].Kind != store.GapAudit || gaps[0].To.IsZero() || gaps[0].To.Before(gaps[0].From) || gaps[0].To.After(w.now) {
					t.Errorf("gaps: %+v", gaps)
				}
				if lasted := gaps[0].To.Sub(gaps[0].From); lasted < time.Minute-time.Second {
					t.Errorf("the gap lasted %s", lasted)
				}
			})
		})
	}
}

// TestTheClockOfTheServerIsSetBack: agents that fall silent are noticed in time, although
// the server heard of them at a time that is yet to come; and a silence ends at the next
// heartbeat, whatever the time.
func TestTheClockOfTheServerIsSetBack(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		w.now = w.now.Add(3 * time.Hour)
		a.beat(seaworthy.Heartbeat{Leader: true, Watching: w.now})
		w.now = w.now.Add(-time.Hour)
		w.silences()
		w.now = w.now.Add(61 * time.Second)
		w.silences()
		gaps := w.gapsOf(cluster.ID)
		if len(gaps) != 1 || gaps[0].Kind != store.GapAgent || !gaps[0].To.IsZero() {
			t.Fatalf("a minute after the clock was set back: %+v", gaps)
		}
		w.now = w.now.Add(-time.Hour)
		a.beat(seaworthy.Heartbeat{Leader: true, Watching: w.now})
		if gaps = w.gapsOf(cluster.ID); gaps[0].To.IsZero() || gaps[0].To.Before(gaps[0].From) {
			t.Errorf("after the next beat: %+v", gaps)
		}
	})
}

// TestTheSilenceOfAgentsSaysWhatItMeans for the trail: one gap stands for all places.
func TestTheSilenceOfAgentsSaysWhatItMeans(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		a.beat(seaworthy.Heartbeat{Leader: true, Watching: w.now})
		w.now = w.now.Add(2 * time.Minute)
		w.silences()
		gaps := w.gapsOf(cluster.ID)
		if len(gaps) != 1 {
			t.Fatalf("gaps: %+v", gaps)
		}
		for _, place := range []string{"webhook", "audit", "watching"} {
			if !strings.Contains(gaps[0].Reason, place) {
				t.Errorf("the gap does not say that nothing is known of %s: %s", place, gaps[0].Reason)
			}
		}
	})
}

// TestAnAgentEndsBeforeItSaysThatItWatches: the one that is started next says since when,
// and until then nobody knows of a watch; the agent's first process has nothing before it.
func TestAnAgentEndsBeforeItSaysThatItWatches(t *testing.T) {
	for _, before := range []bool{false, true} {
		t.Run(fmt.Sprint("a process before it: ", before), func(t *testing.T) {
			each(t, func(w *world) {
				cluster := w.declare("prod", "", "shop")
				started := w.now.Add(-time.Second)
				a := w.enrolled(cluster.ID)
				enrolled := w.now
				if before {
					a.beat(seaworthy.Heartbeat{Instance: "i1", Started: started})
					started = w.now.Add(20 * time.Second)
				}
				w.now = w.now.Add(30 * time.Second)
				a.beat(seaworthy.Heartbeat{Instance: "i2", Leader: true, Started: started, Watching: w.now})
				gaps := w.gapsOf(cluster.ID)
				if !before && len(gaps) != 0 || before && (len(gaps) != 1 || gaps[0].Kind != store.GapWatch ||
					gaps[0].From.Sub(enrolled).Abs() > time.Second || gaps[0].To.Sub(w.now).Abs() > time.Second) {
					t.Errorf("gaps: %+v", gaps)
				}
			})
		})
	}
}

// TestAgentsKnowMoreOfAGap: of one place and time there is one gap, that of which the agent
// tells, however late it comes.
func TestAgentsKnowMoreOfAGap(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		began, ended := w.now.Add(-time.Hour).Truncate(time.Microsecond), w.now.Add(-30*time.Minute).Truncate(time.Microsecond)
		w.must(w.store.Write(w.Context(), "system", func(tx *store.Tx) error {
			around := func(at time.Time) [2]time.Time {
				return [...]time.Time{at.Add(-5 * time.Second), at.Add(5 * time.Second)}
			}
			for _, of := range [][2]time.Time{
				around(began.Add(time.Second)), around(began.Add(10 * time.Minute)), around(ended.Add(10 * time.Minute)),
				{began.Add(-time.Hour), began.Add(time.Minute)}, {ended.Add(-time.Minute), ended.Add(time.Hour)},
				{began.Add(-2 * time.Hour), ended.Add(2 * time.Hour)},
			} {
				g := seaworthy.Gap{ID: tx.NewID(), SourceID: cluster.ID, Kind: store.GapWebhook, From: of[0], To: of[1], Reason: store.ReasonUnasked}
				if err := tx.PutGap(&g); err != nil {
					return err
				}
			}
			return nil
		}))
		said := seaworthy.AgentGap{Place: seaworthy.SeenByWebhook, From: began, Reason: "unreachable"}
		for _, said.To = range []time.Time{{}, ended} {
			a.deliver(a.message(seaworthy.MessageGap, said))
		}
		var lasted []string
		for _, g := range w.gapsOf(cluster.ID) {
			if g.To.After(g.From) {
				lasted = append(lasted, fmt.Sprintf("%s to %s", g.From.Sub(began), g.To.Sub(began)))
			}
		}
		slices.Sort(lasted)
		want := []string{"-1h0m0s to 0s", "-2h0m0s to 2h30m0s", "0s to 30m0s", "30m0s to 1h30m0s", "39m55s to 40m5s"}
		if !slices.Equal(lasted, want) {
			t.Errorf("gaps %q, want %q", lasted, want)
		}
	})
}
