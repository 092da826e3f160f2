// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// of is what a program sees of the window; nil if it is not of the time. Of no program alone,
// it is everything.
func (o *observed) of(program string) *observed {
	if program == "" || program == seaworthy.OfNoProgram {
		return o
	}
	i := slices.IndexFunc(o.programs, func(p seaworthy.Program) bool { return p.ID == program })
	if i < 0 {
		return nil
	}
	out := *o
	out.programs = o.programs[i : i+1]
	inScope := func(list []seaworthy.DeclaredSource) (kept []seaworthy.DeclaredSource) {
		for _, s := range list {
			if out.inScope(s.ID, "") {
				kept = append(kept, s)
			}
		}
		return kept
	}
	out.sources, out.others = inScope(o.sources), inScope(o.others)
	return &out
}

// counts tells whether an occurrence is about a source.
func (o *observed) counts(v seaworthy.Occurrence, source string) bool {
	of := o.of(v.ProgramID)
	return of != nil && of.inScope(source, "")
}

// differ tells whether the programs of the time look at different production clusters, or at
// different namespaces of them: then each has a result of its own.
func (o *observed) differ() bool {
	return slices.ContainsFunc(o.programs, func(p seaworthy.Program) bool { return looks(p, o.sources) != looks(o.programs[0], o.sources) })
}

