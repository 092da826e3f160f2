// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The times of agents that are the server's business alone.
const (
	// lostAfter is how long an instance may be away with messages waiting.
	lostAfter = 10 * time.Minute
	// onItsWay is by how much a heartbeat may be late, and with it what it says of times.
	onItsWay = 10 * time.Second
	// forgetAfter is how long after its last sign of life an instance is remembered.
	forgetAfter = 90 * 24 * time.Hour
)

// Beat takes a heartbeat of an agent, with what it means for gaps: the silence of the
// cluster's agents ends, and between a watch and the next one lies a gap. It tells whether
// a whole report is wanted.
//
// A heartbeat counts from when it arrived, however long it then waits for others to write: what
// is silent is the agent, not the database.
func Beat(ctx context.Context, s *store.Store, who seaworthy.Principal, said seaworthy.Heartbeat) (report bool, err error) {
	arrived := s.Now()
	err = s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		b := &beat{tx: tx, at: earlier(arrived, tx.At), now: s.Now, source: who.Source, agent: auth.AgentID(who), said: said}
		if err := b.take(); err != nil {
			return err
		}
		report = !b.live.WantedAt.IsZero()
		return nil
	})
	return report, err
}

// beat is one heartbeat on its way into the store.
type beat struct {
	tx            *store.Tx
	at            time.Time // when it arrived
	now           func() time.Time
	source, agent string
	said          seaworthy.Heartbeat
	live          store.LiveSource
	open          []seaworthy.Gap
	before        *store.AgentInstance // what the instance said before; nil: nothing
}

func (b *beat) take() (err error) {
	if b.live, err = b.tx.LockLive(b.source); err != nil {
		return err
	}
	if b.open, err = b.tx.OpenGaps(b.source); err != nil {
		return err
	}
	if err := b.inTime(); err != nil {
		return err
	}
	if err := b.end(store.GapAgent, ever, b.at); err != nil {
		return err
	}
	switch before, err := b.tx.Instance(b.agent, b.said.Instance); {
	case err == nil:
		b.before = &before
	case !isNotFound(err):
		return err
	}
	if err := b.cameBack(); err != nil {
		return err
	}
	if err := b.named(); err != nil {
		return err
	}
	if b.said.Leader {
		if err := b.led(); err != nil {
			return err
		}
	}
	b.live.BeatAt = latest(b.live.BeatAt, b.at)
	if err := b.tx.PutLive(&b.live); err != nil {
		return err
	}
	return b.tx.PutInstance(&store.AgentInstance{AgentID: b.agent, SourceID: b.source, ReceivedAt: b.at, Beat: b.said})
}

// The bounds of what agents say of their own names.
const (
	maxOwn     = 20
	maxOwnName = 253
)

// named notes what the agent's own objects are called. A name counts for good: who takes an
// agent over does not get rid of it by another one.
func (b *beat) named() error {
	own := b.said.Own
	own.Namespace, own.Name, own.Identity = tidyText(own.Namespace), tidyText(own.Name), tidyText(own.Identity)
	if own.Namespace == "" || own.Name == "" || max(len(own.Namespace), len(own.Name), len(own.Identity)/3) > maxOwnName {
		return nil
	}
	agent, err := b.tx.Agent(b.agent)
	if err != nil || slices.Contains(agent.Own, own) || len(agent.Own) >= maxOwn {
		return err
	}
	if agent, err = b.tx.LockedAgent(b.agent); err != nil || slices.Contains(agent.Own, own) || len(agent.Own) >= maxOwn {
		return err
	}
	agent.Own = append(agent.Own, own)
	return b.tx.PutAgent(&agent)
}

// inTime says of the silences that a job found while this heartbeat waited, although it had come
// before there was one, that they were none.
func (b *beat) inTime() error {
	now := b.now() // a clock that was set back makes nothing come in time
	for i := range b.open {
		g := &b.open[i]
		ours := g.Kind == store.GapAgent || g.Kind == store.GapWatch && g.Reason == nobodyWatches && b.said.Leader && !b.said.Watching.IsZero()
		if !ours || b.at.Before(g.From) || b.at.Sub(g.From) > seaworthy.HeartbeatSilence || now.Sub(g.From) <= seaworthy.HeartbeatSilence {
			continue
		}
		g.To, g.Reason = g.From, g.Reason+"; a heartbeat had come in time, and was recorded later: nothing is missing"
		if err := b.tx.PutGap(g); err != nil {
			return err
		}
	}
	return nil
}

// ever is later than any gap begins, also by a clock that was set back since.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// end ends open gaps of a kind that began at or before a time.
func (b *beat) end(kind string, before, at time.Time) error {
	for i := range b.open {
		g := &b.open[i]
		if g.Kind != kind || !g.To.IsZero() || g.From.After(before) {
			continue
		}
		g.To = at
		if g.From.After(at) {
			g.To = g.From
		}
		if err := b.tx.PutGap(g); err != nil {
			return err
		}
	}
	return nil
}

