// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// places knows how it stands with each place from which changes are seen, since when, and
// until when it surely saw everything. What it knows outlives a restart, so that the time
// in between is a gap too.
//
// How long something lasted is measured by a clock that nobody sets; what is told is by the
// wall's clock as it is when it is told. A step of the wall's clock makes no silence, and no
// gap that ends before it begins.
//
// Every replica finds out by itself whether the webhook works; that audit events come,
// replicas tell each other, since each event reaches one of them. Only the leader says where
// something may have gone unseen; whoever said it also says the end.
type places struct {
	file string
	time moments
	tell func(seaworthy.AgentGap)

	mu     sync.Mutex
	leader bool
	at     map[string]*place
	wrote  time.Duration
}

// place is one of them. Durations are moments of the clock that nobody sets.
type place struct {
	seaworthy.Place
	// Gap is the one that lasts.
	Gap *seaworthy.AgentGap `json:"gap,omitempty"`

	since  time.Duration  // of the state
	proved *time.Duration // nil: not by this process; then Proved is what an earlier one wrote
	began  *time.Duration // of Gap; nil: an earlier process told of it
	// away is the last time in which it did not work.
	away [2]time.Time
}

// moments are the two clocks: the wall's, and one that nobody sets.
type moments struct {
	now     func() time.Time
	elapsed func() time.Duration
}

// wall is a moment of the clock that nobody sets, by the wall's as it is now.
func (m moments) wall(at time.Duration) time.Time { return m.now().UTC().Add(at - m.elapsed()) }

func openPlaces(file string, m moments, tell func(seaworthy.AgentGap)) (*places, error) {
	p := &places{file: file, time: m, tell: tell, at: map[string]*place{}}
	text, err := os.ReadFile(file)
	if err == nil && json.Unmarshal(text, &p.at) != nil {
		p.at = map[string]*place{} // as if nothing was known
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read how it stood with the places: %w", err)
	}
	for _, name := range []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch} {
		if p.at[name] == nil {
			p.at[name] = &place{}
		}
		x := p.at[name]
		x.State, x.since, x.Reason = seaworthy.PlaceBroken, m.elapsed(), "not proven yet since the agent started"
	}
	return p, nil
}

// notObserved says that a place cannot be had, or that nobody set it up.
func (p *places) notObserved(name, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(name, seaworthy.PlaceNotObserved, reason)
}

func (p *places) set(name, state, reason string) {
	x := p.at[name]
	if x.State != state {
		x.State, x.since = state, p.time.elapsed()
	}
	x.Reason = reason
}

// provedAt is until when a place surely saw everything; zero: it never did.
func (p *places) provedAt(x *place) time.Time {
	if x.proved != nil {
		return p.time.wall(*x.proved)
	}
	if now := p.time.now().UTC(); x.Proved.After(now) { // the clock was set back between two runs
		return now
	}
	return x.Proved
}

// works says that a place surely sees everything now. A gap ends, and what lies between
// two runs of the agent becomes one.
func (p *places) works(name string) { p.proven(name, 0) }

// heard says that another replica proved that a place works, some time ago at most.
func (p *places) heard(name string, ago time.Duration) { p.proven(name, ago) }

func (p *places) proven(name string, ago time.Duration) {
	p.mu.Lock()
	x, now, at := p.at[name], p.time.now().UTC(), p.time.elapsed()-ago
	was, last := x.State, p.provedAt(x)
	gap := p.over(x, now)
	if gap == nil && was != seaworthy.PlaceWorks && p.leader && !last.IsZero() {
		gap = &seaworthy.AgentGap{Place: name, From: last, To: now, Reason: "the agent was not there: " + x.Reason}
	}
	if was != seaworthy.PlaceWorks {
		x.away = [2]time.Time{last, now}
	}
	p.set(name, seaworthy.PlaceWorks, "")
	if x.proved == nil || at > *x.proved {
		x.proved = &at
	}
	if was != seaworthy.PlaceWorks || gap != nil || p.time.elapsed()-p.wrote > 5*time.Second {
		p.write()
	}
	p.mu.Unlock()
	if gap != nil {
		p.tell(*gap)
	}
}

// over ends the gap that lasts, if one does: it lasted as long as it did, whatever the
// wall's clock says now.
func (p *places) over(x *place, now time.Time) *seaworthy.AgentGap {
	gap := x.Gap
	if gap == nil {
		return nil
	}
	switch {
	case x.began != nil:
		gap.To = gap.From.Add(p.time.elapsed() - *x.began)
	case now.Before(gap.From):
		gap.To, gap.Reason = gap.From, gap.Reason+"; how long it lasted is not known, since the clock was set back"
	default:
		gap.To = now
	}
	x.Gap, x.began = nil, nil
	return gap
}

