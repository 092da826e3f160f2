// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Readiness says what a program could show an auditor as of a moment: for each
// requirement in scope the controls that support it, and of each control whether it was
// performed as expected in the period. Program, controls, occurrences and evidence are
// those of the moment, so what came later changes nothing.
func (a *Audit) Readiness(ctx context.Context, program string, asOf time.Time) (seaworthy.Readiness, error) {
	p, err := a.store.ProgramAsOf(ctx, program, asOf)
	if err != nil {
		return seaworthy.Readiness{}, err
	}
	framework, err := a.Framework(p.Framework)
	if err != nil {
		return seaworthy.Readiness{}, err
	}
	known, err := a.facts(ctx, p, asOf)
	if err != nil {
		return seaworthy.Readiness{}, fmt.Errorf("count the readiness of program %s: %w", p.Name, err)
	}
	r := seaworthy.Readiness{
		ProgramID: p.ID, Program: p.Name, Type: p.Type, From: p.From, To: p.To, AsOf: asOf, Excluded: p.Excluded, Gaps: known.gaps,
		ByClass: map[string]seaworthy.Standings{}, Requirements: []seaworthy.ReadyRequirement{}, Controls: []seaworthy.ReadyControl{},
	}
	ready, inactive := map[string]*seaworthy.ReadyControl{}, map[string]bool{}
	for _, req := range framework.Requirements {
		if !p.Requires(req) {
			continue
		}
		for _, id := range req.Controls {
			c, ok := known.controls[id]
			switch {
			case !ok:
			case !c.Active:
				inactive[id] = true
			default:
				if ready[id] == nil {
					v := known.control(c)
					ready[id] = &v
				}
				ready[id].Requirements = append(ready[id].Requirements, req.ID)
			}
		}
		r.Requirements = append(r.Requirements, requirement(req, ready))
	}
	r.Inactive = len(inactive)
	r.Controls, r.Counts, r.ByClass = tally(ready)
	r.ByCategory = byCategory(p, r.Requirements, ready)
	return r, nil
}

// facts are what readiness is counted from.
type facts struct {
	program  seaworthy.Program
	asOf     time.Time
	end      time.Time // until when the period has passed
	controls map[string]seaworthy.TrackedControl
	tallies  map[string]store.ControlTally
	evidence map[string]store.LatestEvidence
	gaps     []seaworthy.Gap // that touch the period, of sources in scope
}

func (a *Audit) facts(ctx context.Context, p seaworthy.Program, asOf time.Time) (*facts, error) {
	f := &facts{program: p, asOf: asOf, end: p.To, controls: map[string]seaworthy.TrackedControl{}}
	if asOf.Before(f.end) {
		f.end = asOf
	}
	controls, err := a.store.ControlsAsOf(ctx, f.end)
	if err != nil {
		return nil, err
	}
	if len(controls) == 0 { // the period was over before the server began
		if controls, err = a.store.ControlsAsOf(ctx, asOf); err != nil {
			return nil, err
		}
	}
	for _, c := range controls {
		f.controls[c.ID] = c
	}
	if f.tallies, err = a.store.Tallies(ctx, p.ID, p.From, p.To, asOf); err != nil {
		return nil, err
	}
	// What shows a design is older than the day of a type I report.
	from := p.From
	if p.Type == seaworthy.TypeI {
		from = p.From.AddDate(-1, 0, 0)
	}
	if f.evidence, err = a.store.LatestEvidence(ctx, from, p.To, asOf); err != nil {
		return nil, err
	}
	gaps, err := a.store.GapsAsOf(ctx, p.From, f.end, asOf)
	f.gaps = slices.DeleteFunc(gaps, func(g seaworthy.Gap) bool { return !p.HasSource(g.SourceID) })
	return f, err
}

// control says where one control stands.
func (f *facts) control(c seaworthy.TrackedControl) seaworthy.ReadyControl {
	t := f.tallies[c.ID]
	r := seaworthy.ReadyControl{
		ID: c.ID, Title: c.Title, Class: c.Class(), Kind: c.Kind, Cadence: c.Cadence, Version: c.Version, Role: c.Owner,
		OwnerUser: c.OwnerUser, Reasons: []string{}, Past: []string{}, Tally: t.Tally, NextDue: t.NextDue,
	}
	r.EvidenceTo = f.evidence[c.ID].Operation
	r.Fresh = !r.EvidenceTo.IsZero() && !r.EvidenceTo.Before(freshSince(c, f.end))
	if f.program.Type == seaworthy.TypeI { // a design stays for a year
		r.EvidenceTo = later(r.EvidenceTo, f.evidence[c.ID].Design)
		r.Fresh = !r.EvidenceTo.IsZero()
	}
	f.reasons(c, &r)
	r.Standing = f.standing(r)
	return r
}

