// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// SelfCheck is the result of one verification of everything that is kept.
type SelfCheck struct {
	ID         string    `json:"id"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Size       int64     `json:"size"` // entries of the log
	// Problems name what was altered, is missing or was added. Nothing: intact.
	Problems []string `json:"problems"`
}

// Intact tells whether nothing was found.
func (c SelfCheck) Intact() bool { return len(c.Problems) == 0 }

// maxProblems bounds a result; the last one says how many more there are.
const maxProblems = 1000

// verification gathers what is wrong.
type verification struct {
	ctx      context.Context
	store    *Store
	q        querier
	problems []string
	more     int
}

func (v *verification) tell(format string, args ...any) {
	if len(v.problems) >= maxProblems {
		v.more++
		return
	}
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// Verify checks everything against everything: entries against leaves, leaves against
// tiles, tiles against signed checkpoints, rows against the newest entry about them,
// events against their chunk, findings against their newest event, counters against
// findings. The error tells that it could not be checked, not what was found.
//
// Cosignatures are checked of those witnesses that are given. It reads one state of the database, while others go on writing.
func (s *Store) Verify(ctx context.Context, log note.Verifier, witnesses ...note.Verifier) (SelfCheck, error) {
	started := s.Now()
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot})
	if err != nil {
		return SelfCheck{}, s.dialect.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	v := &verification{ctx: ctx, store: s, q: tx}
	size, err := v.log(log)
	if err == nil {
		err = errors.Join(v.erasures(), v.cosignatures(log, witnesses))
	}
	if err != nil {
		return SelfCheck{}, s.dialect.explain(fmt.Errorf("check the log: %w", err))
	}
	for _, t := range tables {
		if err := t.verify(v); err != nil {
			return SelfCheck{}, s.dialect.explain(fmt.Errorf("check the records: %w", err))
		}
	}
	if err := v.findings(); err != nil {
		return SelfCheck{}, s.dialect.explain(fmt.Errorf("check the findings: %w", err))
	}
	if v.more > 0 {
		v.problems = append(v.problems, fmt.Sprintf("and %d more", v.more))
	}
	return SelfCheck{ID: NewID(started), StartedAt: started, FinishedAt: s.Now(), Size: size, Problems: v.problems}, nil
}

// KeepSelfCheck keeps a result and logs it.
func (t *Tx) KeepSelfCheck(c SelfCheck) error {
	problems, err := json.Marshal(c.Problems)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO self_checks (id, started_at, finished_at, size, problems) VALUES ($1, $2, $3, $4, $5)`,
		c.ID, micros(c.StartedAt), micros(c.FinishedAt), c.Size, string(problems)); err != nil {
		return err
	}
	return t.Log("self-check", c.ID, c)
}

