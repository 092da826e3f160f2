// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

const viewColumns = `id, user_id, page, name, query, shared, created_at`

func scanView(row interface{ Scan(...any) error }) (seaworthy.SavedView, error) {
	var v seaworthy.SavedView
	var at int64
	err := row.Scan(&v.ID, &v.UserID, &v.Page, &v.Name, &v.Query, &v.Shared, &at)
	v.CreatedAt = moment(at)
	return v, err
}

// SavedViews lists the views of a user by name; of all pages when page is empty.
func (s *Store) SavedViews(ctx context.Context, user, page string) ([]seaworthy.SavedView, error) {
	return s.savedViews(ctx, s.read, user, page)
}

// SavedViews lists the views of a user as the transaction sees them.
func (t *Tx) SavedViews(user, page string) ([]seaworthy.SavedView, error) {
	return t.store.savedViews(t.ctx, t.tx, user, page)
}

func (s *Store) savedViews(ctx context.Context, q querier, user, page string) ([]seaworthy.SavedView, error) {
	w := where{}
	w.add("user_id = ?", user)
	w.equal("page", page)
	rows, err := q.QueryContext(ctx, `SELECT `+viewColumns+` FROM saved_views`+w.sql()+` ORDER BY page, name, id LIMIT 1000`, w.args...)
	return collect(s, rows, err, scanView)
}

// SharedViews lists the views that their makers share, by name; of all pages when page is
// empty.
func (s *Store) SharedViews(ctx context.Context, page string) ([]seaworthy.SavedView, error) {
	w := where{}
	w.add("shared = TRUE") // in these words, for the index is of those only
	w.equal("page", page)
	rows, err := s.read.QueryContext(ctx, `SELECT `+viewColumns+` FROM saved_views`+w.sql()+` ORDER BY page, name, id LIMIT 1000`, w.args...)
	return collect(s, rows, err, scanView)
}

// PutSavedView writes a view. Views are a convenience of their users and no part of the
// log.
func (t *Tx) PutSavedView(v *seaworthy.SavedView) error {
	return t.insert(`INSERT INTO saved_views (`+viewColumns+`)`,
		`ON CONFLICT (id) DO UPDATE SET page = excluded.page, name = excluded.name, query = excluded.query, shared = excluded.shared`,
		[][]any{{v.ID, v.UserID, v.Page, v.Name, v.Query, v.Shared, micros(v.CreatedAt)}})
}

// DropSavedView removes a view of a user.
func (t *Tx) DropSavedView(user, id string) error {
	done, err := t.tx.ExecContext(t.ctx, `DELETE FROM saved_views WHERE id = $1 AND user_id = $2`, id, user)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return seaworthy.NotFound("there is no saved view %s", id)
}
