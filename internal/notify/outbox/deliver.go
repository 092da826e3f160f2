// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const (
	// atOnce is how many destinations are served at a time.
	atOnce = 8
	// turn is how long one destination is served before others have their turn.
	turn = 20 * time.Second
	// single is up to how many notices go each in a message of its own; more go together.
	single = 3
	// together and gathered are how many one message holds at most, and one of a digest or
	// of a backlog.
	together, gathered = 40, 200
	// resting is how long a message that was taken up stays with who took it up: whoever
	// finds it afterwards sends it again.
	resting = time.Minute
)

// deliver sends what is due, to each destination in the order in which it came.
func (o *Outbox) deliver(ctx context.Context) error {
	ids, err := o.Store.DestinationsToServe(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, id := range ids {
		g.Go(func() error { return o.serve(ctx, id) })
	}
	return g.Wait()
}

// serve sends to one destination until nothing is due, it takes nothing, or its turn ends.
func (o *Outbox) serve(ctx context.Context, id string) error {
	to, err := o.Store.Destination(ctx, id)
	if err != nil {
		return err
	}
	for end := time.Now().Add(turn); time.Now().Before(end) && ctx.Err() == nil; {
		d, err := o.next(ctx, &to)
		if err != nil || d == nil {
			return err
		}
		if took, err := o.try(ctx, &to, d); err != nil || !took {
			return err
		}
	}
	return ctx.Err()
}

// next is the message that is to go now: one that failed before, or a new one; nil for
// none.
func (o *Outbox) next(ctx context.Context, to *seaworthy.Destination) (*seaworthy.Delivery, error) {
	pending, err := o.Store.PendingDeliveries(ctx, to.ID, 1)
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		if pending[0].NextAt.After(o.Store.Now()) {
			return nil, nil
		}
		return &pending[0], nil
	}
	var out *seaworthy.Delivery
	err = o.Store.Write(ctx, "system", func(tx *store.Tx) error {
		out = nil
		due, err := tx.DueNotices(to.ID, gathered)
		if err != nil || len(due) == 0 {
			return err
		}
		ids, err := share(tx, to, due)
		if err != nil {
			return err
		}
		d := seaworthy.Delivery{
			ID: tx.NewID(), DestinationID: to.ID, RuleID: due[0].RuleID, NoticeIDs: ids, State: seaworthy.DeliveryPending, CreatedAt: tx.At,
			NextAt: tx.At.Add(resting), Digest: due[0].Batch != "",
		}
		notices, err := tx.NoticesOf(ids)
		if err != nil {
			return err
		}
		d.Title = (&notify.Message{At: d.CreatedAt, Notices: notices, Digest: d.Digest}).Heading()
		out = &d
		return errors.Join(tx.Dequeue(to.ID, ids), tx.PutDelivery(&d))
	})
	return out, err
}

// share is what of that which is due goes in one message: a digest whole, few notices each
// by itself, many together. What is for some people only goes to them only.
func share(tx *store.Tx, to *seaworthy.Destination, due []store.QueuedNotice) ([]string, error) {
	ids := make([]string, len(due))
	for i, q := range due {
		ids[i] = q.NoticeID
	}
	if due[0].Batch == "" {
		if len(ids) <= single {
			return ids[:1], nil
		}
		if len(ids) < gathered { // where more wait, such as those of an old audit log, a message holds more
			ids = ids[:min(len(ids), together)]
		}
	}
	if !to.People {
		return ids, nil
	}
	notices, err := tx.NoticesOf(ids)
	if err != nil || len(notices) == 0 {
		return ids, err
	}
	whom := notices[0].People
	var out []string
	for _, n := range notices {
		if slices.Equal(n.People, whom) {
			out = append(out, n.ID)
		}
	}
	return out, nil
}