// SelfChecks lists results, newest first.
func (s *Store) SelfChecks(ctx context.Context, n int) ([]SelfCheck, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, started_at, finished_at, size, problems FROM self_checks ORDER BY started_at DESC LIMIT $1`, limit(n))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (SelfCheck, error) {
		var c SelfCheck
		var from, to int64
		var problems string
		if err := row.Scan(&c.ID, &from, &to, &c.Size, &problems); err != nil {
			return c, err
		}
		c.StartedAt, c.FinishedAt = moment(from), moment(to)
		return c, json.Unmarshal([]byte(problems), &c.Problems)
	})
}

// log checks entries, tiles and checkpoints, and gives the size of the log.
func (v *verification) log(key note.Verifier) (int64, error) {
	var size int64
	var root []byte
	if err := v.q.QueryRowContext(v.ctx, `SELECT size, root FROM log_state WHERE id = 1`).Scan(&size, &root); err != nil {
		return 0, err
	}
	signed, err := v.checkpoints(key)
	if err != nil {
		return 0, err
	}
	var g tlog.Grower
	for n := int64(0); n*256 < size; n++ {
		if err := v.entries(n, size, &g, &signed); err != nil {
			return 0, err
		}
	}
	if err := v.strings(func(s string) { v.tell("log: entry %s was added behind the end of the log", s) },
		`SELECT CAST(idx AS TEXT) FROM log_entries WHERE idx >= $1 OR idx < 0 ORDER BY idx`, size); err != nil {
		return 0, err
	}
	if got := g.Root(); size > 0 && !bytes.Equal(got[:], root) {
		v.tell("log: its entries do not add up to the root that was kept")
	}
	signed.rest(v, size)
	return size, v.tiles(size)
}

// entries checks the entries of one tile of leaves and adds them to the tree.
func (v *verification) entries(n, size int64, g *tlog.Grower, signed *signedHeads) error {
	first, end := n*256, min(n*256+256, size)
	tile, err := tileReader{v.ctx, v.q}.Tile(0, n)
	if err != nil {
		v.tell("log: the hashes of entries %d to %d are missing", first, end-1)
	}
	rows, err := v.q.QueryContext(v.ctx, `SELECT `+logColumns+` FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx`, first, end)
	list, err := collect(v.store, rows, err, scanEntry)
	if err != nil {
		return err
	}
	for index := first; index < end; index++ {
		var kept tlog.Hash
		if at := int(index-first) * len(kept); at+len(kept) <= len(tile) {
			copy(kept[:], tile[at:])
		}
		h := kept
		if len(list) > 0 && list[0].Index == index {
			e := list[0]
			list = list[1:]
			v.entry(e)
			if h = tlog.RecordHash([]byte(e.Leaf)); h != kept {
				v.tell("log: entry %d (%s %s) is not the one whose hash was kept", index, e.Kind, e.Subject)
			}
		} else {
			v.tell("log: entry %d is missing", index)
		}
		g.Add(h)
		signed.reach(v, g)
	}
	return nil
}

// entry checks what one entry says against its leaf.
func (v *verification) entry(e LogEntry) {
	leaf, err := tlog.ParseLeaf([]byte(e.Leaf))
	if err != nil {
		v.tell("log: entry %d cannot be read: %v", e.Index, err)
		return
	}
	if !leaf.At.Equal(e.At) || leaf.Kind != e.Kind || leaf.Subject != e.Subject {
		v.tell("log: entry %d (%s %s) differs from its leaf (%s %s at %s)", e.Index, e.Kind, e.Subject, leaf.Kind, leaf.Subject, leaf.At.Format(time.RFC3339))
	}
	if !e.Erased && tlog.Commit(e.Salt, e.Actor, []byte(e.Content)) != leaf.Commitment {
		v.tell("log: the content of entry %d (%s %s), or its actor, was altered", e.Index, e.Kind, e.Subject)
	}
}

// tiles checks that hashes of higher levels follow from those below.
func (v *verification) tiles(size int64) error {
	for level := 1; size>>(8*level) > 0; level++ {
		for n := range (size>>(8*level) + 255) / 256 {
			kept, err := tileReader{v.ctx, v.q}.Tile(level, n)
			if err != nil {
				v.tell("log: tile %d/%d is missing", level, n)
				continue
			}
			full := min(256, size>>(8*level)-n*256)
			for i := range full {
				below, err := tileReader{v.ctx, v.q}.Tile(level-1, n*256+i)
				if err != nil || len(below) < 256*len(tlog.Hash{}) {
					v.tell("log: tile %d/%d is missing or incomplete", level-1, n*256+i)
					continue
				}
				records := make([]tlog.Hash, 256)
				for j := range records {
					copy(records[j][:], below[j*len(tlog.Hash{}):])
				}
				want := tlog.RootOf(records)
				if at := int(i) * len(want); at+len(want) > len(kept) || !bytes.Equal(kept[at:at+len(want)], want[:]) {
					v.tell("log: hash %d of tile %d/%d was altered", i, level, n)
				}
			}
		}
	}
	return v.ctx.Err()
}

// signedHeads are the checkpoints that the log has still to reach.
type signedHeads []Checkpoint

func (v *verification) checkpoints(key note.Verifier) (signedHeads, error) {
	rows, err := v.q.QueryContext(v.ctx, `SELECT `+checkpointColumns+` FROM checkpoints ORDER BY size`)
	all, err := collect(v.store, rows, err, scanCheckpoint)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c Checkpoint) bool {
		head, _, err := tlog.OpenCheckpoint([]byte(c.Note), key)
		switch {
		case err != nil:
			v.tell("checkpoint %d: its signature does not verify: %v", c.Size, err)
			return true
		case head.Size != c.Size || head.Root != c.Root:
			v.tell("checkpoint %d: its row differs from what was signed (size %d)", c.Size, head.Size)
			return true
		}
		return false
	}), nil
}

// reach compares the tree with the checkpoint of its size.
func (h *signedHeads) reach(v *verification, g *tlog.Grower) {
	for len(*h) > 0 && (*h)[0].Size <= g.Size() {
		if c := (*h)[0]; c.Size == g.Size() && c.Root != g.Root() {
			v.tell("checkpoint %d: the entries before it are not those that were signed", c.Size)
		}
		*h = (*h)[1:]
	}
}

func (h signedHeads) rest(v *verification, size int64) {
	for _, c := range h {
		if c.Size > size {
			v.tell("log: it holds %d entries, but %d were signed at %s: its end was cut off", size, c.Size, c.At.Format(time.RFC3339))
		}
	}
}

// table is a table whose rows the log proves.
type table interface {
	verify(*verification) error
	tableName() string
}

func (r records[T]) tableName() string { return r.table }

// verify checks each row against the newest entry about it, and the other way round.
func (r records[T]) verify(v *verification) error {
	// One statement for both directions: rows and newest entries, side by side.
	subject := strings.Join(r.key, ` || '/' || `)
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT n.subject, e.content, r.document, `+r.prefixed("r.")+`
		FROM (SELECT subject, MAX(idx) AS idx FROM log_entries WHERE kind = $1 GROUP BY subject) n
		JOIN log_entries e ON e.idx = n.idx
		LEFT JOIN `+r.table+` r ON `+r.prefixedKey(subject)+` = n.subject`, r.kind)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := r.verifyRow(v, rows); err != nil {
			return err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("%s %s is in no entry of the log: it was added", r.kind, s) },
		`SELECT `+subject+` FROM `+r.table+` WHERE NOT EXISTS (SELECT 1 FROM log_entries WHERE kind = $1 AND subject = `+subject+`)`, r.kind)
}

