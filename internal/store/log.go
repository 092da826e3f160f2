// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// Log has the transaction append an entry. Content is marshalled as it is now; nil
// makes a tombstone: the subject's record is gone from here on.
func (t *Tx) Log(kind, subject string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("log %s %s: %w", kind, subject, err)
	}
	t.logBytes(kind, subject, data)
	return nil
}

func (t *Tx) logBytes(kind, subject string, content []byte) {
	e, salt := tlog.NewEntry(t.At, kind, subject, t.Actor, content)
	t.pending = append(t.pending, pending{e, salt, content})
}

// appendLog numbers the pending entries, writes them, and grows the tree. From its first
// statement on no other transaction can append; it is the last that the transaction does.
func (t *Tx) appendLog() error {
	if len(t.pending) == 0 {
		return nil
	}
	var size int64
	if err := t.tx.QueryRowContext(t.ctx, `SELECT size FROM log_state WHERE id = 1`+t.store.dialect.forUpdate).Scan(&size); err != nil {
		return err
	}
	records := make([]tlog.Hash, len(t.pending))
	rows := make([][]any, len(t.pending))
	for i, p := range t.pending {
		leaf := p.entry.Leaf()
		records[i] = tlog.RecordHash(leaf)
		rows[i] = []any{size + int64(i), micros(p.entry.At), p.entry.Kind, p.entry.Subject, t.Actor, leaf, p.salt, sql.NullString{String: string(p.content), Valid: p.content != nil}}
	}
	if err := t.insert(`INSERT INTO log_entries (idx, at, kind, subject, actor, leaf, salt, content)`, "", rows); err != nil {
		return err
	}
	tiles, root, err := tlog.Append(size, records, tileReader{t.ctx, t.tx})
	if err != nil {
		return err
	}
	for _, tile := range tiles {
		if err := t.exec(`INSERT INTO log_tiles (level, n, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, tile.Level, tile.N, tile.Hashes); err != nil {
			return err
		}
	}
	size += int64(len(t.pending))
	if err := t.exec(`UPDATE log_state SET size = $1, root = $2 WHERE id = 1`, size, root[:]); err != nil {
		return err
	}
	return t.noteCounts(size)
}

// tileReader is tlog.Tiles on the database.
type tileReader struct {
	ctx context.Context
	q   querier
}

// Tile reads one tile as far as it is filled.
func (r tileReader) Tile(level int, n int64) ([]byte, error) {
	var data []byte
	err := r.q.QueryRowContext(r.ctx, `SELECT hashes FROM log_tiles WHERE level = $1 AND n = $2`, level, n).Scan(&data)
	if err == sql.ErrNoRows {
		return nil, fmt.Errorf("the tile is missing")
	}
	return data, err
}

// Tiles reads the log's tiles.
func (s *Store) Tiles(ctx context.Context) tlog.Tiles { return tileReader{ctx, s.read} }

// LogHead is the size and root of the log.
func (s *Store) LogHead(ctx context.Context) (size int64, root tlog.Hash, err error) {
	var data []byte
	err = s.read.QueryRowContext(ctx, `SELECT size, root FROM log_state WHERE id = 1`).Scan(&size, &data)
	if err == nil && size > 0 {
		copy(root[:], data)
	}
	return size, root, s.dialect.explain(err)
}

// LogEntry is an entry of the log with its content, unless that was erased.
type LogEntry struct {
	Index   int64     `json:"index"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Actor   string    `json:"actor"`
	Leaf    string    `json:"leaf"`
	Salt    []byte    `json:"salt,omitempty"`
	Content string    `json:"content,omitempty"`
	Erased  bool      `json:"erased"`
}

// LogFilter narrows a list of entries; empty fields do not.
type LogFilter struct {
	Kind, Subject, Actor string
	// Before gives entries of smaller index, newest first; 0: from the newest.
	Before int64
	Limit  int
}

const logColumns = `idx, at, kind, subject, actor, leaf, salt, content`

func scanEntry(row interface{ Scan(...any) error }) (LogEntry, error) {
	var e LogEntry
	var at int64
	var leaf []byte
	var content sql.NullString
	if err := row.Scan(&e.Index, &at, &e.Kind, &e.Subject, &e.Actor, &leaf, &e.Salt, &content); err != nil {
		return LogEntry{}, err
	}
	e.At, e.Leaf, e.Content, e.Erased = moment(at), string(leaf), content.String, !content.Valid
	return e, nil
}

// LogEntry gives one entry by its index.
func (s *Store) LogEntry(ctx context.Context, index int64) (LogEntry, error) {
	e, err := scanEntry(s.read.QueryRowContext(ctx, `SELECT `+logColumns+` FROM log_entries WHERE idx = $1`, index))
	if err == sql.ErrNoRows {
		return LogEntry{}, seaworthy.NotFound("the log has no entry %d", index)
	}
	return e, s.dialect.explain(err)
}

// LogEntries lists entries, newest first.
func (s *Store) LogEntries(ctx context.Context, f LogFilter) ([]LogEntry, error) {
	w := where{}
	w.equal("kind", f.Kind)
	if f.Subject != "" && f.Kind == "" {
		// The index is by kind and subject: there are few kinds, found one after the other.
		w.conditions = append(w.conditions, `kind IN (WITH RECURSIVE kinds(kind) AS (SELECT MIN(kind) FROM log_entries
			UNION ALL SELECT (SELECT MIN(e.kind) FROM log_entries e WHERE e.kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL)
			SELECT kind FROM kinds WHERE kind IS NOT NULL)`)
	}
	w.equal("subject", f.Subject)
	w.equal("actor", f.Actor)
	if f.Before > 0 {
		w.add("idx < ?", f.Before)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+logColumns+` FROM log_entries`+w.sql()+` ORDER BY idx DESC LIMIT `+w.arg(limit(f.Limit)), w.args...)
	return collect(s, rows, err, scanEntry)
}

// History lists the entries of one subject, oldest first: every version of a record.
func (s *Store) History(ctx context.Context, kind, subject string) ([]LogEntry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+logColumns+` FROM log_entries WHERE kind = $1 AND subject = $2 ORDER BY idx LIMIT 1000`, kind, subject)
	return collect(s, rows, err, scanEntry)
}