// fails says that a place may not see everything: since it was last proven that it does.
func (p *places) fails(name, reason string) {
	p.mu.Lock()
	p.set(name, seaworthy.PlaceBroken, reason)
	gap := p.begin(name)
	p.mu.Unlock()
	if gap != nil {
		p.tell(*gap)
	}
}

// missed says that a place did not see everything for a while that is over, and not in a gap
// that was told of.
func (p *places) missed(name string, from, to time.Duration, reason string) {
	p.mu.Lock()
	gap := seaworthy.AgentGap{Place: name, From: p.time.wall(from), To: p.time.wall(to), Reason: reason}
	tells := p.leader && p.at[name].Gap == nil
	p.mu.Unlock()
	if tells {
		p.tell(gap)
	}
}

// caused is fails where it is known what somebody did. A gap that lasts may have begun before
// that was found: it is told again, with the reason.
func (p *places) caused(name, reason string) {
	p.mu.Lock()
	p.set(name, seaworthy.PlaceBroken, reason)
	gap := p.begin(name)
	if x := p.at[name]; gap == nil && p.leader && x.Gap != nil && x.Gap.Reason != reason {
		x.Gap.Reason = reason
		p.write()
		with := *x.Gap
		gap = &with
	}
	p.mu.Unlock()
	if gap != nil {
		p.tell(*gap)
	}
}

// seen and unproven are works and fails for the watch, whose gaps are told by who watches.
func (p *places) seen(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.time.elapsed()
	p.set(name, seaworthy.PlaceWorks, "")
	p.at[name].proved = &at
}

func (p *places) unproven(name, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(name, seaworthy.PlaceBroken, reason)
}

// begin begins a gap where there is something to tell and this replica is the one to tell it.
func (p *places) begin(name string) *seaworthy.AgentGap {
	x := p.at[name]
	if !p.leader || x.Gap != nil || x.State != seaworthy.PlaceBroken {
		return nil
	}
	from := p.provedAt(x)
	if from.IsZero() { // it never worked: it is being set up, and then it should
		if p.time.elapsed()-x.since < time.Minute {
			return nil
		}
		from = p.time.wall(x.since)
	}
	began := p.time.elapsed() - p.time.now().Sub(from)
	x.Gap, x.began = &seaworthy.AgentGap{Place: name, From: from, Reason: x.Reason}, &began
	p.write()
	gap := *x.Gap
	return &gap
}

// lead has this replica say where something may have gone unseen, or not any more.
func (p *places) lead(leader bool) {
	p.mu.Lock()
	p.leader = leader
	p.mu.Unlock()
}

// latest notes when a place last saw something.
func (p *places) latest(name string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.at[name]; x != nil && at.After(x.Latest) {
		x.Latest = at.UTC()
	}
}

// away tells whether a place is known not to have worked at a moment.
func (p *places) away(name string, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.at[name]
	if x.State == seaworthy.PlaceBroken {
		return !at.Before(p.provedAt(x))
	}
	return x.State == seaworthy.PlaceWorks && !at.Before(x.away[0]) && !at.After(x.away[1])
}

// proved is until when a place surely saw everything.
func (p *places) proved(name string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.provedAt(p.at[name])
}

// quiet is for how long, since this process began to look, nothing has proven that a place
// works.
func (p *places) quiet(name string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.at[name]; x.proved != nil {
		return p.time.elapsed() - *x.proved
	}
	return p.time.elapsed()
}

// state tells how it stands with a place.
func (p *places) state(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[name].State
}

// all is for heartbeats.
func (p *places) all() map[string]seaworthy.Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]seaworthy.Place{}
	for name, x := range p.at {
		v := x.Place
		v.Since, v.Proved = p.time.wall(x.since), p.provedAt(x)
		out[name] = v
	}
	return out
}

// write keeps what is known. What cannot be written is only known less precisely after a
// restart: the gap is longer then.
func (p *places) write() {
	p.wrote = p.time.elapsed()
	for _, x := range p.at {
		x.Proved = p.provedAt(x)
	}
	text, err := json.Marshal(p.at)
	if err != nil {
		return
	}
	part := p.file + ".part"
	if os.WriteFile(part, text, 0o600) == nil {
		_ = os.Rename(part, p.file)
	}
}
