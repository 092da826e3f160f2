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

// Log calls f with each entry that is asked for, in the order of subjects and then of the
// log. It holds one entry at a time, and so does SQLite: that order is the index's, and
// sorting would hold them all.
func (v *View) Log(q LogQuery, f func(LogEntry) error) error {
	w := where{}
	w.add("e.kind = ?", q.Kind)
	w.add("e.at <= ?", micros(q.Until))
	w.equal("e.subject", q.Subject)
	statement := `SELECT e.idx, e.at, e.kind, e.subject, e.actor, e.leaf, e.salt, e.content FROM log_entries e` + w.sql()
	if q.Newest {
		statement += ` AND e.idx = (
			SELECT MAX(n.idx) FROM log_entries n WHERE n.kind = e.kind AND n.subject = e.subject AND n.at <= ` + w.arg(micros(q.Until)) + `)`
	}
	statement += ` ORDER BY e.subject`
	if v.store.dialect.name != "SQLite" { // whose order is that of bytes already
		statement += ` COLLATE "C"`
	}
	statement += `, e.idx`
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
