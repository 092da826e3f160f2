// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// ControlTally is what the occurrences of one control came to.
type ControlTally struct {
	Control string
	seaworthy.Tally
	NextDue time.Time // of those expected
	// Latest is what the latest that was due came to.
	Latest LatestOccurrence
}

// LatestOccurrence is what the latest occurrence of a control that was due came to. Where
// several were due at once, whatever one of them came to.
type LatestOccurrence struct {
	DueAt                     time.Time
	Missed, Deviation, NoData bool
}

// Tallies counts the occurrences of a program whose windows overlap [from, to), by control,
// as they were at asOf. One that was still expected when its evidence had to be in counts as
// missed, also where nobody had said so yet.
func (s *Store) Tallies(ctx context.Context, program string, from, to, asOf time.Time) (map[string]ControlTally, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT control_id, state, result, late_at <= $4, COUNT(*), MIN(due_at), MAX(due_at)
		FROM occurrence_states
		WHERE due_at > $1 AND from_at < $2 AND at <= $3 AND until_at > $3 AND (program_id = '' OR program_id = $5)
		GROUP BY 1, 2, 3, 4`, micros(from), micros(to), micros(asOf), micros(asOf), program)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := map[string]ControlTally{}
	for rows.Next() {
		var control, state, result string
		var over bool
		var n int
		var due, last int64
		if err := rows.Scan(&control, &state, &result, &over, &n, &due, &last); err != nil {
			return nil, err
		}
		c := out[control]
		c.Control = control
		c.add(seaworthy.OccurrenceState(state), result, over, n, moment(due))
		if s := seaworthy.OccurrenceState(state); s != seaworthy.NotRequired && (s != seaworthy.Expected || over) {
			c.Latest.add(s, result, moment(last))
		}
		out[control] = c
	}
	return out, s.dialect.explain(rows.Err())
}

// NotRequired counts the occurrences whose windows overlap [from, to) that were not
// required at asOf.
func (s *Store) NotRequired(ctx context.Context, from, to, asOf time.Time) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM occurrence_states
		WHERE state = 'not-required' AND due_at > $1 AND from_at < $2 AND at <= $3 AND until_at > $3`,
		micros(from), micros(to), micros(asOf)).Scan(&n)
	return n, s.dialect.explain(err)
}

func (c *ControlTally) add(state seaworthy.OccurrenceState, result string, over bool, n int, due time.Time) {
	switch state {
	case seaworthy.Expected:
		if over {
			c.Missed += n
			break
		}
		c.Expected += n
		if c.NextDue.IsZero() || due.Before(c.NextDue) {
			c.NextDue = due
		}
	case seaworthy.Performed:
		c.Performed += n
	case seaworthy.Late:
		c.Late += n
	case seaworthy.Missed:
		c.Missed += n
	case seaworthy.NotRequired:
		c.NotRequired += n
	}
	switch result {
	case seaworthy.ResultDeviation:
		c.Deviations += n
	case seaworthy.ResultNoData:
		c.NoData += n
	}
}

func (l *LatestOccurrence) add(state seaworthy.OccurrenceState, result string, due time.Time) {
	if due.Before(l.DueAt) {
		return
	}
	if due.After(l.DueAt) {
		*l = LatestOccurrence{DueAt: due}
	}
	l.Missed = l.Missed || state == seaworthy.Missed || state == seaworthy.Expected
	l.Deviation = l.Deviation || result == seaworthy.ResultDeviation
	l.NoData = l.NoData || result == seaworthy.ResultNoData
}

// LatestEvidence is the latest time of which evidence for a control speaks.
type LatestEvidence struct{ Design, Operation time.Time }

// LatestEvidence gives, by control, the latest time of which evidence speaks that speaks
// of [from, to) and was there, not erased, at asOf.
func (s *Store) LatestEvidence(ctx context.Context, from, to, asOf time.Time) (map[string]LatestEvidence, error) {
	// One look into the index for each control: a day of a continuous control is linked to
	// every report that shows it, and those are many.
	rows, err := s.read.QueryContext(ctx, `
		SELECT control_id, shows, latest FROM (
		  SELECT c.id AS control_id, k.shows, (
		    SELECT e.effective_to FROM evidence_for e
		    WHERE e.control_id = c.id AND e.shows = k.shows AND e.effective_to >= $1 AND e.effective_from < $2
		    AND e.logged_at <= $3 AND (e.erased_at = 0 OR e.erased_at > $3)
		    ORDER BY e.effective_to DESC LIMIT 1) AS latest
		  FROM (SELECT DISTINCT id FROM controls) c CROSS JOIN (SELECT CAST($4 AS TEXT) AS shows UNION ALL SELECT CAST($5 AS TEXT)) k
		) l WHERE latest IS NOT NULL`, micros(from), micros(to), micros(asOf), seaworthy.Design, seaworthy.Operation)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := map[string]LatestEvidence{}
	for rows.Next() {
		var control, shows string
		var latest int64
		if err := rows.Scan(&control, &shows, &latest); err != nil {
			return nil, err
		}
		e := out[control]
		if shows == seaworthy.Operation {
			e.Operation = moment(latest)
		} else {
			e.Design = moment(latest)
		}
		out[control] = e
	}
	return out, s.dialect.explain(rows.Err())
}

// readinessOf is a day of the trend of a program.
type readinessOf struct {
	Program string `json:"program"`
	seaworthy.ReadinessDay
}

var readinessDays = records[readinessOf]{
	kind: "readiness", table: "readiness_days", key: []string{"program_id", "day"}, columns: []string{"program_id", "day"},
	values:  func(r *readinessOf) []any { return []any{r.Program, micros(r.Day)} },
	subject: func(r *readinessOf) string { return fmt.Sprintf("%s/%d", r.Program, micros(r.Day)) },
}

// KeepReadiness keeps a day of the trend. It follows from what the log proves, but nobody
// works it out again to compare, so it enters the log itself.
func (t *Tx) KeepReadiness(program string, d seaworthy.ReadinessDay) error {
	return readinessDays.put(t, &readinessOf{program, d})
}

// ReadinessDays lists the days of the trend from a day on, oldest first.
func (s *Store) ReadinessDays(ctx context.Context, program string, from time.Time) ([]seaworthy.ReadinessDay, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT document FROM readiness_days WHERE program_id = $1 AND day >= $2 ORDER BY day LIMIT 1000`, program, micros(from))
	return collect(s, rows, err, scanDocument[seaworthy.ReadinessDay])
}
