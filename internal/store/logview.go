// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"time"
)

// LogQuery asks for entries of the log in their order.
type LogQuery struct {
	Kind string
	// Subject narrows to entries about one subject; empty: all of the kind.
	Subject string
	// Until leaves out what the log took later.
	Until time.Time
	// Newest gives of each subject the newest entry only: its record as of Until.
	Newest bool
}

// Log calls f with each entry that is asked for, in the order of subjects where only
// the newest is, and of the log otherwise. It holds one entry at a time.
func (v *View) Log(q LogQuery, f func(LogEntry) error) error {
	w := where{}
	w.add("kind = ?", q.Kind)
	w.add("at <= ?", micros(q.Until))
	w.equal("subject", q.Subject)
	statement := `SELECT ` + logColumns + ` FROM log_entries` + w.sql() + ` ORDER BY idx`
	if q.Newest {
		statement = `SELECT e.idx, e.at, e.kind, e.subject, e.actor, e.leaf, e.salt, e.content
			FROM (SELECT subject, MAX(idx) AS idx FROM log_entries` + w.sql() + ` GROUP BY subject) n
			JOIN log_entries e ON e.idx = n.idx ORDER BY n.subject`
		if v.store.dialect.name != "SQLite" { // whose order is that of bytes already
			statement += ` COLLATE "C"`
		}
	}
	rows, err := v.q.QueryContext(v.ctx, statement, w.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