// ours is a time of the agent's clock by ours, as far as the heartbeat tells.
func (b *beat) ours(t time.Time) time.Time {
	return earlier(t.Add(b.at.Sub(b.said.At)), b.at)
}

// led takes what the leader says: whether it watches, and which places work.
func (b *beat) led() error {
	for name, p := range b.said.Places {
		kind := places[name]
		if kind == "" || p.State != seaworthy.PlaceWorks || p.Since.IsZero() {
			continue
		}
		// What began before the place works again has ended, also if who knew of it is gone.
		since := b.ours(p.Since)
		if err := b.end(kind, since, since); err != nil {
			return err
		}
		// And what another replica began that is gone: this one has proven since that it works. Of
		// the watch there are gaps of single kinds, which its state does not tell.
		if proved := b.ours(p.Proved); !p.Proved.IsZero() && kind != store.GapWatch {
			if err := b.end(kind, proved.Add(-time.Nanosecond), proved); err != nil {
				return err
			}
		}
	}
	if b.said.Watching.IsZero() {
		return nil
	}
	return b.watched(b.ours(b.said.Watching))
}

// watched takes that the cluster is watched, since a time without a break.
func (b *beat) watched(since time.Time) error {
	defer func() { b.live.WatchedAt = latest(b.live.WatchedAt, b.at) }()
	if err := b.watchHeard(since); err != nil {
		return err
	}
	last := b.live.WatchedAt
	if last.IsZero() {
		enrolled, err := b.enrolledBefore()
		if err != nil {
			return err
		}
		last = enrolled
	}
	if last.IsZero() || !since.After(last) {
		return nil
	}
	if b.before != nil && b.before.Beat.Leader && b.before.Beat.Watching.Equal(b.said.Watching) {
		return nil // its clock was set back, and the watch held
	}
	known := slices.ContainsFunc(b.open, func(g seaworthy.Gap) bool { return g.Kind == store.GapWatch && !g.From.After(last.Add(time.Second)) })
	if err := b.end(store.GapWatch, since, since); err != nil || known {
		return err
	}
	return b.tx.PutGap(&seaworthy.Gap{
		ID: b.tx.NewID(), SourceID: b.source, Kind: store.GapWatch, From: last, To: since,
		Reason: "the agent began to watch anew: what was changed and undone in between was not seen by watching",
	})
}

// enrolledBefore is when the agent was enrolled by a process before the one that speaks, and
// zero where this one enrolled it: one that ended before it said that it watches may have
// watched, and nobody did after it.
func (b *beat) enrolledBefore() (time.Time, error) {
	agent, err := b.tx.Agent(b.agent)
	if err != nil || b.said.Started.IsZero() || b.ours(b.said.Started).Before(agent.EnrolledAt.Add(onItsWay)) {
		return time.Time{}, err
	}
	return agent.EnrolledAt, nil
}

