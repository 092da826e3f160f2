// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Performance is what people say of how a control was performed.
type Performance struct {
	At     time.Time // zero: when the evidence was collected
	Result string    // empty: as expected
	Reason string    // why it deviates
}

// AddEvidence adds what somebody brought: bytes that the vault has, a link, or an
// attestation. The occurrences that evidence of operation is for were performed by it:
// in time, or late where the performance or the evidence came after it was due.
//
// Evidence for a control that is performed every day and shown by records covers each
// day that lies in the time of which it speaks.
func (a *Audit) AddEvidence(ctx context.Context, p seaworthy.Principal, e seaworthy.Evidence, how Performance) (seaworthy.Evidence, error) {
	if e.Kind == seaworthy.EvidenceRun || e.Kind == seaworthy.EvidenceTrail {
		return e, seaworthy.Invalid("reports and the change trail become evidence by themselves")
	}
	if how.Result != "" && how.Result != seaworthy.ResultAsExpected && how.Result != seaworthy.ResultDeviation {
		return e, seaworthy.Invalid("result %q is neither %q nor %q", how.Result, seaworthy.ResultAsExpected, seaworthy.ResultDeviation)
	}
	if how.Result == seaworthy.ResultDeviation && how.Reason == "" {
		return e, seaworthy.Invalid("say how the performance deviates")
	}
	if e.Collector == "" {
		e.Collector = p.Actor
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		v := e
		v.RunID, v.ReceivedAt = "", tx.At
		if v.CollectedAt.IsZero() {
			v.CollectedAt = tx.At
		}
		if v.CollectedAt.After(tx.At) || how.At.After(tx.At) {
			return seaworthy.Invalid("evidence %s speaks of the future", v.Title)
		}
		controls, err := a.controlsOf(tx, &v)
		if err != nil {
			return err
		}
		if err := mayAdd(p, controls); err != nil {
			return err
		}
		for _, c := range controls {
			if err := ofSystem(c, v.System); err != nil {
				return err
			}
		}
		if err := tx.AddEvidence(&v); err != nil {
			return err
		}
		if v.Shows == seaworthy.Operation {
			err = perform(tx, p, v, controls, how)
		}
		e = v
		return err
	})
	return e, err
}

// controlsOf reads the controls that evidence is for, and links it to the days that it
// covers.
func (a *Audit) controlsOf(tx *store.Tx, e *seaworthy.Evidence) (map[string]seaworthy.TrackedControl, error) {
	controls := map[string]seaworthy.TrackedControl{}
	add := func(id string) error {
		c, err := tx.Control(id)
		controls[id] = c
		return err
	}
	e.Occurrences, e.Controls = slices.Clone(e.Occurrences), slices.Clone(e.Controls)
	for _, id := range e.Occurrences {
		o, err := tx.Occurrence(id)
		if err != nil {
			return nil, err
		}
		if err := add(o.ControlID); err != nil {
			return nil, err
		}
	}
	for _, id := range e.Controls {
		if err := add(id); err != nil {
			return nil, err
		}
		if c := controls[id]; e.Shows == seaworthy.Operation && !c.Machine() && (c.Cadence == "continuous" || c.Cadence == "daily") {
			days, err := tx.OccurrencesWithin(id, e.EffectiveFrom, e.EffectiveTo)
			if err != nil {
				return nil, err
			}
			for _, o := range days {
				if !slices.Contains(e.Occurrences, o.ID) {
					e.Occurrences = append(e.Occurrences, o.ID)
				}
			}
		}
	}
	return controls, nil
}

// mayAdd lets those who manage the programme add any evidence, and a control's owner
// evidence for it.
func mayAdd(p seaworthy.Principal, controls map[string]seaworthy.TrackedControl) error {
	if p.Can(seaworthy.ManageProgramme) {
		return nil
	}
	for id, c := range controls {
		if c.OwnerUser == "" || c.OwnerUser != p.UserID || p.Role == seaworthy.Auditor {
			return seaworthy.Forbidden("control %s is not yours to add evidence to", id)
		}
	}
	if len(controls) == 0 {
		return may(p, seaworthy.ManageProgramme)
	}
	return nil
}

// perform says of the occurrences that the evidence is for that they were performed.
func perform(tx *store.Tx, p seaworthy.Principal, e seaworthy.Evidence, controls map[string]seaworthy.TrackedControl, how Performance) error {
	for _, id := range e.Occurrences {
		o, err := tx.Occurrence(id)
		if err != nil {
			return err
		}
		if o.Done() {
			continue // the evidence is linked; what happened first stays
		}
		c := controls[o.ControlID]
		if (c.Machine() || c.Daily()) && o.Event == "" {
			return seaworthy.Invalid("machines show whether control %s was performed; this evidence can be for the control, not for %s", c.ID, o.From.Format(time.DateOnly))
		}
		if err := performed(&o, c, e, how, tx.At); err != nil {
			return err
		}
		o.PerformedBy = p.Actor
		o.Reconcile()
		if err := tx.PutOccurrence(&o, lateAt(c, o.DueAt)); err != nil {
			return err
		}
	}
	return nil
}

