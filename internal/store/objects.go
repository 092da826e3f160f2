// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TrackedObject is an object that a report named.
type TrackedObject struct {
	ID          string            `json:"id"`
	SourceID    string            `json:"sourceId"`
	Object      seaworthy.Object  `json:"object"`
	Team        string            `json:"team,omitempty"`
	Workload    bool              `json:"workload"`
	FirstSeenAt time.Time         `json:"firstSeenAt"`
	DeletedAt   time.Time         `json:"deletedAt,omitzero"` // when a report no longer had it
	File        string            `json:"file,omitempty"`
	Labels      map[string]string `json:"labels"`
	Excerpt     string            `json:"excerpt,omitempty"` // YAML
}

const objectColumns = `id, source_id, api_version, kind, namespace, name, team, workload, first_seen_at, deleted_at, file, labels, excerpt`

func scanObject(row interface{ Scan(...any) error }) (TrackedObject, error) {
	var o TrackedObject
	var first, deleted int64
	var labels string
	if err := row.Scan(&o.ID, &o.SourceID, &o.Object.APIVersion, &o.Object.Kind, &o.Object.Namespace, &o.Object.Name, &o.Team,
		&o.Workload, &first, &deleted, &o.File, &labels, &o.Excerpt); err != nil {
		return o, err
	}
	o.FirstSeenAt, o.DeletedAt = moment(first), moment(deleted)
	if err := json.Unmarshal([]byte(labels), &o.Labels); err != nil {
		return o, fmt.Errorf("read the labels of object %s: %w", o.ID, err)
	}
	return o, nil
}

// AddObjects writes objects that are not known, in bulk.
func (t *Tx) AddObjects(objects []TrackedObject) error {
	rows, err := objectRows(objects)
	if err != nil {
		return err
	}
	if done, err := t.copied("objects", objectColumns, rows); done {
		return err
	}
	return t.insert(`INSERT INTO objects (`+objectColumns+`)`, "", rows)
}

// PutObjects writes objects in bulk, known ones anew; each at most once.
func (t *Tx) PutObjects(objects []TrackedObject) error {
	rows, err := objectRows(objects)
	if err != nil {
		return err
	}
	return t.insert(`INSERT INTO objects (`+objectColumns+`)`,
		`ON CONFLICT (id) DO UPDATE SET api_version = excluded.api_version, team = excluded.team, workload = excluded.workload,
		deleted_at = excluded.deleted_at, file = excluded.file, labels = excluded.labels, excerpt = excluded.excerpt`, rows)
}

func objectRows(objects []TrackedObject) ([][]any, error) {
	rows := make([][]any, 0, len(objects))
	for _, o := range objects {
		labels := []byte("{}")
		if len(o.Labels) > 0 {
			var err error
			if labels, err = json.Marshal(o.Labels); err != nil {
				return nil, fmt.Errorf("write object %s: %w", o.ID, err)
			}
		}
		rows = append(rows, []any{o.ID, o.SourceID, o.Object.APIVersion, o.Object.Kind, o.Object.Namespace, o.Object.Name, o.Team,
			o.Workload, micros(o.FirstSeenAt), micros(o.DeletedAt), o.File, string(labels), o.Excerpt})
	}
	return rows, nil
}

// ObjectsByID gives objects by their ids, those that are known.
func (t *Tx) ObjectsByID(ids []string) (map[string]TrackedObject, error) {
	out := make(map[string]TrackedObject, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), 500)
		w := where{}
		w.among("id", ids[:n])
		rows, err := t.tx.QueryContext(t.ctx, `SELECT `+objectColumns+` FROM objects`+w.sql(), w.args...)
		list, err := collect(t.store, rows, err, scanObject)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			out[o.ID] = o
		}
		ids = ids[n:]
	}
	return out, nil
}

// StandingObjects lists the ids of the objects of a source that are not deleted.
func (t *Tx) StandingObjects(source string) ([]string, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT id FROM objects WHERE source_id = $1 AND deleted_at = 0`, source)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (id string, err error) {
		return id, row.Scan(&id)
	})
}

// DeleteObjects notes that a report no longer had objects.
func (t *Tx) DeleteObjects(ids []string) error {
	for len(ids) > 0 {
		n := min(len(ids), 500)
		w := where{}
		at := w.arg(micros(t.At))
		w.among("id", ids[:n])
		if err := t.exec(`UPDATE objects SET deleted_at = `+at+w.sql(), w.args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
