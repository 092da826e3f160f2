// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// restoringKey marks a database whose blobs are being restored. With its dot it is nothing
// that was decided, so the log does not know it; see [loggedSettings].
const restoringKey = "restore.begun"

// BeginRestore marks the database as one that is not whole until [Store.EndRestore].
func (s *Store) BeginRestore(ctx context.Context) error {
	return s.Write(ctx, "system", func(tx *Tx) error {
		return tx.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
			restoringKey, tx.At.Format(time.RFC3339))
	})
}

// EndRestore takes the mark away.
func (s *Store) EndRestore(ctx context.Context) error {
	return s.Write(ctx, "system", func(tx *Tx) error { return tx.exec(`DELETE FROM settings WHERE key = $1`, restoringKey) })
}

// Restored refuses a database beside which a restore was begun that did not come to its
// end; the error says what to do.
func (s *Store) Restored(ctx context.Context) error {
	begun, err := s.Setting(ctx, restoringKey)
	if err != nil || begun == "" {
		return err
	}
	return seaworthy.Conflict("the restore beside the database %s that was begun at %s is under way or was cut short; run 'seaworthy restore' with the backup again, or load the dump into an empty database anew", s.dialect.where, begun)
}

var createTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// loadedWhole refuses a PostgreSQL database into which a dump was loaded in part. pg_restore
// makes the tables first, fills them, and gives each its primary key when it is full; here
// every table is made with one.
func (s *Store) loadedWhole(ctx context.Context) error {
	if s.read != s.write { // a SQLite database gets its name when it is whole
		return nil
	}
	own := map[string]bool{"goose_db_version": true}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			return err
		}
		for _, m := range createTable.FindAllSubmatch(text, -1) {
			own[string(m[1])] = true
		}
	}
	rows, err := s.read.QueryContext(ctx, `
		SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
			AND NOT EXISTS (SELECT 1 FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype = 'p')
		ORDER BY c.relname`)
	bare, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	})
	if err != nil {
		return fmt.Errorf("see whether the database is whole: %w", err)
	}
	bare = slices.DeleteFunc(bare, func(name string) bool { return !own[name] })
	if len(bare) == 0 {
		return nil
	}
	if len(bare) > 5 {
		bare = append(bare[:5], "…")
	}
	return seaworthy.Conflict("the database %s holds a part of a dump (without primary key: %s); empty it and load the dump again with pg_restore --exit-on-error --single-transaction", s.dialect.where, strings.Join(bare, ", "))
}
