// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// ChangeableSetting is Setting, and keeps others from setting it until the transaction
// ends, whether there is one yet or not.
func (t *Tx) ChangeableSetting(key string) (string, error) {
	if err := t.queue("setting " + key); err != nil {
		return "", err
	}
	return t.Setting(key)
}

// Setting gives a setting as the transaction sees it, or "".
func (t *Tx) Setting(key string) (string, error) {
	var v string
	err := t.tx.QueryRowContext(t.ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&v)
	if err == sql.ErrNoRows {
		return "", nil
	}
	return v, err
}

// NoteSetting keeps how far work has come, which is no decision and is not logged. Its
// key has a dot, which keys of settings that are logged do not have.
func (t *Tx) NoteSetting(key, value string) error {
	if err := noted(key); err != nil {
		return err
	}
	return t.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}

// SettingHistory lists every value that a logged setting had, oldest first.
func (t *Tx) SettingHistory(key string) ([]string, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT content FROM log_entries WHERE kind = 'setting' AND subject = $1 AND content IS NOT NULL ORDER BY idx`, key)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (string, error) {
		var content, value string
		if err := row.Scan(&content); err != nil {
			return "", err
		}
		if err := json.Unmarshal([]byte(content), &value); err != nil {
			return "", fmt.Errorf("read the history of the setting %s: %w", key, err)
		}
		return value, nil
	})
}

// StandingFindingsAfter lists findings that are not fixed by id, n at most, and keeps
// others from changing them until the transaction ends.
func (t *Tx) StandingFindingsAfter(id string, n int) ([]seaworthy.TrackedFinding, error) {
	w := where{}
	w.add("id > ?", id)
	w.among("status", []string{string(seaworthy.FindingOpen), string(seaworthy.FindingWaived)})
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+findingColumns+` FROM findings`+w.sql()+` ORDER BY id LIMIT `+w.arg(n)+t.store.dialect.forUpdate, w.args...)
	return collect(t.store, rows, err, scanFinding)
}

// Overdue counts the findings of a team and severity that are open past their due date.
type Overdue struct {
	Team     string             `json:"team,omitempty"`
	Severity seaworthy.Severity `json:"severity"`
	Count    int                `json:"count"`
	Since    time.Time          `json:"since"` // the due date of the first of them
}

// OverdueCounts counts what is open past its due date, worst first. The findings
// themselves: [FindingFilter] with Overdue.
func (s *Store) OverdueCounts(ctx context.Context, p *seaworthy.Program) ([]Overdue, error) {
	w := where{}
	w.add("status = ? AND due_at > ? AND due_at < ?", string(seaworthy.FindingOpen), 0, micros(s.Now()))
	w.program(p, "source_id", "namespace")
	rows, err := s.read.QueryContext(ctx, `SELECT team, severity, COUNT(*), MIN(due_at) FROM findings`+w.sql()+
		` GROUP BY team, severity ORDER BY severity DESC, COUNT(*) DESC, team`, w.args...)
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (Overdue, error) {
		var o Overdue
		var severity int
		var since int64
		err := row.Scan(&o.Team, &severity, &o.Count, &since)
		o.Severity, o.Since = severityOf(severity), moment(since)
		return o, err
	})
}

// FixTime is how many findings of a severity were fixed, and how long the median one was
// open.
type FixTime struct {
	Severity seaworthy.Severity `json:"severity"`
	Count    int                `json:"count"`
	Median   time.Duration      `json:"median"`
}

// FixTimes measures what was fixed since a time, worst first; severities of which nothing
// was are absent. What closed because a check, a parameter or the scope changed was not
// fixed. Where more was fixed than 10,000, the latest so many are measured, and more is
// true.
func (s *Store) FixTimes(ctx context.Context, p *seaworthy.Program, from time.Time) (list []FixTime, more bool, err error) {
	w := where{}
	// Along the index of what closed last; one that begins with the status would be sorted.
	w.add("closed_at > 0 AND closed_at >= ? AND (status || '') = ?", micros(from), string(seaworthy.FindingFixed))
	amongOf(&w, "(cause || '')", []seaworthy.Cause{seaworthy.CauseObjectChanged, seaworthy.CauseObjectDeleted, seaworthy.CauseObjectGone})
	w.aside(p)
	rows, err := s.read.QueryContext(ctx, `SELECT severity, closed_at - opened_at FROM findings`+w.sql()+` ORDER BY closed_at DESC LIMIT `+w.arg(maxCounted+1), w.args...)
	took, n := map[int][]int64{}, 0
	if _, err = collect(s, rows, err, func(row interface{ Scan(...any) error }) (severity int, err error) {
		var us int64
		err = row.Scan(&severity, &us)
		if n++; n <= maxCounted {
			took[severity] = append(took[severity], us)
		}
		return severity, err
	}); err != nil {
		return nil, false, fmt.Errorf("measure what was fixed: %w", err)
	}
	list = []FixTime{}
	for _, severity := range seaworthy.Severities {
		if all := took[rank(severity)]; len(all) > 0 {
			slices.Sort(all)
			list = append(list, FixTime{severity, len(all), time.Duration(all[(len(all)-1)/2]) * time.Microsecond})
		}
	}
	return list, n > maxCounted, nil
}
