// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// maxHoles bounds how many holes of a stream may still be filled; what is missing in older
// ones stays missing.
const maxHoles = 100

// Messages are messages of one stream of one instance, in the order of their numbers.
type Messages []seaworthy.AgentMessage

// Pending leaves out messages that were taken before.
func Pending(ctx context.Context, s *store.Store, agent string, m Messages) (Messages, error) {
	streams, err := s.AgentStreams(ctx, agent)
	if err != nil || len(m) == 0 {
		return m, err
	}
	for _, v := range streams {
		if v.Instance == m[0].Instance && v.Stream == m[0].Stream {
			return slices.DeleteFunc(slices.Clone(m), func(m seaworthy.AgentMessage) bool { return !awaited(&v, m.Sequence) }), nil
		}
	}
	return m, nil
}

// awaited tells whether a message was not taken and still may be.
func awaited(v *store.AgentStream, n uint64) bool {
	return n > v.Taken || slices.ContainsFunc(v.Holes, func(h store.Hole) bool { return h.From <= n && n <= h.To })
}

// Acknowledge notes that messages of the stream of changes were taken, with the gaps that
// they tell of, and gives the number up to which they were. unreadable says why some, by
// number, could not be taken: they are skipped, and that is on record.
func Acknowledge(ctx context.Context, s *store.Store, who seaworthy.Principal, m Messages, unreadable map[uint64]error) (taken uint64, err error) {
	err = s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		v, err := tx.LockStream(auth.AgentID(who), m[0].Instance, m[0].Stream)
		if err != nil {
			return err
		}
		f := &following{tx: tx, source: who.Source, stream: &v}
		for i := range m {
			if err := f.one(&m[i], unreadable[m[i].Sequence]); err != nil {
				return err
			}
		}
		taken = v.Taken
		return f.end()
	})
	return taken, err
}

// following goes along a stream.
type following struct {
	tx      *store.Tx
	source  string
	stream  *store.AgentStream
	strict  bool // what comes too late is of no use: findings
	holes   bool // some were left open
	changed bool
}

// one takes the next message of the stream of changes, whose content was taken.
func (f *following) one(m *seaworthy.AgentMessage, unreadable error) error {
	fresh, err := f.next(m)
	if err != nil || !fresh {
		return err
	}
	if m.Kind == seaworthy.MessageGap && unreadable == nil {
		unreadable = f.gap(m)
		var told *seaworthy.Error
		if unreadable != nil && !errors.As(unreadable, &told) {
			return unreadable
		}
	}
	if unreadable == nil {
		return nil
	}
	return f.unreadable(m, unreadable)
}

// unreadable puts on record that a message was skipped.
func (f *following) unreadable(m *seaworthy.AgentMessage, why error) error {
	at := earlier(m.At, f.tx.At)
	return f.tx.PutGap(&seaworthy.Gap{
		ID: f.tx.NewID(), SourceID: f.source, Kind: store.GapMessages, From: at, To: at,
		Reason: fmt.Sprintf("message %d (%.40s) of the agent could not be read and was left out: %s", m.Sequence, m.Kind, why),
	})
}

// next notes a message, and tells whether it was not taken before.
func (f *following) next(m *seaworthy.AgentMessage) (fresh bool, err error) {
	v := f.stream
	if !awaited(v, m.Sequence) {
		return false, nil
	}
	f.changed = true
	if m.Sequence <= v.Taken {
		return !f.strict, f.fill(m.Sequence)
	}
	at := earlier(m.At, f.tx.At)
	if m.Sequence > v.Taken+1 {
		if err := f.hole(v.Taken+1, m.Sequence-1, at); err != nil {
			return false, err
		}
	}
	v.Taken, v.TakenAt = m.Sequence, f.tx.At
	if at.After(v.MessageAt) {
		v.MessageAt = at
	}
	return true, nil
}

// hole puts on record that messages did not come. Those of the change trail may come yet.
func (f *following) hole(from, to uint64, until time.Time) error {
	f.holes = true
	since := f.stream.MessageAt
	if since.IsZero() {
		agent, err := f.tx.Agent(f.stream.AgentID)
		if err != nil {
			return err
		}
		since = agent.EnrolledAt
	}
	if since.After(until) {
		since = until
	}
	g := seaworthy.Gap{ID: f.tx.NewID(), SourceID: f.source, Kind: store.GapMessages, From: since, To: until, Reason: missing(f.stream.Stream, from, to)}
	if !f.strict {
		f.stream.Holes = append(f.stream.Holes, store.Hole{From: from, To: to, Gap: g.ID})
		if n := len(f.stream.Holes) - maxHoles; n > 0 {
			f.stream.Holes = f.stream.Holes[n:]
		}
	}
	return f.tx.PutGap(&g)
}

