// SPDX-License-Identifier: Apache-2.0

// Package storetest runs tests on both databases: on SQLite in a temporary folder
// always, and on PostgreSQL where SEAWORTHY_TEST_POSTGRES names a server on which
// databases may be made.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that makes databases here

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Environment names the variable that holds the URL of a PostgreSQL server.
const Environment = "SEAWORTHY_TEST_POSTGRES"

// Each runs f on each database that there is.
func Each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	EachConfig(t, func(t *testing.T, c store.Config) { f(t, Open(t, c)) })
}

// EachConfig runs f with an empty database of each kind, not yet opened, that has its tables.
func EachConfig(t *testing.T, f func(t *testing.T, c store.Config)) {
	t.Helper()
	eachKind(t, func(t *testing.T, c store.Config) {
		if c.Database != "" {
			c.Database = withTables(t)
		} else {
			c.Dir = Dir(t)
		}
		f(t, c)
	})
}

// EachUnmade runs f with a database of each kind that has no tables yet.
func EachUnmade(t *testing.T, f func(t *testing.T, c store.Config)) {
	t.Helper()
	eachKind(t, func(t *testing.T, c store.Config) {
		if c.Database != "" {
			c.Database = Database(t)
		} else {
			c.Dir = t.TempDir()
		}
		f(t, c)
	})
}

func eachKind(t *testing.T, f func(t *testing.T, c store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, store.Config{}) })
	t.Run("postgres", func(t *testing.T) {
		if os.Getenv(Environment) == "" {
			t.Skipf("PostgreSQL is not tested: %s is not set", Environment)
		}
		f(t, store.Config{Database: os.Getenv(Environment)})
	})
}

// Open opens a store and closes it with the test. One that is not there yet is made.
func Open(t testing.TB, c store.Config) *store.Store {
	t.Helper()
	if c.Database == "" {
		copyTables(t, c.Dir)
	}
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Database makes an empty PostgreSQL database that goes with the test, and gives its URL.
func Database(t testing.TB) string {
	t.Helper()
	return database(t, "")
}

func database(t testing.TB, like string) string {
	t.Helper()
	base := os.Getenv(Environment)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is no URL: %v", Environment, err)
	}
	name := "seaworthy_test_" + strings.ToLower(store.NewID(time.Now()))
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ExecContext(t.Context(), `CREATE DATABASE `+name+like); err != nil {
		t.Fatalf("make a database on %s: %v", u.Redacted(), err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, name))
		if err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
		_ = admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}