// watchHeard ends what the server itself opened while it heard of nobody who watches.
func (b *beat) watchHeard(since time.Time) error {
	for i := range b.open {
		g := &b.open[i]
		if g.Kind != store.GapWatch || !g.To.IsZero() || g.Reason != nobodyWatches {
			continue
		}
		if g.To = latest(b.at, g.From); since.After(g.From) {
			g.To = since // else the watch held
		}
		if err := b.tx.PutGap(g); err != nil {
			return err
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// nobodyWatches is the reason of gaps that the server opens.
const nobodyWatches = "agents of the cluster are heard of, and none of them watches"

func isNotFound(err error) bool {
	var told *seaworthy.Error
	return errors.As(err, &told) && told.Kind == seaworthy.KindNotFound
}

// tidyText makes what others say a text that every database keeps.
func tidyText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// AgentSilences opens a gap for each cluster whose agents are silent, or do not watch, and
// for messages that did not come, and gives the gaps that it opened. It is called from
// time to time; once is enough for each silence.
func AgentSilences(ctx context.Context, s *store.Store) ([]seaworthy.Gap, error) {
	var opened []seaworthy.Gap
	err := s.Write(ctx, "system", func(tx *store.Tx) (err error) {
		m := &minding{tx: tx}
		if err := m.read(); err != nil {
			return err
		}
		for i := range m.sources {
			if err := m.mind(&m.sources[i]); err != nil {
				return err
			}
		}
		if err := m.lost(); err != nil {
			return err
		}
		opened = m.opened
		if err := tx.SweepAgentTokens(); err != nil {
			return err
		}
		return tx.ForgetInstances(tx.At.Add(-forgetAfter))
	})
	return opened, err
}

// minding looks after the agents of all clusters.
type minding struct {
	tx      *store.Tx
	sources []seaworthy.DeclaredSource
	live    map[string]store.LiveSource
	newest  map[string]time.Time // when the last agent of a source was enrolled
	valid   map[string]bool      // an agent of the source is not revoked
	open    map[string]map[string]seaworthy.Gap
	opened  []seaworthy.Gap
}

func (m *minding) read() (err error) {
	if m.sources, err = m.tx.Sources(); err != nil {
		return err
	}
	lives, err := m.tx.LiveSources()
	if err != nil {
		return err
	}
	m.live = map[string]store.LiveSource{}
	for _, v := range lives {
		m.live[v.SourceID] = v
	}
	agents, err := m.tx.Agents()
	if err != nil {
		return err
	}
	m.newest, m.valid = map[string]time.Time{}, map[string]bool{}
	for _, a := range agents { // oldest first
		m.newest[a.SourceID] = a.EnrolledAt
		m.valid[a.SourceID] = m.valid[a.SourceID] || a.RevokedAt.IsZero()
	}
	open, err := m.tx.OpenGaps("")
	m.open = map[string]map[string]seaworthy.Gap{}
	for _, g := range open {
		if m.open[g.SourceID] == nil {
			m.open[g.SourceID] = map[string]seaworthy.Gap{}
		}
		m.open[g.SourceID][g.Kind] = g
	}
	return err
}

// mind opens the gaps of one source, or ends those of one that was retired.
func (m *minding) mind(v *seaworthy.DeclaredSource) error {
	enrolled, has := m.newest[v.ID]
	switch {
	case !has:
		return nil
	case !v.RetiredAt.IsZero():
		return m.retire(v)
	}
	live := m.live[v.ID]
	if err := m.setBack(&live); err != nil {
		return err
	}
	if g := m.silence(v.ID, enrolled, &live); g == nil || m.lasts(g) {
		return nil
	}
	// A heartbeat that is being taken beside this is waited for: it may have come in time.
	live, err := m.tx.LockLive(v.ID)
	if err != nil {
		return err
	}
	if g := m.silence(v.ID, enrolled, &live); g != nil && !m.lasts(g) {
		return m.begin(g)
	}
	return nil
}

// silence is the gap of a source whose agents are silent or do not watch; nil where neither
// is so.
func (m *minding) silence(source string, enrolled time.Time, live *store.LiveSource) *seaworthy.Gap {
	heard, watched := enrolled, enrolled
	if live.BeatAt.After(heard) {
		heard = live.BeatAt
	}
	if !live.WatchedAt.IsZero() {
		watched = live.WatchedAt
	}
	switch {
	case m.tx.At.Sub(heard) > seaworthy.HeartbeatSilence:
		reason := "no agent of the cluster is heard of"
		if !m.valid[source] {
			reason = "every agent of the cluster was revoked, and no other one is heard of"
		}
		return &seaworthy.Gap{SourceID: source, Kind: store.GapAgent, From: heard, Reason: reason + unobserved}
	case m.tx.At.Sub(watched) > seaworthy.HeartbeatSilence:
		return &seaworthy.Gap{SourceID: source, Kind: store.GapWatch, From: watched, Reason: nobodyWatches}
	}
	return nil
}

// unobserved says what the silence of all agents means.
const unobserved = ": until one is, nothing is known of what the webhook, audit events and watching would have shown, unless an agent brings it later"

// setBack has the silence of agents be told in time although the server's clock was set back
// behind what it last noted.
func (m *minding) setBack(v *store.LiveSource) error {
	if limit := m.tx.At.Add(seaworthy.HeartbeatSilence); !v.BeatAt.After(limit) && !v.WatchedAt.After(limit) {
		return nil // servers beside this one are a little ahead, at most
	}
	locked, err := m.tx.LockLive(v.SourceID)
	if err != nil {
		return err
	}
	locked.BeatAt, locked.WatchedAt = earlier(locked.BeatAt, m.tx.At), earlier(locked.WatchedAt, m.tx.At)
	*v = locked
	return m.tx.PutLive(&locked)
}

// lasts tells whether a gap is on record that lasts, of the same source and kind.
func (m *minding) lasts(g *seaworthy.Gap) bool {
	_, lasts := m.open[g.SourceID][g.Kind]
	return lasts
}

func (m *minding) begin(g *seaworthy.Gap) error {
	g.ID = m.tx.NewID()
	m.opened = append(m.opened, *g)
	return m.tx.PutGap(g)
}

// retire ends what lasts: nothing is expected of the source any more.
func (m *minding) retire(v *seaworthy.DeclaredSource) error {
	for _, kind := range [...]string{store.GapAgent, store.GapWatch, store.GapWebhook, store.GapAudit} {
		g, lasts := m.open[v.ID][kind]
		if !lasts {
			continue
		}
		if g.To = v.RetiredAt; g.From.After(g.To) {
			g.To = g.From
		}
		if err := m.tx.PutGap(&g); err != nil {
			return err
		}
	}
	return nil
}
