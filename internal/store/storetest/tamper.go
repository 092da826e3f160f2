// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Tamper runs statements on a database behind the store's back, as somebody does who has
// its password or its file. What refers to what is no obstacle to them.
func Tamper(t testing.TB, c store.Config, statements ...string) {
	t.Helper()
	conn := Behind(t, c)
	for _, s := range statements {
		done, err := conn.ExecContext(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if n, err := done.RowsAffected(); err == nil && n == 0 {
			t.Fatalf("%s: it changes nothing", s)
		}
	}
}

// Behind gives a connection to a database behind the store's back, on which what refers
// to what is no obstacle. It is closed with the test.
func Behind(t testing.TB, c store.Config) *sql.Conn {
	t.Helper()
	driver, source := "sqlite", "file:"+(&url.URL{Path: filepath.Join(c.Dir, "seaworthy.db")}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(0)"
	if c.Database != "" {
		driver, source = "pgx", c.Database
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err == nil && c.Database != "" {
		_, err = conn.ExecContext(t.Context(), `SET session_replication_role = replica`)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// Copy copies a database that nobody has open, whole, and gives the copy: yesterday's
// backup, or one to tamper with.
func Copy(t testing.TB, c store.Config) store.Config {
	t.Helper()
	if c.Database == "" {
		c.Dir = copyFiles(t, c.Dir)
		return c
	}
	u, err := url.Parse(c.Database)
	if err != nil {
		t.Fatal(err)
	}
	from := strings.TrimPrefix(u.Path, "/")
	c.Database = database(t, " TEMPLATE "+from)
	return c
}

func copyFiles(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(dir, "seaworthy.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there is no database in %s: %v", dir, err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(n)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}
