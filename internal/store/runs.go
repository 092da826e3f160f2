// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var runs = records[seaworthy.Run]{
	kind: "run", table: "runs", key: []string{"id"},
	columns: []string{"id", "source_id", "started_at", "finished_at", "received_at", "complete", "digest", "opened", "fixed", "regressed"},
	values: func(v *seaworthy.Run) []any {
		return []any{v.ID, v.SourceID, micros(v.Header.Source.Started), micros(v.FinishedAt), micros(v.ReceivedAt), v.Complete, v.Digest, v.Opened, v.Fixed, v.Regressed}
	},
	subject: func(v *seaworthy.Run) string { return v.ID },
}

// PutRun writes a run and what it says of each check. What it counts by namespace is moved
// from its results to [seaworthy.Run.ByNamespace].
func (t *Tx) PutRun(v *seaworthy.Run) error {
	if err := t.divide(v); err != nil {
		return err
	}
	if err := runs.put(t, v); err != nil {
		return err
	}
	rows := make([][]any, 0, len(v.Checks))
	for _, c := range v.Checks {
		rows = append(rows, []any{v.ID, c.ID, string(c.Status), c.Reason, c.InScope, c.Passed, c.Failed, c.Waived, c.Errors, v.ByNamespace[c.ID], c.Lacking})
	}
	return t.insert(`INSERT INTO run_checks (run_id, check_id, status, reason, in_scope, passed, failed, waived, errors, namespaces, lacking)`, "", rows)
}

// countedColumns are what [scanCounted] reads.
const countedColumns = `c.check_id, c.status, c.reason, c.in_scope, c.passed, c.failed, c.waived, c.errors, c.lacking, c.namespaces`

// countedCheck is what a run counts of a check, and the digest of what of that by namespace.
type countedCheck struct {
	seaworthy.CheckResult
	namespaces string
	source     string // where that is asked for
}

// scanCounted reads countedColumns, and what comes before.
func scanCounted(row interface{ Scan(...any) error }, before ...any) (c countedCheck, err error) {
	err = row.Scan(append(before, &c.ID, &c.Status, &c.Reason, &c.InScope, &c.Passed, &c.Failed, &c.Waived, &c.Errors, &c.Lacking, &c.namespaces)...)
	return c, err
}

// RunChecks gives what a run counts of its checks, by their ids: no titles, and no findings.
func (s *Store) RunChecks(ctx context.Context, run string) (map[string]seaworthy.CheckResult, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+countedColumns+` FROM run_checks c WHERE c.run_id = $1`, run)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (countedCheck, error) { return scanCounted(row) })
	if err != nil {
		return nil, err
	}
	if err := s.divided(ctx, list, func(string) bool { return true }); err != nil {
		return nil, err
	}
	out := make(map[string]seaworthy.CheckResult, len(list))
	for _, c := range list {
		out[c.ID] = c.CheckResult
	}
	return out, nil
}

// divided adds what is counted by namespace, of some sources.
func (s *Store) divided(ctx context.Context, list []countedCheck, of func(source string) bool) error {
	var digests []string
	for _, c := range list {
		if c.namespaces != "" && of(c.source) {
			digests = append(digests, c.namespaces)
		}
	}
	slices.Sort(digests)
	spaces, err := s.NamespaceTallies(ctx, slices.Compact(digests))
	for i := range list {
		list[i].ByNamespace = spaces[list[i].namespaces]
	}
	return err
}

// Run gives a run by its id.
func (s *Store) Run(ctx context.Context, id string) (seaworthy.Run, error) {
	return runs.one(ctx, s, s.read, id, byID(id))
}

// Run gives a run as the transaction sees it.
func (t *Tx) Run(id string) (seaworthy.Run, error) {
	return runs.one(t.ctx, t.store, t.tx, id, byID(id))
}

