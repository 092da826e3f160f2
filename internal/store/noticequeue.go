// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// OutgoingNotice is a notice in the outbox.
type OutgoingNotice struct {
	seaworthy.Notice
	// Keys say what it tells of; none of them is told of again.
	Keys []string
	// Direct are destinations that get it whatever rules say; Apart is one that does not.
	Direct []string
	Apart  string
}

// ToldOf gives those of the keys that a notice was written about.
func (t *Tx) ToldOf(keys []string) (map[string]bool, error) {
	out := map[string]bool{}
	for some := range slices.Chunk(keys, 1000) {
		w := where{}
		w.among("key", some)
		rows, err := t.tx.QueryContext(t.ctx, `SELECT key FROM notice_keys`+w.sql(), w.args...)
		list, err := collect(t.store, rows, err, scanText)
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			out[k] = true
		}
	}
	return out, nil
}

// AddNotices puts notices into the outbox.
func (t *Tx) AddNotices(list []OutgoingNotice) error {
	if len(list) == 0 {
		return nil
	}
	var rows, keys [][]any
	for i := range list {
		n := &list[i]
		if n.ID == "" {
			n.ID = t.NewID()
		}
		content, err := json.Marshal(n.Notice)
		if err != nil {
			return fmt.Errorf("write a notice: %w", err)
		}
		rows = append(rows, []any{n.ID, micros(t.At), false, strings.Join(n.Direct, " "), n.Apart, string(content)})
		for _, k := range n.Keys {
			keys = append(keys, []any{k, n.ID})
		}
	}
	return errors.Join(
		t.insert(`INSERT INTO notices (id, at, planned, direct, apart, content)`, "", rows),
		t.insert(`INSERT INTO notice_keys (key, notice_id)`, `ON CONFLICT (key) DO NOTHING`, keys))
}

// UnplannedNotices gives notices of which nobody has looked whom to tell, in the order in
// which they came, and keeps others from planning them.
func (t *Tx) UnplannedNotices(n int) ([]OutgoingNotice, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT content, direct, apart FROM notices WHERE NOT planned ORDER BY id LIMIT $1`+t.store.dialect.forUpdate, n)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (OutgoingNotice, error) {
		var o OutgoingNotice
		var content, direct string
		if err := row.Scan(&content, &direct, &o.Apart); err != nil {
			return o, err
		}
		o.Direct = strings.Fields(direct)
		return o, json.Unmarshal([]byte(content), &o.Notice)
	})
}

// QueuedNotice is a notice on its way to a destination.
type QueuedNotice struct {
	DestinationID, NoticeID, RuleID string
	DueAt                           time.Time // zero: at once, whatever the clock says
	// Batch names the digest that it goes in; empty: it goes by itself.
	Batch string
}

// QueueNotices has notices go out, and notes those of ids as planned.
func (t *Tx) QueueNotices(list []QueuedNotice, planned []string) error {
	rows := make([][]any, len(list))
	for i, q := range list {
		rows[i] = []any{q.DestinationID, q.NoticeID, q.RuleID, micros(q.DueAt), q.Batch}
	}
	if err := t.insert(`INSERT INTO notice_queue (destination_id, notice_id, rule_id, due_at, batch)`, `ON CONFLICT (destination_id, notice_id) DO NOTHING`, rows); err != nil {
		return err
	}
	for some := range slices.Chunk(planned, 1000) {
		w := where{}
		w.add("planned = ?", false)
		w.among("id", some)
		if err := t.exec(`UPDATE notices SET planned = `+w.arg(true)+w.sql(), w.args...); err != nil {
			return err
		}
	}
	return nil
}

// DueNotices gives what is to go to a destination now: of the batch that is due first as
// much as one message holds, or up to n that go by themselves.
func (t *Tx) DueNotices(destination string, n int) ([]QueuedNotice, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT destination_id, notice_id, rule_id, due_at, batch FROM notice_queue
		WHERE destination_id = $1 AND due_at <= $2 AND batch = (SELECT batch FROM notice_queue
			WHERE destination_id = $1 AND due_at <= $2 ORDER BY due_at, notice_id LIMIT 1)
		ORDER BY due_at, notice_id LIMIT $3`, destination, micros(t.At), n)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (QueuedNotice, error) {
		var q QueuedNotice
		var due int64
		err := row.Scan(&q.DestinationID, &q.NoticeID, &q.RuleID, &due, &q.Batch)
		q.DueAt = moment(due)
		return q, err
	})
}

// Dequeue takes notices from the queue of a destination; all of them when none is named.
func (t *Tx) Dequeue(destination string, notices []string) error {
	if len(notices) == 0 {
		return t.exec(`DELETE FROM notice_queue WHERE destination_id = $1`, destination)
	}
	for some := range slices.Chunk(notices, 1000) {
		w := where{}
		w.add("destination_id = ?", destination)
		w.among("notice_id", some)
		if err := t.exec(`DELETE FROM notice_queue`+w.sql(), w.args...); err != nil {
			return err
		}
	}
	return nil
}