// looks spells what a program looks at.
func looks(p seaworthy.Program, sources []seaworthy.DeclaredSource) string {
	var out []string
	for _, s := range sources {
		if !p.HasSource(s.ID) {
			continue
		}
		out = append(out, s.ID)
		for _, item := range p.Scope {
			if item.Kind == seaworthy.KindNamespace && item.Source == s.ID && !p.HasNamespace(s.ID, item.Name) {
				out = append(out, s.ID+"/"+item.Name)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// apart gives what programs alone count in the place of an occurrence.
func (a *Audit) apart(ctx context.Context, s *state, seen *observed, o seaworthy.Occurrence, programs []seaworthy.Program) ([]seaworthy.Occurrence, error) {
	var out []seaworthy.Occurrence
	for _, p := range programs {
		own := seaworthy.Occurrence{ControlID: o.ControlID, ProgramID: p.ID, Version: o.Version, From: o.From, DueAt: o.DueAt, State: seaworthy.Expected}
		if err := a.judge(ctx, seen.of(p.ID), s.version(o), &own); err != nil {
			return nil, fmt.Errorf("judge for the program %s: %w", p.Name, err)
		}
		out = append(out, own)
	}
	return out, nil
}

// judgeForPrograms gives programs that came later, or whose scope was changed, results of
// their own for windows that were judged already, where they look at something else than
// others of the time.
func (a *Audit) judgeForPrograms(ctx context.Context, s *state) error {
	if len(s.programs) < 2 {
		return nil
	}
	var machine []string
	for id, v := range s.controls {
		if slices.ContainsFunc(v, func(c seaworthy.TrackedControl) bool { return a.byMachine(c, seaworthy.Occurrence{}) }) {
			machine = append(machine, id)
		}
	}
	slices.Sort(machine)
	judged := slices.DeleteFunc(slices.Clone(s.sources), func(v seaworthy.DeclaredSource) bool { return !inProduction(v) })
	for _, p := range s.programs {
		if err := a.judgeUnlooked(ctx, s, p, machine, judged); err != nil {
			return err
		}
		if len(machine) == 0 || !slices.ContainsFunc(s.programs, func(q seaworthy.Program) bool {
			return q.From.Before(p.To) && q.To.After(p.From) && looks(p, judged) != looks(q, judged)
		}) {
			continue
		}
		list, err := a.store.NotOfProgram(ctx, p.ID, machine, p.From, p.To)
		if err != nil {
			return err
		}
		if err := a.addApart(ctx, s, p, list, false); err != nil {
			return err
		}
	}
	return nil
}

// judgeUnlooked gives a program results of its own for windows that were judged over all
// production clusters, since no program looked at their time yet.
func (a *Audit) judgeUnlooked(ctx context.Context, s *state, p seaworthy.Program, machine []string, judged []seaworthy.DeclaredSource) error {
	everything := seaworthy.Program{}
	for _, v := range judged {
		everything.Scope = append(everything.Scope, seaworthy.ScopeItem{Kind: v.Kind, Source: v.ID, In: true})
	}
	if len(machine) == 0 || !p.Open() || !p.CreatedAt.After(p.From) || looks(p, judged) == looks(everything, judged) {
		return nil
	}
	until := p.To
	if p.CreatedAt.Before(until) {
		until = p.CreatedAt
	}
	list, err := a.store.NotOfProgram(ctx, p.ID, machine, p.From, until)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(o seaworthy.Occurrence) bool { return o.ProgramID != "" || !o.UpdatedAt.Before(p.CreatedAt) })
	return a.addApart(ctx, s, p, list, true)
}

// addApart adds what a program alone counts to occurrences that were judged: where programs
// of the time differ or, unlooked, where none was there when they were.
func (a *Audit) addApart(ctx context.Context, s *state, p seaworthy.Program, list []seaworthy.Occurrence, unlooked bool) error {
	for len(list) > 0 {
		w := list[0].Window()
		n := 1
		for n < len(list) && list[n].Window() == w {
			n++
		}
		if !unlooked && !s.mayDiffer(w) {
			list = list[n:]
			continue
		}
		seen, err := a.look(ctx, s, w)
		if err != nil {
			return err
		}
		if err := a.lookFurther(ctx, s, seen, list[:n]); err != nil {
			return err
		}
		apart := seen.differ()
		if unlooked {
			counted, _, err := a.counted(ctx, seen, list[0])
			if err != nil {
				return err
			}
			apart = len(counted) == 0
		}
		if seen.of(p.ID) != nil && apart {
			if err := a.addApartIn(ctx, s, seen, p, list[:n]); err != nil {
				return err
			}
		}
		list = list[n:]
	}
	return nil
}

// created is how long after a window a cluster may have become known that reported in it.
const created = 7 * day

// mayDiffer tells whether the programs of a window can look at different production
// clusters: where none of these was there yet, what is known of the window need not be read.
func (s *state) mayDiffer(w seaworthy.Window) bool {
	o := observed{window: w}
	for _, p := range s.programs {
		if p.From.Before(w.DueAt) && p.To.After(w.From) {
			o.programs = append(o.programs, p)
		}
	}
	for _, v := range s.sources {
		gone := !v.RetiredAt.IsZero() && v.RetiredAt.Before(w.From)
		if inProduction(v) && v.CreatedAt.Before(w.DueAt.Add(created)) && !gone {
			o.sources = append(o.sources, v)
		}
	}
	return o.differ()
}

// inProduction tells whether the reports of a source show operation.
func inProduction(v seaworthy.DeclaredSource) bool {
	return v.Kind == seaworthy.KindCluster && v.Environment == seaworthy.Production
}

// addApartIn adds them for one window, for all programs at once: none is without a result in
// between. What a program counted so far stays what it is, with its evidence.
func (a *Audit) addApartIn(ctx context.Context, s *state, seen *observed, p seaworthy.Program, list []seaworthy.Occurrence) error {
	var out []verdict
	for _, o := range list {
		if !a.byMachine(s.version(o), o) {
			continue
		}
		anew := []seaworthy.Program{p}
		if o.ProgramID != seaworthy.OfNoProgram {
			counted, others, err := a.counted(ctx, seen, o)
			if err != nil {
				return err
			}
			for _, q := range counted {
				own := o
				own.ID, own.ProgramID = "", q.ID
				out = append(out, verdict{before: own, now: own, like: o.ID})
			}
			anew = others
		}
		own, err := a.apart(ctx, s, seen, o, anew)
		if err != nil {
			return err
		}
		for _, v := range own {
			out = append(out, verdict{before: v, now: v})
		}
		of := o
		of.ProgramID = seaworthy.OfNoProgram
		out = append(out, verdict{before: o, now: of})
	}
	return a.keep(ctx, s, seen, out)
}

// counted sorts the programs of a window: those for which an occurrence was judged, since
// they looked at the same then as they do now, and the others. For the first its result
// stands, whatever has become known since.
func (a *Audit) counted(ctx context.Context, seen *observed, o seaworthy.Occurrence) (counted, others []seaworthy.Program, err error) {
	for _, p := range seen.programs {
		if !p.CreatedAt.Before(o.UpdatedAt) {
			others = append(others, p)
			continue
		}
		then, err := a.store.ProgramAsOf(ctx, p.ID, o.UpdatedAt)
		if err != nil {
			return nil, nil, err
		}
		if then.HasOccurrence(o) && looks(then, seen.sources) == looks(p, seen.sources) {
			counted = append(counted, p)
		} else {
			others = append(others, p)
		}
	}
	return counted, others, nil
}
