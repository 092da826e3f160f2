// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Terms are what a waiver is asked for with.
type Terms struct {
	Owner               string // id of a user; empty: who asks
	Reason              string
	CompensatingControl string
	Expires             seaworthy.Date
}

// RequestWaiver asks for a waiver of what w selects, at one source or at any when source
// is empty. It counts once somebody else approves it. An engineer asks for own findings
// only: all that it concerns at present, and it must concern something.
func (t *Triage) RequestWaiver(ctx context.Context, who seaworthy.Principal, source string, w seaworthy.Waiver) (seaworthy.TrackedWaiver, error) {
	asked := seaworthy.TrackedWaiver{SourceID: source, Waiver: w}
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return asked, err
	}
	err := t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		asked = seaworthy.TrackedWaiver{SourceID: source, Waiver: w}
		if source != "" {
			if _, err := tx.Source(source); err != nil {
				return err
			}
		}
		if err := t.prepare(tx, who, &asked); err != nil {
			return err
		}
		if err := ownWaiver(tx, who, &asked); err != nil {
			return err
		}
		if w.Fingerprint != "" {
			if err := notAsked(tx, &asked); err != nil {
				return err
			}
		}
		return file(tx, &asked)
	})
	return asked, err
}

// WaiveFindings asks for waivers of exactly these findings, one for each. Findings for
// which one is asked for already are left out.
func (t *Triage) WaiveFindings(ctx context.Context, who seaworthy.Principal, ids []string, terms Terms) ([]seaworthy.TrackedWaiver, error) {
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return nil, err
	}
	ids, err := several(ids)
	if err != nil {
		return nil, err
	}
	var out []seaworthy.TrackedWaiver
	err = t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		out = nil
		list, err := lock(tx, who, ids)
		if err != nil {
			return err
		}
		pending, err := pendingOf(tx, list)
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].Status == seaworthy.FindingFixed {
				return seaworthy.Conflict("the finding of %s is fixed: there is nothing to waive", list[i].Object)
			}
			if pending[list[i].ID] {
				continue
			}
			w := exactly(&list[i])
			w.Owner, w.Reason, w.CompensatingControl, w.Expires = terms.Owner, terms.Reason, terms.CompensatingControl, terms.Expires
			if err := t.ask(tx, who, &w); err != nil {
				return err
			}
			out = append(out, w)
		}
		if len(out) == 0 {
			return seaworthy.Conflict("a waiver is asked for already")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Renew asks to go on with a waiver that counts or has ended.
func (t *Triage) Renew(ctx context.Context, who seaworthy.Principal, id string, terms Terms) (seaworthy.TrackedWaiver, error) {
	var asked seaworthy.TrackedWaiver
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return asked, err
	}
	err := t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		old, err := tx.Waiver(id)
		if err != nil {
			return err
		}
		if old.State == seaworthy.WaiverRequested || old.State == seaworthy.WaiverRejected {
			return seaworthy.Conflict("waiver %s was never approved: there is nothing to go on with", id)
		}
		if err := ownWaiver(tx, who, &old); err != nil {
			return err
		}
		asked = seaworthy.TrackedWaiver{SourceID: old.SourceID, Waiver: old.Waiver, Renews: old.ID}
		asked.Approver = ""
		asked.Owner, asked.Reason, asked.CompensatingControl, asked.Expires = terms.Owner, terms.Reason, terms.CompensatingControl, terms.Expires
		return t.ask(tx, who, &asked)
	})
	return asked, err
}

// exactly is a waiver of one finding.
func exactly(f *seaworthy.TrackedFinding) seaworthy.TrackedWaiver {
	return seaworthy.TrackedWaiver{SourceID: f.SourceID, Waiver: seaworthy.Waiver{Check: f.Check, Kind: f.Object.Kind,
		Namespace: literal(f.Object.Namespace), Name: literal(f.Object.Name), Container: literal(f.Container), Fingerprint: f.Fingerprint}}
}

// ask writes a request of the principal.
func (t *Triage) ask(tx *store.Tx, who seaworthy.Principal, w *seaworthy.TrackedWaiver) error {
	if err := t.prepare(tx, who, w); err != nil {
		return err
	}
	return file(tx, w)
}

// prepare completes a request of the principal and refuses one that lacks something.
func (t *Triage) prepare(tx *store.Tx, who seaworthy.Principal, w *seaworthy.TrackedWaiver) error {
	w.From = "api"
	if who.UserID != "" {
		w.From = "person"
	}
	if w.Owner == "" {
		w.Owner = who.Person()
	}
	if w.Approver != "" {
		return seaworthy.Invalid("who approves a waiver is not for who asks to say")
	}
	return t.whole(tx, w)
}

// file writes a request of the writer.
func file(tx *store.Tx, w *seaworthy.TrackedWaiver) error {
	w.ID, w.State, w.RequestedBy, w.RequestedAt = tx.NewID(), seaworthy.WaiverRequested, tx.Actor, tx.At
	return tx.PutWaiver(w)
}

