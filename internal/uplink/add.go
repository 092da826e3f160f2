// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// pending gathers observations that arrive while others are being written: they go into
// one message.
type pending struct {
	mu      sync.Mutex // held for next
	next    *lot
	writing sync.Mutex // held while a lot is written
}

type lot struct {
	texts   [][]byte
	seen    []seaworthy.Sighting
	bytes   int
	written bool
}

// most bounds what goes in one message. A server takes messages of some megabytes.
const (
	most      = 200
	mostBytes = 1 << 20
)

// Observe keeps observations. When it returns, they are on disk, or it is noted that they
// are missing. Those that come at once share a write.
func (u *Uplink) Observe(list ...changes.Observation) {
	p := &u.pending
	var mine []*lot
	for i := range list {
		text, err := text(list[i])
		if err != nil {
			u.lose(&list[i].Sighting, err)
			continue
		}
		p.mu.Lock()
		if p.next == nil || len(p.next.texts) >= most || p.next.bytes+len(text) > mostBytes {
			p.next = &lot{}
		}
		to := p.next
		to.texts, to.seen, to.bytes = append(to.texts, text), append(to.seen, list[i].Sighting), to.bytes+len(text)
		p.mu.Unlock()
		if len(mine) == 0 || mine[len(mine)-1] != to {
			mine = append(mine, to)
		}
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	for _, to := range mine {
		if to.written {
			continue
		}
		p.mu.Lock()
		if p.next == to {
			p.next = nil
		}
		p.mu.Unlock()
		to.written = true
		u.observations(to)
	}
}

// drafts are texts of observations, to be written over.
var drafts = sync.Pool{New: func() any { return new([]byte) }}

// text is an observation as it is sent. One that is too large says what changed by digests.
func text(o changes.Observation) ([]byte, error) {
	draft := drafts.Get().(*[]byte)
	out, err := o.AppendJSON((*draft)[:0])
	if err == nil && len(out) > mostBytes { // too large to be kept for the next one, too
		o.Before, o.After = nil, nil
		return o.AppendJSON(nil)
	}
	*draft = out
	defer drafts.Put(draft)
	return bytes.Clone(out), err
}

// observations writes a lot, or notes from when on the trail misses something.
func (u *Uplink) observations(l *lot) {
	body := make([]byte, 0, l.bytes+len(l.texts)+1)
	for i, text := range l.texts {
		body = append(append(body, "[,"[min(i, 1)]), text...)
	}
	if err := u.add(seaworthy.StreamChanges, seaworthy.MessageObservations, json.RawMessage(append(body, ']'))); err != nil {
		for i := range l.seen {
			u.lose(&l.seen[i], err)
		}
	}
}

// lose notes that the trail misses what a place saw.
func (u *Uplink) lose(s *seaworthy.Sighting, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.lost) == 0 {
		u.log.Error("the spool takes nothing more: what is seen now is lost", "error", err)
	}
	if from, ok := u.lost[s.By]; !ok || s.At.Before(from) {
		u.lost[s.By] = s.At
	}
}

// add puts a message into the stream of this instance. Where it has room again, what was
// lost before is told of.
func (u *Uplink) add(name, kind string, body any) error {
	s := u.current().stream(name)
	if err := s.add(u.cfg.Now(), kind, body); err != nil {
		return err
	}
	if name == seaworthy.StreamChanges {
		if err := u.tellLost(s); err != nil {
			u.log.Error("that something is missing could not be kept yet", "error", err)
		}
	}
	return nil
}

// tellLost says what could not be kept, now that there is room again.
func (u *Uplink) tellLost(s *stream) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for place, from := range u.lost {
		gap := seaworthy.AgentGap{Place: place, From: from.UTC(), To: u.cfg.Now().UTC(), Reason: "the agent's disk had no room for what was seen"}
		if err := s.add(u.cfg.Now(), seaworthy.MessageGap, gap); err != nil {
			return err
		}
		delete(u.lost, place)
	}
	return nil
}

