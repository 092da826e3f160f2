// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var actors = records[seaworthy.KnownActor]{
	kind: "actor", table: "actors", key: []string{"id"}, columns: []string{"id", "source_id", "name"},
	values:  func(a *seaworthy.KnownActor) []any { return []any{a.ID, a.SourceID, a.Name} },
	subject: func(a *seaworthy.KnownActor) string { return a.ID },
}

// PutKnownActor writes who is behind a name, DropKnownActor removes it.
func (t *Tx) PutKnownActor(a *seaworthy.KnownActor) error { return actors.put(t, a) }

// DropKnownActor removes who is behind a name.
func (t *Tx) DropKnownActor(a *seaworthy.KnownActor) error { return actors.drop(t, a) }

// KnownActor gives who is behind a name by its id, inside the write.
func (t *Tx) KnownActor(id string) (seaworthy.KnownActor, error) {
	return actors.locked(t, id, byID(id))
}

// KnownActors lists all names of people.
func (t *Tx) KnownActors() ([]seaworthy.KnownActor, error) {
	return actors.list(t.ctx, t.store, t.tx, where{}, "ORDER BY name, source_id")
}

// KnownActors lists all names of people.
func (s *Store) KnownActors(ctx context.Context) ([]seaworthy.KnownActor, error) {
	return actors.list(ctx, s, s.read, where{}, "ORDER BY name, source_id")
}

// UnexplainedBy lists the newest changes of an actor that somebody has yet to explain; of
// all clusters when source is empty.
func (t *Tx) UnexplainedBy(source, actor string) ([]seaworthy.Change, error) {
	w := where{conditions: []string{"unexplained"}}
	w.equal("source_id", source)
	w.add("actor = ?", actor)
	return changes.list(t.ctx, t.store, t.tx, w, "ORDER BY at DESC LIMIT "+w.arg(maxDuring))
}

// Taking has transactions that take observations of one cluster wait for each other, so that
// none misses what another is about to write of the same change.
func (t *Tx) Taking(source string) error { return t.queue("trail of " + source) }

// KnownObject is what the trail knows of the objects of one name beside their changes.
type KnownObject struct {
	UID string `json:"uid,omitempty"`
	// Owner controls it, with its UID.
	Owner *seaworthy.Owned `json:"owner,omitempty"`
	// Templates are the digests of the pods that it makes or made, the newest first.
	Templates []string `json:"templates,omitempty"`
	// Folded is the work of controllers on it of late, in short.
	Folded []seaworthy.Change `json:"folded,omitempty"`
	Gone   bool               `json:"gone,omitempty"`
}

func knownKind(o *seaworthy.Object) string { return o.Kind + "." + o.Group() }

// KnownObject gives what is known of the objects of a name.
func (t *Tx) KnownObject(source string, o *seaworthy.Object) (KnownObject, error) {
	v, err := scanDocument[KnownObject](t.tx.QueryRowContext(t.ctx,
		`SELECT known FROM known_objects WHERE source_id = $1 AND kind = $2 AND namespace = $3 AND name = $4`, source, knownKind(o), o.Namespace, o.Name))
	if none(err) {
		return KnownObject{}, nil
	}
	return v, err
}

// PutKnownObject keeps what is known of the objects of a name until some time.
func (t *Tx) PutKnownObject(source string, o *seaworthy.Object, v *KnownObject, until time.Time) error {
	document, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write what is known of %s: %w", o, err)
	}
	return t.insert(`INSERT INTO known_objects (source_id, kind, namespace, name, expires_at, known)`,
		`ON CONFLICT (source_id, kind, namespace, name) DO UPDATE SET expires_at = excluded.expires_at, known = excluded.known`,
		[][]any{{source, knownKind(o), o.Namespace, o.Name, micros(until), string(document)}})
}

// ForgetObjects drops what is of no use any more.
func (t *Tx) ForgetObjects(source string, now time.Time) error {
	return t.exec(`DELETE FROM known_objects WHERE source_id = $1 AND expires_at < $2`, source, micros(now))
}
