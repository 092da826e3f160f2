// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var confirmations = records[seaworthy.Confirmation]{
	kind: "confirmation", table: "confirmations", key: []string{"id"}, columns: []string{"id", "commit_id", "pull_url"},
	values:  func(c *seaworthy.Confirmation) []any { return []any{c.ID, c.Commit, c.PullURL} },
	subject: func(c *seaworthy.Confirmation) string { return c.ID },
}

// Confirming has transactions that hold confirmations and deployments of a commit or a pull
// request against each other wait, so that neither misses what the other is about to write.
func (t *Tx) Confirming(commit, pull string) error {
	for _, name := range []string{"commit " + commit, "pull request " + pull} {
		if err := t.queue(name); err != nil {
			return err
		}
	}
	return nil
}

// PutConfirmation writes the git host's word.
func (t *Tx) PutConfirmation(c *seaworthy.Confirmation) error { return confirmations.put(t, c) }

// maxNamed bounds how many confirmations or deployments of one commit are looked at.
const maxNamed = 1000

// ConfirmationsOf lists what the git host said of a commit or a pull request, newest first.
func (t *Tx) ConfirmationsOf(commit, pull string) ([]seaworthy.Confirmation, error) {
	w, ok := naming(commit, pull)
	if !ok {
		return nil, nil
	}
	return confirmations.list(t.ctx, t.store, t.tx, w, "ORDER BY id DESC LIMIT "+w.arg(maxNamed))
}

// DeploymentsOf lists the deployments that name a commit or a pull request and end after
// a time.
func (t *Tx) DeploymentsOf(commit, pull string, after time.Time) ([]seaworthy.Deployment, error) {
	w, ok := naming(commit, pull)
	if !ok {
		return nil, nil
	}
	w.add("until_at >= ?", micros(after))
	return deployments.list(t.ctx, t.store, t.tx, w, "ORDER BY id DESC LIMIT "+w.arg(maxNamed))
}

// naming is the condition that a row names a commit or a pull request; what is empty names
// nothing.
func naming(commit, pull string) (w where, ok bool) {
	switch {
	case commit != "" && pull != "":
		w.add("(commit_id = ? OR pull_url = ?)", commit, pull)
	case commit != "":
		w.add("commit_id = ?", commit)
	case pull != "":
		w.add("pull_url = ?", pull)
	default:
		return w, false
	}
	return w, true
}

// Confirmations lists the git host's words, newest first, after the id of the last one of
// the page before.
func (s *Store) Confirmations(ctx context.Context, after string, n int) (Page[seaworthy.Confirmation], error) {
	w := where{}
	if after != "" {
		w.add("id < ?", after)
	}
	n = limit(n)
	list, err := confirmations.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(n+1))
	return page(list, n, func(c seaworthy.Confirmation) string { return c.ID }), err
}
