// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// settled is how long a report that should have settled a difference is waited for before
// another is asked for.
const settled = time.Hour

// Findings takes messages of the stream of findings of an instance, in one transaction, and
// gives the number up to which they were taken: what came and went since the latest report
// of the cluster has the same life, events, causes and counts as if a report told it.
//
// Where the server does not hold what the agent holds, a whole report is asked for: in the
// answers to heartbeats and messages, until one was taken.
func Findings(ctx context.Context, c Config, who seaworthy.Principal, m Messages) (taken uint64, err error) {
	if !who.Can(seaworthy.SendReports) || auth.AgentID(who) == "" {
		return 0, seaworthy.Forbidden("%s may not send findings", who.Name)
	}
	source, err := c.Store.Source(ctx, who.Source)
	if err != nil {
		return 0, err
	}
	sp, err := newSpool(c.TempDir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	err = c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		k := &keeping{taking: &taking{c: c, ctx: ctx, source: source, tx: tx}, spool: sp}
		taken, err = k.all(auth.AgentID(who), m)
		return err
	})
	return taken, err
}

// keeping keeps the findings of a cluster current.
type keeping struct {
	*taking
	spool     *spool
	following *following
	live      store.LiveSource
	life      *life // nil until the first delta
}

func (k *keeping) all(agent string, m Messages) (uint64, error) {
	v, err := k.tx.LockStream(agent, m[0].Instance, m[0].Stream)
	if err != nil {
		return 0, err
	}
	if k.state, err = k.tx.LockSource(k.source.ID); err != nil {
		return 0, err
	}
	if k.live, err = k.tx.LockLive(k.source.ID); err != nil {
		return 0, err
	}
	was := k.live
	k.following = &following{tx: k.tx, source: k.source.ID, stream: &v, strict: true}
	for i := range m {
		if err := k.message(&m[i]); err != nil {
			return 0, err
		}
	}
	if k.life != nil {
		if err := k.life.bulk.Close(); err != nil {
			return 0, err
		}
	}
	if k.following.holes {
		k.want()
	}
	if k.live != was {
		if err := k.tx.PutLive(&k.live); err != nil {
			return 0, err
		}
	}
	return v.Taken, k.following.end()
}

// want asks for a whole report.
func (k *keeping) want() {
	if k.live.WantedAt.IsZero() {
		k.live.WantedAt = k.tx.At
	}
}

func (k *keeping) message(m *seaworthy.AgentMessage) error {
	fresh, err := k.following.next(m)
	if err != nil || !fresh {
		return err
	}
	switch m.Kind {
	case seaworthy.MessageDelta:
		err = k.delta(m.Body)
	case seaworthy.MessageDigest:
		err = k.digest(m.Body)
	case seaworthy.MessageReport:
		err = k.sent(m.Body)
	default:
		err = seaworthy.Invalid("this server knows no messages of kind %.60q about findings", m.Kind)
	}
	var told *seaworthy.Error
	if errors.As(err, &told) && told.Kind == seaworthy.KindInvalid {
		k.want()
		return k.following.unreadable(m, told)
	}
	return err
}

// sent takes that a whole report was sent: if it was taken, what is asked for is there.
func (k *keeping) sent(body []byte) error {
	var said seaworthy.ReportSent
	if err := decode(body, &said); err != nil {
		return err
	}
	_, taken, err := k.tx.RunOf(k.source.ID, said.Digest)
	switch {
	case err != nil:
		return err
	case taken:
		k.live.WantedAt = time.Time{}
	default:
		k.want()
	}
	return nil
}

// digest compares what the agent and the server hold to be at fault.
func (k *keeping) digest(body []byte) error {
	var said seaworthy.FindingsState
	if err := decode(body, &said); err != nil {
		return err
	}
	if k.state.RunID == "" {
		k.want()
		return nil
	}
	prints, err := k.tx.SeenFingerprints(k.source.ID)
	if err != nil {
		return err
	}
	if len(prints) == said.Findings && seaworthy.FindingsDigest(prints) == said.Digest {
		return nil
	}
	// Right after a report nothing better can be asked for: somebody else may report of the
	// same cluster, in another way.
	if k.live.Drifted || k.tx.At.Sub(k.state.ReportedAt) > settled {
		k.want()
	}
	return nil
}

// read is a delta after it was read.
type read struct {
	report   *report
	gone     []key // findings
	vanished map[key]bool
}

// delta brings what came and went into step. Before the first report there is nothing that
// it could be relative to.
func (k *keeping) delta(body []byte) error {
	if k.state.RunID == "" {
		k.want()
		return nil
	}
	d, err := k.read(body)
	if err != nil {
		return err
	}
	if err := k.begin(); err != nil {
		return err
	}
	k.life.report, k.life.teams = d.report, map[key]string{}
	k.live.Drifted = true
	return k.life.apply(d)
}

