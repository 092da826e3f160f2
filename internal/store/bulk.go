// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// FindingBulk applies changes of findings in portions: a report may bring 200,000. Nothing
// of it counts before Close.
type FindingBulk struct {
	t          *Tx
	places     map[place]int
	statements map[string]*sql.Stmt
	chunks     [][]any // whose roots are not yet noted
}

// BulkFindings begins to change findings.
func (t *Tx) BulkFindings() *FindingBulk {
	return &FindingBulk{t: t, places: map[place]int{}, statements: map[string]*sql.Stmt{}}
}

// ChangeFindings applies changes: rows, events, counters, and one entry of the log for
// each chunk of events. A finding may change more than once; its changes apply in order.
func (t *Tx) ChangeFindings(changes []FindingChange) error {
	b := t.BulkFindings()
	return errors.Join(b.Change(changes), b.Close())
}

// Change applies changes as [Tx.ChangeFindings] does, except for the counters.
func (b *FindingBulk) Change(changes []FindingChange) error {
	for len(changes) > 0 {
		n := min(len(changes), chunkSize)
		if err := b.change(changes[:n]); err != nil {
			return fmt.Errorf("change findings: %w", err)
		}
		changes = changes[n:]
	}
	return nil
}

func (b *FindingBulk) change(changes []FindingChange) error {
	chunk, err := b.addEvents(changes)
	if err != nil {
		return err
	}
	last := make(map[string]int, len(changes)) // the change whose After is the row
	for i := range changes {
		last[changes[i].After.ID] = i
	}
	created := map[string]bool{}
	var fresh, changed [][]any
	for i := range changes {
		c := &changes[i]
		if c.Before == nil {
			created[c.After.ID] = true
		}
		if last[c.After.ID] != i {
			continue
		}
		row := append(findingValues(&c.After), Content(&c.After), chunk, i)
		if created[c.After.ID] {
			fresh = append(fresh, row)
		} else {
			changed = append(changed, row)
		}
	}
	if err := b.add("findings", findingRow, fresh); err != nil {
		return err
	}
	if err := b.insert(`INSERT INTO findings (`+findingRow+`)`, findingUpdate, changed); err != nil {
		return err
	}
	b.count(changes)
	return nil
}

// Close brings the counters in step with what changed.
func (b *FindingBulk) Close() error {
	for _, s := range b.statements {
		_ = s.Close() // the transaction's end would do it too
	}
	if err := b.addRoots(); err != nil {
		return fmt.Errorf("note the roots of events: %w", err)
	}
	if err := b.t.addCounts(b.places); err != nil {
		return fmt.Errorf("count findings: %w", err)
	}
	return nil
}

// bulkRows is how many rows a prepared statement writes.
const bulkRows = 50

// add adds rows that are not there: in the database's own way where it has one, and else
// as [FindingBulk.insert] does.
func (b *FindingBulk) add(table, columns string, rows [][]any) error {
	if done, err := b.t.copied(table, columns, rows); done {
		return err
	}
	return b.insert(`INSERT INTO `+table+` (`+columns+`)`, "", rows)
}

// copied adds many rows that are not there in the database's own way, where it has one.
func (t *Tx) copied(table, columns string, rows [][]any) (done bool, err error) {
	if t.store.dialect.copyIn == nil || len(rows) < bulkRows {
		return false, nil
	}
	names := strings.FieldsFunc(columns, func(r rune) bool { return strings.ContainsRune(", \n\t", r) })
	return true, t.store.dialect.copyIn(t.ctx, t.conn, table, names, rows)
}

// insert is [Tx.insert] with statements that are prepared once.
func (b *FindingBulk) insert(head, tail string, rows [][]any) error {
	for len(rows) >= bulkRows {
		s := b.statements[head+tail]
		if s == nil {
			var err error
			if s, err = b.t.tx.PrepareContext(b.t.ctx, b.t.insertion(head, tail, bulkRows, len(rows[0]))); err != nil {
				return err
			}
			b.statements[head+tail] = s
		}
		args := make([]any, 0, bulkRows*len(rows[0]))
		for _, row := range rows[:bulkRows] {
			args = append(args, row...)
		}
		if _, err := s.ExecContext(b.t.ctx, args...); err != nil {
			return err
		}
		rows = rows[bulkRows:]
	}
	return b.t.insert(head, tail, rows)
}

// insertion is the statement that inserts rows of a width.
func (t *Tx) insertion(head, tail string, rows, width int) string {
	if rows > 1 && t.store.dialect.insertMany != "" {
		head = t.store.dialect.insertMany + strings.TrimPrefix(head, "INSERT")
	}
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(" VALUES ")
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range width {
			if j > 0 {
				b.WriteByte(',')
			}
			if t.store.dialect.unnumbered {
				b.WriteByte('?')
			} else {
				fmt.Fprintf(&b, "$%d", i*width+j+1)
			}
		}
		b.WriteByte(')')
	}
	return b.String() + " " + tail
}
