// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"
)

// AuditStream is how the audit events of a cluster come in that are sent to the server, not
// to an agent.
type AuditStream struct {
	SourceID   string
	Since      time.Time // events are expected: the first one came, or somebody said so
	EventAt    time.Time // of the latest event that was taken, by its cluster's clock
	ReceivedAt time.Time // when the latest events came in
}

const auditStreamColumns = `source_id, since, event_at, received_at`

func scanAuditStream(row interface{ Scan(...any) error }) (AuditStream, error) {
	var v AuditStream
	var since, event, received int64
	err := row.Scan(&v.SourceID, &since, &event, &received)
	v.Since, v.EventAt, v.ReceivedAt = moment(since), moment(event), moment(received)
	return v, err
}

// PutAuditStream writes how the events of a source come in.
func (t *Tx) PutAuditStream(v *AuditStream) error {
	return t.insert(`INSERT INTO audit_streams (`+auditStreamColumns+`)`,
		`ON CONFLICT (source_id) DO UPDATE SET since = excluded.since, event_at = excluded.event_at, received_at = excluded.received_at`,
		[][]any{{v.SourceID, micros(v.Since), micros(v.EventAt), micros(v.ReceivedAt)}})
}

// LockAuditStream gives the stream of a source, and keeps others from it until the
// transaction ends; a new one begins now.
func (t *Tx) LockAuditStream(source string) (AuditStream, error) {
	fresh := AuditStream{SourceID: source, Since: t.At}
	err := t.insert(`INSERT INTO audit_streams (`+auditStreamColumns+`)`, `ON CONFLICT (source_id) DO NOTHING`, [][]any{{source, micros(fresh.Since), int64(0), int64(0)}})
	if err != nil {
		return fresh, err
	}
	return scanAuditStream(t.tx.QueryRowContext(t.ctx, `SELECT `+auditStreamColumns+` FROM audit_streams WHERE source_id = $1`+t.store.dialect.forUpdate, source))
}

// AuditStreams lists the streams as the transaction sees them, by source.
func (t *Tx) AuditStreams() (map[string]AuditStream, error) {
	return t.store.auditStreams(t.ctx, t.tx)
}

// AuditStreams lists the streams, by source.
func (s *Store) AuditStreams(ctx context.Context) (map[string]AuditStream, error) {
	return s.auditStreams(ctx, s.read)
}

func (s *Store) auditStreams(ctx context.Context, q querier) (map[string]AuditStream, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+auditStreamColumns+` FROM audit_streams ORDER BY source_id`)
	list, err := collect(s, rows, err, scanAuditStream)
	out := make(map[string]AuditStream, len(list))
	for _, v := range list {
		out[v.SourceID] = v
	}
	return out, err
}
