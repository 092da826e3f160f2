// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Job is periodic work and how it went last.
type Job struct {
	Name     string    `json:"name"`
	RunAt    time.Time `json:"runAt"` // when it is next due
	RanAt    time.Time `json:"ranAt,omitzero"`
	Failures int       `json:"failures"` // in a row
	Error    string    `json:"error,omitempty"`
	LeasedBy string    `json:"leasedBy,omitempty"`
}

// TimestampJob is the name of the job that has an authority see the log. Pages and metrics
// tell how it went.
const TimestampJob = "timestamp"

// DeclareJob makes a job known, due at once, unless it is already.
func (s *Store) DeclareJob(ctx context.Context, name string) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO jobs (name, run_at, leased_until, leased_by, failures, ran_at, error)
		VALUES ($1, $2, 0, '', 0, 0, '') ON CONFLICT (name) DO NOTHING`, name, micros(s.Now()))
	return s.dialect.explain(err)
}

// ClaimJob leases a job that is due and that nobody else holds. One statement decides,
// so of several servers one gets it; the lease of one that died runs out.
func (s *Store) ClaimJob(ctx context.Context, name, by string, lease time.Duration) (bool, error) {
	now := s.Now()
	var got string
	err := s.write.QueryRowContext(ctx, `UPDATE jobs SET leased_until = $1, leased_by = $2
		WHERE name = $3 AND run_at <= $4 AND leased_until < $4 RETURNING name`,
		micros(now.Add(lease)), by, name, micros(now)).Scan(&got)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, s.dialect.explain(err)
}

// HastenJob has a job be due at a time at the latest, and a lease of it end at another: what is
// later was written by a clock that was set back since.
func (s *Store) HastenJob(ctx context.Context, name string, due, leased time.Time) error {
	_, err := s.write.ExecContext(ctx, `UPDATE jobs SET run_at = CASE WHEN run_at > $1 THEN $1 ELSE run_at END,
		leased_until = CASE WHEN leased_until > $2 THEN $2 ELSE leased_until END WHERE name = $3 AND (run_at > $1 OR leased_until > $2)`,
		micros(due), micros(leased), name)
	return s.dialect.explain(err)
}

// ReleaseJob tells how a job went and when it is due again. It does nothing if the lease
// has gone to another.
func (s *Store) ReleaseJob(ctx context.Context, name, by string, next time.Time, failure error) error {
	text := ""
	if failure != nil {
		text = failure.Error()
	}
	_, err := s.write.ExecContext(ctx, `UPDATE jobs SET leased_until = 0, leased_by = '', run_at = $1, ran_at = $2, error = $3,
		failures = CASE WHEN $3 = '' THEN 0 ELSE failures + 1 END WHERE name = $4 AND leased_by = $5`,
		micros(next), micros(s.Now()), text, name, by)
	return s.dialect.explain(err)
}

// Jobs lists all jobs.
func (s *Store) Jobs(ctx context.Context) ([]Job, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, run_at, ran_at, failures, error, leased_by FROM jobs ORDER BY name`)
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (Job, error) {
		var j Job
		var next, ran int64
		err := row.Scan(&j.Name, &next, &ran, &j.Failures, &j.Error, &j.LeasedBy)
		j.RunAt, j.RanAt = moment(next), moment(ran)
		return j, err
	})
}