func (r records[T]) prefixed(prefix string) string {
	return prefix + strings.Join(r.columns, ", "+prefix)
}

func (r records[T]) prefixedKey(subject string) string {
	return `r.` + strings.ReplaceAll(subject, ` || '/' || `, ` || '/' || r.`)
}

func (r records[T]) verifyRow(v *verification, rows *sql.Rows) error {
	var subject string
	var content, document sql.NullString
	columns := make([]any, len(r.columns))
	dest := []any{&subject, &content, &document}
	for i := range columns {
		dest = append(dest, &columns[i])
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	dropped := content.Valid && content.String == "null"
	switch {
	case !content.Valid:
		v.tell("%s %s: the content of its newest entry was erased without a tombstone", r.kind, subject)
	case dropped && document.Valid:
		v.tell("%s %s was removed, and is there again", r.kind, subject)
	case dropped:
	case !document.Valid:
		v.tell("%s %s is missing", r.kind, subject)
	case document.String != content.String:
		v.tell("%s %s was altered", r.kind, subject)
	default:
		var record T
		if err := json.Unmarshal([]byte(document.String), &record); err != nil {
			v.tell("%s %s cannot be read: %v", r.kind, subject, err)
			return nil
		}
		if r.subject(&record) != subject {
			v.tell("%s %s stands under the name of another", r.kind, subject)
		}
		for i, want := range r.values(&record) {
			if !same(columns[i], want) {
				v.tell("%s %s: its column %s was altered", r.kind, subject, r.columns[i])
			}
		}
	}
	return nil
}

// same compares what a driver gives for a column with what was written.
func same(got, want any) bool {
	switch g := got.(type) {
	case []byte:
		got = string(g)
	case bool:
		if w, ok := want.(bool); ok {
			return g == w
		}
	}
	if w, ok := want.(bool); ok { // SQLite keeps numbers
		return fmt.Sprint(got) == map[bool]string{true: "1", false: "0"}[w]
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

// strings calls f with each string that a query gives.
func (v *verification) strings(f func(string), query string, args ...any) error {
	rows, err := v.q.QueryContext(v.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		f(s)
	}
	return rows.Err()
}
