// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Making all tables takes much longer than copying a database that has them and nothing
// else, so each process makes one of each kind, once.

const databaseFile = "seaworthy.db"

var made = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "seaworthy-tables-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := store.Open(context.Background(), store.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, databaseFile))
})

// Dir gives a folder with a database that has its tables and nothing else, for a server's
// data. It goes with the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	copyTables(t, dir)
	return dir
}

// copyTables gives a folder a database with all tables, unless it has a database.
func copyTables(t testing.TB, dir string) {
	t.Helper()
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	data, err := made()
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(file, data, 0o600))
	}
	if err != nil {
		t.Fatalf("copy a database with all tables: %v", err)
	}
}

// template is a PostgreSQL database with all tables. This process holds a lock on its name
// for as long as it lives; what processes that have ended left behind is removed first.
var template = sync.OnceValues(func() (name string, err error) {
	ctx := context.Background()
	admin, err := sql.Open("pgx", os.Getenv(Environment))
	if err != nil {
		return "", err
	}
	conn, err := admin.Conn(ctx) // and the lock ends with it
	if err != nil {
		return "", err
	}
	if err := dropTemplates(ctx, conn); err != nil {
		return "", err
	}
	name = templates + strings.ToLower(store.NewID(time.Now()))
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 0))`, name); err != nil {
		return "", err
	}
	if _, err := conn.ExecContext(ctx, `CREATE DATABASE `+name); err != nil {
		return "", err
	}
	u, err := url.Parse(os.Getenv(Environment))
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	s, err := store.Open(ctx, store.Config{Database: u.String()})
	if err != nil {
		return "", err
	}
	return name, s.Close()
})

const templates = "seaworthy_tables_"

// dropTemplates removes templates that nobody holds any more.
func dropTemplates(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `SELECT datname FROM pg_database WHERE starts_with(datname, $1)`, templates)
	if err != nil {
		return err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range names {
		var free bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&free); err != nil {
			return err
		}
		if !free {
			continue
		}
		if _, err := conn.ExecContext(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name); err != nil {
			return err
		}
	}
	return nil
}

// withTables makes a PostgreSQL database with all tables that goes with the test.
func withTables(t testing.TB) string {
	t.Helper()
	name, err := template()
	if err != nil {
		t.Fatalf("make a database with all tables: %v", err)
	}
	return database(t, " TEMPLATE "+name)
}
