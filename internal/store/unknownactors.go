// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"
)

// UnknownActor is a name behind which nobody knows a person, and how much was done by it.
type UnknownActor struct {
	SourceID string    `json:"sourceId"`
	Name     string    `json:"name"`
	Changes  int       `json:"changes"`
	Open     int       `json:"open"` // of these, how many somebody has to explain
	Latest   time.Time `json:"latest"`
}

// lookedAt bounds how many of the latest changes are looked at for names.
const lookedAt = 10_000

// UnknownActors lists the names behind which no person is known, of the latest changes
// since a time, the busiest first. What a cluster calls its own parts is no name of people.
func (s *Store) UnknownActors(ctx context.Context, since time.Time, n int) ([]UnknownActor, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT source_id, actor, COUNT(*), SUM(CASE WHEN unexplained THEN 1 ELSE 0 END), MAX(at) FROM
		(SELECT source_id, actor, unexplained, at, document FROM changes WHERE at >= $1 AND actor <> '' ORDER BY at DESC, id DESC LIMIT $2) latest
		WHERE (actor NOT LIKE 'system:%' OR actor IN ('system:admin', 'system:anonymous')) AND document NOT LIKE '%"person":"%'
		GROUP BY source_id, actor ORDER BY COUNT(*) DESC, source_id, actor LIMIT $3`, micros(since), lookedAt, limit(n))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (a UnknownActor, err error) {
		var latest int64
		err = row.Scan(&a.SourceID, &a.Name, &a.Changes, &a.Open, &latest)
		a.Latest = moment(latest)
		return a, err
	})
}
