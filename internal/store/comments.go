// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var comments = records[seaworthy.Comment]{
	kind: "comment", table: "comments", key: []string{"id"},
	columns: []string{"id", "subject_kind", "subject", "at"},
	values:  func(c *seaworthy.Comment) []any { return []any{c.ID, c.SubjectKind, c.Subject, micros(c.At)} },
	subject: func(c *seaworthy.Comment) string { return c.ID },
}

// AddComment writes a comment of the writer. It never changes again, and can be erased.
func (t *Tx) AddComment(c *seaworthy.Comment) error {
	c.ID, c.At, c.Author = t.NewID(), t.At, t.Actor
	if c.Mentions == nil {
		c.Mentions = []string{}
	}
	return comments.put(t, c)
}

// Comment gives a comment by its id.
func (s *Store) Comment(ctx context.Context, id string) (seaworthy.Comment, error) {
	return comments.one(ctx, s, s.read, id, byID(id))
}

// Comments lists what was said of a subject, oldest first. The cursor is the Next of the
// page before.
func (s *Store) Comments(ctx context.Context, kind, subject, after string, n int) (Page[seaworthy.Comment], error) {
	w := where{}
	w.add("subject_kind = ? AND subject = ?", kind, subject)
	return comments.page(ctx, s, w, timeOrder{column: "at", oldest: true}, after, n, func(c *seaworthy.Comment) (time.Time, string) { return c.At, c.ID })
}

// People lists all users as the transaction sees them, by address.
func (t *Tx) People() ([]seaworthy.User, error) {
	return users.list(t.ctx, t.store, t.tx, where{}, "ORDER BY email")
}

// Evidence gives evidence as the transaction sees it.
func (t *Tx) Evidence(id string) (seaworthy.Evidence, error) {
	return evidence.one(t.ctx, t.store, t.tx, id, byID(id))
}
