// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// How a life stands at the end.
const (
	open = iota
	waived
	fixed
)

// life is what has become of a finding so far, and what is to come. Numbers of runs are
// those of its source.
type life struct {
	end, steps, first, step uint8 // step: between two steps, in runs
	done                    uint8 // steps
	now                     uint8 // open, waived or fixed
	changes, regressions    uint8
	opened, closed, latest  uint8 // runs
	caused                  seaworthy.Cause
	chunk                   int64
	n                       int
}

// run is one report of a source.
type run struct {
	id string
	at time.Time // when the server took it
}

// plan says what lives there are: of all findings the open ones are as many as asked for,
// a third as many are fixed, and one in fifty is waived.
func (c *company) plan() {
	total := c.open + c.open/50 + c.open/3
	span := max(1, (2*(c.events-total)+total-1)/total) // most steps after the first
	ends := make([]uint8, total)
	for i := range ends {
		switch {
		case (i+1)*c.open/total > i*c.open/total:
			ends[i] = open
		case (i+1)*16/17 > i*16/17:
			ends[i] = fixed
		default:
			ends[i] = waived
		}
	}
	weight := func(s int) int {
		if isCluster(s) {
			return 5
		}
		return 1
	}
	all, at := 0, 0
	for s := range sources {
		all += weight(s)
	}
	for s := range sources {
		c.runs[s] = c.reports(s)
		n := total * weight(s) / all
		if s == sources-1 {
			n = total - at
		}
		c.first[s], c.lives[s] = at, make([]life, n)
		for i := range n {
			c.lives[s][i] = c.live(s, i, ends[at+i], span)
		}
		at += n
	}
}

// reports are those of half a year: each day of a cluster, each week of a repository.
func (c *company) reports(s int) []run {
	var out []run
	for d := range days {
		if isCluster(s) || d%7 == s%7 {
			at := began.Add(time.Duration(d)*day + time.Hour + time.Duration(s)*20*time.Minute)
			out = append(out, run{store.NewID(at), at})
		}
	}
	return out
}

// live spreads the steps of a life over the reports of its source.
func (c *company) live(s, i int, end uint8, span int) life {
	h := mix(uint64(s)<<32|uint64(i), 1)
	last := len(c.runs[s]) - 1
	l := life{end: end, steps: uint8(min(1+int(h%uint64(span+1)), last))}
	if end != open {
		l.steps = max(l.steps, 2)
	}
	if h>>20%2 == 0 {
		l.first = uint8(h >> 24 % uint64(last/8+1))
	} else {
		l.first = uint8(h >> 24 % uint64(last))
	}
	l.first = uint8(max(0, min(int(l.first), last-int(l.steps)+1)))
	if l.steps > 1 {
		l.step = uint8((last - int(l.first)) / (int(l.steps) - 1))
	}
	return l
}

// next is the run in which the life goes on; 255: in none.
func (l *life) next() uint8 {
	if l.done == l.steps {
		return 255
	}
	return l.first + l.done*l.step
}

// advance takes the next step and says which it is. Between the first and the last, steps
// come in pairs: what is fixed comes back.
func (l *life) advance(id uint64) (kind string, cause seaworthy.Cause) {
	run := l.next()
	k := l.done
	l.done++
	l.latest = run
	last := k == l.steps-1
	k1 := k // in the pairs, from 1
	if odd := (l.steps-1)%2 == 1; odd == (l.end == open) {
		k1-- // one step has no other: it is the first after the opening
	}
	switch {
	case k == 0:
		l.opened, kind, cause = run, seaworthy.EventOpened, seaworthy.CauseObjectNew
	case last && l.end == fixed:
		l.now, l.closed, kind, cause = fixed, run, seaworthy.EventFixed, seaworthy.CauseObjectChanged
		if id%5 == 0 {
			cause = seaworthy.CauseObjectDeleted
		}
	case last && l.end == waived:
		l.now, kind, cause = waived, seaworthy.EventWaived, seaworthy.CauseWaiver
	case k1 == 0 || mix(id, uint64((k1-1)/2))%2 == 0:
		l.changes++
		return seaworthy.EventChanged, ""
	case k1%2 == 1:
		l.now, l.closed, kind, cause = fixed, run, seaworthy.EventFixed, seaworthy.CauseObjectChanged
	default:
		l.now, l.closed, l.opened, kind, cause = open, 0, run, seaworthy.EventRegressed, seaworthy.CauseObjectChanged
		l.regressions++
	}
	l.caused = cause
	return kind, cause
}

