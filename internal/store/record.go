// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// records is a table of records kept as documents. Each write of one is an entry of the
// log whose content is the document; the newest entry of a subject is its row.
type records[T any] struct {
	kind    string // of the entries: "waiver"
	table   string
	key     []string // columns of the primary key
	columns []string // all columns but the document, the key among them
	values  func(*T) []any
	subject func(*T) string
}

// put writes a record and logs it.
func (r records[T]) put(t *Tx, v *T) error {
	document, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", r.kind, err)
	}
	var set []string
	for _, c := range append(slices.Clone(r.columns), "document") {
		if !slices.Contains(r.key, c) {
			set = append(set, c+" = excluded."+c)
		}
	}
	row := append(r.values(v), string(document))
	err = t.insert(`INSERT INTO `+r.table+` (`+strings.Join(r.columns, ", ")+`, document)`,
		`ON CONFLICT (`+strings.Join(r.key, ", ")+`) DO UPDATE SET `+strings.Join(set, ", "), [][]any{row})
	if err != nil {
		return fmt.Errorf("write %s %s: %w", r.kind, r.subject(v), err)
	}
	t.logBytes(r.kind, r.subject(v), document)
	return nil
}

// drop removes a record and logs a tombstone.
func (r records[T]) drop(t *Tx, v *T) error {
	w := where{}
	for i, c := range r.columns {
		if slices.Contains(r.key, c) {
			w.add(c+" = ?", r.values(v)[i])
		}
	}
	if err := t.exec(`DELETE FROM `+r.table+w.sql(), w.args...); err != nil {
		return fmt.Errorf("remove %s %s: %w", r.kind, r.subject(v), err)
	}
	t.logBytes(r.kind, r.subject(v), []byte("null"))
	return nil
}

// one gives the record that the condition selects. name is what it is called when there
// is none.
func (r records[T]) one(ctx context.Context, s *Store, q querier, name string, w where) (T, error) {
	v, err := scanDocument[T](q.QueryRowContext(ctx, `SELECT document FROM `+r.table+w.sql(), w.args...))
	if err == sql.ErrNoRows {
		return v, seaworthy.NotFound("there is no %s %s", r.kind, name)
	}
	return v, s.dialect.explain(err)
}

// locked is one inside a write, and keeps others from changing the record until the
// transaction ends.
func (r records[T]) locked(t *Tx, name string, w where) (T, error) {
	v, err := scanDocument[T](t.tx.QueryRowContext(t.ctx, `SELECT document FROM `+r.table+w.sql()+t.store.dialect.forUpdate, w.args...))
	if err == sql.ErrNoRows {
		return v, seaworthy.NotFound("there is no %s %s", r.kind, name)
	}
	return v, err
}

// list gives the records that the condition selects; tail orders and limits them.
func (r records[T]) list(ctx context.Context, s *Store, q querier, w where, tail string) ([]T, error) {
	rows, err := q.QueryContext(ctx, `SELECT document FROM `+r.table+w.sql()+` `+tail, w.args...)
	return collect(s, rows, err, scanDocument[T])
}

// timeOrder is the order of a list by a column of times and the id, newest first unless it
// says otherwise.
type timeOrder struct {
	column string
	oldest bool // first
}

// page gives the page of what the condition selects that comes after a cursor. key is what
// a record is ordered by.
func (r records[T]) page(ctx context.Context, s *Store, w where, order timeOrder, after string, n int, key func(*T) (time.Time, string)) (Page[T], error) {
	beyond, direction := "<", " DESC"
	if order.oldest {
		beyond, direction = ">", ""
	}
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return Page[T]{}, err
		}
		w.add("("+order.column+", id) "+beyond+" (?, ?)", at, id)
	}
	n = limit(n)
	list, err := r.list(ctx, s, s.read, w, "ORDER BY "+order.column+direction+", id"+direction+" LIMIT "+w.arg(n+1))
	return page(list, n, func(v T) string {
		at, id := key(&v)
		return cursor(micros(at), id)
	}), err
}

func scanDocument[T any](row interface{ Scan(...any) error }) (T, error) {
	var v T
	var document string
	if err := row.Scan(&document); err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		return v, fmt.Errorf("read a record: %w", err)
	}
	return v, nil
}