// begin readies what moves findings on. Deltas are relative to the latest report: what
// decides verdicts is what it was then.
func (k *keeping) begin() error {
	if k.life != nil {
		return nil
	}
	run, err := k.tx.Run(k.state.RunID)
	if err != nil {
		return err
	}
	k.run, k.report = run, &report{}
	k.life, err = k.newLife(&causes{before: run.Header, now: run.Header, listed: true, listedThen: true})
	if err != nil {
		return err
	}
	k.life.blind = nil // a delta speaks of what it saw
	return nil
}

// read reads a delta within the bounds of a report.
func (k *keeping) read(body []byte) (*read, error) {
	var said struct {
		Found    []json.RawMessage  `json:"found"`
		Gone     []string           `json:"gone"`
		Seen     []json.RawMessage  `json:"seen"`
		Vanished []seaworthy.Object `json:"vanished"`
	}
	if err := decode(body, &said); err != nil {
		return nil, seaworthy.Invalid("it is no delta: %v", err)
	}
	r := &reader{
		report: &report{objects: map[key]seen{}, spool: k.spool}, limits: k.c.Limits.orDefaults(), source: k.source.ID, names: names{},
	}
	for _, part := range [...]struct {
		list []json.RawMessage
		take func([]byte) error
	}{{said.Found, r.finding}, {said.Seen, r.object}} {
		for _, raw := range part.list {
			if err := part.take(raw); err != nil {
				return nil, err
			}
		}
	}
	r.sort()
	d := &read{report: r.report, vanished: map[key]bool{}}
	for _, print := range said.Gone {
		d.gone = append(d.gone, keyOf(store.FindingID(k.source.ID, print)))
	}
	for _, o := range said.Vanished {
		// What is seen too came again.
		id := keyOf(store.ObjectID(k.source.ID, o))
		if _, here := r.objects[id]; !here {
			d.vanished[id] = true
		}
	}
	return d, nil
}

// apply brings findings and objects into step with a delta.
func (l *life) apply(d *read) error {
	if err := l.index(d); err != nil {
		return err
	}
	found := make([]string, len(d.report.findings))
	for i, f := range d.report.findings {
		found[i] = f.id.String()
	}
	have, err := l.standing(found)
	if err != nil {
		return err
	}
	var fresh, altered []indexed
	here := map[key]bool{}
	for _, f := range d.report.findings {
		here[f.id] = true
		switch content, stands := have[f.id]; {
		case !stands:
			fresh = append(fresh, f)
		case content != f.content:
			altered = append(altered, f)
		}
	}
	gone := slices.DeleteFunc(d.gone, func(id key) bool { return here[id] })
	if gone, err = l.onlyStanding(gone); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return each(fresh, l.open) },
		func() error { return each(altered, l.change) },
		func() error { return each(gone, l.close) },
		func() error { return l.tx.SeeFindings(l.source.ID, found) },
		func() error { return l.move(d) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// standing gives the content of those of the findings that are not fixed.
func (l *life) standing(ids []string) (map[key]key, error) {
	out := make(map[key]key, len(ids))
	for part := range slices.Chunk(ids, 500) {
		list, err := l.tx.KnownFindings(part)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if f.Status != seaworthy.FindingFixed {
				out[key(f.ID)] = key(f.Content)
			}
		}
	}
	return out, nil
}

func (l *life) onlyStanding(ids []key) ([]key, error) {
	slices.SortFunc(ids, compareKeys)
	ids = slices.Compact(ids)
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	have, err := l.standing(texts)
	if err != nil {
		return nil, err
	}
	if err := l.tx.SeeFindings(l.source.ID, texts); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids, func(id key) bool { _, stands := have[id]; return !stands }), nil
}

// index reads what is known of the objects that a delta is about.
func (l *life) index(d *read) error {
	ids := map[string]bool{}
	for id := range d.report.objects {
		ids[id.String()] = true
	}
	for id := range d.vanished {
		ids[id.String()] = true
	}
	for part := range slices.Chunk(d.gone, 500) {
		texts := make([]string, len(part))
		for i, id := range part {
			texts[i] = id.String()
		}
		have, err := l.tx.LockFindings(texts...)
		if err != nil {
			return err
		}
		for _, f := range have {
			ids[f.ObjectID] = true
		}
	}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	known, err := l.tx.ObjectsByID(list)
	if err != nil {
		return err
	}
	l.known, l.present = known, func(id key) bool {
		if _, said := d.report.objects[id]; said {
			return true
		}
		o, ok := known[id.String()]
		return ok && o.DeletedAt.IsZero() && !d.vanished[id]
	}
	return nil
}

// move brings the index of objects into step with a delta.
func (l *life) move(d *read) error {
	var gone []string
	for id := range d.vanished {
		if o, ok := l.known[id.String()]; ok && o.DeletedAt.IsZero() {
			gone = append(gone, o.ID)
		}
	}
	slices.Sort(gone)
	if err := l.tx.DeleteObjects(gone); err != nil {
		return fmt.Errorf("note what is gone: %w", err)
	}
	var put []key
	for id, s := range d.report.objects {
		if o, ok := l.known[id.String()]; s.own || !ok || !o.DeletedAt.IsZero() {
			put = append(put, id)
		}
	}
	slices.SortFunc(put, compareKeys)
	return each(put, l.putObjects)
}
