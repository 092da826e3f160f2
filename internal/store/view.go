// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// View is one state of the database, while others go on writing.
type View struct {
	ctx   context.Context
	store *Store
	q     querier
}

// View runs f on one state of the database.
func (s *Store) View(ctx context.Context, f func(*View) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot})
	if err != nil {
		return s.dialect.explain(fmt.Errorf("begin to read: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return s.dialect.explain(f(&View{ctx, s, tx}))
}

// ListQuery asks for the rows of a list.
type ListQuery struct {
	List string // one of [ListNames]
	// Program narrows the list to its scope and period.
	Program seaworthy.Program
	// Filters select rows whose column has the value.
	Filters map[string]string
	// AsOf leaves out what came later; zero: nothing is left out.
	AsOf time.Time
}

// Listed says what was asked, and how many rows there were.
type Listed struct {
	Columns []string
	Rows    int
	Query   string // the statement, with its values
	// Counted is what the database counts for the same query; Whole is the list without
	// program and filters.
	Counted, Whole int
	// Account says in sentences what the rows come to, what saw them, and when something
	// may have gone unseen; only the lists of the change trail have one.
	Account []string
}

// ListNames are the lists that there are.
func ListNames() []string { return slices.Sorted(maps.Keys(lists())) }

// ListColumns are the columns of a list, and the filters that it takes.
func ListColumns(list string) (columns, filters []string, err error) {
	l, ok := lists()[list]
	if !ok {
		return nil, nil, seaworthy.Invalid("there is no list %q; there are %s", list, strings.Join(ListNames(), ", "))
	}
	return l.columns, l.filterNames(), nil
}

// Rows gives each row of a list to f, in an order that the rows alone decide. Values
// are strings, int64 and bool.
func (v *View) Rows(q ListQuery, f func([]any) error) (Listed, error) {
	out := Listed{}
	if _, _, err := ListColumns(q.List); err != nil {
		return out, err
	}
	l := lists()[q.List]
	if l.prepare != nil {
		if err := l.prepare(v, q); err != nil {
			return out, fmt.Errorf("prepare the list %s: %w", q.List, err)
		}
	}
	w := where{}
	l.scope(&w, q)
	for _, name := range slices.Sorted(maps.Keys(q.Filters)) {
		if err := l.narrows(&w, q.List, name, q.Filters[name]); err != nil {
			return out, err
		}
	}
	out.Columns = l.columns
	statement := `SELECT ` + l.selected + ` FROM ` + l.table + w.sql() + ` ORDER BY ` + l.order
	out.Query = spell(statement, w.args)
	if err := v.q.QueryRowContext(v.ctx, `SELECT COUNT(*) FROM `+l.table+w.sql(), w.args...).Scan(&out.Counted); err != nil {
		return out, err
	}
	if err := v.q.QueryRowContext(v.ctx, `SELECT COUNT(*) FROM `+l.table).Scan(&out.Whole); err != nil {
		return out, err
	}
	rows, err := v.q.QueryContext(v.ctx, statement, w.args...)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for ; rows.Next(); out.Rows++ {
		values, err := l.row(rows)
		if err != nil {
			return out, fmt.Errorf("read the list %s: %w", q.List, err)
		}
		if err := f(values); err != nil {
			return out, err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || l.account == nil {
		return out, err
	}
	out.Account, err = l.account(v, q)
	return out, err
}

// spell writes a statement with its values in it, for people to read.
func spell(statement string, args []any) string {
	for i, a := range slices.Backward(args) {
		text := fmt.Sprint(a)
		if s, ok := a.(string); ok {
			text = "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
		statement = strings.ReplaceAll(statement, fmt.Sprintf("$%d", i+1), text)
	}
	return strings.Join(strings.Fields(statement), " ")
}
