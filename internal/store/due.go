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

// maxDue is how far findings that are due are counted.
const maxDue = 5000

// FindingsDue counts the open findings of a program that are due before a time, by check
// and who has to fix them. Beyond 5,000 findings the first due ones are counted, and more
// is true.
func (s *Store) FindingsDue(ctx context.Context, p seaworthy.Program, before time.Time) (list []DueFindings, more bool, err error) {
	w := where{}
	due := w.beside(&p, "namespace").column("due_at")
	w.add("status = ?", string(seaworthy.FindingOpen))
	w.add(due+" > ?", 0)
	w.add(due+" < ?", micros(before))
	now := w.arg(micros(s.Now()))
	rows, err := s.read.QueryContext(ctx, `SELECT check_id, team, assignee, COUNT(*), SUM(CASE WHEN due_at < `+now+` THEN 1 ELSE 0 END), MIN(due_at)
		FROM (SELECT check_id, team, assignee, due_at FROM findings`+w.sql()+` ORDER BY `+due+`, id LIMIT `+w.arg(maxDue+1)+`) f
		GROUP BY check_id, team, assignee ORDER BY 6, 1, 2, 3`, w.args...)
	total := 0
	list, err = collect(s, rows, err, func(row interface{ Scan(...any) error }) (DueFindings, error) {
		var d DueFindings
		var due int64
		err := row.Scan(&d.Check, &d.Team, &d.Assignee, &d.Count, &d.Overdue, &due)
		d.DueAt = moment(due)
		total += d.Count
		return d, err
	})
	return list, total > maxDue, err
}

// aside limits a list of findings to what a program has in scope, and keeps databases
// from reading it source by source: the order that the list is in is worth more.
func (w *where) aside(p *seaworthy.Program) { w.program(p, "(source_id || '')", "namespace") }

// fewSources is up to how many sources of a program a list is read source by source.
const fewSources = 3

// beside is program, for a list that is read in its order unless it is of a few sources:
// then it is read source by source, and the order is another's.
func (w *where) beside(p *seaworthy.Program, namespace string) bySource {
	in, _ := scopeOf(orNoProgram(p))
	if len(in) > fewSources || p == nil {
		w.program(p, "(source_id || '')", namespace)
		return false
	}
	w.program(p, "source_id", namespace)
	return true
}

// bySource tells that a list is read source by source.
type bySource bool

// column is a column of times whose index is not to be followed then.
func (s bySource) column(name string) string {
	if s {
		return "(" + name + " + 0)"
	}
	return name
}

// WaiverInForce is what counts need of an approved waiver.
type WaiverInForce struct {
	ID, SourceID, Check, Owner string
	Since                      time.Time // when it was approved
	Expires                    seaworthy.Date
}

// WaiversInForce lists the approved waivers of the sources of a program, and of any
// source, by when they end. They are read once until one of them changes.
func (s *Store) WaiversInForce(ctx context.Context, p seaworthy.Program) ([]WaiverInForce, error) {
	all, err := s.inForce.get(ctx, s, waivers.kind, func() ([]WaiverInForce, error) {
		rows, err := s.read.QueryContext(ctx, `SELECT document FROM waivers WHERE state = $1 ORDER BY expires_at, id`, seaworthy.WaiverApproved)
		return collect(s, rows, err, scanInForce)
	})
	out := make([]WaiverInForce, 0, len(all))
	for _, w := range all {
		if w.SourceID == "" || p.HasSource(w.SourceID) {
			out = append(out, w)
		}
	}
	return out, err
}

func scanInForce(row interface{ Scan(...any) error }) (WaiverInForce, error) {
	v, err := scanDocument[seaworthy.TrackedWaiver](row)
	since := v.DecidedAt
	if since.IsZero() {
		since = v.RequestedAt
	}
	return WaiverInForce{v.ID, v.SourceID, v.Check, v.Owner, since, v.Expires}, err
}

// Honesty counts what makes numbers look better than they are.
type Honesty struct {
	Open, Waived int
	// OldOpen are open findings that were opened before a time and never fixed. Beyond
	// 10,000 they are not counted; then OldMore is true.
	OldOpen int
	OldMore bool
	// OldestOpen is since when the oldest of the open findings has been open.
	OldestOpen time.Time
}

// Honesty counts findings of a program's scope.
func (s *Store) Honesty(ctx context.Context, p seaworthy.Program, old time.Time) (Honesty, error) {
	var h Honesty
	standing, err := s.standing(ctx, &p)
	if err != nil {
		return h, err
	}
	h.Open, h.Waived = standing[seaworthy.FindingOpen], standing[seaworthy.FindingWaived]
	w := where{}
	opened := w.beside(&p, "namespace").column("opened_at")
	w.add("status = ? AND "+opened+" < ? AND regressions = ?", string(seaworthy.FindingOpen), micros(old), 0)
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM findings`+w.sql()+` LIMIT `+w.arg(maxCounted+1)+`) f`, w.args...).Scan(&h.OldOpen); err != nil {
		return h, s.dialect.explain(err)
	}
	if h.OldMore = h.OldOpen > maxCounted; h.OldMore {
		h.OldOpen = maxCounted
	}
	w = where{}
	opened = w.beside(&p, "namespace").column("opened_at")
	w.add("status = ? AND "+opened+" > ?", string(seaworthy.FindingOpen), 0)
	var oldest int64
	err = s.read.QueryRowContext(ctx, `SELECT opened_at FROM findings`+w.sql()+` ORDER BY `+opened+`, id LIMIT 1`, w.args...).Scan(&oldest)
	if none(err) {
		err = nil
	}
	h.OldestOpen = moment(oldest)
	return h, s.dialect.explain(err)
}

// standing counts the findings in scope by status, as their counters have them.
func (s *Store) standing(ctx context.Context, p *seaworthy.Program) (map[seaworthy.FindingStatus]int, error) {
	t := tally{by: map[string]map[string]int{}}
	if err := s.counters(ctx, func(c *counters) { c.add(&t, c.of(&FindingFilter{Program: p})) }); err != nil {
		return nil, err
	}
	out := map[seaworthy.FindingStatus]int{}
	for status, n := range t.by[facetStatus] {
		out[seaworthy.FindingStatus(status)] = n
	}
	return out, nil
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
