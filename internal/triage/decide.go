// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Decision is what an approver adds to a request. What is not empty takes the place of
// what was asked for; a request that an annotation made lacks all of it.
type Decision struct {
	Owner               string // id of a user
	CompensatingControl string
	Expires             seaworthy.Date
	Note                string
}

// decide changes waivers one by one, in one transaction.
func (t *Triage) decide(ctx context.Context, who seaworthy.Principal, ids []string, f func(*batch, *seaworthy.TrackedWaiver) error) ([]seaworthy.TrackedWaiver, error) {
	ids, err := several(ids)
	if err != nil {
		return nil, err
	}
	var out []seaworthy.TrackedWaiver
	err = t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		out = nil
		r, err := reachOf(tx, who)
		if err != nil {
			return err
		}
		b := &batch{tx: tx}
		for _, id := range ids {
			w, err := tx.Waiver(id)
			if err != nil {
				return err
			}
			if err := r.source(w.SourceID); err != nil {
				return err
			}
			if err := f(b, &w); err != nil {
				return err
			}
			out = append(out, w)
		}
		return b.flush()
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Approve approves requests of others and waives every open finding that they concern,
// in one transaction.
func (t *Triage) Approve(ctx context.Context, who seaworthy.Principal, ids []string, d Decision) ([]seaworthy.TrackedWaiver, error) {
	if err := allow(who, seaworthy.ApproveWaivers); err != nil {
		return nil, err
	}
	note, err := clean("the note", d.Note, 5000)
	if err != nil {
		return nil, err
	}
	return t.decide(ctx, who, ids, func(b *batch, w *seaworthy.TrackedWaiver) error {
		tx := b.tx
		if err := requested(w); err != nil {
			return err
		}
		if err := notAsker(tx, who, w); err != nil {
			return err
		}
		if d.Owner != "" {
			w.Owner = d.Owner
		}
		if d.CompensatingControl != "" {
			w.CompensatingControl = d.CompensatingControl
		}
		if !d.Expires.IsZero() {
			w.Expires = d.Expires
		}
		w.Approver = who.Person()
		if err := t.whole(tx, w); err != nil {
			return err
		}
		w.State, w.DecidedAt, w.DecidedBy, w.DecisionNote = seaworthy.WaiverApproved, tx.At, tx.Actor, note
		if err := tx.PutWaiver(w); err != nil {
			return err
		}
		return b.apply(w)
	})
}

// MayApprove says why a principal may not approve a request, or nothing.
func (t *Triage) MayApprove(ctx context.Context, who seaworthy.Principal, w *seaworthy.TrackedWaiver) error {
	if err := allow(who, seaworthy.ApproveWaivers); err != nil {
		return err
	}
	if err := requested(w); err != nil {
		return err
	}
	asker := ""
	if kind, id := split(w.RequestedBy); kind == "token" {
		var err error
		if asker, err = t.store.TokenMaker(ctx, id); err != nil {
			return err
		}
	} else if kind == "user" {
		asker = id
	}
	return differ(who, asker)
}

// notAsker refuses an approver who asked: as a user, or through a token.
func notAsker(tx *store.Tx, who seaworthy.Principal, w *seaworthy.TrackedWaiver) error {
	asker, err := person(tx, w.RequestedBy)
	if err != nil {
		return err
	}
	return differ(who, asker)
}

func differ(who seaworthy.Principal, asker string) error {
	switch who.Person() {
	case "":
		return seaworthy.Forbidden("no person answers for %s: a waiver is approved by a person", called(who))
	case asker:
		return seaworthy.Forbidden("%s asked for this waiver: somebody else has to approve it", called(who))
	}
	return nil
}

func requested(w *seaworthy.TrackedWaiver) error {
	if w.State != seaworthy.WaiverRequested {
		return seaworthy.Conflict("waiver %s is %s already", w.ID, w.State)
	}
	return nil
}

// Reject turns down requests.
func (t *Triage) Reject(ctx context.Context, who seaworthy.Principal, ids []string, note string) ([]seaworthy.TrackedWaiver, error) {
	if err := allow(who, seaworthy.ApproveWaivers); err != nil {
		return nil, err
	}
	note, err := wanted("why the waiver is rejected", note, 5000)
	if err != nil {
		return nil, err
	}
	return t.decide(ctx, who, ids, func(b *batch, w *seaworthy.TrackedWaiver) error {
		tx := b.tx
		if err := requested(w); err != nil {
			return err
		}
		w.State, w.DecidedAt, w.DecidedBy, w.DecisionNote = seaworthy.WaiverRejected, tx.At, tx.Actor, note
		return tx.PutWaiver(w)
	})
}

// Revoke ends waivers before their time, or takes requests back; the findings that they
// waived are open again. Who asked for a waiver may do so too.
func (t *Triage) Revoke(ctx context.Context, who seaworthy.Principal, ids []string, note string) ([]seaworthy.TrackedWaiver, error) {
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return nil, err
	}
	note, err := wanted("why the waiver is revoked", note, 5000)
	if err != nil {
		return nil, err
	}
	return t.decide(ctx, who, ids, func(b *batch, w *seaworthy.TrackedWaiver) error {
		tx := b.tx
		if !who.Can(seaworthy.ApproveWaivers) {
			asker, err := person(tx, w.RequestedBy)
			if err != nil {
				return err
			}
			if asker == "" || asker != who.Person() || w.From == "annotation" {
				return seaworthy.Forbidden("%s did not ask for waiver %s and may not revoke it", called(who), w.ID)
			}
		}
		if w.State != seaworthy.WaiverRequested && w.State != seaworthy.WaiverApproved {
			return seaworthy.Conflict("waiver %s is %s already", w.ID, w.State)
		}
		return b.end(w, seaworthy.WaiverRevoked, note)
	})
}

