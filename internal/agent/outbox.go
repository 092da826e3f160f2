// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// outbox keeps the notices for one destination in a folder, a file each, until they have
// arrived or were given up.
type outbox struct {
	t      *teller
	name   string
	sender notify.Sender
	dir    string
	wake   chan struct{}

	mu      sync.Mutex
	letters []*letter // in the order in which they were written
	// Only the sending goroutine uses these.
	failing time.Time
	said    bool
	threads map[string]string // references, by thread
}

// letter is one notice on its way.
type letter struct {
	Delivery seaworthy.Delivery `json:"delivery"`
	Notice   seaworthy.Notice   `json:"notice"`
	// due is when it may go by a clock that nobody sets: by the wall's it may be later, where
	// that was set back.
	due time.Duration
}

// lettersKept bounds a box: beyond it a destination was dead for so long that more would
// tell nothing new.
const lettersKept = 10_000

func openOutbox(t *teller, name string, s notify.Sender, dir string) (*outbox, error) {
	b := &outbox{t: t, name: name, sender: s, dir: dir, wake: make(chan struct{}, 1), threads: map[string]string{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of notices: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of notices: %w", err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		var l letter
		if err != nil || !strings.HasSuffix(e.Name(), ".json") || json.Unmarshal(text, &l) != nil {
			continue // half written when the agent was killed; it was never told that it is kept
		}
		l.Delivery.NextAt = time.Time{} // tried at once: what it says is by a clock that may have been set since
		b.letters = append(b.letters, &l)
	}
	slices.SortFunc(b.letters, func(x, y *letter) int { return x.Delivery.CreatedAt.Compare(y.Delivery.CreatedAt) })
	return b, nil
}

func (b *outbox) path(l *letter) string { return filepath.Join(b.dir, l.Delivery.ID+".json") }

// add keeps a notice.
func (b *outbox) add(n seaworthy.Notice, p notify.Planned, now time.Time) error {
	l := &letter{Notice: n, Delivery: seaworthy.Delivery{
		ID: strings.ToLower(rand.Text()), DestinationID: b.name, RuleID: p.Rule, NoticeIDs: []string{n.ID}, Title: n.Title,
		State: seaworthy.DeliveryPending, CreatedAt: now.UTC(), NextAt: p.At.UTC(),
	}}
	l.due = b.t.a.elapsed() + p.At.Sub(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.letters) >= lettersKept {
		return errors.New("too many notices wait for this destination")
	}
	if err := b.keep(l); err != nil {
		return err
	}
	b.letters = append(b.letters, l)
	ring(b.wake)
	return nil
}

func (b *outbox) keep(l *letter) error {
	text, err := json.Marshal(l)
	if err == nil {
		if err = os.WriteFile(b.path(l)+".part", text, 0o600); err == nil {
			err = os.Rename(b.path(l)+".part", b.path(l))
		}
	}
	if err != nil {
		return fmt.Errorf("keep a notice: %w", err)
	}
	return nil
}

func (b *outbox) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.letters)
}

// run sends until the context ends.
func (b *outbox) run(ctx context.Context) error {
	for ctx.Err() == nil {
		l := b.next()
		if l != nil {
			b.try(ctx, l)
			continue
		}
		t := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-t.C:
		}
		t.Stop()
	}
	return ctx.Err()
}

// next is the oldest notice that may go now.
func (b *outbox) next() *letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, elapsed := b.t.a.now(), b.t.a.elapsed()
	for _, l := range b.letters {
		if !l.Delivery.NextAt.After(now) || l.due <= elapsed {
			return l
		}
	}
	return nil
}

// try makes one attempt.
func (b *outbox) try(ctx context.Context, l *letter) {
	now, d := b.t.a.now(), l.Delivery
	m := &notify.Message{ID: d.ID, At: d.CreatedAt, Notices: []seaworthy.Notice{l.Notice}, Thread: b.threads[l.Notice.Thread]}
	notify.Attempt(ctx, b.sender, m, &d, now)
	if ctx.Err() != nil && d.State != seaworthy.DeliveryDelivered {
		return // the agent ends; it was no attempt
	}
	log := b.t.a.log.With("destination", b.name, "notice", l.Notice.Title)
	outcome := "failed"
	if d.State == seaworthy.DeliveryDelivered {
		outcome, b.failing, b.said = "delivered", time.Time{}, false
		if d.Reference != "" && b.threads[l.Notice.Thread] == "" {
			b.threads[l.Notice.Thread] = d.Reference
		}
	} else {
		log.Warn("a notice does not arrive", "attempts", d.Attempts, "error", d.Error)
		if b.failing.IsZero() {
			b.failing = now
		}
		if !b.said && (now.Sub(b.failing) >= notify.Dead || d.State == seaworthy.DeliveryFailed) {
			b.said = true
			b.t.dead(b.name, errors.New(d.Error))
		}
	}
	b.t.a.metrics.notices.WithLabelValues(outcome).Inc()
	b.mu.Lock()
	defer b.mu.Unlock()
	l.Delivery = d
	if d.State == seaworthy.DeliveryPending {
		l.due = b.t.a.elapsed() + d.NextAt.Sub(now)
		if err := b.keep(l); err != nil {
			log.Error("that a notice did not arrive cannot be kept", "error", err)
		}
		return
	}
	b.letters = slices.DeleteFunc(b.letters, func(x *letter) bool { return x == l })
	if err := os.Remove(b.path(l)); err != nil {
		log.Error("a notice that is done with cannot be removed", "error", err)
	}
}
