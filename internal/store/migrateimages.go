// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

// imagesVersion is the version of the schema that brings what migration 17 made room for.
const imagesVersion = 20

// imagesNamed notes the images and tickets that changes and deployments named before there
// was a table for them: what is in documents no statement of both databases reads.
func imagesNamed() *goose.Migration {
	return goose.NewGoMigration(imagesVersion, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		return errors.Join(noteNamed(ctx, tx, mentionedByChange, "changes", nil),
			noteNamed(ctx, tx, mentionedByDeployment, "deployments", func(id, ticket string) error {
				_, err := tx.ExecContext(ctx, `UPDATE deployments SET ticket = $1 WHERE id = $2`, strings.ToLower(ticket), id)
				return err
			}))
	}}, nil)
}

// noteNamed goes through the records of a table by their ids.
func noteNamed(ctx context.Context, tx *sql.Tx, kind, table string, also func(id, ticket string) error) error {
	const portion = 1000
	for last := ""; ; {
		ids, documents, err := documentsAfter(ctx, tx, table, last, portion)
		if err != nil {
			return err
		}
		for i, id := range ids {
			var named struct {
				Images []string `json:"images"`
				Ticket string   `json:"ticket"`
			}
			if err := json.Unmarshal([]byte(documents[i]), &named); err != nil {
				return fmt.Errorf("read %s of %s: %w", id, table, err)
			}
			for image := range mentioned(named.Images) {
				if _, err := tx.ExecContext(ctx, `INSERT INTO image_mentions (image, subject_kind, subject) VALUES ($1, $2, $3)
					ON CONFLICT (image, subject_kind, subject) DO NOTHING`, image, kind, id); err != nil {
					return err
				}
			}
			if also != nil && named.Ticket != "" {
				if err := also(id, named.Ticket); err != nil {
					return err
				}
			}
		}
		if len(ids) < portion {
			return nil
		}
		last = ids[len(ids)-1]
	}
}

// documentsAfter reads a portion of a table, before anything is written: a transaction of
// PostgreSQL does one thing at a time.
func documentsAfter(ctx context.Context, tx *sql.Tx, table, after string, most int) (ids, documents []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, document FROM `+table+` WHERE id > $1 ORDER BY id LIMIT $2`, after, most)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, document string
		if err := rows.Scan(&id, &document); err != nil {
			return nil, nil, err
		}
		ids, documents = append(ids, id), append(documents, document)
	}
	return ids, documents, errors.Join(rows.Err(), rows.Close())
}
