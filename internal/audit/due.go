// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The kinds of what is due.
const (
	DueOccurrence = "occurrence" // a control is to be performed
	DueFindings   = "findings"   // findings reach their due date
	DueWaiver     = "waiver"     // a waiver ends
	DueEvidence   = "evidence"   // the newest evidence of a control goes stale
)

// Due is one thing that somebody has to do.
type Due struct {
	Kind    string    `json:"kind"`
	Title   string    `json:"title"`
	DueAt   time.Time `json:"dueAt"`
	Overdue bool      `json:"overdue"`
	Count   int       `json:"count"`
	// More tells that so many were counted that Count is of the first only.
	More bool `json:"more,omitempty"`
	// Whose it is: a user, else a team, else the role that should.
	OwnerUser string `json:"ownerUser,omitempty"`
	Team      string `json:"team,omitempty"`
	Role      string `json:"role,omitempty"`
	// What it is about.
	Control    string `json:"control,omitempty"`
	Occurrence string `json:"occurrence,omitempty"` // where it is only one
	Check      string `json:"check,omitempty"`
	Waiver     string `json:"waiver,omitempty"`
}

// DueUntil lists what a program needs somebody to do until a time, what is overdue
// first.
func (a *Audit) DueUntil(ctx context.Context, program seaworthy.Program, until time.Time) ([]Due, error) {
	controls, err := a.controlsIn(ctx, program)
	if err != nil {
		return nil, err
	}
	out := []Due{}
	for _, list := range []func(context.Context, seaworthy.Program, map[string]seaworthy.TrackedControl, time.Time) ([]Due, error){
		a.dueOccurrences, a.dueFindings, a.dueWaivers, a.dueEvidence,
	} {
		more, err := list(ctx, program, controls, until)
		if err != nil {
			return nil, fmt.Errorf("list what is due: %w", err)
		}
		out = append(out, more...)
	}
	now := a.store.Now()
	for i := range out {
		out[i].Overdue = out[i].DueAt.Before(now)
	}
	slices.SortStableFunc(out, func(a, b Due) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Title, b.Title))
	})
	return out, nil
}

// controlsIn gives the active controls that support a requirement of a program.
func (a *Audit) controlsIn(ctx context.Context, program seaworthy.Program) (map[string]seaworthy.TrackedControl, error) {
	framework, err := a.Framework(program.Framework)
	if err != nil {
		return nil, err
	}
	list, err := a.store.Controls(ctx)
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, r := range framework.Requirements {
		for _, id := range r.Controls {
			asked[id] = asked[id] || program.Requires(r)
		}
	}
	out := map[string]seaworthy.TrackedControl{}
	for _, c := range list {
		if asked[c.ID] && c.Active {
			out[c.ID] = c
		}
	}
	return out, nil
}

func (a *Audit) dueOccurrences(ctx context.Context, _ seaworthy.Program, controls map[string]seaworthy.TrackedControl, until time.Time) ([]Due, error) {
	list, err := a.store.ExpectedBy(ctx, until)
	var out []Due
	for _, w := range list {
		c, ok := controls[w.Control]
		if !ok || c.Machine() {
			continue
		}
		d := Due{Kind: DueOccurrence, Title: c.Title, DueAt: w.DueAt, Count: w.Count, OwnerUser: c.OwnerUser, Role: c.Owner, Control: c.ID}
		if w.Count == 1 {
			d.Occurrence = w.ID
		}
		if c.Daily() {
			if d, ok, err = a.dueEvents(ctx, d, until); err != nil || !ok {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		out = append(out, d)
	}
	return out, err
}

// dueEvents leaves of what is due of a control that the change trail tests by day what
// events ask for.
func (a *Audit) dueEvents(ctx context.Context, d Due, until time.Time) (Due, bool, error) {
	list, err := a.store.AllOccurrences(ctx, store.OccurrenceFilter{Control: d.Control, States: []seaworthy.OccurrenceState{seaworthy.Expected}})
	d.Count, d.Occurrence = 0, ""
	for _, o := range list {
		if o.Event == "" || !o.LateAt.Before(until) {
			continue
		}
		if d.Count++; d.Count == 1 || o.LateAt.Before(d.DueAt) {
			d.DueAt = o.LateAt
		}
		d.Occurrence = o.ID
	}
	if d.Count > 1 {
		d.Occurrence = ""
	}
	return d, d.Count > 0, err
}

func (a *Audit) dueFindings(ctx context.Context, program seaworthy.Program, _ map[string]seaworthy.TrackedControl, until time.Time) ([]Due, error) {
	list, more, err := a.store.FindingsDue(ctx, program, until)
	var out []Due
	for _, f := range list {
		d := Due{Kind: DueFindings, Title: a.checkTitle(f.Check), DueAt: f.DueAt, Count: f.Count, More: more, Check: f.Check, Team: f.Team, OwnerUser: f.Assignee}
		out = append(out, d)
	}
	return out, err
}

func (a *Audit) checkTitle(id string) string {
	i := slices.IndexFunc(a.catalogue.Checks, func(c seaworthy.Check) bool { return c.ID == id })
	if i < 0 || a.catalogue.Checks[i].Title == "" {
		return id
	}
	return a.catalogue.Checks[i].Title
}

func (a *Audit) dueWaivers(ctx context.Context, program seaworthy.Program, _ map[string]seaworthy.TrackedControl, until time.Time) ([]Due, error) {
	list, err := a.store.WaiversInForce(ctx, program)
	var out []Due
	for _, w := range list {
		if ends := w.Expires.AddDate(0, 0, 1); !w.Expires.IsZero() && ends.Before(until) {
			out = append(out, Due{Kind: DueWaiver, Title: "Waiver of " + a.checkTitle(w.Check), DueAt: ends, Count: 1, OwnerUser: w.Owner, Waiver: w.ID, Check: w.Check})
		}
	}
	return out, err
}

// dueEvidence tells when the newest evidence of a control stops being fresh, where it is
// fresh now. Of controls that reports show, gaps tell.
func (a *Audit) dueEvidence(ctx context.Context, program seaworthy.Program, controls map[string]seaworthy.TrackedControl, until time.Time) ([]Due, error) {
	now := a.store.Now()
	latest, err := a.store.LatestEvidence(ctx, time.Time{}, now.Add(day), now)
	if err != nil {
		return nil, err
	}
	var out []Due
	for id, c := range controls {
		e := latest[id].Operation
		if program.Type == seaworthy.TypeI {
			e = later(e, latest[id].Design)
		}
		if c.Machine() || e.IsZero() || e.Before(freshSince(c, now)) {
			continue
		}
		for t := now; t.Before(until); t = t.Add(day) {
			if e.Before(freshSince(c, t)) {
				out = append(out, Due{Kind: DueEvidence, Title: "Evidence of " + c.Title + " goes stale", DueAt: t.Truncate(day), Count: 1,
					OwnerUser: c.OwnerUser, Role: c.Owner, Control: id})
				break
			}
		}
	}
	return out, nil
}
