// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// GiveUp is how long a delivery is tried.
const GiveUp = 3 * 24 * time.Hour

// Dead is how long a destination may take nothing before somebody else is told.
const Dead = 15 * time.Minute

// Refusal is an answer that says that the message will never be taken as it is: trying
// again is of no use until somebody changes the destination.
type Refusal struct{ Err error }

func (e Refusal) Error() string { return e.Err.Error() }
func (e Refusal) Unwrap() error { return e.Err }

// Later is an answer that says when to try again.
type Later struct {
	Err   error
	After time.Duration
}

func (e Later) Error() string { return e.Err.Error() }
func (e Later) Unwrap() error { return e.Err }

// Message is what a destination gets: one notice, or a digest of several.
type Message struct {
	// ID is that of the delivery: the same at each attempt, so that a receiver can tell a
	// repetition.
	ID      string
	At      time.Time // when it was planned
	BaseURL string    // of the server; empty: the agent sends it, without links
	Notices []seaworthy.Notice
	// Thread is what an earlier message about the same thing was given as its reference.
	Thread string
	// Digest says that the notices were gathered.
	Digest bool
}

// Sender takes messages to one destination. What it gives back is the destination's own
// reference of the message, where there is one.
type Sender interface {
	Send(ctx context.Context, m *Message) (reference string, err error)
}

// Attempt tries a delivery and notes what came of it.
func Attempt(ctx context.Context, s Sender, m *Message, d *seaworthy.Delivery, now time.Time) {
	d.Attempts++
	reference, err := s.Send(ctx, m)
	if err == nil {
		d.State, d.DeliveredAt, d.Reference, d.Error, d.NextAt = seaworthy.DeliveryDelivered, now, reference, "", time.Time{}
		return
	}
	d.Error = shortened(err.Error(), 500)
	var refusal Refusal
	if errors.As(err, &refusal) || now.Sub(d.CreatedAt) >= GiveUp {
		d.State, d.NextAt = seaworthy.DeliveryFailed, time.Time{}
		return
	}
	pause := Pause(d.ID, d.Attempts)
	var later Later
	if errors.As(err, &later) && later.After > pause {
		pause = min(later.After, time.Hour)
	}
	d.NextAt = now.Add(pause)
}

// Pause is how long to wait after an attempt: doubling from five seconds to half an hour,
// with a fifth more or less that depends on the delivery, so that those that failed
// together do not come back together.
func Pause(id string, attempts int) time.Duration {
	pause := 5 * time.Second << min(attempts-1, 9)
	pause = min(pause, 30*time.Minute)
	h := fnv.New32a()
	h.Write([]byte(id))
	return pause + pause*time.Duration(h.Sum32()%401)/1000 - pause/5
}

func shortened(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}
