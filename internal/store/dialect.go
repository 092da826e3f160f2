// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	moderncsqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/seaworthy-dev/seaworthy"
)

// dialect is all that differs between the two databases beside a few pairs of
// migrations.
type dialect struct {
	name      string // for people
	goose     goose.Dialect
	forUpdate string // ends a SELECT that locks its rows
	queue     string // waits until nobody else is at what $1 names; empty: there is no need
	// unnumbered: placeholders in bulk are plain question marks. SQLite looks each numbered
	// one up among all before it, which takes minutes where there are thousands.
	unnumbered bool
	// insertMany begins a statement that inserts several rows; empty: as one that inserts one.
	// SQLite keeps a copy of each page that such a statement changes, in case it fails half
	// way; whoever asks to keep what was inserted is spared that. The transaction, which
	// every error ends, undoes it all the same.
	insertMany string
	// copyIn adds rows faster than statements do; nil where there is no such way.
	copyIn func(ctx context.Context, conn *sql.Conn, table string, columns []string, rows [][]any) error
	// snapshot is the isolation in which a transaction sees one state of the database.
	snapshot sql.IsolationLevel
	open     func() (write, read *sql.DB, err error)
	// again tells whether a write may succeed when it is begun anew.
	again func(error) bool
	// kind sorts a driver's error; KindInternal when it is nothing special.
	kind func(error) seaworthy.Kind
	// where names the database in messages, without credentials.
	where string
}

// databaseFile is the name of the SQLite database in the data folder.
const databaseFile = "seaworthy.db"

// sqlite keeps one connection that writes, since SQLite has one writer anyway and a queue
// is fairer than a lock, and some that read.
func sqlite(dir string) dialect {
	path := filepath.Join(dir, databaseFile)
	// synchronous=FULL: a commit that was told is never lost, also when the power fails;
	// a lost one whose checkpoint was signed would look like tampering.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=cache_size(-8000)&_pragma=temp_store(MEMORY)"
	return dialect{
		name: "SQLite", goose: goose.DialectSQLite3, unnumbered: true, insertMany: "INSERT OR FAIL", where: path,
		open: func() (*sql.DB, *sql.DB, error) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return nil, nil, fmt.Errorf("make the data folder: %w", err)
			}
			write, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
			if err != nil {
				return nil, nil, err
			}
			write.SetMaxOpenConns(1)
			read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
			if err != nil {
				return nil, nil, errors.Join(err, write.Close())
			}
			read.SetMaxOpenConns(max(4, 2*runtime.GOMAXPROCS(0)))
			return write, read, nil
		},
		again: func(error) bool { return false },
		kind:  sqliteKind,
	}
}

func sqliteKind(err error) seaworthy.Kind {
	var e *moderncsqlite.Error
	if !errors.As(err, &e) {
		return seaworthy.KindInternal
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return seaworthy.KindConflict
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return seaworthy.KindUnavailable
	}
	return seaworthy.KindInternal
}

func postgres(dsn string) (dialect, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The parser's own text may repeat the password.
		return dialect{}, seaworthy.Invalid("the database URL cannot be read; write postgres://user:password@host:5432/name")
	}
	return dialect{
		name: "PostgreSQL", goose: goose.DialectPostgres, forUpdate: " FOR UPDATE", snapshot: sql.LevelRepeatableRead,
		queue:  `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`,
		where:  fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database),
		copyIn: copyIn,
		open: func() (*sql.DB, *sql.DB, error) {
			db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(plain))
			db.SetMaxOpenConns(max(10, 4*runtime.GOMAXPROCS(0)))
			db.SetMaxIdleConns(4)
			return db, db, nil
		},
		again: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") // serialization, deadlock
		},
		kind: postgresKind,
	}, nil
}

// plain has PostgreSQL run statements as they are. Pages ask many short ones whose cost it
// guesses too high, and compiling them or starting other processes for them takes longer.
func plain(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SET jit = off; SET max_parallel_workers_per_gather = 0; SET plan_cache_mode = force_custom_plan`)
	return err
}

// copyIn is PostgreSQL's COPY, in whatever transaction the connection is.
func copyIn(ctx context.Context, conn *sql.Conn, table string, columns []string, rows [][]any) error {
	return conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
}

func postgresKind(err error) seaworthy.Kind {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "23505": // unique_violation
			return seaworthy.KindConflict
		case e.Code == "22021", e.Code == "22P05": // character_not_in_repertoire, untranslatable_character
			return seaworthy.KindInvalid
		case e.Code[:2] == "08", e.Code[:2] == "53", e.Code[:2] == "57", e.Code[:2] == "28", e.Code == "3D000", e.Code == "25006":
			// connections, resources, shutdown, credentials, no such database, read-only
			return seaworthy.KindUnavailable
		}
		return seaworthy.KindInternal
	}
	var c *pgconn.ConnectError
	var n net.Error
	// A connection that was cut in the middle of an answer ends like a file.
	cut := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
	if cut || errors.As(err, &c) || errors.As(err, &n) || errors.Is(err, driver.ErrBadConn) {
		return seaworthy.KindUnavailable
	}
	return seaworthy.KindInternal
}

// explain makes of a driver's error one that users can be told, where it is not one
// already.
func (d dialect) explain(err error) error {
	var told *seaworthy.Error
	switch {
	case err == nil, errors.As(err, &told), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return &seaworthy.Error{Kind: seaworthy.KindNotFound, Message: "there is no such record"}
	}
	switch d.kind(err) {
	case seaworthy.KindInvalid:
		return &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "a text holds NUL or what is no UTF-8"}
	case seaworthy.KindConflict:
		return &seaworthy.Error{Kind: seaworthy.KindConflict, Message: "there is one of that name already", Err: err}
	case seaworthy.KindUnavailable:
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: fmt.Sprintf("the database (%s, %s) cannot be used; nothing was written", d.name, d.where), Err: err}
	}
	return err
}