// freshSince is the earliest time of which evidence must speak to be fresh. Records may
// come in as late as the control allows.
func freshSince(c seaworthy.TrackedControl, t time.Time) time.Time {
	if c.Machine() || c.Daily() {
		t = t.Add(-settle) // yesterday is judged when it is over
	}
	return seaworthy.FreshSince(c.Cadence, t.AddDate(0, 0, -c.GraceDays))
}

// reasons says what somebody has to see to, most pressing first, and what was amiss
// before: what the latest performance that was due came to asks for somebody, what came
// to be amiss before it is over.
func (f *facts) reasons(c seaworthy.TrackedControl, r *seaworthy.ReadyControl) {
	say := func(format string, args ...any) { r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...)) }
	t := r.Tally
	gap, open := f.gap(c)
	if lacked := f.lacked(c); lacked != "" && !open && f.program.Type == seaworthy.TypeII {
		r.Past = append(r.Past, lacked)
	}
	if f.program.Type == seaworthy.TypeII {
		f.amiss(r, f.tallies[c.ID])
	}
	if c.OwnerUser == "" {
		say("nobody owns it; a %s should", c.Owner)
	}
	if f.program.Type == seaworthy.TypeII && t.Total() == 0 {
		say("no occurrence in the period")
	}
	if performed := t.Performed+t.Late > 0; !r.Fresh && (performed || f.program.Type == seaworthy.TypeI) {
		if r.EvidenceTo.IsZero() {
			say("no evidence")
		} else {
			say("its evidence is stale: it speaks of %s at the latest", r.EvidenceTo.Format(time.DateOnly))
		}
	}
	if open {
		say("%s", gap)
	}
	r.Degraded = gap != "" || t.NoData > 0
}

// amiss sorts what the performances in the period lacked: where the latest that was due
// lacks it too, somebody has to see to it; otherwise it is past.
func (f *facts) amiss(r *seaworthy.ReadyControl, t store.ControlTally) {
	last := t.Latest
	say := func(now bool, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); now {
			r.Reasons = append(r.Reasons, text+lately(t.Due()))
		} else {
			r.Past = append(r.Past, text)
		}
	}
	all := count(t.Total()-t.NotRequired, "expected performance")
	if n := t.Missed - t.NoData; n > 0 {
		say(last.Missed && !last.NoData, "%d of %s missed", n, all)
	}
	if t.NoData > 0 {
		say(last.NoData, "no data for %d of %s", t.NoData, all)
	}
	if t.Deviations > 0 {
		say(last.Deviation, "%s deviated", count(t.Deviations, "performance"))
	}
	if t.Late > 0 {
		say(false, "%s late", count(t.Late, "performance"))
	}
}

// lately says of one of several that it is the latest.
func lately(due int) string {
	if due < 2 {
		return ""
	}
	return ", the latest too"
}