func missing(stream string, from, to uint64) string {
	if from == to {
		return fmt.Sprintf("message %d of the agent about %s did not arrive", from, stream)
	}
	return fmt.Sprintf("messages %d to %d of the agent about %s did not arrive", from, to, stream)
}

// fill takes one message out of the hole that it is in. A hole that is filled was none: its
// gap stays on record, as one that lasted no time.
func (f *following) fill(n uint64) error {
	i := slices.IndexFunc(f.stream.Holes, func(h store.Hole) bool { return h.From <= n && n <= h.To })
	h := f.stream.Holes[i]
	var rest []store.Hole
	if h.From < n {
		rest = append(rest, store.Hole{From: h.From, To: n - 1, Gap: h.Gap})
	}
	if n < h.To {
		rest = append(rest, store.Hole{From: n + 1, To: h.To, Gap: h.Gap})
	}
	f.stream.Holes = slices.Replace(f.stream.Holes, i, i+1, rest...)
	if slices.ContainsFunc(f.stream.Holes, func(o store.Hole) bool { return o.Gap == h.Gap }) {
		return nil
	}
	g, err := f.tx.Gap(h.Gap)
	if err != nil {
		return err
	}
	g.To, g.Reason = g.From, g.Reason+" in their order, and came later: nothing is missing"
	return f.tx.PutGap(&g)
}

func (f *following) end() error {
	if !f.changed {
		return nil
	}
	return f.tx.PutStream(f.stream)
}

// places are the kinds of gap of the places from which changes are seen.
var places = map[string]string{
	seaworthy.SeenByWebhook: store.GapWebhook, seaworthy.SeenByAudit: store.GapAudit, seaworthy.SeenByWatch: store.GapWatch,
}

// maxReason bounds what an agent says of a gap.
const maxReason = 2000

// gap takes what an agent says of a gap of its own. Another message with the same start
// ends it; one that ended never begins again.
func (f *following) gap(m *seaworthy.AgentMessage) error {
	var said seaworthy.AgentGap
	if err := json.Unmarshal(m.Body, &said); err != nil {
		return seaworthy.Invalid("it is no gap: %v", err)
	}
	kind, known := places[said.Place]
	switch {
	case !known:
		return seaworthy.Invalid("there is no place %.60q", said.Place)
	case said.From.IsZero():
		return seaworthy.Invalid("the gap does not say when it begins")
	}
	id := said.From
	if !said.To.IsZero() && said.To.Before(said.From) {
		said.From, said.To = said.To, said.From
		said.Reason += "; the agent's clock was set back meanwhile"
	}
	if len(said.Reason) > maxReason {
		said.Reason = said.Reason[:maxReason]
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", f.stream.AgentID, said.Place, id.UnixMicro()))
	g := seaworthy.Gap{
		ID: hex.EncodeToString(sum[:12]), SourceID: f.source, Kind: kind, From: earlier(said.From, f.tx.At), Reason: tidyText(said.Reason),
	}
	if !said.To.IsZero() {
		g.To = earlier(said.To, f.tx.At)
	}
	old, err := f.tx.Gap(g.ID)
	if err == nil && (!old.To.IsZero() || g.To.IsZero() && g.Reason == old.Reason) {
		return nil
	}
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("read a gap: %w", err)
	}
	if err := f.tx.PutGap(&g); err != nil {
		return err
	}
	return f.covers(&g)
}

// besides is by how much a gap that the server found around a change may reach beyond the one
// of which an agent tells: the server knows the time of the change alone.
const besides = 10 * time.Second

// covers has the gaps end that the server found in a time of which the agent knows more, once
// it is over: of one place and time there is one gap. They stay on record, as ones that lasted
// no time, or for as long as they reach beyond; one that reaches beyond on both sides stays as it is.
func (f *following) covers(g *seaworthy.Gap) error {
	if g.Kind != store.GapWebhook || g.To.IsZero() {
		return nil
	}
	list, err := f.tx.GapsDuring(f.source, g.Kind, g.From, g.To)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.ID == g.ID || o.Reason != store.ReasonUnasked || o.To.IsZero() {
			continue
		}
		switch before, after := o.From.Before(g.From.Add(-besides)), o.To.After(g.To.Add(besides)); {
		case before && after: // nothing of it may get lost
			continue
		case before:
			o.To = g.From
		case after:
			o.From = g.To
		default:
			o.To, o.Reason = o.From, o.Reason+": it is part of the gap of which the agent tells"
		}
		if err := f.tx.PutGap(&o); err != nil {
			return err
		}
	}
	return nil
}
