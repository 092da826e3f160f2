// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/spool"
)

const (
	maxPause  = time.Minute
	sendBytes = 8 << 20 // of one request, before it is compressed
	syncEvery = time.Second
	// gather is the time between requests while messages keep coming: each costs either side
	// more than a message does. One that comes alone goes at once.
	gather = 100 * time.Millisecond
)

// send sends a stream of this instance for as long as the context lasts.
func (u *Uplink) send(ctx context.Context, name string) error {
	pause, last := u.cfg.Pause, time.Time{}
	for {
		b := u.current()
		s := b.stream(name)
		if wait := gather - time.Since(last); wait > 0 {
			if n, _ := s.spool.Waiting(); n < client.MaxMessages && !sleep(ctx, wait) {
				return ctx.Err()
			}
		}
		last = time.Now()
		more, err := u.some(ctx, b, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case client.Revoked(err):
			return fmt.Errorf("the server knows this agent no more; enrol it again: %w", err)
		case errors.Is(err, errNumbers):
			err = u.renew(b)
		}
		if err != nil {
			u.note("send "+name, err)
			if !sleep(ctx, pause) {
				return ctx.Err()
			}
			pause = min(2*pause, maxPause)
			continue
		}
		pause = u.cfg.Pause
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-time.After(syncEvery):
			err := s.spool.Sync()
			if name == seaworthy.StreamChanges { // nothing waits: there is room
				err = errors.Join(err, u.tellLost(s))
			}
			if err != nil {
				u.log.Error("the spool cannot be brought to the disk", "stream", name, "error", err)
			}
		}
	}
}

// sleep waits for between half of a pause and all of it: agents that lost their server at one
// moment do not all come back to it at one moment, and nobody keeps step with what fails.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause - rand.N(pause/2+1)):
		return true
	}
}

// sendOld sends what earlier instances left.
func (u *Uplink) sendOld(ctx context.Context) error {
	pause := u.cfg.Pause
	for {
		u.mu.Lock()
		if len(u.old) == 0 {
			u.mu.Unlock()
			return nil
		}
		b := u.old[0]
		u.mu.Unlock()
		if err := u.drain(ctx, b); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			u.note("send messages of an earlier instance", err)
			if !sleep(ctx, pause) {
				return ctx.Err()
			}
			pause = min(2*pause, maxPause)
			continue
		}
		u.mu.Lock()
		u.old = u.old[1:]
		u.mu.Unlock()
		if err := errors.Join(b.close(), os.RemoveAll(b.dir)); err != nil {
			u.log.Error("the folder of an earlier instance cannot be removed", "instance", b.instance, "error", err)
		}
	}
}

func (u *Uplink) drain(ctx context.Context, b *box) error {
	for _, s := range b.streams() {
		for more := true; more; {
			var err error
			if more, err = u.some(ctx, b, s); err != nil && !errors.Is(err, errNumbers) {
				return err
			}
		}
	}
	return nil
}

// errNumbers: the server has more of an instance than is numbered here, as when an old copy
// of the folder was put back.
var errNumbers = errors.New("the server has more messages of this instance than there are")

// some sends the oldest messages of a stream. It tells whether there may be more.
func (u *Uplink) some(ctx context.Context, b *box, s *stream) (more bool, err error) {
	waiting, err := s.spool.Next(client.MaxMessages, sendBytes)
	for _, d := range s.spool.Damaged() { // the hole in the numbers puts it on record
		u.log.Error("messages cannot be read any more", "stream", s.name, "from", d.From, "to", d.To, "reason", d.Reason)
	}
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	// What the server acknowledges must not be numbered anew after a loss of power.
	if err := s.spool.Sync(); err != nil {
		return false, err
	}
	messages, last, err := u.sign(b, s, waiting)
	if err != nil {
		return false, err
	}
	if len(messages) == 0 {
		return true, s.spool.Ack(last)
	}
	if report := messages[0]; report.Kind == seaworthy.MessageReport {
		if err := u.report(ctx, b, &report); err != nil {
			return false, err
		}
	}
	taken, err := u.cfg.Client.SendMessages(ctx, messages)
	if err != nil {
		return false, err
	}
	u.note("send "+s.name, nil)
	if taken.Report {
		u.want()
	}
	return true, u.acknowledge(b, s, messages, last, taken.Acknowledged[s.name])
}