// whole refuses a waiver that lacks something, and tidies its texts.
func (t *Triage) whole(tx *store.Tx, w *seaworthy.TrackedWaiver) error {
	if w.File != "" {
		return seaworthy.Invalid("waivers of the server select by source, check and object, not by file")
	}
	for _, text := range []struct {
		what    string
		into    *string
		longest int
	}{
		{"the check", &w.Check, 253}, {"the kind", &w.Kind, 253}, {"the namespace", &w.Namespace, 253}, {"the name", &w.Name, 253},
		{"the container", &w.Container, 253}, {"the fingerprint", &w.Fingerprint, 128}, {"the reason", &w.Reason, 5000},
		{"the compensating control", &w.CompensatingControl, 5000},
	} {
		var err error
		if *text.into, err = clean(text.what, *text.into, text.longest); err != nil {
			return err
		}
	}
	if err := w.Validate(); err != nil {
		return err
	}
	if _, err := active(tx, "the owner", w.Owner); err != nil {
		return err
	}
	// A date as it is read from text, whatever it was made of.
	y, m, d := w.Expires.Date()
	w.Expires = seaworthy.Date{Time: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
	switch {
	case w.Expires.Over(tx.At):
		return seaworthy.Invalid("a waiver cannot end on %s, which is over", w.Expires)
	case w.Expires.After(tx.At.Add(t.max)):
		return seaworthy.Invalid("a waiver cannot last until %s: %s is the last day that it may", w.Expires, tx.At.Add(t.max).Format(time.DateOnly))
	}
	return nil
}

// notAsked refuses a second request for the same finding.
func notAsked(tx *store.Tx, w *seaworthy.TrackedWaiver) error {
	list, err := tx.WaiversOfFingerprints(w.SourceID, []string{w.Fingerprint})
	if i := slices.IndexFunc(list, func(o seaworthy.TrackedWaiver) bool { return o.State == seaworthy.WaiverRequested }); i >= 0 {
		return seaworthy.Conflict("waiver %s of this finding is asked for already", list[i].ID)
	}
	return err
}

// pendingOf gives the ids of those findings for which a waiver is asked for.
func pendingOf(tx *store.Tx, list []seaworthy.TrackedFinding) (map[string]bool, error) {
	prints := map[string][]string{}
	for i := range list {
		prints[list[i].SourceID] = append(prints[list[i].SourceID], list[i].Fingerprint)
	}
	out := map[string]bool{}
	for source, fingerprints := range prints {
		waivers, err := tx.WaiversOfFingerprints(source, fingerprints)
		if err != nil {
			return nil, err
		}
		for _, w := range waivers {
			if w.State == seaworthy.WaiverRequested {
				out[store.FindingID(source, w.Fingerprint)] = true
			}
		}
	}
	return out, nil
}

// errNotOwn ends a walk over findings.
var errNotOwn = errors.New("not own")

// ownWaiver refuses a waiver that is not the principal's: one that is out of the
// principal's program, or, for engineers, that concerns findings of other teams or none.
func ownWaiver(tx *store.Tx, who seaworthy.Principal, w *seaworthy.TrackedWaiver) error {
	r, err := reachOf(tx, who)
	if err != nil {
		return err
	}
	if err := r.source(w.SourceID); err != nil {
		return err
	}
	if who.Role != seaworthy.Engineer {
		return nil
	}
	concerned := 0
	walk := func(lot []seaworthy.TrackedFinding) error {
		for i := range lot {
			if r.finding(&lot[i]) != nil {
				return errNotOwn
			}
		}
		concerned += len(lot)
		return nil
	}
	err = tx.FindingsConcerned(w, walk)
	if err == nil && w.ID != "" {
		err = tx.FindingsWaivedBy(w.ID, walk)
	}
	if err == nil && concerned == 0 && w.Fingerprint != "" && w.SourceID != "" {
		var one map[string]seaworthy.TrackedFinding
		id := store.FindingID(w.SourceID, w.Fingerprint)
		if one, err = tx.LockFindings(id); err == nil {
			if f, ok := one[id]; ok && w.Concerns(&f) {
				err = walk([]seaworthy.TrackedFinding{f})
			}
		}
	}
	switch {
	case errors.Is(err, errNotOwn):
		return seaworthy.Forbidden("the waiver concerns findings that are not of a team of %s", called(who))
	case err == nil && concerned == 0:
		return seaworthy.Forbidden("the waiver concerns no finding of a team of %s", called(who))
	}
	return err
}

// Concerned is what a waiver would waive now.
type Concerned struct {
	Findings int `json:"findings"`
	Objects  int `json:"objects"`
	// Sample are ten of the findings, the worst first.
	Sample []seaworthy.TrackedFinding `json:"sample"`
}

// Concerned tells what a waiver would waive now, of what the principal sees.
func (t *Triage) Concerned(ctx context.Context, who seaworthy.Principal, source string, w seaworthy.Waiver) (Concerned, error) {
	out := Concerned{Sample: []seaworthy.TrackedFinding{}}
	if err := allow(who, seaworthy.ReadFindings); err != nil {
		return out, err
	}
	r := reach{who: who}
	if who.Program != "" {
		p, err := t.store.Program(ctx, who.Program)
		if err != nil {
			return out, err
		}
		r.program = &p
	}
	objects := map[string]bool{}
	err := t.store.FindingsConcerned(ctx, &seaworthy.TrackedWaiver{SourceID: source, Waiver: w}, func(lot []seaworthy.TrackedFinding) error {
		for _, f := range lot {
			if r.program != nil && !r.program.HasNamespace(f.SourceID, f.Object.Namespace) {
				continue
			}
			out.Findings++
			objects[f.ObjectID] = true
			if len(out.Sample) < 10 {
				out.Sample = append(out.Sample, f)
			}
		}
		return nil
	})
	out.Objects = len(objects)
	return out, err
}