// tracked is a finding as its life has made it.
func (c *company) trackedFinding(s, n int) (f seaworthy.TrackedFinding, namespace, check int) {
	f, namespace, check = c.finding(s, n)
	l := &c.lives[s][n]
	f.Message = fmt.Sprintf("container %s: %s (revision %d)", f.Container, c.checks[check].Title, l.changes)
	f.Status = [...]seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived, seaworthy.FindingFixed}[l.now]
	f.Cause, f.FirstSeenAt, f.OpenedAt = l.caused, c.runs[s][l.first].at, c.runs[s][l.opened].at
	if l.now == fixed {
		f.ClosedAt = c.runs[s][l.closed].at
	}
	if l.now == waived {
		f.WaiverID = waiverID(s, check)
	}
	if due := seaworthy.DefaultSLA()[f.Severity]; due > 0 {
		f.DueAt = f.OpenedAt.Add(due)
	}
	f.Regressions, f.RunID = int(l.regressions), c.runs[s][l.latest].id
	if n%100 == 0 {
		f.Assignee = fmt.Sprintf("user-%02d", n/100%people)
	}
	return f, namespace, check
}

// chunk is a chunk of events with its root.
type chunk struct {
	id     int64
	root   string
	events []store.Event
}

// taken is what a report changed.
type taken struct {
	source, run             int
	chunks                  []chunk
	opened, fixed, regained int
	failed                  map[int]int // open findings by check, as changed by this report
}

// take lets every life of a source go on that goes on in a run.
func (c *company) take(s, r int, counts *counters) (taken, error) {
	t := taken{source: s, run: r, failed: map[int]int{}}
	at := c.runs[s][r]
	var events []store.Event
	flush := func() error {
		if len(events) == 0 {
			return nil
		}
		k := chunk{id: at.at.UnixMilli()<<21 | int64(len(t.chunks)), events: events}
		hashes := make([]tlog.Hash, len(events))
		for i := range events {
			events[i].Chunk = k.id
			var err error
			if hashes[i], err = events[i].Hash(); err != nil {
				return err
			}
		}
		root := tlog.RootOf(hashes)
		k.root = hex.EncodeToString(root[:])
		t.chunks, events = append(t.chunks, k), nil
		return nil
	}
	for n := range c.lives[s] {
		l := &c.lives[s][n]
		if l.next() != uint8(r) {
			continue
		}
		before, had := l.now, l.done > 0
		kind, cause := l.advance(uint64(s)<<32 | uint64(n))
		f, namespace, check := c.trackedFinding(s, n)
		state, err := store.FindingState(&f)
		if err != nil {
			return t, err
		}
		l.chunk, l.n = at.at.UnixMilli()<<21|int64(len(t.chunks)), len(events)
		events = append(events, store.Event{N: len(events), FindingEvent: seaworthy.FindingEvent{
			FindingID: f.ID, At: at.at, Kind: kind, Cause: cause, Actor: reporter, RunID: at.id, State: state,
		}})
		counts.move(place{s, namespace, check, f.Severity, before}, had, l.now, int(at.at.Sub(began)/day))
		t.note(kind, check)
		if len(events) == 1000 {
			if err := flush(); err != nil {
				return t, err
			}
		}
	}
	return t, flush()
}

func (t *taken) note(kind string, check int) {
	switch kind {
	case seaworthy.EventOpened:
		t.opened++
		t.failed[check]++
	case seaworthy.EventRegressed:
		t.regained++
		t.failed[check]++
	case seaworthy.EventFixed:
		t.fixed++
		t.failed[check]--
	}
}