// RunOf gives the run of the report of a source with the digest, if it was taken.
func (t *Tx) RunOf(source, digest string) (run seaworthy.Run, taken bool, err error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("digest = ?", digest)
	run, err = runs.one(t.ctx, t.store, t.tx, digest, w)
	var e *seaworthy.Error
	if errors.As(err, &e) && e.Kind == seaworthy.KindNotFound {
		return run, false, nil
	}
	return run, err == nil, err
}

// RunFilter narrows a list of runs; empty fields do not.
type RunFilter struct {
	Source string
	// From and To bound when runs finished; To is exclusive.
	From, To time.Time
	// Program limits the list to its sources.
	Program *seaworthy.Program
	// Incomplete lists only those that could not see everything.
	Incomplete bool
	Cursor     string
	Limit      int
}

// Runs lists runs by when they finished, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) (Page[seaworthy.Run], error) {
	w := where{}
	w.equal("source_id", f.Source)
	if !f.From.IsZero() {
		w.add("finished_at >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		w.add("finished_at < ?", micros(f.To))
	}
	if f.Incomplete {
		w.add("complete = ?", false)
	}
	w.beside(f.Program, "")
	return runs.page(ctx, s, w, timeOrder{column: "finished_at"}, f.Cursor, f.Limit, func(r *seaworthy.Run) (time.Time, string) { return r.FinishedAt, r.ID })
}

// RunChanges is what reports changed.
type RunChanges struct{ Opened, Fixed, Regressed int }

// RunChanges sums up the reports that finished in [from, to) of the sources in a program's
// scope. A report says much, and is not read for it.
func (s *Store) RunChanges(ctx context.Context, from, to time.Time, p *seaworthy.Program) (RunChanges, error) {
	w := where{}
	w.add("finished_at >= ? AND finished_at < ?", micros(from), micros(to))
	w.program(p, "source_id", "")
	var c RunChanges
	err := s.read.QueryRowContext(ctx, `SELECT COALESCE(SUM(opened), 0), COALESCE(SUM(fixed), 0), COALESCE(SUM(regressed), 0) FROM runs`+w.sql(), w.args...).
		Scan(&c.Opened, &c.Fixed, &c.Regressed)
	return c, s.dialect.explain(err)
}

// Page is one page of a list, and where the next begins; empty: there is no next.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// page cuts a list that was asked for one item more than a page holds.
func page[T any](list []T, n int, at func(T) string) Page[T] {
	if len(list) <= n {
		return Page[T]{Items: list}
	}
	return Page[T]{Items: list[:n], Next: at(list[n-1])}
}

// program limits a query to what a program has in scope; without one it does not.
func (w *where) program(p *seaworthy.Program, source, namespace string) {
	if p == nil {
		return
	}
	in, out := scopeOf(p)
	if len(in) == 0 {
		w.conditions = append(w.conditions, "1 = 0")
		return
	}
	w.among(source, in)
	if namespace == "" {
		return
	}
	var pairs []string // which a finding is looked up among once, however many are left out
	for _, id := range slices.Sorted(maps.Keys(out)) {
		for _, name := range out[id] {
			pairs = append(pairs, id+"/"+name)
		}
	}
	w.notAmong("("+source+" || '/' || "+namespace+")", pairs)
}

// scopeOf lists the sources in scope, and of each the namespaces that are out.
func scopeOf(p *seaworthy.Program) (in []string, out map[string][]string) {
	out = map[string][]string{}
	seen := map[string]bool{}
	for _, s := range p.Scope {
		switch {
		case s.Kind == seaworthy.KindNamespace:
			if s.Name != "" && p.HasSource(s.Source) && !p.HasNamespace(s.Source, s.Name) {
				out[s.Source] = append(out[s.Source], s.Name)
			}
		case s.Source != "" && p.HasSource(s.Source) && !seen[s.Source]:
			seen[s.Source] = true
			in = append(in, s.Source)
		}
	}
	return in, out
}
