// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// places knows how it stands with each place from which changes are seen, since when, and
// until when it surely saw everything. What it knows outlives a restart, so that the time
// in between is a gap too.
//
// Every replica finds out by itself whether the webhook and the audit stream work. Only the
// leader says where something may have gone unseen; whoever said it also says the end.
type places struct {
	file string
	now  func() time.Time
	tell func(seaworthy.AgentGap)

	mu     sync.Mutex
	leader bool
	at     map[string]*place
	wrote  time.Time
}

// place is one of them.
type place struct {
	seaworthy.Place
	// Proved is until when it surely saw everything; zero: it never did.
	Proved time.Time `json:"proved,omitzero"`
	// Gap is the one that lasts.
	Gap *seaworthy.AgentGap `json:"gap,omitempty"`
	// away is the last time in which it did not work.
	away [2]time.Time
}

func openPlaces(file string, now func() time.Time, tell func(seaworthy.AgentGap)) (*places, error) {
	p := &places{file: file, now: now, tell: tell, at: map[string]*place{}}
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
		x.State, x.Since, x.Reason = seaworthy.PlaceBroken, now().UTC(), "not proven yet since the agent started"
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
		x.State, x.Since = state, p.now().UTC()
	}
	x.Reason = reason
}

// works says that a place surely sees everything now. A gap ends, and what lies between
// two runs of the agent becomes one.
func (p *places) works(name string) {
	p.mu.Lock()
	x, now := p.at[name], p.now().UTC()
	var gap *seaworthy.AgentGap
	if x.Gap != nil {
		x.Gap.To = now
		gap, x.Gap = x.Gap, nil
	} else if x.State != seaworthy.PlaceWorks && p.leader && !x.Proved.IsZero() {
		gap = &seaworthy.AgentGap{Place: name, From: x.Proved, To: now, Reason: "the agent was not there: " + x.Reason}
	}
	was := x.State
	if was != seaworthy.PlaceWorks {
		x.away = [2]time.Time{x.Proved, now}
	}
	p.set(name, seaworthy.PlaceWorks, "")
	x.Proved = now
	if was != seaworthy.PlaceWorks || gap != nil || now.Sub(p.wrote).Abs() > 5*time.Second {
		p.write(now)
	}
	p.mu.Unlock()
	if gap != nil {
		p.tell(*gap)
	}
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

// seen and unproven are works and fails for the watch, whose gaps are told by who watches.
func (p *places) seen(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(name, seaworthy.PlaceWorks, "")
	p.at[name].Proved = p.now().UTC()
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
	from := x.Proved
	if from.IsZero() { // it never worked: it is being set up, and then it should
		if p.now().Sub(x.Since) < time.Minute {
			return nil
		}
		from = x.Since
	}
	x.Gap = &seaworthy.AgentGap{Place: name, From: from, Reason: x.Reason}
	p.write(p.now().UTC())
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
		return !at.Before(x.Proved)
	}
	return x.State == seaworthy.PlaceWorks && !at.Before(x.away[0]) && !at.After(x.away[1])
}

// proved is until when a place surely saw everything.
func (p *places) proved(name string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[name].Proved
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
	for name, x := range maps.All(p.at) {
		out[name] = x.Place
	}
	return out
}

// write keeps what is known. What cannot be written is only known less precisely after a
// restart: the gap is longer then.
func (p *places) write(now time.Time) {
	p.wrote = now
	text, err := json.Marshal(p.at)
	if err != nil {
		return
	}
	part := p.file + ".part"
	if os.WriteFile(part, text, 0o600) == nil {
		_ = os.Rename(part, p.file)
	}
}
