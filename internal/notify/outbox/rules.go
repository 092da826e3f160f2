// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// PutRule makes a rule, or changes the one of its id. Every destination that it sends to,
// or sent to before, is told.
func (o *Outbox) PutRule(ctx context.Context, who seaworthy.Principal, r seaworthy.NoticeRule) (seaworthy.NoticeRule, error) {
	if err := may(who); err != nil {
		return r, err
	}
	r.Name = strings.TrimSpace(r.Name)
	if err := notify.Validate(&r); err != nil {
		return r, err
	}
	err := o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		told, what := slices.Clone(r.Destinations), who.Name+" made the rule for notices "+r.Name
		if r.ID == "" {
			r.ID, r.CreatedAt = tx.NewID(), tx.At
		} else {
			was, err := tx.NoticeRule(r.ID)
			if err != nil {
				return err
			}
			r.CreatedAt = was.CreatedAt
			told, what = append(told, was.Destinations...), who.Name+" changed the rule for notices "+was.Name
		}
		if err := known(tx, &r); err != nil {
			return err
		}
		if err := tx.PutNoticeRule(&r); err != nil {
			return err
		}
		return tellConfiguration(tx, what, told)
	})
	return r, err
}

// known refuses a rule that names what is not there.
func known(tx *store.Tx, r *seaworthy.NoticeRule) error {
	all, err := tx.Destinations()
	if err != nil {
		return err
	}
	for _, id := range r.Destinations {
		if !slices.ContainsFunc(all, func(d seaworthy.Destination) bool { return d.ID == id && d.RemovedAt.IsZero() }) {
			return seaworthy.Invalid("there is no destination %s", id)
		}
	}
	unknown, err := tx.UnknownTeam(r.Teams)
	if err != nil {
		return err
	}
	if unknown != "" {
		return seaworthy.Invalid("there is no team %s", unknown)
	}
	sources, err := tx.Sources()
	if err != nil {
		return err
	}
	for _, id := range r.Sources {
		if !slices.ContainsFunc(sources, func(s seaworthy.DeclaredSource) bool { return s.ID == id }) {
			return seaworthy.Invalid("there is no cluster or repository %s", id)
		}
	}
	return nil
}

// DropRule removes a rule. The destinations to which it sent are told.
func (o *Outbox) DropRule(ctx context.Context, who seaworthy.Principal, id string) error {
	if err := may(who); err != nil {
		return err
	}
	return o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		r, err := tx.NoticeRule(id)
		if err != nil {
			return err
		}
		if err := tx.DropNoticeRule(&r); err != nil {
			return err
		}
		return tellConfiguration(tx, who.Name+" removed the rule for notices "+r.Name, r.Destinations)
	})
}

// Test sends a notice to a destination at once and tells what came of it.
func (o *Outbox) Test(ctx context.Context, who seaworthy.Principal, id string) (seaworthy.Delivery, error) {
	if err := may(who); err != nil {
		return seaworthy.Delivery{}, err
	}
	to, err := o.Store.Destination(ctx, id)
	if err == nil && !to.RemovedAt.IsZero() {
		err = seaworthy.NotFound("there is no destination %s any more", to.Name)
	}
	if err != nil {
		return seaworthy.Delivery{}, err
	}
	var d seaworthy.Delivery
	err = o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		n := store.OutgoingNotice{Notice: seaworthy.Notice{
			ID: tx.NewID(), Kind: seaworthy.NoticeDestinations, At: tx.At, Path: "/notifications", Title: who.Name + " tries whether notices reach " + to.Name,
		}}
		d = seaworthy.Delivery{
			ID: tx.NewID(), DestinationID: id, NoticeIDs: []string{n.ID}, Title: n.Title, State: seaworthy.DeliveryPending, CreatedAt: tx.At, NextAt: tx.At.Add(resting),
		}
		return errors.Join(tx.AddNotices([]store.OutgoingNotice{n}), tx.QueueNotices(nil, []string{n.ID}), tx.PutDelivery(&d))
	})
	if err != nil {
		return d, err
	}
	if _, err := o.try(ctx, &to, &d); err != nil {
		return d, err
	}
	if d.State != seaworthy.DeliveryPending {
		return d, nil
	}
	// A trial that failed is not tried again: whoever tries sees what is wrong.
	d.State, d.NextAt = seaworthy.DeliveryFailed, time.Time{}
	return d, o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error { return tx.PutDelivery(&d) })
}

// Again has the notices of a delivery that failed go out again, after what waits already.
func (o *Outbox) Again(ctx context.Context, who seaworthy.Principal, id string) error {
	if err := may(who); err != nil {
		return err
	}
	return o.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		d, err := tx.Delivery(id)
		if err != nil {
			return err
		}
		to, err := tx.Destination(d.DestinationID)
		if err != nil {
			return err
		}
		switch {
		case d.State != seaworthy.DeliveryFailed:
			return seaworthy.Conflict("the delivery did not fail: it is %s", d.State)
		case !to.Active():
			return seaworthy.Conflict("the destination %s is switched off or removed", to.Name)
		}
		notices, err := tx.NoticesOf(d.NoticeIDs)
		if err != nil {
			return err
		}
		var queue []store.QueuedNotice
		for _, n := range notices {
			queue = append(queue, store.QueuedNotice{DestinationID: to.ID, NoticeID: n.ID, RuleID: d.RuleID})
		}
		if len(queue) == 0 {
			return seaworthy.Conflict("its notices are not kept any more")
		}
		if err := tx.QueueNotices(queue, nil); err != nil {
			return err
		}
		if err := fresh(tx, to.ID); err != nil {
			return err
		}
		return tx.Action("send again", "delivery "+id, nil)
	})
}
