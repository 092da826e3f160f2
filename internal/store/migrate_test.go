// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// shipped is the newest migration of a release, which sets it. Up to there migrations.sum
// never changes, not even with -update: somebody's database was made by them.
const shipped = ""

// A migration that was shipped is frozen: what it lacks, a newer one does.
func TestMigrationsAreAsTheirSums(t *testing.T) {
	files, err := store.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile("migrations/migrations.sum") // compared below, also if it is not there
	var sums strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%x  %s\n", sha256.Sum256(text), filepath.Base(file))
		if filepath.Base(file) <= shipped && !strings.Contains(string(before), line) {
			t.Errorf("%s was changed after it was shipped: put it back, and write a migration of a new number", file)
		}
		sums.WriteString(line)
	}
	golden.Compare(t, "../migrations/migrations.sum", []byte(sums.String()))
}

// A program refuses a database that a newer one has written, and says what to do.
func TestANewerDatabaseIsRefused(t *testing.T) {
	storetest.EachUnmade(t, func(t *testing.T, c store.Config) {
		s, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		storetest.Tamper(t, c, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, TRUE)`)
		_, err = store.Open(t.Context(), c)
		var refused *seaworthy.Error
		if !errors.As(err, &refused) || refused.Kind != seaworthy.KindUnavailable {
			t.Fatalf("Open = %v, want it refused as unavailable", err)
		}
		for _, says := range []string{"newer Seaworthy", "schema 9001", "restore a backup"} {
			if !strings.Contains(refused.Message, says) {
				t.Errorf("the message %q does not say %q", refused.Message, says)
			}
		}
		if strings.Contains(c.Database, "@") && strings.Contains(refused.Message, "postgres@") {
			t.Errorf("the message tells who signs in to the database: %s", refused.Message)
		}
	})
}

// A database that has come from version to version, with rows in every table at each, has
// all its rows, opens, and has the schema of one that was made today.
func TestUpgradedIsAsFresh(t *testing.T) {
	storetest.EachUnmade(t, func(t *testing.T, c store.Config) {
		ctx := t.Context()
		versions, err := store.MigrateTo(ctx, c, 1)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]int{}
		for _, version := range versions {
			if _, err := store.MigrateTo(ctx, c, version); err != nil {
				t.Fatalf("migrate to %d with rows in every table: %v", version, err)
			}
			conn := storetest.Behind(t, c)
			now := tablesOf(t, conn, c)
			for table, n := range rows {
				if _, there := now[table]; there && counted(t, conn, table) != n {
					t.Errorf("migration %d: %s had %d rows, and has %d", version, table, n, counted(t, conn, table))
				}
			}
			for table, columns := range now {
				fillTable(t, conn, table, columns)
				rows[table] = counted(t, conn, table)
			}
		}
		fresh := store.Config{Dir: t.TempDir()}
		if c.Database != "" {
			fresh = store.Config{Database: storetest.Database(t)}
		}
		for _, c := range []store.Config{fresh, c} {
			s, err := store.Open(ctx, c)
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		want, got := schema(t, fresh), schema(t, c)
		if len(want) < 100 {
			t.Fatalf("the schema has %d parts: the test sees too little", len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fresh and upgraded differ (-fresh +upgraded):\n%s", diff)
		}
	})
}

// tablesOf lists the tables with their columns and types.
func tablesOf(t *testing.T, conn *sql.Conn, c store.Config) map[string]map[string]string {
	t.Helper()
	query := `SELECT m.name, p.name, UPPER(p.type) FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'`
	if c.Database != "" {
		query = `SELECT table_name, column_name, UPPER(data_type) FROM information_schema.columns WHERE table_schema = 'public'`
	}
	out := map[string]map[string]string{}
	for _, row := range listed(t, conn, query) {
		if row[0] == "goose_db_version" {
			continue
		}
		if out[row[0]] == nil {
			out[row[0]] = map[string]string{}
		}
		out[row[0]][row[1]] = row[2]
	}
	return out
}

// fillTable adds rows to a table that has none.
func fillTable(t *testing.T, conn *sql.Conn, table string, columns map[string]string) {
	t.Helper()
	if counted(t, conn, table) > 0 {
		return
	}
	names := slices.Sorted(maps.Keys(columns))
	for i := range 3 {
		var values []string
		for _, name := range names {
			switch kind := columns[name]; {
			case name == "document" || name == "content" || name == "changes":
				values = append(values, "'{}'")
			case kind == "BYTEA" || kind == "BLOB":
				values = append(values, fmt.Sprintf("CAST('%d' AS %s)", i, kind))
			case kind == "BOOLEAN":
				values = append(values, "FALSE")
			case kind == "TEXT":
				values = append(values, fmt.Sprintf("'%s %d'", name, i))
			default:
				values = append(values, fmt.Sprint(i+1))
			}
		}
		if _, err := conn.ExecContext(t.Context(), `INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(values, ", ")+`)`); err != nil {
			t.Fatalf("fill %s: %v", table, err)
		}
	}
}

func counted(t *testing.T, conn *sql.Conn, table string) (n int) {
	t.Helper()
	if err := conn.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// schema lists what a database is made of: columns, keys and indexes, one a line.
func schema(t *testing.T, c store.Config) []string {
	t.Helper()
	queries := []string{
		`SELECT m.name, p.name || ' ' || p.type || ' ' || CAST(p."notnull" AS TEXT) || ' ' || COALESCE(p.dflt_value, '') || ' ' || CAST(p.pk AS TEXT)
			FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'`,
		`SELECT name, COALESCE(sql, '') FROM sqlite_master WHERE type <> 'table'`,
		`SELECT m.name, f."from" || ' ' || f."table" || ' ' || COALESCE(f."to", '') FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	}
	if c.Database != "" {
		queries = []string{
			`SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'`,
			`SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'`,
			`SELECT conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
		}
	}
	conn := storetest.Behind(t, c)
	var out []string
	for _, query := range queries {
		for _, row := range listed(t, conn, query) {
			out = append(out, strings.Join(strings.Fields(strings.Join(row, ": ")), " "))
		}
	}
	slices.Sort(out)
	return out
}

// listed gives the rows of a query, of texts.
func listed(t *testing.T, conn *sql.Conn, query string) [][]string {
	t.Helper()
	rows, err := conn.QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		row := make([]string, len(columns))
		to := make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// What changes and deployments of an older version named is found after the upgrade.
func TestImagesOfOlderVersionsAreFound(t *testing.T) {
	storetest.EachUnmade(t, func(t *testing.T, c store.Config) {
		if _, err := store.MigrateTo(t.Context(), c, 19); err != nil {
			t.Fatal(err)
		}
		conn := storetest.Behind(t, c)
		tables := tablesOf(t, conn, c)
		for _, table := range []string{"changes", "deployments"} {
			fillTable(t, conn, table, tables[table])
		}
		storetest.Tamper(t, c, `UPDATE changes SET document = '{"images":["registry.example/app:1@sha256:aa"]}' WHERE id = 'id 0'`,
			`UPDATE deployments SET document = '{"images":["registry.example/job:2"],"ticket":"OPS-1"}', ticket = '' WHERE id = 'id 1'`)
		s, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got := listed(t, conn, `SELECT image, subject_kind, subject FROM image_mentions ORDER BY image`)
		want := [][]string{{"registry.example/app:1@sha256:aa", "change", "id 0"}, {"registry.example/job:2", "deployment", "id 1"}, {"sha256:aa", "change", "id 0"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what is said of images (-want +got):\n%s", diff)
		}
		if got := listed(t, conn, `SELECT id FROM deployments WHERE ticket = 'ops-1'`); len(got) != 1 || got[0][0] != "id 1" {
			t.Errorf("deployments of the ticket: %v", got)
		}
	})
}
