// SPDX-License-Identifier: Apache-2.0

package uplink

import (
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
	list    []changes.Observation
	bytes   int
	written bool
}

// most bounds what goes in one message. A server takes messages of some megabytes.
const (
	most      = 200
	mostBytes = 1 << 20
)

// Observe keeps an observation. When it returns, the observation is on disk, or it is noted
// that it is missing. Several that come at once share a write.
func (u *Uplink) Observe(o changes.Observation) {
	size := 0
	text, err := json.Marshal(&o)
	if err == nil && len(text) > mostBytes { // it says what changed by digests, then
		o.Before, o.After = nil, nil
	} else {
		size = len(text)
	}
	p := &u.pending
	p.mu.Lock()
	if p.next == nil || len(p.next.list) >= most || p.next.bytes+size > mostBytes {
		p.next = &lot{}
	}
	mine := p.next
	mine.list, mine.bytes = append(mine.list, o), mine.bytes+size
	p.mu.Unlock()

	p.writing.Lock()
	defer p.writing.Unlock()
	if mine.written {
		return
	}
	p.mu.Lock()
	if p.next == mine {
		p.next = nil
	}
	p.mu.Unlock()
	mine.written = true
	u.observations(mine.list)
}

// observations writes a lot, or notes from when on the trail misses something.
func (u *Uplink) observations(list []changes.Observation) {
	err := u.add(seaworthy.StreamChanges, seaworthy.MessageObservations, list)
	if err == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.lost) == 0 {
		u.log.Error("the spool takes nothing more: what is seen now is lost", "error", err)
	}
	for i := range list {
		if from, ok := u.lost[list[i].By]; !ok || list[i].At.Before(from) {
			u.lost[list[i].By] = list[i].At
		}
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