// batch gathers changes of different findings, so that many waivers of one finding each
// do not make a chunk of events each.
type batch struct {
	tx      *store.Tx
	changes []store.FindingChange
	has     map[string]bool // ids of the findings
	// patterns are the waivers of patterns that count; nil: not read yet.
	patterns []seaworthy.TrackedWaiver
}

// apply waives the open findings that an approved waiver concerns.
func (b *batch) apply(w *seaworthy.TrackedWaiver) error {
	return b.tx.FindingsConcerned(w, func(lot []seaworthy.TrackedFinding) error {
		if b.has == nil {
			b.has = map[string]bool{}
		}
		for i := range lot {
			if !b.has[lot[i].ID] { // waived by another of the batch
				b.has[lot[i].ID] = true
				b.changes = append(b.changes, waive(lot[i], w))
			}
		}
		if len(b.changes) >= 1000 {
			return b.flush()
		}
		return nil
	})
}

func (b *batch) flush() error {
	err := b.tx.ChangeFindings(b.changes)
	b.changes, b.has = nil, nil
	return err
}

func waive(f seaworthy.TrackedFinding, w *seaworthy.TrackedWaiver) store.FindingChange {
	after := f
	after.Status, after.Cause, after.WaiverID = seaworthy.FindingWaived, seaworthy.CauseWaiver, w.ID
	return store.FindingChange{Before: &f, After: after, Kind: seaworthy.EventWaived, Cause: seaworthy.CauseWaiver, Note: w.ID}
}

// end ends a waiver and opens the findings again that no other waiver holds.
func (b *batch) end(w *seaworthy.TrackedWaiver, state, note string) error {
	w.State, w.EndedAt, w.EndNote = state, b.tx.At, note
	if err := b.tx.PutWaiver(w); err != nil {
		return err
	}
	_, err := b.release(w)
	return err
}

// release opens the findings that a waiver waived which has ended, and tells how many no
// other waiver holds.
func (b *batch) release(w *seaworthy.TrackedWaiver) (opened int, err error) {
	if b.patterns == nil {
		if b.patterns, err = b.tx.CountingWaiversOf([]string{""}); err != nil {
			return 0, err
		}
	}
	b.patterns = slices.DeleteFunc(b.patterns, func(o seaworthy.TrackedWaiver) bool { return o.ID == w.ID })
	err = b.tx.FindingsWaivedBy(w.ID, func(lot []seaworthy.TrackedFinding) error {
		n, err := b.releaseLot(w, lot)
		opened += n
		return err
	})
	return opened, err
}

func (b *batch) releaseLot(w *seaworthy.TrackedWaiver, lot []seaworthy.TrackedFinding) (opened int, err error) {
	prints := make([]string, len(lot))
	for i := range lot {
		prints[i] = lot[i].Fingerprint
	}
	others, err := b.tx.CountingWaiversOf(prints)
	if err != nil {
		return 0, err
	}
	others = append(others, b.patterns...)
	for i := range lot {
		after := lot[i]
		after.Status, after.Cause, after.WaiverID = seaworthy.FindingOpen, seaworthy.CauseWaiverEnded, ""
		b.changes = append(b.changes, store.FindingChange{Before: &lot[i], After: after, Kind: seaworthy.EventUnwaived, Cause: seaworthy.CauseWaiverEnded, Note: w.ID})
		if other := concerning(others, &after); other != nil {
			b.changes = append(b.changes, waive(after, other))
		} else {
			opened++
		}
	}
	// The next waiver of the batch may be the one that holds some now.
	if opened < len(lot) || len(b.changes) >= 1000 {
		return opened, b.flush()
	}
	return opened, nil
}

// concerning is the first of the waivers that concerns a finding, or nil.
func concerning(list []seaworthy.TrackedWaiver, f *seaworthy.TrackedFinding) *seaworthy.TrackedWaiver {
	for i := range list {
		if list[i].Concerns(f) {
			return &list[i]
		}
	}
	return nil
}

// settled is how long after a waiver began or ended it is looked at again: a report that
// was being taken at that moment may not have known.
const settled = 24 * time.Hour
