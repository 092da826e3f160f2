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

// Measures are what an honest programme tells of how it deals with findings, as counts
// and times and never as a score.
type Measures struct {
	// Open and Waived count the findings that stand.
	Open   int `json:"open"`
	Waived int `json:"waived"`
	// Waivers are the approved ones; WaiverAge is how long ago the median one was
	// approved, OldestWaiver the oldest one.
	Waivers      int           `json:"waivers"`
	WaiverAge    time.Duration `json:"waiverAge"`
	OldestWaiver time.Duration `json:"oldestWaiver"`
	// NeverFixed counts the findings that stand, were there when From was, and were never
	// fixed in between.
	NeverFixed int `json:"neverFixed"`
	// Fixed says, for each severity, how many were fixed since From and how long the
	// median one was open. What closed because a check, a parameter or the scope changed
	// was not fixed.
	Fixed map[seaworthy.Severity]FixTime `json:"fixed"`
	From  time.Time                      `json:"from"`
}

// FixTime is how long it took to fix findings.
type FixTime struct {
	Count  int           `json:"count"`
	Median time.Duration `json:"median"`
}

// Measures measures since from: the start of the program's period, or 90 days ago.
func (s *Store) Measures(ctx context.Context, p *seaworthy.Program) (Measures, error) {
	m := Measures{From: s.Now().AddDate(0, 0, -90), Fixed: map[seaworthy.Severity]FixTime{}}
	if p != nil {
		m.From = p.From
	}
	for _, c := range []struct {
		into      *int
		condition string
		args      []any
	}{
		{&m.Open, "status = ?", []any{string(seaworthy.FindingOpen)}},
		{&m.Waived, "status = ?", []any{string(seaworthy.FindingWaived)}},
		{&m.NeverFixed, "status IN (?, ?) AND opened_at < ? AND regressions = ?", []any{string(seaworthy.FindingOpen), string(seaworthy.FindingWaived), micros(m.From), 0}},
	} {
		w := where{}
		w.add(c.condition, c.args...)
		w.program(p, "source_id", "namespace")
		if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM findings`+w.sql(), w.args...).Scan(c.into); err != nil {
			return m, s.dialect.explain(fmt.Errorf("measure findings: %w", err))
		}
	}
	if err := s.waiverAges(ctx, p, &m); err != nil {
		return m, err
	}
	for _, severity := range seaworthy.Severities {
		f, err := s.fixTime(ctx, p, m.From, severity)
		if err != nil {
			return m, s.dialect.explain(fmt.Errorf("measure what was fixed: %w", err))
		}
		if f.Count > 0 {
			m.Fixed[severity] = f
		}
	}
	return m, nil
}

func (s *Store) waiverAges(ctx context.Context, p *seaworthy.Program, m *Measures) error {
	w := (&WaiverFilter{States: []string{seaworthy.WaiverApproved}, Program: p}).where()
	list, err := waivers.list(ctx, s, s.read, w, "")
	if err != nil {
		return err
	}
	ages := make([]time.Duration, len(list))
	for i, v := range list {
		ages[i] = s.Now().Sub(v.DecidedAt)
	}
	m.Waivers = len(ages)
	if len(ages) > 0 {
		slices.Sort(ages)
		m.WaiverAge, m.OldestWaiver = ages[(len(ages)-1)/2], ages[len(ages)-1]
	}
	return nil
}

// fixTime finds the median where the database has it in order, without reading the rest.
func (s *Store) fixTime(ctx context.Context, p *seaworthy.Program, from time.Time, severity seaworthy.Severity) (FixTime, error) {
	w := where{}
	w.add("closed_at > 0 AND closed_at >= ? AND status = ? AND severity = ?", micros(from), string(seaworthy.FindingFixed), rank(severity))
	amongOf(&w, "cause", []seaworthy.Cause{seaworthy.CauseObjectChanged, seaworthy.CauseObjectDeleted, seaworthy.CauseObjectGone})
	w.program(p, "source_id", "namespace")
	var f FixTime
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM findings`+w.sql(), w.args...).Scan(&f.Count); err != nil || f.Count == 0 {
		return f, err
	}
	var us int64
	err := s.read.QueryRowContext(ctx, `SELECT closed_at - opened_at AS took FROM findings`+w.sql()+` ORDER BY took LIMIT 1 OFFSET `+w.arg((f.Count-1)/2), w.args...).Scan(&us)
	f.Median = time.Duration(us) * time.Microsecond
	return f, err
}
