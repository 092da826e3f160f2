// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// parameters bounds how many a statement has: PostgreSQL takes 65,535, SQLite 32,766.
const parameters = 30000

// insert writes rows in as few statements as the databases allow. head is all before
// VALUES, tail all after.
func (t *Tx) insert(head, tail string, rows [][]any) error {
	for len(rows) > 0 {
		width := len(rows[0])
		n := min(len(rows), parameters/width, 500)
		args := make([]any, 0, n*width)
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if err := t.exec(t.insertion(head, tail, n, width), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// where builds the condition of a query with numbered parameters.
type where struct {
	conditions []string
	args       []any
}

// arg adds an argument and gives its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// add adds a condition in which each ? stands for the next of the values.
func (w *where) add(condition string, values ...any) {
	var b strings.Builder
	for _, r := range condition {
		if r == '?' {
			b.WriteString(w.arg(values[0]))
			values = values[1:]
			continue
		}
		b.WriteRune(r)
	}
	w.conditions = append(w.conditions, b.String())
}

// equal adds a condition unless the value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// among adds a condition unless there are no values.
func (w *where) among(column string, values []string) {
	if len(values) == 0 {
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = w.arg(v)
	}
	w.conditions = append(w.conditions, column+" IN ("+strings.Join(places, ",")+")")
}

// notAmong adds a condition unless there are no values.
func (w *where) notAmong(column string, values []string) {
	if len(values) > 0 {
		w.add("NOT "+column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", anys(values)...)
	}
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// limit bounds how many rows a list gives: 100 unless told, never more than 1,000.
func limit(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}

// collect reads all rows of a query.
func collect[T any](s *Store, rows *sql.Rows, err error, scan func(interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, s.dialect.explain(err)
		}
		out = append(out, v)
	}
	return out, s.dialect.explain(errors.Join(rows.Err(), rows.Close()))
}
