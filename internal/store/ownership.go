// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

var ownershipRules = records[seaworthy.OwnershipRule]{
	kind: "ownership", table: "ownership_rules", key: []string{"id"}, columns: []string{"id", "place"},
	values:  func(r *seaworthy.OwnershipRule) []any { return []any{r.ID, r.Place} },
	subject: func(r *seaworthy.OwnershipRule) string { return r.ID },
}

// PutOwnershipRule writes a rule.
func (t *Tx) PutOwnershipRule(r *seaworthy.OwnershipRule) error { return ownershipRules.put(t, r) }

// DropOwnershipRule removes a rule.
func (t *Tx) DropOwnershipRule(r *seaworthy.OwnershipRule) error { return ownershipRules.drop(t, r) }

// OwnershipRule gives a rule by its id, inside the write, and keeps others from changing
// it.
func (t *Tx) OwnershipRule(id string) (seaworthy.OwnershipRule, error) {
	return ownershipRules.locked(t, id, byID(id))
}

const rulesInOrder = "ORDER BY place, id"

// OwnershipRules lists all rules in the order in which they are tried.
func (s *Store) OwnershipRules(ctx context.Context) ([]seaworthy.OwnershipRule, error) {
	return ownershipRules.list(ctx, s, s.read, where{}, rulesInOrder)
}

// OwnershipRules lists the rules as the transaction sees them.
func (t *Tx) OwnershipRules() ([]seaworthy.OwnershipRule, error) {
	return ownershipRules.list(t.ctx, t.store, t.tx, where{}, rulesInOrder)
}

// Teams lists all teams as the transaction sees them, by name.
func (t *Tx) Teams() ([]seaworthy.Team, error) {
	return teams.list(t.ctx, t.store, t.tx, where{}, "ORDER BY name")
}

// ObjectsAfter lists objects by id, n at most, those that a report no longer had too.
func (t *Tx) ObjectsAfter(id string, n int) ([]TrackedObject, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+objectColumns+` FROM objects WHERE id > $1 ORDER BY id LIMIT $2`, id, n)
	return collect(t.store, rows, err, scanObject)
}

// StandingFindingsOf gives the findings of objects that are not fixed, and keeps others
// from changing them until the transaction ends.
func (t *Tx) StandingFindingsOf(objects []string) ([]seaworthy.TrackedFinding, error) {
	var out []seaworthy.TrackedFinding
	for part := range slices.Chunk(objects, 500) {
		w := where{}
		w.among("object_id", part)
		w.among("status", []string{string(seaworthy.FindingOpen), string(seaworthy.FindingWaived)})
		rows, err := t.tx.QueryContext(t.ctx, `SELECT `+findingColumns+` FROM findings`+w.sql()+` ORDER BY id`+t.store.dialect.forUpdate, w.args...)
		list, err := collect(t.store, rows, err, scanFinding)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// SetObjectTeam notes the team of objects.
func (t *Tx) SetObjectTeam(team string, objects []string) error {
	for part := range slices.Chunk(objects, 500) {
		w := where{}
		to := w.arg(team)
		w.among("id", part)
		if err := t.exec(`UPDATE objects SET team = `+to+w.sql(), w.args...); err != nil {
			return err
		}
	}
	return nil
}
