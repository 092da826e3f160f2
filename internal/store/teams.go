// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

var teams = records[seaworthy.Team]{
	kind: "team", table: "teams", key: []string{"id"}, columns: []string{"id", "name"},
	values:  func(t *seaworthy.Team) []any { return []any{t.ID, t.Name} },
	subject: func(t *seaworthy.Team) string { return t.ID },
}

// PutTeam writes a team.
func (t *Tx) PutTeam(v *seaworthy.Team) error { return teams.put(t, v) }

// DropTeam removes a team; what it owned is owned by nobody until rules say otherwise.
func (t *Tx) DropTeam(v *seaworthy.Team) error { return teams.drop(t, v) }

// Team gives a team by its id.
func (s *Store) Team(ctx context.Context, id string) (seaworthy.Team, error) {
	w := where{}
	w.add("id = ?", id)
	return teams.one(ctx, s, s.read, id, w)
}

// Team gives a team by its id, inside the write, and keeps others from changing it.
func (t *Tx) Team(id string) (seaworthy.Team, error) { return teams.locked(t, id, byID(id)) }

// Teams lists all teams by name.
func (s *Store) Teams(ctx context.Context) ([]seaworthy.Team, error) {
	return teams.list(ctx, s, s.read, where{}, "ORDER BY name")
}