// sign makes messages of what waits: up to a report, which goes before what comes after it,
// or one report alone.
func (u *Uplink) sign(b *box, s *stream, waiting []spool.Message) (out []seaworthy.AgentMessage, last uint64, err error) {
	for _, w := range waiting {
		e, err := readEntry(w.Body)
		if err != nil {
			u.log.Error("a message cannot be read", "stream", s.name, "number", w.Sequence, "error", err)
			last = w.Sequence
			continue
		}
		if len(out) > 0 && (e.Kind == seaworthy.MessageReport || out[0].Kind == seaworthy.MessageReport) {
			break
		}
		m := seaworthy.AgentMessage{Instance: b.instance, Stream: s.name, Sequence: w.Sequence, At: e.At, Kind: e.Kind, Body: e.Body}
		m.Sign(u.cfg.Agent.ID, u.cfg.Key)
		out = append(out, m)
		last = w.Sequence
	}
	return out, last, nil
}

// acknowledge forgets what the server has.
func (u *Uplink) acknowledge(b *box, s *stream, sent []seaworthy.AgentMessage, last, acknowledged uint64) error {
	_, newest := s.spool.Waiting()
	switch {
	case acknowledged > newest:
		return errNumbers
	case acknowledged < sent[0].Sequence:
		return fmt.Errorf("the server took none of the messages from %d on", sent[0].Sequence)
	}
	if err := s.spool.Ack(min(last, acknowledged)); err != nil {
		return err
	}
	u.mu.Lock()
	u.tellNews()
	u.mu.Unlock()
	for _, m := range sent {
		var r seaworthy.ReportSent
		if m.Kind == seaworthy.MessageReport && json.Unmarshal(m.Body, &r) == nil {
			if err := os.Remove(filepath.Join(b.reports(), filepath.Base(r.Digest))); err != nil && !errors.Is(err, os.ErrNotExist) {
				u.log.Error("a report that was sent cannot be removed", "error", err)
			}
		}
	}
	return nil
}

// report sends a whole report. What is the matter with the report itself, and not with the
// server, costs it: another one is asked for.
func (u *Uplink) report(ctx context.Context, b *box, m *seaworthy.AgentMessage) error {
	var sent seaworthy.ReportSent
	if err := json.Unmarshal(m.Body, &sent); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	err := u.upload(ctx, b, sent.Digest)
	var answer *client.Error
	switch {
	case errors.As(err, &answer) && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusUnprocessableEntity || answer.Status == http.StatusRequestEntityTooLarge),
		errors.Is(err, os.ErrNotExist), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		u.log.Error("a report cannot be sent", "digest", sent.Digest, "error", err)
		u.want()
		return nil
	}
	return err
}

func (u *Uplink) upload(ctx context.Context, b *box, digest string) (err error) {
	f, err := os.Open(filepath.Join(b.reports(), filepath.Base(digest)))
	if err != nil {
		return fmt.Errorf("read a report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read a report: %w", err)
	}
	r, err := client.Spool(b.reports(), z)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, _, err = u.cfg.Client.SendReport(ctx, u.cfg.Agent.SourceID, r)
	return err
}

// renew begins another instance with what waits of this one.
func (u *Uplink) renew(b *box) error {
	u.pending.writing.Lock()
	defer u.pending.writing.Unlock()
	u.log.Error("the numbers of this instance were lost; another one begins", "instance", b.instance)
	instance, err := newInstance(u.cfg.Dir)
	if err != nil {
		return err
	}
	fresh, err := openBox(u.cfg.Dir, instance, u.cfg.Limit)
	if err != nil {
		return err
	}
	if err := os.Remove(fresh.reports()); err != nil {
		return fmt.Errorf("move what waits: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range b.streams() {
		if err := move(s, fresh.stream(s.name)); err != nil {
			return err
		}
	}
	if err := os.Rename(b.reports(), fresh.reports()); err != nil {
		return fmt.Errorf("move what waits: %w", err)
	}
	u.box = fresh
	return errors.Join(b.close(), os.RemoveAll(b.dir))
}

// move appends what waits in one stream to another one.
func move(from, to *stream) error {
	for {
		waiting, err := from.spool.Next(client.MaxMessages, sendBytes)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, w := range waiting {
			if _, err := to.spool.Append(w.Body); err != nil {
				return err
			}
		}
		if err := from.spool.Ack(waiting[len(waiting)-1].Sequence); err != nil {
			return err
		}
	}
}
