// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// divide keeps what the results of a run count by namespace apart, and has the run name it
// by its digest.
func (t *Tx) divide(v *seaworthy.Run) error {
	var rows [][]any
	kept := map[string]bool{}
	for i := range v.Checks {
		c := &v.Checks[i]
		if c.ByNamespace == nil {
			continue
		}
		document, err := json.Marshal(c.ByNamespace)
		if err != nil {
			return err
		}
		digest := sumOf(string(document))
		if v.ByNamespace == nil {
			v.ByNamespace = map[string]string{}
		}
		v.ByNamespace[c.ID], c.ByNamespace = digest, nil
		if !kept[digest] {
			kept[digest], rows = true, append(rows, []any{digest, string(document)})
		}
	}
	return t.insert(`INSERT INTO namespace_tallies (digest, document)`, "ON CONFLICT (digest) DO NOTHING", rows)
}

func sumOf(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
}

// namespaceTallies are kept by their digests, which runs name.
type namespaceTallies struct{}

func (namespaceTallies) tableName() string { return "namespace_tallies" }

func (namespaceTallies) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `SELECT digest, document FROM namespace_tallies ORDER BY digest`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var digest, document string
		if err := rows.Scan(&digest, &document); err != nil {
			return err
		}
		if sumOf(document) != digest {
			v.tell("what was counted by namespace, %s, was altered", digest)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	err = v.strings(func(s string) { v.tell("what was counted by namespace, %s, is missing", s) },
		`SELECT DISTINCT namespaces FROM run_checks WHERE namespaces <> '' AND namespaces NOT IN (SELECT digest FROM namespace_tallies) ORDER BY namespaces`)
	if err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("what was counted by namespace, %s, was added: no report says it", s) },
		`SELECT digest FROM namespace_tallies WHERE digest NOT IN (SELECT namespaces FROM run_checks) ORDER BY digest`)
}

// NamespaceTallies gives what was counted by namespace, by the digests that
// [seaworthy.Run.ByNamespace] names. What is missing or was altered is left out, as the
// self-check tells: who asks for it counts the whole, and says so.
func (s *Store) NamespaceTallies(ctx context.Context, digests []string) (map[string]map[string]seaworthy.NamespaceTally, error) {
	out := make(map[string]map[string]seaworthy.NamespaceTally, len(digests))
	for some := range slices.Chunk(digests, 500) {
		w := where{}
		w.among("digest", some)
		rows, err := s.read.QueryContext(ctx, `SELECT digest, document FROM namespace_tallies`+w.sql(), w.args...)
		list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (r [2]string, err error) {
			return r, row.Scan(&r[0], &r[1])
		})
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if sumOf(r[1]) != r[0] {
				continue
			}
			var spaces map[string]seaworthy.NamespaceTally
			if err := json.Unmarshal([]byte(r[1]), &spaces); err != nil {
				return nil, fmt.Errorf("read what was counted by namespace: %w", err)
			}
			out[r[0]] = spaces
		}
	}
	return out, nil
}

// Divider gives what runs say of their checks as a program sees it. From one run to the next
// most of what is counted by namespace is the same, so that it is kept. One goroutine uses it.
type Divider struct {
	store *Store
	known map[string]map[string]seaworthy.NamespaceTally // by digest
}

// Divider makes one.
func (s *Store) Divider() *Divider {
	return &Divider{s, map[string]map[string]seaworthy.NamespaceTally{}}
}

// Checks gives what a run says of its checks without the namespaces that the program leaves
// out. Of what the run counts as a whole it is all, and whole names these checks. Without a
// program it is what the run says.
func (d *Divider) Checks(ctx context.Context, run seaworthy.Run, p *seaworthy.Program) (list []seaworthy.CheckResult, whole map[string]bool, err error) {
	if p == nil || !p.Divides(run.SourceID) {
		return run.Checks, nil, nil
	}
	if err := d.learn(ctx, run.ByNamespace); err != nil {
		return nil, nil, err
	}
	list, whole = slices.Clone(run.Checks), map[string]bool{}
	for i := range list {
		r := &list[i]
		if r.ByNamespace = d.known[run.ByNamespace[r.ID]]; !r.Divided() {
			whole[r.ID] = true
		}
		*r = r.Within(func(namespace string) bool { return p.HasNamespace(run.SourceID, namespace) })
	}
	return list, whole, nil
}

// learn reads what is not known yet.
func (d *Divider) learn(ctx context.Context, byNamespace map[string]string) error {
	const most = 2000
	if len(d.known) > most {
		clear(d.known)
	}
	var lacking []string
	for _, digest := range slices.Compact(slices.Sorted(maps.Values(byNamespace))) {
		if d.known[digest] == nil {
			lacking = append(lacking, digest)
		}
	}
	found, err := d.store.NamespaceTallies(ctx, lacking)
	maps.Copy(d.known, found)
	return err
}
