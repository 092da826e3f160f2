// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func split(actor string) (kind, id string) {
	kind, id, _ = strings.Cut(actor, ":")
	return kind, id
}

// Settle brings findings in step with what was decided: it ends waivers whose end has
// come and asks again, waives what reports brought while a waiver was being approved,
// and follows changes of ownership and of the SLA. It is called from time to time, bears
// being interrupted, and does nothing where nothing is to be done.
func (t *Triage) Settle(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"end waivers", t.expire}, {"apply waivers", t.reapply}, {"follow ownership", t.reown}, {"follow the SLA", t.redate},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// expire ends waivers whose end has come, each in a transaction of its own.
func (t *Triage) expire(ctx context.Context) error {
	for {
		ids, err := t.store.EndedWaivers(ctx, 100)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := t.store.Write(ctx, "system", func(tx *store.Tx) error { return expire(tx, id) }); err != nil {
				return err
			}
		}
	}
}

func expire(tx *store.Tx, id string) error {
	w, err := tx.Waiver(id)
	if err != nil || w.State != seaworthy.WaiverApproved || w.Counts(tx.At) {
		return err
	}
	w.State, w.EndedAt = seaworthy.WaiverExpired, tx.At
	if err := tx.PutWaiver(&w); err != nil {
		return err
	}
	b := batch{tx: tx}
	opened, err := b.release(&w)
	if err = errors.Join(err, b.flush()); err != nil || opened == 0 {
		return err // nothing is left to waive
	}
	return renew(tx, &w)
}

// renew asks whether to go on with a waiver that ended. Who asked for it then asks now,
// and so does not approve; the end is for the approver to say.
func renew(tx *store.Tx, w *seaworthy.TrackedWaiver) error {
	if asked, err := tx.Renewal(w); err != nil || asked {
		return err
	}
	again := seaworthy.TrackedWaiver{
		ID: tx.NewID(), SourceID: w.SourceID, Waiver: w.Waiver, State: seaworthy.WaiverRequested,
		RequestedBy: w.RequestedBy, RequestedAt: tx.At, From: "renewal", Renews: w.ID,
	}
	again.Approver, again.Expires = "", seaworthy.Date{}
	return tx.PutWaiver(&again)
}

// reapply looks again at waivers that began or ended lately.
func (t *Triage) reapply(ctx context.Context) error {
	list, err := t.store.WaiversChangedSince(ctx, t.store.Now().Add(-settled))
	if err != nil {
		return err
	}
	for _, v := range list {
		work, err := t.unsettled(ctx, &v)
		if err != nil {
			return err
		}
		if !work {
			continue
		}
		if err := t.store.Write(ctx, "system", func(tx *store.Tx) error {
			w, err := tx.Waiver(v.ID)
			if err != nil {
				return err
			}
			b := batch{tx: tx}
			if w.Counts(tx.At) {
				err = b.apply(&w)
			} else if w.State != seaworthy.WaiverApproved {
				_, err = b.release(&w)
			}
			return errors.Join(err, b.flush())
		}); err != nil {
			return err
		}
	}
	return nil
}

// unsettled tells whether there are findings that a waiver should waive or has let go.
func (t *Triage) unsettled(ctx context.Context, w *seaworthy.TrackedWaiver) (bool, error) {
	if !w.Counts(t.store.Now()) {
		some, err := t.store.Waives(ctx, w.ID)
		return some && w.State != seaworthy.WaiverApproved, err
	}
	some := false
	err := t.store.FindingsConcerned(ctx, w, func([]seaworthy.TrackedFinding) error {
		some = true
		return errNotOwn // enough is known
	})
	if some {
		err = nil
	}
	return some, err
}
