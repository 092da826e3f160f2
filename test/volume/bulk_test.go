// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// bulk writes rows past the store. Indexes of the large tables are set aside, as the
// catalogue of the database has them, and made anew at the end.
type bulk struct {
	ctx     context.Context
	lite    *sql.DB
	conn    *sql.Conn // the one that writes: settings are a connection's own
	post    *pgx.Conn
	indexes []string
}

// large are the tables whose indexes are made at the end.
const large = `'findings', 'finding_events', 'objects', 'finding_counts'`

func openBulk(ctx context.Context, c store.Config) (*bulk, error) {
	b := &bulk{ctx: ctx}
	var err error
	names := []string{}
	if c.Database != "" {
		if b.post, err = pgx.Connect(ctx, c.Database); err != nil {
			return nil, err
		}
		rows, err := b.post.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN (`+large+`) AND indexname LIKE '%\_idx'`)
		if err != nil {
			return nil, err
		}
		var name, made string
		if _, err := pgx.ForEachRow(rows, []any{&name, &made}, func() error {
			names, b.indexes = append(names, name), append(b.indexes, made)
			return nil
		}); err != nil {
			return nil, err
		}
	} else {
		path := filepath.Join(c.Dir, "seaworthy.db")
		b.lite, err = sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(60000)&_pragma=synchronous(OFF)&_pragma=cache_size(-200000)&_pragma=temp_store(FILE)")
		if err != nil {
			return nil, err
		}
		if b.conn, err = b.lite.Conn(ctx); err != nil {
			return nil, err
		}
		rows, err := b.conn.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN (`+large+`)`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var name, made string
			if err := rows.Scan(&name, &made); err != nil {
				return nil, err
			}
			names, b.indexes = append(names, name), append(b.indexes, made)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		if err := b.exec(`DROP INDEX ` + n); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bulk) exec(statement string) (err error) {
	if b.post != nil {
		_, err = b.post.Exec(b.ctx, statement)
	} else {
		_, err = b.conn.ExecContext(b.ctx, statement)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// rows writes rows of a table in one transaction.
func (b *bulk) rows(table, columns string, rows [][]any) error {
	names := strings.Split(columns, ", ")
	if b.post != nil {
		_, err := b.post.CopyFrom(b.ctx, pgx.Identifier{table}, names, pgx.CopyFromRows(rows))
		return err
	}
	tx, err := b.conn.BeginTx(b.ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	const portion = 100
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(names)), ",") + ")"
	head := `INSERT INTO ` + table + ` (` + columns + `) VALUES `
	many, err := tx.PrepareContext(b.ctx, head+strings.TrimSuffix(strings.Repeat(one+",", portion), ","))
	if err != nil {
		return err
	}
	defer many.Close()
	args := make([]any, 0, portion*len(names))
	for len(rows) > 0 {
		n := min(portion, len(rows))
		args = args[:0]
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if n == portion {
			_, err = many.ExecContext(b.ctx, args...)
		} else {
			_, err = tx.ExecContext(b.ctx, head+strings.TrimSuffix(strings.Repeat(one+",", n), ","), args...)
		}
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return tx.Commit()
}

// close makes the indexes and, on PostgreSQL, what its autovacuum does by itself.
func (b *bulk) close() error {
	for _, made := range b.indexes {
		if err := b.exec(made); err != nil {
			return err
		}
	}
	if b.post != nil {
		return errors.Join(b.exec(`VACUUM ANALYZE`), b.post.Close(b.ctx))
	}
	return errors.Join(b.exec(`PRAGMA wal_checkpoint(TRUNCATE)`), b.conn.Close(), b.lite.Close())
}
