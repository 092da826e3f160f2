// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// FindingFilter narrows a list of findings; empty fields do not. Fields of several values
// take findings that have any of them.
type FindingFilter struct {
	Status     []seaworthy.FindingStatus
	Severities []seaworthy.Severity
	Checks     []string // also those behind a control or a requirement
	Sources    []string
	Namespaces []string
	Teams      []string // "-": of no team
	Assignees  []string // ids of users; "-": nobody
	Kinds      []string
	Object     string // id
	Waiver     string // id
	// Overdue: open and past the due date.
	Overdue bool
	// OpenedFrom and OpenedTo bound when the present life began; OpenedTo is exclusive.
	OpenedFrom, OpenedTo time.Time
	// Text: the beginning of a name, a namespace, a check or a message.
	Text string
	// Program limits the list to what it has in scope.
	Program *seaworthy.Program

	Sort   Sort
	Cursor string
	Limit  int

	text textPlan
	// few is a statement that gives the ids of all findings that the list can have, where
	// those are few and an index tells them.
	few     string
	fewArgs []any
	// many tells that most findings may be in the list by time: they are looked for in its
	// order.
	many bool
	// aside has the program looked at after everything else.
	aside bool
	// along has the index by time followed, and everything else looked at on the way.
	along bool
	// besides has all the columns of the filter looked at on the way: something that is not
	// in the filter leads there.
	besides bool
	// anyCheck has the checks looked at on the way: most findings are of one of them.
	anyCheck bool
}

// Sort is the order of a list of findings.
type Sort string

// The orders.
const (
	BySeverity Sort = ""    // worst first
	ByAge      Sort = "age" // opened longest ago first
	ByDue      Sort = "due" // due first; without a due date last
)

// none stands for no team and nobody in filters.
const noneOf = "-"

// where is the condition of the list, without its cursor.
func (f *FindingFilter) where(now time.Time) where {
	w := where{}
	if f.few != "" {
		w.conditions = append(w.conditions, f.few)
		w.args = slices.Clone(f.fewArgs)
	}
	column := func(name string) string {
		if f.besides {
			return "(" + name + " || '')"
		}
		return name
	}
	amongOf(&w, column("status"), f.statuses())
	severity, due, opened := "severity", "due_at", "opened_at"
	if f.besides || f.along && !f.Overdue { // what is overdue has an index by severity
		severity = "(severity + 0)"
	}
	if f.many { // in another order than by time
		due, opened = "(due_at + 0)", "(opened_at + 0)"
	}
	if len(f.Severities) > 0 {
		ranks := make([]string, 0, len(f.Severities))
		for _, s := range f.Severities {
			ranks = append(ranks, w.arg(rank(s)))
		}
		w.conditions = append(w.conditions, severity+" IN ("+strings.Join(ranks, ",")+")")
	}
	if f.anyCheck {
		w.among("(check_id || '')", f.Checks)
	} else {
		w.among(column("check_id"), f.Checks)
	}
	w.among(column("source_id"), f.Sources)
	w.among(column("namespace"), f.Namespaces)
	w.among(column("team"), orNone(f.Teams))
	w.among("assignee", orNone(f.Assignees))
	if len(f.Assignees) > 0 && !slices.Contains(f.Assignees, noneOf) {
		w.conditions = append(w.conditions, "assignee <> ''") // so does this one
	}
	w.among("kind", f.Kinds)
	w.equal("object_id", f.Object)
	if f.Waiver != "" {
		w.add("waiver_id = ? AND waiver_id <> ''", f.Waiver) // the index holds only those
	}
	if f.Overdue {
		w.add("status = ?", string(seaworthy.FindingOpen))
		w.add(due+" > 0 AND "+due+" < ?", micros(now))
	}
	if !f.OpenedFrom.IsZero() {
		w.add(opened+" >= ?", micros(f.OpenedFrom))
	}
	if !f.OpenedTo.IsZero() {
		w.add(opened+" < ?", micros(f.OpenedTo))
	}
	if f.Text != "" {
		f.text.condition(&w, f.Text)
	}
	if f.aside || f.along {
		w.aside(f.Program)
	} else {
		w.program(f.Program, "source_id", "namespace")
	}
	return w
}

// statuses are those of the list. The indexes by time begin with the status: where a time
// bounds the list, it names all.
func (f *FindingFilter) statuses() []seaworthy.FindingStatus {
	if len(f.Status) > 0 || f.many || f.OpenedFrom.IsZero() && f.OpenedTo.IsZero() {
		return f.Status
	}
	return []seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived, seaworthy.FindingFixed}
}

func amongOf[T ~string](w *where, column string, values []T) {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	w.among(column, texts)
}

func orNone(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if v != noneOf {
			out[i] = v
		}
	}
	return out
}

func likePrefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

// Findings lists findings.
func (s *Store) Findings(ctx context.Context, f FindingFilter) (Page[seaworthy.TrackedFinding], error) {
	if err := s.resolve(ctx, &f); err != nil {
		return Page[seaworthy.TrackedFinding]{}, err
	}
	if err := s.narrow(ctx, &f); err != nil {
		return Page[seaworthy.TrackedFinding]{}, err
	}
	if err := s.weigh(ctx, &f); err != nil {
		return Page[seaworthy.TrackedFinding]{}, err
	}
	rest := &f
	if f.branched() {
		columns, _ := f.branches()
		rest = f.without(columns)
	}
	w := rest.where(s.Now())
	column, order, after := "severity", "severity DESC, id", "severity <= ? AND (severity < ? OR id > ?)" // the range is one that an index has
	key := func(v seaworthy.TrackedFinding) int64 { return int64(rank(v.Severity)) }
	switch f.Sort {
	case BySeverity:
	case ByAge:
		column, key = "opened_at", func(v seaworthy.TrackedFinding) int64 { return micros(v.OpenedAt) }
	case ByDue:
		column, key = "due_at", func(v seaworthy.TrackedFinding) int64 { return micros(v.DueAt) }
		w.add("due_at > ?", 0)
	default:
		return Page[seaworthy.TrackedFinding]{}, seaworthy.Invalid("findings cannot be sorted by %q", f.Sort)
	}
	if f.Sort != BySeverity {
		order, after = column+", id", column+" >= ? AND ("+column+" > ? OR id > ?)"
	}
	if f.Cursor != "" {
		at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return Page[seaworthy.TrackedFinding]{}, err
		}
		w.add(after, at, at, id)
	}
	n := limit(f.Limit)
	list, err := s.readFindings(ctx, &f, w, order, n+1)
	return page(list, n, func(v seaworthy.TrackedFinding) string { return cursor(key(v), v.ID) }), err
}