// try sends a message and keeps what came of it; took tells whether the destination took
// it.
func (o *Outbox) try(ctx context.Context, to *seaworthy.Destination, d *seaworthy.Delivery) (took bool, err error) {
	m, sender, err := o.message(ctx, to, d)
	if err != nil {
		return false, err
	}
	notify.Attempt(ctx, sender, m, d, o.Store.Now())
	took = d.State == seaworthy.DeliveryDelivered
	if !took && ctx.Err() != nil {
		return false, ctx.Err() // it was interrupted, which says nothing of the destination
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = o.Store.Write(keep, "system", func(tx *store.Tx) error {
		next := *d
		if err := o.health(tx, to, &next); err != nil {
			return err
		}
		if err := tx.PutDelivery(&next); err != nil {
			return err
		}
		if took && d.Reference != "" && len(m.Notices) == 1 && m.Notices[0].Thread != "" && m.Thread == "" {
			if err := tx.PutThread(to.ID, m.Notices[0].Thread, d.Reference); err != nil {
				return err
			}
		}
		return nil
	})
	if !took {
		o.Log.Warn("a notice could not be delivered", "destination", to.Name, "kind", to.Kind, "attempts", d.Attempts, "state", d.State, "next", d.NextAt, "error", d.Error)
	}
	return took, err
}

// message is a delivery as it is sent, and who sends it.
func (o *Outbox) message(ctx context.Context, to *seaworthy.Destination, d *seaworthy.Delivery) (*notify.Message, notify.Sender, error) {
	notices, err := o.Store.NoticesOf(ctx, d.NoticeIDs)
	if err != nil {
		return nil, nil, err
	}
	m := &notify.Message{ID: d.ID, At: d.CreatedAt, BaseURL: o.BaseURL, Notices: notices, Digest: d.Digest}
	if to.Kind == seaworthy.DestinationSlack && len(notices) == 1 && notices[0].Thread != "" {
		if m.Thread, err = o.Store.ThreadOf(ctx, to.ID, notices[0].Thread); err != nil {
			return nil, nil, err
		}
	}
	sender, err := o.sender(ctx, to, notices)
	return m, sender, err
}

// health notes how a destination does, and has others told of one that takes nothing.
func (o *Outbox) health(tx *store.Tx, to *seaworthy.Destination, d *seaworthy.Delivery) error {
	was, err := tx.DestinationState(to.ID)
	if err != nil {
		return err
	}
	now := store.DestinationState{DestinationID: to.ID}
	if d.State == seaworthy.DeliveryDelivered {
		if was == now {
			return nil
		}
		return fresh(tx, to.ID)
	}
	now.FailingSince, now.Error = was.FailingSince, d.Error
	if now.FailingSince.IsZero() {
		now.FailingSince = tx.At
	}
	// It is tried when it counts as dead, so that others are told then and not later.
	if dead := now.FailingSince.Add(notify.Dead); d.State == seaworthy.DeliveryPending && dead.After(tx.At) && dead.Before(d.NextAt) {
		d.NextAt = dead
	}
	now.NextAt = d.NextAt
	lasted := tx.At.Sub(now.FailingSince)
	if d.State == seaworthy.DeliveryFailed { // the next message waits longer and longer
		now.NextAt = tx.At.Add(min(max(lasted/2, 5*time.Second), 30*time.Minute))
	}
	if err := tx.PutDestinationState(now); err != nil {
		return err
	}
	if !to.Active() { // nobody wants it told any more: it had its chance
		return o.abandon(tx, to, d)
	}
	if d.State == seaworthy.DeliveryPending && lasted < notify.Dead {
		return nil
	}
	return undelivered(tx, to, d, now)
}

// fresh forgets what was wrong with a destination: what waits for it is tried at once.
func fresh(tx *store.Tx, id string) error {
	return errors.Join(tx.PutDestinationState(store.DestinationState{DestinationID: id}), tx.HastenDeliveries(id))
}

// abandon gives up what waits for a destination that was removed and takes nothing.
func (o *Outbox) abandon(tx *store.Tx, to *seaworthy.Destination, d *seaworthy.Delivery) error {
	if tx.At.Sub(d.CreatedAt) < notify.Dead && d.State == seaworthy.DeliveryPending {
		return nil
	}
	waiting, err := tx.Queued(to.ID)
	if err != nil || len(waiting) == 0 {
		return err
	}
	lost := seaworthy.Delivery{
		ID: tx.NewID(), DestinationID: to.ID, NoticeIDs: waiting, Title: counted(len(waiting), "notice"), State: seaworthy.DeliveryFailed, CreatedAt: tx.At,
		Error: "the destination is switched off or removed, and takes nothing",
	}
	return errors.Join(tx.Dequeue(to.ID, nil), tx.PutDelivery(&lost))
}

// failingKey is by what it is known that it was told of a destination that takes nothing.
func failingKey(destination string, since time.Time) string {
	return key(seaworthy.NoticeUndelivered, fmt.Sprintf("%s/%d", destination, since.UnixMicro()))
}

// undelivered has other destinations told, once for each time that one stops taking.
func undelivered(tx *store.Tx, to *seaworthy.Destination, d *seaworthy.Delivery, state store.DestinationState) error {
	n := store.OutgoingNotice{Apart: to.ID, Keys: []string{failingKey(to.ID, state.FailingSince)}}
	told, err := tx.ToldOf(n.Keys)
	if err != nil || told[n.Keys[0]] {
		return err
	}
	n.Notice = seaworthy.Notice{
		Kind: seaworthy.NoticeUndelivered, At: tx.At, Path: "/notifications", Thread: "destination/" + to.ID,
		Title: "Notices do not reach " + to.Name,
	}
	detail(&n.Notice, "Since", moment(state.FailingSince))
	detail(&n.Notice, "Message", d.Title)
	detail(&n.Notice, "Error", d.Error)
	return tx.AddNotices([]store.OutgoingNotice{n})
}