// Gap tells of an interval in which a place may not have seen everything.
func (u *Uplink) Gap(g seaworthy.AgentGap) {
	if err := u.add(seaworthy.StreamChanges, seaworthy.MessageGap, g); err != nil {
		u.log.Error("a gap could not be kept", "place", g.Place, "from", g.From, "reason", g.Reason, "error", err)
		u.mu.Lock()
		defer u.mu.Unlock()
		if from, ok := u.lost[g.Place]; !ok || g.From.Before(from) {
			u.lost[g.Place] = g.From
		}
	}
}

// Claims tells of deployments that a tool in the cluster speaks of.
func (u *Uplink) Claims(list []seaworthy.Deployment) {
	if err := u.add(seaworthy.StreamChanges, seaworthy.MessageClaims, list); err != nil {
		u.log.Error("claims could not be kept", "error", err)
	}
}

// ownersAtOnce bounds the owners of one message.
const ownersAtOnce = 2000

// Owners tells what makes pods in the cluster, for the server to tell the work of
// controllers from changes.
func (u *Uplink) Owners(list []changes.Owner) {
	for part := range slices.Chunk(list, ownersAtOnce) {
		if err := u.add(seaworthy.StreamChanges, seaworthy.MessageOwners, part); err != nil {
			u.log.Error("what makes pods could not be told", "error", err)
		}
	}
}

// findingsAtOnce bounds the findings of one message.
const findingsAtOnce = 500

// Delta tells what became different in the findings. When it cannot be kept a whole report
// is asked for, which makes up for it.
func (u *Uplink) Delta(d seaworthy.Delta) {
	for _, part := range split(d) {
		if err := u.add(seaworthy.StreamFindings, seaworthy.MessageDelta, part); err != nil {
			u.log.Error("what became different could not be kept", "error", err)
			u.want()
			return
		}
	}
}

// split divides a delta that is too large for one message. What vanished comes first: what
// was made anew under the same name is not gone.
func split(d seaworthy.Delta) []seaworthy.Delta {
	if len(d.Found)+len(d.Gone)+len(d.Seen)+len(d.Vanished) <= findingsAtOnce {
		return []seaworthy.Delta{d}
	}
	var out []seaworthy.Delta
	for some := range slices.Chunk(d.Vanished, findingsAtOnce) {
		out = append(out, seaworthy.Delta{Vanished: some})
	}
	for some := range slices.Chunk(d.Seen, findingsAtOnce) {
		out = append(out, seaworthy.Delta{Seen: some})
	}
	for some := range slices.Chunk(d.Gone, findingsAtOnce) {
		out = append(out, seaworthy.Delta{Gone: some})
	}
	for some := range slices.Chunk(d.Found, findingsAtOnce) {
		out = append(out, seaworthy.Delta{Found: some})
	}
	return out
}

// Digest tells what is held to be at fault.
func (u *Uplink) Digest(s seaworthy.FindingsState) {
	if err := u.add(seaworthy.StreamFindings, seaworthy.MessageDigest, s); err != nil {
		u.log.Error("the state of the findings could not be kept", "error", err)
	}
}

func (u *Uplink) want() {
	if u.cfg.Wanted != nil {
		u.cfg.Wanted()
	}
}

// Report keeps a whole report: write is called with where it goes and with what puts it
// into the stream, which write calls when the report is complete.
func (u *Uplink) Report(ctx context.Context, write func(ctx context.Context, w io.Writer, written func() error) error) (err error) {
	b := u.current()
	f, err := os.CreateTemp(b.reports(), "part-*")
	if err != nil {
		return fmt.Errorf("keep a report: %w", err)
	}
	name := f.Name()
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("keep a report: %w", err), f.Close(), os.Remove(name))
		}
	}()
	z, sum := gzip.NewWriter(f), sha256.New()
	written := func() error {
		if err := errors.Join(z.Close(), f.Sync()); err != nil {
			return err
		}
		digest := hex.EncodeToString(sum.Sum(nil))
		at := filepath.Join(b.reports(), digest)
		if err := os.Rename(name, at); err != nil {
			return err
		}
		name = at
		return b.findings.add(u.cfg.Now(), seaworthy.MessageReport, seaworthy.ReportSent{Digest: digest})
	}
	if err := write(ctx, io.MultiWriter(z, sum), written); err != nil {
		return err
	}
	return f.Close()
}
