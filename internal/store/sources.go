// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var sources = records[seaworthy.DeclaredSource]{
	kind: "source", table: "sources", key: []string{"id"}, columns: []string{"id", "kind", "name"},
	values:  func(v *seaworthy.DeclaredSource) []any { return []any{v.ID, v.Kind, v.Name} },
	subject: func(v *seaworthy.DeclaredSource) string { return v.ID },
}

// PutSource writes a source: declared, noticed, changed or retired. Sources are never
// removed, since runs and findings are theirs.
func (t *Tx) PutSource(v *seaworthy.DeclaredSource) error {
	if err := v.Validate(); err != nil {
		return err
	}
	return sources.put(t, v)
}

// Source gives a source by its id.
func (s *Store) Source(ctx context.Context, id string) (seaworthy.DeclaredSource, error) {
	return sources.one(ctx, s, s.read, id, byID(id))
}

// Source gives a source as the transaction sees it.
func (t *Tx) Source(id string) (seaworthy.DeclaredSource, error) {
	return sources.one(t.ctx, t.store, t.tx, id, byID(id))
}

// LockedSource is Source, and keeps others from changing it until the transaction ends.
func (t *Tx) LockedSource(id string) (seaworthy.DeclaredSource, error) {
	return sources.locked(t, id, byID(id))
}

// SourceNamed gives a source by its kind and name.
func (t *Tx) SourceNamed(kind, name string) (seaworthy.DeclaredSource, error) {
	w := where{}
	w.add("kind = ?", kind)
	w.add("name = ?", name)
	return sources.one(t.ctx, t.store, t.tx, name, w)
}

// Sources lists all sources by name, also retired ones.
func (s *Store) Sources(ctx context.Context) ([]seaworthy.DeclaredSource, error) {
	return sources.list(ctx, s, s.read, where{}, "ORDER BY name, id")
}

func byID(id string) where {
	w := where{}
	w.add("id = ?", id)
	return w
}

// SourceState is what the latest report of a source left behind.
type SourceState struct {
	SourceID          string    `json:"sourceId"`
	RunID             string    `json:"runId"`         // of the latest report
	CompleteRunID     string    `json:"completeRunId"` // of the latest that saw everything
	ReportedAt        time.Time `json:"reportedAt"`    // when it was received
	StartedAt         time.Time `json:"startedAt"`     // by the reporter's clock
	ClusterUID        string    `json:"clusterUid,omitempty"`
	Provider          string    `json:"provider,omitempty"`
	KubernetesVersion string    `json:"kubernetesVersion,omitempty"`
	// SetDigest is over everything in the report that could change findings.
	SetDigest string `json:"-"`
	// ListsObjects tells whether the report named objects without findings too.
	ListsObjects bool `json:"listsObjects"`
}

const stateColumns = `source_id, run_id, complete_run_id, reported_at, started_at, cluster_uid, provider, kubernetes_version, set_digest, lists_objects`

func scanState(row interface{ Scan(...any) error }) (SourceState, error) {
	var v SourceState
	var reported, started int64
	err := row.Scan(&v.SourceID, &v.RunID, &v.CompleteRunID, &reported, &started, &v.ClusterUID, &v.Provider,
		&v.KubernetesVersion, &v.SetDigest, &v.ListsObjects)
	v.ReportedAt, v.StartedAt = moment(reported), moment(started)
	return v, err
}

// LockSource gives the state of a source and keeps other reports of it waiting until the
// transaction ends. A source that never reported has a state without a run.
func (t *Tx) LockSource(id string) (SourceState, error) {
	empty := SourceState{SourceID: id}
	err := t.insert(`INSERT INTO source_states (`+stateColumns+`)`, `ON CONFLICT (source_id) DO NOTHING`, [][]any{empty.values()})
	if err != nil {
		return empty, err
	}
	return scanState(t.tx.QueryRowContext(t.ctx, `SELECT `+stateColumns+` FROM source_states WHERE source_id = $1`+t.store.dialect.forUpdate, id))
}

// PutSourceState writes the state of a source that was locked.
func (t *Tx) PutSourceState(v SourceState) error {
	return t.insert(`INSERT INTO source_states (`+stateColumns+`)`,
		`ON CONFLICT (source_id) DO UPDATE SET run_id = excluded.run_id, complete_run_id = excluded.complete_run_id,
		reported_at = excluded.reported_at, started_at = excluded.started_at, cluster_uid = excluded.cluster_uid,
		provider = excluded.provider, kubernetes_version = excluded.kubernetes_version, set_digest = excluded.set_digest,
		lists_objects = excluded.lists_objects`, [][]any{v.values()})
}

func (v SourceState) values() []any {
	return []any{v.SourceID, v.RunID, v.CompleteRunID, micros(v.ReportedAt), micros(v.StartedAt), v.ClusterUID, v.Provider,
		v.KubernetesVersion, v.SetDigest, v.ListsObjects}
}

// SourceStates gives the states of all sources that reported, by id.
func (s *Store) SourceStates(ctx context.Context) (map[string]SourceState, error) {
	return s.sourceStates(ctx, s.read)
}

// SourceStates gives the states as the transaction sees them.
func (t *Tx) SourceStates() (map[string]SourceState, error) { return t.store.sourceStates(t.ctx, t.tx) }

func (s *Store) sourceStates(ctx context.Context, q querier) (map[string]SourceState, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+stateColumns+` FROM source_states WHERE run_id <> ''`)
	all, err := collect(s, rows, err, scanState)
	out := make(map[string]SourceState, len(all))
	for _, v := range all {
		out[v.SourceID] = v
	}
	return out, err
}

// SourceState gives the state of one source; one without a run when it never reported.
func (s *Store) SourceState(ctx context.Context, id string) (SourceState, error) {
	v, err := scanState(s.read.QueryRowContext(ctx, `SELECT `+stateColumns+` FROM source_states WHERE source_id = $1`, id))
	if err == sql.ErrNoRows {
		return SourceState{SourceID: id}, nil
	}
	return v, s.dialect.explain(err)
}

// Sources lists all sources as the transaction sees them.
func (t *Tx) Sources() ([]seaworthy.DeclaredSource, error) {
	return sources.list(t.ctx, t.store, t.tx, where{}, "ORDER BY name, id")
}
