// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// OccurrenceThen is what an occurrence was at a moment of the past.
type OccurrenceThen struct {
	State  seaworthy.OccurrenceState
	Result string
}

// OccurrencesThen gives, by id, what the occurrences of a control whose windows overlap
// [from, to) were at a moment. Those that were made later are not among them.
func (s *Store) OccurrencesThen(ctx context.Context, control string, from, to, at time.Time) (map[string]OccurrenceThen, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.occurrence_id, s.state, s.result
		FROM occurrences o JOIN occurrence_states s ON s.occurrence_id = o.id
		WHERE o.control_id = $1 AND o.due_at > $2 AND o.from_at < $3 AND s.at <= $4 AND s.until_at > $4`,
		control, micros(from), micros(to), micros(at))
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := map[string]OccurrenceThen{}
	for rows.Next() {
		var id string
		var o OccurrenceThen
		if err := rows.Scan(&id, &o.State, &o.Result); err != nil {
			return nil, s.dialect.explain(err)
		}
		out[id] = o
	}
	return out, s.dialect.explain(rows.Err())
}
