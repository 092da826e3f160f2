// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"
)

// Action is something that somebody did and that leaves no record of its own: an
// export, an erasure, what retention removed.
type Action struct {
	ID      string         `json:"id"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Verb    string         `json:"verb"`
	Subject string         `json:"subject"`
	Detail  map[string]any `json:"detail"`
}

var actions = records[Action]{
	kind: "action", table: "actions", key: []string{"id"}, columns: []string{"id", "at", "actor"},
	values:  func(a *Action) []any { return []any{a.ID, micros(a.At), a.Actor} },
	subject: func(a *Action) string { return a.ID },
}

// Action logs that the writer did something: verb, to what, and anything else to tell.
func (t *Tx) Action(verb, subject string, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	return actions.put(t, &Action{ID: t.NewID(), At: t.At, Actor: t.Actor, Verb: verb, Subject: subject, Detail: detail})
}

// Actions lists actions, newest first; before is the id of the last of the page before.
func (s *Store) Actions(ctx context.Context, before string, n int) ([]Action, error) {
	w := where{}
	if before != "" {
		w.add("id < ?", before)
	}
	return actions.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(limit(n)))
}
