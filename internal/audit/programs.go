// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// CreateProgram makes a program. The framework is SOC 2 unless it says otherwise.
func (a *Audit) CreateProgram(ctx context.Context, p seaworthy.Principal, program seaworthy.Program) (seaworthy.Program, error) {
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return program, err
	}
	if program.Framework == "" {
		program.Framework = "soc2"
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		program.ID, program.CreatedAt, program.ClosedAt = tx.NewID(), tx.At, time.Time{}
		return a.putProgram(tx, &program)
	})
	return program, err
}

// ChangeProgram changes all that people say of a program: name, period, categories,
// criteria and scope. A closed program stays as it is.
func (a *Audit) ChangeProgram(ctx context.Context, p seaworthy.Principal, program seaworthy.Program) (seaworthy.Program, error) {
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return program, err
	}
	if err := sees(p, program.ID); err != nil {
		return program, err
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		old, err := openProgram(tx, program.ID)
		if err != nil {
			return err
		}
		program.CreatedAt, program.ClosedAt = old.CreatedAt, time.Time{}
		return a.putProgram(tx, &program)
	})
	return program, err
}

// CloseProgram ends a program: its period's records may be thrown away from here on, as
// retention says.
func (a *Audit) CloseProgram(ctx context.Context, p seaworthy.Principal, id string) (seaworthy.Program, error) {
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return seaworthy.Program{}, err
	}
	if err := sees(p, id); err != nil {
		return seaworthy.Program{}, err
	}
	var program seaworthy.Program
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		var err error
		if program, err = openProgram(tx, id); err != nil {
			return err
		}
		program.ClosedAt = tx.At
		return tx.PutProgram(&program)
	})
	return program, err
}

func openProgram(tx *store.Tx, id string) (seaworthy.Program, error) {
	program, err := tx.Program(id)
	if err == nil && !program.Open() {
		err = seaworthy.Conflict("program %s was closed at %s", program.Name, program.ClosedAt.Format(time.RFC3339))
	}
	return program, err
}

func (a *Audit) putProgram(tx *store.Tx, program *seaworthy.Program) error {
	program.From, program.To = program.From.UTC(), program.To.UTC()
	program.Categories = slices.Concat([]string{}, program.Categories)
	program.Excluded = slices.Concat([]seaworthy.ExcludedRequirement{}, program.Excluded)
	program.Scope = slices.Concat([]seaworthy.ScopeItem{}, program.Scope)
	if err := program.Validate(); err != nil {
		return err
	}
	framework, err := a.Framework(program.Framework)
	if err != nil {
		return err
	}
	for _, e := range program.Excluded {
		if !slices.ContainsFunc(framework.Requirements, func(r seaworthy.Requirement) bool { return r.ID == e.Requirement }) {
			return seaworthy.Invalid("program %s: %s has no requirement %s", program.Name, framework.ID, e.Requirement)
		}
	}
	return tx.PutProgram(program)
}

// The standings of a source in a program.
const (
	SourceReporting  = "reporting"
	SourceSilent     = "silent"     // declared, and its report is overdue: a gap
	SourceNever      = "never"      // declared, and never reported: a gap
	SourceUndeclared = "undeclared" // reports, and nobody declared it
	SourceRetired    = "retired"
)

// SourceStanding is a source beside what was declared of it.
type SourceStanding struct {
	Source   seaworthy.DeclaredSource `json:"source"`
	State    store.SourceState        `json:"state"`
	Standing string                   `json:"standing"`
	// Scope is "in", "out", or empty where the program says nothing, which leaves it out.
	Scope  string `json:"scope"`
	Reason string `json:"reason,omitempty"` // why it is out
}

// Amiss tells whether somebody should look: a source in scope does not report as it
// should, or the program does not say what to make of one that exists.
func (s SourceStanding) Amiss() bool {
	switch s.Standing {
	case SourceSilent, SourceNever:
		return s.Scope == "in"
	case SourceUndeclared:
		return true
	}
	return s.Scope == "" && s.Standing != SourceRetired
}

// Reconcile compares the sources that were declared with those that report, as a program
// sees them, in the order of their names.
func (a *Audit) Reconcile(ctx context.Context, program seaworthy.Program) ([]SourceStanding, error) {
	sources, err := a.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	states, err := a.store.SourceStates(ctx)
	if err != nil {
		return nil, err
	}
	out := []SourceStanding{}
	for _, s := range sources {
		v := SourceStanding{Source: s, State: states[s.ID], Standing: sourceStanding(s, states[s.ID], a.store.Now())}
		for _, item := range program.Scope {
			if item.Source == s.ID && item.Kind == s.Kind {
				v.Scope, v.Reason = map[bool]string{true: "in", false: "out"}[item.In], item.Reason
				break
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func sourceStanding(s seaworthy.DeclaredSource, state store.SourceState, now time.Time) string {
	switch {
	case !s.RetiredAt.IsZero():
		return SourceRetired
	case !s.Declared:
		return SourceUndeclared
	case state.RunID == "":
		return SourceNever
	case s.Every > 0 && now.Sub(state.ReportedAt) > s.Every:
		return SourceSilent
	}
	return SourceReporting
}
