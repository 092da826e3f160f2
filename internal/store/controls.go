// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// controlVersions holds every version of every control.
var controlVersions = records[seaworthy.TrackedControl]{
	kind: "control", table: "controls", key: []string{"id", "version"},
	columns: []string{"id", "version", "effective_from"},
	values: func(c *seaworthy.TrackedControl) []any {
		return []any{c.ID, c.Version, micros(c.EffectiveFrom)}
	},
	subject: func(c *seaworthy.TrackedControl) string { return fmt.Sprintf("%s/%d", c.ID, c.Version) },
}

// PutControl writes the next version of a control, which holds from now on. c.Version
// is the version that was changed, 0 for a new control; another one that came in
// between is a conflict.
func (t *Tx) PutControl(c *seaworthy.TrackedControl) error {
	if err := t.queue("control " + c.ID); err != nil {
		return err
	}
	var present int
	if err := t.tx.QueryRowContext(t.ctx, `SELECT COALESCE(MAX(version), 0) FROM controls WHERE id = $1`, c.ID).Scan(&present); err != nil {
		return err
	}
	switch {
	case present == c.Version:
	case c.Version == 0:
		return seaworthy.Conflict("there is a control %s already", c.ID)
	default:
		return seaworthy.Conflict("control %s was changed in between: it is at version %d, not %d", c.ID, present, c.Version)
	}
	v := *c
	v.Version, v.EffectiveFrom = present+1, t.At
	if err := controlVersions.put(t, &v); err != nil {
		return err
	}
	*c = v
	return nil
}

// Control gives the present version of a control.
func (s *Store) Control(ctx context.Context, id string) (seaworthy.TrackedControl, error) {
	return s.presentControl(ctx, s.read, id)
}

// Control gives the present version of a control, inside the write, and keeps others from
// adding another.
func (t *Tx) Control(id string) (seaworthy.TrackedControl, error) {
	if err := t.queue("control " + id); err != nil {
		return seaworthy.TrackedControl{}, err
	}
	return t.store.presentControl(t.ctx, t.tx, id)
}

func (s *Store) presentControl(ctx context.Context, q querier, id string) (seaworthy.TrackedControl, error) {
	c, err := scanDocument[seaworthy.TrackedControl](q.QueryRowContext(ctx, `SELECT document FROM controls WHERE id = $1 ORDER BY version DESC LIMIT 1`, id))
	if err == sql.ErrNoRows {
		return c, seaworthy.NotFound("there is no control %s", id)
	}
	return c, s.dialect.explain(err)
}

// Controls lists the present version of each control, by id.
func (s *Store) Controls(ctx context.Context) ([]seaworthy.TrackedControl, error) {
	return s.ControlsAsOf(ctx, time.UnixMicro(forever))
}

// ControlsAsOf lists the version of each control that held at a moment, by id. Controls
// that came later are not among them. They are read once until one of them changes; what is
// in them must not be changed.
func (s *Store) ControlsAsOf(ctx context.Context, at time.Time) ([]seaworthy.TrackedControl, error) {
	all, err := s.controlsKept.get(ctx, s, controlVersions.kind, func() ([]seaworthy.TrackedControl, error) { return s.AllControlVersions(ctx) })
	if err != nil {
		return nil, err
	}
	var out []seaworthy.TrackedControl
	for _, c := range all { // by id and version
		switch n := len(out) - 1; {
		case c.EffectiveFrom.After(at):
		case n >= 0 && out[n].ID == c.ID:
			out[n] = c
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// AllControlVersions lists every version of every control, by id, oldest first.
func (s *Store) AllControlVersions(ctx context.Context) ([]seaworthy.TrackedControl, error) {
	return controlVersions.list(ctx, s, s.read, where{}, "ORDER BY id, version")
}

// ControlVersions lists every version of a control, oldest first.
func (s *Store) ControlVersions(ctx context.Context, id string) ([]seaworthy.TrackedControl, error) {
	w := where{}
	w.add("id = ?", id)
	return controlVersions.list(ctx, s, s.read, w, "ORDER BY version")
}
