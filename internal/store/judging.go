// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// JudgedRun is a complete run as the tests of controls see it.
type JudgedRun struct {
	ID, SourceID                      string
	StartedAt, FinishedAt, ReceivedAt time.Time
}

func scanJudgedRun(row interface{ Scan(...any) error }) (JudgedRun, error) {
	var r JudgedRun
	var started, finished, received int64
	err := row.Scan(&r.ID, &r.SourceID, &started, &finished, &received)
	r.StartedAt, r.FinishedAt, r.ReceivedAt = moment(started), moment(finished), moment(received)
	return r, err
}

const judgedRunColumns = `id, source_id, started_at, finished_at, received_at`

// LatestCompleteRuns gives, by source, the last complete run that finished in [from, to).
func (s *Store) LatestCompleteRuns(ctx context.Context, from, to time.Time) (map[string]JudgedRun, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+judgedRunColumns+` FROM runs
		WHERE finished_at >= $1 AND finished_at < $2 AND complete = $3 ORDER BY finished_at, id`, micros(from), micros(to), true)
	list, err := collect(s, rows, err, scanJudgedRun)
	if err != nil {
		return nil, err
	}
	out := map[string]JudgedRun{}
	for _, r := range list {
		out[r.SourceID] = r
	}
	return out, nil
}

// CompleteRunsReceived lists the complete runs that were received in [from, until], in
// that order.
func (s *Store) CompleteRunsReceived(ctx context.Context, from, until time.Time) ([]JudgedRun, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+judgedRunColumns+` FROM runs
		WHERE received_at >= $1 AND received_at <= $2 AND complete = $3 ORDER BY received_at, id`, micros(from), micros(until), true)
	return collect(s, rows, err, scanJudgedRun)
}

// WasJudged tells whether a check was ever judged on objects of a source before a time.
func (s *Store) WasJudged(ctx context.Context, source, check string, before time.Time) (bool, error) {
	var yes bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM run_checks c JOIN runs r ON r.id = c.run_id
		WHERE c.check_id = $1 AND c.status IN ('passed', 'failed') AND r.source_id = $2 AND r.finished_at < $3)`,
		check, source, micros(before)).Scan(&yes)
	return yes, s.dialect.explain(err)
}

// FindingTally counts findings of one check in one namespace of a source.
type FindingTally struct {
	Source, Namespace, Check string
	Open                     int // at the end of the window, waived ones apart
	Opened                   int // in the window, whatever became of them
	Overdue                  int // of those open
}

// FindingTallies counts findings as they were at the end of the window [from, to), as
// far as the present life of each tells: one that was fixed and came back since is not
// counted in what it was before.
func (s *Store) FindingTallies(ctx context.Context, from, to time.Time) ([]FindingTally, error) {
	// Two ways in, each by an index: what is there, and what was fixed since.
	rows, err := s.read.QueryContext(ctx, `
		SELECT source_id, namespace, check_id,
		  SUM(CASE WHEN status = 'waived' OR there = 0 THEN 0 ELSE 1 END),
		  SUM(CASE WHEN opened_at >= $1 THEN 1 ELSE 0 END),
		  SUM(CASE WHEN status <> 'waived' AND there = 1 AND due_at > 0 AND due_at < $2 THEN 1 ELSE 0 END)
		FROM (
		  SELECT source_id, namespace, check_id, status, opened_at, due_at, 1 AS there
		  FROM findings WHERE status IN ('open', 'waived') AND opened_at < $2
		  UNION ALL
		  SELECT source_id, namespace, check_id, status, opened_at, due_at, CASE WHEN closed_at >= $2 THEN 1 ELSE 0 END
		  FROM findings WHERE closed_at > 0 AND closed_at >= $1 AND status = 'fixed' AND opened_at < $2
		) f
		GROUP BY source_id, namespace, check_id`, micros(from), micros(to))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (FindingTally, error) {
		var f FindingTally
		err := row.Scan(&f.Source, &f.Namespace, &f.Check, &f.Open, &f.Opened, &f.Overdue)
		return f, err
	})
}

// GapsBetween lists the gaps that touch [from, to), oldest first.
func (s *Store) GapsBetween(ctx context.Context, from, to time.Time) ([]seaworthy.Gap, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT document FROM gaps WHERE from_at < $1 AND (to_at = 0 OR to_at > $2) ORDER BY from_at, id`, micros(to), micros(from))
	return collect(s, rows, err, scanDocument[seaworthy.Gap])
}

// GapsAsOf lists the gaps that touch [from, to) as they were known at a moment, oldest
// first.
func (s *Store) GapsAsOf(ctx context.Context, from, to, at time.Time) ([]seaworthy.Gap, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT e.content FROM log_entries e
		JOIN (SELECT MAX(idx) AS idx FROM log_entries WHERE kind = $1 AND at <= $2 GROUP BY subject) n ON n.idx = e.idx
		WHERE e.content IS NOT NULL AND e.content <> 'null'
		ORDER BY e.idx`, gaps.kind, micros(at))
	list, err := collect(s, rows, err, scanDocument[seaworthy.Gap])
	list = slices.DeleteFunc(list, func(g seaworthy.Gap) bool { return !g.Overlaps(from, to) })
	slices.SortStableFunc(list, func(a, b seaworthy.Gap) int { return a.From.Compare(b.From) })
	return list, err
}

// judgedKey is the setting that says until when received runs were judged.
const judgedKey = "audit.judged"

// JudgedUntil is when the latest run that was judged was received.
func (s *Store) JudgedUntil(ctx context.Context) (time.Time, error) {
	var value string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, judgedKey).Scan(&value)
	if err == sql.ErrNoRows {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, s.dialect.explain(err)
	}
	us, err := strconv.ParseInt(value, 10, 64)
	return moment(us), err
}

// SetJudgedUntil keeps it.
func (t *Tx) SetJudgedUntil(at time.Time) error {
	return t.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
		judgedKey, strconv.FormatInt(micros(at), 10))
}