// Queued lists everything that waits for a destination.
func (t *Tx) Queued(destination string) (ids []string, err error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT notice_id FROM notice_queue WHERE destination_id = $1 ORDER BY notice_id`, destination)
	return collect(t.store, rows, err, scanText)
}

// ready is the condition that a destination may be tried now.
const ready = `NOT EXISTS (SELECT 1 FROM destination_states d WHERE d.destination_id = q.destination_id AND d.next_at > $1)`

// DestinationsToServe lists the destinations for which there is something to do now.
func (s *Store) DestinationsToServe(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT destination_id FROM notice_queue q WHERE due_at <= $1 AND `+ready+`
		UNION SELECT destination_id FROM deliveries q WHERE state = 'pending' AND next_at <= $1 AND `+ready+` ORDER BY 1`, micros(s.Now()))
	return collect(s, rows, err, scanText)
}

// NoticesWait tells whether there is anything to plan or to deliver now.
func (s *Store) NoticesWait(ctx context.Context) (bool, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM notices WHERE NOT planned)
		OR EXISTS (SELECT 1 FROM notice_queue q WHERE due_at <= $1 AND `+ready+`)
		OR EXISTS (SELECT 1 FROM deliveries q WHERE state = 'pending' AND next_at <= $1 AND `+ready+`) THEN 1 ELSE 0 END`, micros(s.Now())).Scan(&n)
	return n == 1, s.dialect.explain(err)
}

// NoticesOf gives notices by their ids, in the order of the ids; those that retention
// removed are missing.
func (s *Store) NoticesOf(ctx context.Context, ids []string) ([]seaworthy.Notice, error) {
	return noticesOf(ctx, s, s.read, ids)
}

// NoticesOf gives notices as the transaction sees them.
func (t *Tx) NoticesOf(ids []string) ([]seaworthy.Notice, error) {
	return noticesOf(t.ctx, t.store, t.tx, ids)
}

func noticesOf(ctx context.Context, s *Store, q querier, ids []string) ([]seaworthy.Notice, error) {
	out := make([]seaworthy.Notice, 0, len(ids))
	for some := range slices.Chunk(ids, 1000) {
		w := where{}
		w.among("id", some)
		rows, err := q.QueryContext(ctx, `SELECT content FROM notices`+w.sql(), w.args...)
		list, err := collect(s, rows, err, scanDocument[seaworthy.Notice])
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b seaworthy.Notice) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return out, nil
}

// HastenNotices has everything that waits for a destination go now.
func (t *Tx) HastenNotices(destination string) error {
	return t.exec(`UPDATE notice_queue SET due_at = $1 WHERE destination_id = $2 AND due_at > $1`, micros(t.At), destination)
}

// SweepNotices removes notices that were planned before a time and wait for nobody. What
// they were about stays, and so do the deliveries.
func (t *Tx) SweepNotices(before time.Time) error {
	const old = `SELECT id FROM notices n WHERE at < $1 AND planned AND NOT EXISTS (SELECT 1 FROM notice_queue q WHERE q.notice_id = n.id)`
	return errors.Join(
		t.exec(`DELETE FROM notice_keys WHERE notice_id IN (`+old+`)`, micros(before)),
		t.exec(`DELETE FROM notices WHERE id IN (`+old+`)`, micros(before)),
		t.exec(`DELETE FROM notice_threads WHERE at < $1`, micros(before)))
}

// OpenedFinding is what a notice says of a finding that opened or became overdue.
type OpenedFinding struct {
	ID, SourceID, Team, Check, Message string
	Object                             seaworthy.Object
	Severity                           seaworthy.Severity
	Again                              bool // it was fixed once
}

const openedColumns = `f.id, f.source_id, f.team, f.check_id, f.message, f.kind, f.namespace, f.name, f.severity`

func scanOpened(row interface{ Scan(...any) error }) (OpenedFinding, error) {
	var f OpenedFinding
	var severity int
	var kind string
	err := row.Scan(&f.ID, &f.SourceID, &f.Team, &f.Check, &f.Message, &f.Object.Kind, &f.Object.Namespace, &f.Object.Name, &severity, &kind)
	f.Severity, f.Again = severityOf(severity), kind == seaworthy.EventRegressed
	return f, err
}

// OpenedIn lists the findings that opened or came back in a chunk of events, the worst
// first, of at least a severity.
func (t *Tx) OpenedIn(chunk string, least seaworthy.Severity) ([]OpenedFinding, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+openedColumns+`, e.kind FROM finding_events e JOIN findings f ON f.id = e.finding_id
		WHERE e.chunk = CAST($1 AS BIGINT) AND e.kind IN ($2, $3) AND f.status = $4 AND f.severity >= $5 ORDER BY f.severity DESC, f.id`,
		chunk, seaworthy.EventOpened, seaworthy.EventRegressed, seaworthy.FindingOpen, rank(least))
	return collect(t.store, rows, err, scanOpened)
}

// BecameOverdue lists the findings that became overdue in an interval, up to 10,000.
func (t *Tx) BecameOverdue(from, to time.Time) ([]OpenedFinding, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+openedColumns+`, '' FROM findings f
		WHERE f.status = $1 AND f.due_at > $2 AND f.due_at <= $3 ORDER BY f.severity DESC, f.id LIMIT 10000`,
		seaworthy.FindingOpen, micros(from), micros(to))
	return collect(t.store, rows, err, scanOpened)
}
