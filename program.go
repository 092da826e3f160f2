// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"slices"
	"time"
)

// The types of a SOC 2 report.
const (
	TypeI  = "I"  // design, at a date
	TypeII = "II" // design and operation, over a period
)

// TrustCategories are the trust services categories, in the order of the criteria. Security
// is part of every program.
var TrustCategories = []string{"security", "availability", "processing-integrity", "confidentiality", "privacy"}

// Program is what an audit looks at. Every page, count and export is seen through one.
type Program struct {
	ID         string                `json:"id"`
	Name       string                `json:"name"`
	Framework  string                `json:"framework"` // id of a framework, "soc2"
	Type       string                `json:"type"`      // [TypeI] or [TypeII]
	From       time.Time             `json:"from"`      // for type I, the date
	To         time.Time             `json:"to"`        // exclusive; for type I, the end of the date's day
	Categories []string              `json:"categories"`
	Excluded   []ExcludedRequirement `json:"excluded"`
	Scope      []ScopeItem           `json:"scope"`
	CreatedAt  time.Time             `json:"createdAt"`
	ClosedAt   time.Time             `json:"closedAt,omitzero"`
}

// ExcludedRequirement is a criterion that is not relevant, and why (DC 8 of the
// description criteria).
type ExcludedRequirement struct {
	Requirement string `json:"requirement"`
	Reason      string `json:"reason"`
}

// Beside [KindCluster] and [KindRepository], what is in a program's scope or out of it.
const (
	KindNamespace = "namespace" // of the cluster that Source names
	KindSystem    = "system"
)

// ScopeItem puts something in scope or, with a reason, out of it. What no item names is
// out of scope; of a cluster in scope every namespace is in unless an item says otherwise.
type ScopeItem struct {
	Kind   string `json:"kind"`
	Source string `json:"source,omitempty"` // id of the source, for clusters, repositories and namespaces
	Name   string `json:"name,omitempty"`   // of the namespace or system
	In     bool   `json:"in"`
	Reason string `json:"reason,omitempty"`
}

// Validate says what a program lacks.
func (p Program) Validate() error {
	switch {
	case p.Name == "":
		return Invalid("a program needs a name")
	case p.Framework == "":
		return Invalid("program %s needs a framework", p.Name)
	case p.Type != TypeI && p.Type != TypeII:
		return Invalid("program %s: type %q is neither I nor II", p.Name, p.Type)
	case p.From.IsZero() || !p.To.After(p.From):
		return Invalid("program %s: the period must have a start and a later end", p.Name)
	case !slices.Contains(p.Categories, "security"):
		return Invalid("program %s: the category security is part of every SOC 2 program", p.Name)
	}
	for _, c := range p.Categories {
		if !slices.Contains(TrustCategories, c) {
			return Invalid("program %s: category %q is not one of %v", p.Name, c, TrustCategories)
		}
	}
	for _, e := range p.Excluded {
		if e.Requirement == "" || e.Reason == "" {
			return Invalid("program %s: an excluded requirement needs a reason (%s)", p.Name, e.Requirement)
		}
	}
	for _, s := range p.Scope {
		if err := s.validate("program " + p.Name); err != nil {
			return err
		}
	}
	return nil
}

// validate says what the item lacks; of is what has it in its scope.
func (s ScopeItem) validate(of string) error {
	named := s.Source
	switch s.Kind {
	case KindCluster, KindRepository:
	case KindNamespace, KindSystem:
		named = s.Name
	default:
		return Invalid("%s: scope kind %q is not known", of, s.Kind)
	}
	switch {
	case named == "":
		return Invalid("%s: a %s in the scope is not named", of, s.Kind)
	case !s.In && s.Reason == "":
		return Invalid("%s: %s %s is out of scope without a reason", of, s.Kind, named)
	}
	return nil
}

// HasSource tells whether a source is in scope.
func (p Program) HasSource(source string) bool {
	for _, s := range p.Scope {
		if (s.Kind == KindCluster || s.Kind == KindRepository) && s.Source == source {
			return s.In
		}
	}
	return false
}

// HasNamespace tells whether a namespace of a source is in scope. The empty namespace
// (cluster-wide objects) is in scope with its source.
func (p Program) HasNamespace(source, namespace string) bool {
	for _, s := range p.Scope {
		if s.Kind == KindNamespace && s.Source == source && s.Name == namespace && namespace != "" {
			return s.In && p.HasSource(source)
		}
	}
	return p.HasSource(source)
}

// Divides tells whether the program leaves out namespaces of a source that is in scope.
func (p Program) Divides(source string) bool {
	return slices.ContainsFunc(p.Scope, func(s ScopeItem) bool {
		return s.Kind == KindNamespace && !s.In && s.Source == source && p.HasSource(source)
	})
}

// HasEvidence tells whether evidence is of the program: it speaks of its period, and not
// of a source that is out of scope.
func (p Program) HasEvidence(e Evidence) bool {
	return e.EffectiveFrom.Before(p.To) && !e.EffectiveTo.Before(p.From) && (e.SourceID == "" || p.HasSource(e.SourceID))
}

// HasOccurrence tells whether the program counts an occurrence whose window its period
// touches.
func (p Program) HasOccurrence(o Occurrence) bool {
	return o.Of(p.ID) && o.From.Before(p.To) && o.DueAt.After(p.From)
}

// Covers tells whether the moment lies in the period.
func (p Program) Covers(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// Open tells whether the program was not closed. What belongs to the period of an open
// program is not thrown away.
func (p Program) Open() bool { return p.ClosedAt.IsZero() }

// Requires tells whether a requirement is in scope: its category is, or it has none, and
// it is not excluded.
func (p Program) Requires(r Requirement) bool {
	return (r.Category == "" || slices.Contains(p.Categories, r.Category)) &&
		!slices.ContainsFunc(p.Excluded, func(e ExcludedRequirement) bool { return e.Requirement == r.ID })
}