func performed(o *seaworthy.Occurrence, c seaworthy.TrackedControl, e seaworthy.Evidence, how Performance, now time.Time) error {
	at := how.At
	if at.IsZero() {
		at = e.CollectedAt
		if covers := !e.EffectiveFrom.After(o.From) && !e.EffectiveTo.Before(o.DueAt); covers && at.After(o.DueAt) {
			at = o.DueAt // records of the whole window
		}
	}
	if at.Before(o.From) {
		return seaworthy.Invalid("what was performed on %s cannot be for the window that starts on %s", at.Format(time.DateOnly), o.From.Format(time.DateOnly))
	}
	o.State, o.PerformedAt, o.Result = seaworthy.Performed, at, how.Result
	if o.Result == "" {
		o.Result = seaworthy.ResultAsExpected
	}
	var reasons []string
	if how.Reason != "" {
		reasons = append(reasons, how.Reason)
	}
	if at.After(o.DueAt) {
		o.State = seaworthy.Late
		reasons = append(reasons, fmt.Sprintf("performed %s, due %s", at.Format(time.DateOnly), o.DueAt.Format(time.DateOnly)))
	}
	if late := lateAt(c, o.DueAt); now.After(late) {
		o.State = seaworthy.Late
		reasons = append(reasons, fmt.Sprintf("its evidence came in %s, and had to be in by %s", now.Format(time.DateOnly), late.Format(time.DateOnly)))
	}
	o.Reason = strings.Join(reasons, "; ")
	return nil
}

// Expect makes an occurrence that an event asks for: somebody left, a release went out.
func (a *Audit) Expect(ctx context.Context, p seaworthy.Principal, control, event string, from, due time.Time) (seaworthy.Occurrence, error) {
	var o seaworthy.Occurrence
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return o, err
	}
	if event == "" || from.IsZero() || !due.After(from) {
		return o, seaworthy.Invalid("an occurrence of %s needs the event that asks for it, when it was, and a later due date", control)
	}
	if store.NamesProgram(event) {
		return o, seaworthy.Invalid("the event %q is what the results of a program are kept by: call it otherwise", event)
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		c, err := tx.Control(control)
		if err != nil {
			return err
		}
		if c.Cadence != "event" && c.Cadence != "once" {
			return seaworthy.Invalid("control %s is performed by the calendar (%s), not by event", control, c.Cadence)
		}
		o = seaworthy.Occurrence{ControlID: control, Version: c.Version, From: from.UTC(), DueAt: due.UTC(), Event: event, State: seaworthy.Expected}
		return tx.PutOccurrence(&o, lateAt(c, o.DueAt))
	})
	return o, err
}

// NotRequired says why an occurrence need not be performed, or need not have been. One
// that was performed was performed.
func (a *Audit) NotRequired(ctx context.Context, p seaworthy.Principal, id, reason string) (seaworthy.Occurrence, error) {
	var o seaworthy.Occurrence
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return o, err
	}
	if strings.TrimSpace(reason) == "" {
		return o, seaworthy.Invalid("say why the occurrence is not required")
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		var err error
		if o, err = tx.Occurrence(id); err != nil {
			return err
		}
		if o.Done() {
			return seaworthy.Conflict("the occurrence is %s already", o.State)
		}
		c, err := tx.Control(o.ControlID)
		if err != nil {
			return err
		}
		o.State, o.Result, o.Reason = seaworthy.NotRequired, "", reason
		return tx.PutOccurrence(&o, lateAt(c, o.DueAt))
	})
	return o, err
}

// EraseEvidence destroys what evidence holds of people, with the reason: its words, its
// entries' content and its bytes. Identity, digest, times and a tombstone stay.
func (a *Audit) EraseEvidence(ctx context.Context, p seaworthy.Principal, id, reason string) error {
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return err
	}
	return a.erase(ctx, p.Actor, id, reason)
}

func (a *Audit) erase(ctx context.Context, actor, id, reason string) error {
	var stone seaworthy.Evidence
	shared := false
	err := a.store.Write(ctx, actor, func(tx *store.Tx) error {
		var err error
		if stone, err = tx.EraseEvidence(id, reason); err != nil {
			return err
		}
		if shared, err = tx.DigestInUse(stone.Digest, ""); err != nil || shared || stone.RunID == "" {
			return err
		}
		// The bytes are those of a report, whose run has to say that they are gone.
		if _, err = tx.DropRawReport(stone.RunID, reason); err == nil {
			shared, err = tx.DigestInUse(stone.Digest, stone.RunID)
		}
		return err
	})
	if err != nil || stone.Digest == "" || shared || a.blobs == nil {
		return err
	}
	if err := a.blobs.Delete(ctx, stone.Digest); err != nil {
		return fmt.Errorf("remove the bytes of evidence %s, whose words are erased: %w", id, err)
	}
	return nil
}
