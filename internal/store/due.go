// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// ExpectedWork is what people still have to perform of one control.
type ExpectedWork struct {
	Control string
	Count   int
	DueAt   time.Time // when the first of it has to be in
	ID      string    // of an occurrence, where there is only one
}

// ExpectedBy lists, by control, the occurrences that are expected and whose evidence has
// to be in before a time.
func (s *Store) ExpectedBy(ctx context.Context, before time.Time) ([]ExpectedWork, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT control_id, COUNT(*), MIN(late_at), MIN(occurrence_id) FROM occurrence_states
		WHERE until_at = $1 AND state = 'expected' AND due_at < $2 AND late_at < $2 GROUP BY control_id`, forever, micros(before))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (ExpectedWork, error) {
		var w ExpectedWork
		var due int64
		err := row.Scan(&w.Control, &w.Count, &due, &w.ID)
		w.DueAt = moment(due)
		return w, err
	})
}

// DueFindings counts open findings of one check that are one's to fix.
type DueFindings struct {
	Check, Team, Assignee string
	Count, Overdue        int
	DueAt                 time.Time // of the first
}

// most bounds how many findings are counted one by one.
const most = 10000

// FindingsDue counts the open findings of a program that are due before a time, by check
// and who has to fix them. Beyond 10,000 findings the first due ones are counted.
func (s *Store) FindingsDue(ctx context.Context, p seaworthy.Program, before time.Time) ([]DueFindings, error) {
	w := where{}
	w.add("status = ?", string(seaworthy.FindingOpen))
	w.add("due_at > ?", 0)
	w.add("due_at < ?", micros(before))
	w.program(&p, "source_id", "namespace")
	now := w.arg(micros(s.Now()))
	rows, err := s.read.QueryContext(ctx, `SELECT check_id, team, assignee, COUNT(*), SUM(CASE WHEN due_at < `+now+` THEN 1 ELSE 0 END), MIN(due_at)
		FROM (SELECT check_id, team, assignee, due_at FROM findings`+w.sql()+` ORDER BY due_at, id LIMIT `+w.arg(most)+`) f
		GROUP BY check_id, team, assignee ORDER BY 6, 1, 2, 3`, w.args...)
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (DueFindings, error) {
		var d DueFindings
		var due int64
		err := row.Scan(&d.Check, &d.Team, &d.Assignee, &d.Count, &d.Overdue, &due)
		d.DueAt = moment(due)
		return d, err
	})
}

// WaiversInForce lists the approved waivers of the sources of a program, and of any
// source, by when they end.
func (s *Store) WaiversInForce(ctx context.Context, p seaworthy.Program) ([]seaworthy.TrackedWaiver, error) {
	w := where{}
	w.add("state = ?", seaworthy.WaiverApproved)
	in, _ := scopeOf(&p)
	w.among("source_id", append([]string{""}, in...))
	rows, err := s.read.QueryContext(ctx, `SELECT document FROM waivers`+w.sql()+` ORDER BY expires_at, id`, w.args...)
	return collect(s, rows, err, scanDocument[seaworthy.TrackedWaiver])
}

// Honesty counts what makes numbers look better than they are.
type Honesty struct {
	Open, Waived int
	// OldOpen are open findings that were first seen before a time and never fixed.
	OldOpen int
	// OldestOpen is when the oldest of the open findings was first seen.
	OldestOpen time.Time
}

// Honesty counts findings of a program's scope.
func (s *Store) Honesty(ctx context.Context, p seaworthy.Program, old time.Time) (Honesty, error) {
	w := where{}
	w.among("status", []string{string(seaworthy.FindingOpen), string(seaworthy.FindingWaived)})
	w.program(&p, "source_id", "namespace")
	var h Honesty
	var oldest int64
	before := w.arg(micros(old))
	err := s.read.QueryRowContext(ctx, `SELECT
		COALESCE(SUM(CASE WHEN status = 'open' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN status = 'waived' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN status = 'open' AND regressions = 0 AND first_seen_at < `+before+` THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN status = 'open' THEN first_seen_at END), 0)
		FROM findings`+w.sql(), w.args...).Scan(&h.Open, &h.Waived, &h.OldOpen, &oldest)
	h.OldestOpen = moment(oldest)
	return h, s.dialect.explain(err)
}

// ModesOf lists the checks that sources of a program have in a mode, as "check at
// source" pairs.
func (s *Store) ModesOf(ctx context.Context, p seaworthy.Program, mode string) ([]CheckVersion, error) {
	w := where{}
	w.add("mode = ?", mode)
	w.program(&p, "source_id", "")
	w.conditions = append(w.conditions, newestChecks)
	return checks.list(ctx, s, s.read, w, "ORDER BY id, source_id")
}