// lacked tells of gaps that are over of the part of the change trail that a control depends
// on: in them it was not in force, or nothing of it was seen.
func (f *facts) lacked(c seaworthy.TrackedControl) string {
	kinds, n, last := dependsOn[c.Trail], 0, seaworthy.Gap{}
	for _, g := range f.gaps {
		if over := !g.To.IsZero() && !g.To.After(f.end) && g.To.After(g.From); over && applies(c, g.SourceID, "") && slices.Contains(kinds, g.Kind) {
			n, last = n+1, g
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s of the change trail that it depends on, the last on %s: a source %s", count(n, "gap"), last.From.Format(time.DateOnly), past(gapSays[last.Kind]))
}

// gap tells of a gap of a source that the control's evidence comes from, and whether it
// lasts. Of the change trail what is over counts where the control depends on it: of others
// reports went on.
func (f *facts) gap(c seaworthy.TrackedControl) (text string, open bool) {
	if !c.Machine() && !c.Daily() {
		return "", false
	}
	for _, g := range f.gaps {
		lasts := g.To.IsZero() || g.To.After(f.end)
		depends := slices.Contains(dependsOn[c.Trail], g.Kind)
		if !applies(c, g.SourceID, "") || ofTrail(g.Kind) && !lasts && !depends || !c.Checked() && !depends {
			continue
		}
		text = fmt.Sprintf("a source %s since %s", gapSays[g.Kind], g.From.Format(time.DateOnly))
		if lasts {
			return text, true
		}
	}
	return text, false
}

func (f *facts) standing(r seaworthy.ReadyControl) seaworthy.ControlStanding {
	t := r.Tally
	switch {
	case len(r.Reasons) > 0:
		return seaworthy.ControlNeedsYou
	case f.program.Type == seaworthy.TypeI:
		return seaworthy.ControlAsExpected
	case t.NotRequired == t.Total():
		return seaworthy.ControlNotRequired
	case len(r.Past) > 0:
		return seaworthy.ControlDeviated
	case t.Performed == 0:
		return seaworthy.ControlWaiting
	}
	return seaworthy.ControlAsExpected
}

// requirement says where the controls that support a requirement stand.
func requirement(req seaworthy.Requirement, ready map[string]*seaworthy.ReadyControl) seaworthy.ReadyRequirement {
	out := seaworthy.ReadyRequirement{ID: req.ID, Title: req.Title, Category: req.Category, Controls: []string{}}
	classes, by := map[string]int{}, []seaworthy.ReadyControl(nil)
	for _, id := range req.Controls {
		if c := ready[id]; c != nil {
			out.Controls, by = append(out.Controls, id), append(by, *c)
			classes[c.Class]++
		}
	}
	out.Supported(by)
	n := len(out.Controls)
	switch {
	case n > 0 && classes[seaworthy.ByMachine] == n:
		out.Class = seaworthy.ByMachine
	case classes[seaworthy.ByPeople] == n:
		out.Class = seaworthy.ByPeople
	default:
		out.Class = seaworthy.ByMixed
	}
	return out
}

func tally(ready map[string]*seaworthy.ReadyControl) (list []seaworthy.ReadyControl, all seaworthy.Standings, byClass map[string]seaworthy.Standings) {
	byClass = map[string]seaworthy.Standings{}
	list = []seaworthy.ReadyControl{}
	for _, class := range seaworthy.Classes {
		byClass[class] = seaworthy.Standings{}
	}
	for _, c := range ready {
		list = append(list, *c)
		all.Add(c.Standing)
		s := byClass[c.Class]
		s.Add(c.Standing)
		byClass[c.Class] = s
	}
	slices.SortFunc(list, func(a, b seaworthy.ReadyControl) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list, all, byClass
}

// byCategory counts, for each category, each control that supports it once.
func byCategory(p seaworthy.Program, requirements []seaworthy.ReadyRequirement, ready map[string]*seaworthy.ReadyControl) []seaworthy.CategoryStandings {
	out := []seaworthy.CategoryStandings{}
	for _, category := range seaworthy.TrustCategories {
		if !slices.Contains(p.Categories, category) {
			continue
		}
		mine := map[string]*seaworthy.ReadyControl{}
		for _, r := range requirements {
			if r.Category == category {
				for _, id := range r.Controls {
					mine[id] = ready[id]
				}
			}
		}
		_, _, byClass := tally(mine)
		out = append(out, seaworthy.CategoryStandings{Category: category, ByClass: byClass})
	}
	return out
}

// keepTrend keeps readiness for each day of the open programs that is over.
func (a *Audit) keepTrend(ctx context.Context, s *state) error {
	today := s.now.Truncate(day)
	for _, p := range s.programs {
		if !p.Open() {
			continue
		}
		first := later(p.From, p.CreatedAt).UTC().Truncate(day)
		kept, err := a.store.ReadinessDays(ctx, p.ID, first)
		if err != nil {
			return err
		}
		have := map[time.Time]bool{}
		for _, d := range kept {
			have[d.Day.UTC()] = true
		}
		for d := first; d.Before(today) && d.Before(p.To); d = d.Add(day) {
			if have[d] {
				continue
			}
			if err := a.keepDay(ctx, p.ID, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Audit) keepDay(ctx context.Context, program string, d time.Time) error {
	r, err := a.Readiness(ctx, program, d.Add(day-time.Microsecond))
	if err != nil {
		return err
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error {
		return tx.KeepReadiness(program, seaworthy.ReadinessDay{Day: d, Counts: r.Counts, ByClass: r.ByClass})
	})
}

// Trend gives readiness by day, oldest first, with the present moment last.
func (a *Audit) Trend(ctx context.Context, program string, days int) ([]seaworthy.ReadinessDay, error) {
	now := a.store.Now()
	out, err := a.store.ReadinessDays(ctx, program, now.AddDate(0, 0, -days))
	if err != nil {
		return nil, err
	}
	r, err := a.Readiness(ctx, program, now)
	if err != nil {
		return nil, err
	}
	return append(out, seaworthy.ReadinessDay{Day: now, Counts: r.Counts, ByClass: r.ByClass}), nil
}
