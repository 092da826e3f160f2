// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"
)

// Visit is when a user was last here.
type Visit struct {
	Seen   time.Time // of late
	Before time.Time // when the visit before this one ended; zero: this is the first
}

// LastVisit gives when a user was last here; zero times for who never was.
func (s *Store) LastVisit(ctx context.Context, user string) (Visit, error) {
	var seen, before int64
	err := s.read.QueryRowContext(ctx, `SELECT seen_at, before_at FROM visits WHERE user_id = $1`, user).Scan(&seen, &before)
	if none(err) {
		return Visit{}, nil
	}
	return Visit{moment(seen), moment(before)}, s.dialect.explain(err)
}

// Visit notes that a user is here. After a pause a new visit begins.
func (t *Tx) Visit(user string, pause time.Duration) error {
	return t.exec(`INSERT INTO visits (user_id, seen_at, before_at) VALUES ($1, $2, 0)
		ON CONFLICT (user_id) DO UPDATE SET before_at = CASE WHEN excluded.seen_at - visits.seen_at > $3 THEN visits.seen_at ELSE visits.before_at END,
		seen_at = excluded.seen_at`, user, micros(t.At), pause.Microseconds())
}
