// SPDX-License-Identifier: Apache-2.0

// Package store is the one database of a server: SQLite in a data folder, or PostgreSQL,
// with the same statements and the same tests on both.
//
// The invariant it keeps: whatever is written goes through [Store.Write], whose records
// enter the log in the transaction that writes them. A record without an entry of the log
// does not exist; [Store.Verify] finds the ones that somebody made, changed or removed
// behind the store's back.
//
// Most tables hold records as JSON documents beside the columns that queries need of
// them; record.go keeps both and the log in step. Findings are kept in columns, and
// proved through their events, which enter the log in chunks.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// Config says where the database is.
type Config struct {
	// Database is a postgres:// URL; empty: SQLite in Dir.
	Database string
	Dir      string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Told sees what each transaction logs, as its last part: what it writes is written with
	// it, and its error ends both. As the transaction, it may run more than once.
	Told func(*Tx, []Logged) error
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	write, read *sql.DB // one pool on PostgreSQL; on SQLite one writer and many readers
	dialect     dialect
	now         func() time.Time
	told        func(*Tx, []Logged) error
	facets      facetCache
	counts      countsCopy
	inForce     keptList[WaiverInForce]

	controlsKept keptList[seaworthy.TrackedControl]
}

// Open opens the database, making or migrating it as needed. A database of a newer
// version is refused.
func Open(ctx context.Context, c Config) (*Store, error) {
	d := sqlite(c.Dir)
	if c.Database != "" {
		var err error
		if d, err = postgres(c.Database); err != nil {
			return nil, err
		}
	}
	write, read, err := d.open()
	if err != nil {
		return nil, d.explain(err)
	}
	s := &Store{write: write, read: read, dialect: d, now: c.Now, told: c.Told}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.loadedWhole(ctx); err != nil {
		return nil, errors.Join(d.explain(err), s.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(d.explain(err), s.Close())
	}
	return s, nil
}

// Close waits for what runs and closes the database.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.dialect.explain(s.read.PingContext(ctx)) }

// Engine is "SQLite" or "PostgreSQL".
func (s *Store) Engine() string { return s.dialect.name }

// Now is the store's clock in UTC, in the microseconds that the database keeps.
func (s *Store) Now() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Tx is a write in progress. It is not safe for concurrent use.
type Tx struct {
	tx      *sql.Tx
	conn    *sql.Conn // the one that tx is on
	store   *Store
	ctx     context.Context
	pending []pending
	counted map[place]int // what it changed in the counters of findings

	// Actor is who writes: "user:<id>", "token:<id>", "agent:<id>" or "system".
	Actor string
	// At is the one time of everything that is written.
	At time.Time
}

// pending is an entry of the log until the transaction ends. Without content: it was erased.
type pending struct {
	entry   tlog.Entry
	salt    []byte
	content []byte
}

// tries bounds how often a write is begun again when PostgreSQL had to give up one of
// two that stood in each other's way.
const tries = 5

// Write runs f in a transaction and appends to the log what f logged, or does nothing
// at all. f may run more than once and must not keep what it did elsewhere.
func (s *Store) Write(ctx context.Context, actor string, f func(*Tx) error) error {
	var err error
	for range tries {
		if err = s.attempt(ctx, actor, f); err == nil || !s.dialect.again(err) {
			break
		}
	}
	return s.dialect.explain(err)
}

func (s *Store) attempt(ctx context.Context, actor string, f func(*Tx) error) (err error) {
	conn, tx, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin to write: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // the first error is the one to tell
		}
		_ = conn.Close() // which gives it back
	}()
	t := &Tx{tx: tx, conn: conn, store: s, ctx: ctx, Actor: actor, At: s.Now()}
	if err := t.guarded(); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return err
	}
	if err := t.tell(); err != nil {
		return fmt.Errorf("note who is to be told: %w", err)
	}
	if err := t.appendLog(); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin begins a transaction on a connection of its own. One that was cut while nobody used
// it is not the database's fault: another is tried.
func (s *Store) begin(ctx context.Context) (conn *sql.Conn, tx *sql.Tx, err error) {
	for range tries {
		if conn, err = s.write.Conn(ctx); err != nil {
			return nil, nil, err
		}
		if tx, err = conn.BeginTx(ctx, nil); err == nil {
			return conn, tx, nil
		}
		_ = conn.Close()
		if !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return nil, nil, err
}

// querier is what statements run on: a pool, or a transaction that sees its own writes.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (t *Tx) exec(query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, query, args...)
	return err
}

// micros is a time as the database keeps it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the time of a database value; 0 is the zero time.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
