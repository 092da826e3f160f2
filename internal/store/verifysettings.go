// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"encoding/json"
	"errors"
)

// loggedSettings are the settings that were decided: their newest entry is their value.
// Settings that only note how far work has come have no entry, and a dot in their key.
type loggedSettings struct{}

func (loggedSettings) tableName() string { return "settings" }

func (loggedSettings) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT n.subject, e.content, s.value
		FROM (SELECT subject, MAX(idx) AS idx FROM log_entries WHERE kind = 'setting' GROUP BY subject) n
		JOIN log_entries e ON e.idx = n.idx
		LEFT JOIN settings s ON s.key = n.subject`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var content, value sql.NullString
		if err := rows.Scan(&key, &content, &value); err != nil {
			return err
		}
		var want string
		switch {
		case !value.Valid:
			v.tell("setting %s is missing", key)
		case !content.Valid:
			v.tell("setting %s: the content of its newest entry was erased", key)
		case json.Unmarshal([]byte(content.String), &want) != nil || want != value.String:
			v.tell("setting %s was altered", key)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("setting %s is in no entry of the log: it was added", s) },
		`SELECT key FROM settings s WHERE key NOT LIKE '%.%' AND NOT EXISTS (SELECT 1 FROM log_entries e WHERE e.kind = 'setting' AND e.subject = s.key)`)
}
