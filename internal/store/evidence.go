// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var evidence = records[seaworthy.Evidence]{
	kind: "evidence", table: "evidence", key: []string{"id"},
	columns: []string{"id", "kind", "shows", "digest", "source_id", "run_id", "effective_from", "effective_to", "logged_at"},
	values: func(e *seaworthy.Evidence) []any {
		return []any{e.ID, e.Kind, e.Shows, e.Digest, e.SourceID, e.RunID, micros(e.EffectiveFrom), micros(e.EffectiveTo), micros(e.LoggedAt)}
	},
	subject: func(e *seaworthy.Evidence) string { return e.ID },
}

// AddEvidence writes new evidence, with what it is for: e.Controls, and e.Occurrences,
// whose controls it is for too. Evidence cannot be changed afterwards. The log takes it
// now, whatever its other times say.
func (t *Tx) AddEvidence(e *seaworthy.Evidence) error {
	v := *e
	v.ID, v.LoggedAt, v.ErasedAt = t.NewID(), t.At, time.Time{}
	if v.ReceivedAt.IsZero() {
		v.ReceivedAt = t.At
	}
	v.Scope = slices.Concat([]string{}, v.Scope)
	v.Controls = slices.Concat([]string{}, v.Controls)
	v.Occurrences = slices.Concat([]string{}, v.Occurrences)
	var links [][]any
	link := func(control, occurrence string) {
		links = append(links, []any{v.ID, control, occurrence, v.Shows, micros(v.EffectiveFrom), micros(v.EffectiveTo), micros(v.LoggedAt), int64(0)})
	}
	linked := map[string]bool{}
	for _, id := range v.Occurrences {
		o, err := t.Occurrence(id)
		if err != nil {
			return err
		}
		link(o.ControlID, id)
		if linked[o.ControlID] = true; !slices.Contains(v.Controls, o.ControlID) {
			v.Controls = append(v.Controls, o.ControlID)
		}
	}
	for _, c := range v.Controls {
		if !linked[c] {
			link(c, "")
		}
	}
	if len(links) == 0 {
		return seaworthy.Invalid("evidence %s is for no control", v.Title)
	}
	if err := v.Validate(); err != nil {
		return err
	}
	if err := evidence.put(t, &v); err != nil {
		return err
	}
	*e = v
	return t.insert(`INSERT INTO evidence_for (evidence_id, control_id, occurrence_id, shows, effective_from, effective_to, logged_at, erased_at)`, "", links)
}

// Evidence gives evidence by its id.
func (s *Store) Evidence(ctx context.Context, id string) (seaworthy.Evidence, error) {
	w := where{}
	w.add("id = ?", id)
	return evidence.one(ctx, s, s.read, id, w)
}

// EvidenceFilter narrows a list of evidence; empty fields do not.
type EvidenceFilter struct {
	Control, Occurrence        string
	Kind, Shows, Source, RunID string
	// From and To give evidence that speaks of the interval.
	From, To time.Time
	// Program gives the evidence of its period and sources, and that of no source.
	Program *seaworthy.Program
	// Before gives evidence with smaller ids, for the next page: ids sort by the time at
	// which the log took them.
	Before string
	Limit  int // 0: 100
}

func (f EvidenceFilter) where() where {
	w := where{}
	w.equal("kind", f.Kind)
	w.equal("shows", f.Shows)
	w.equal("source_id", f.Source)
	w.equal("run_id", f.RunID)
	if f.Control != "" {
		w.add("id IN (SELECT evidence_id FROM evidence_for WHERE control_id = ?)", f.Control)
	}
	if f.Occurrence != "" {
		w.add("id IN (SELECT evidence_id FROM evidence_for WHERE occurrence_id = ?)", f.Occurrence)
	}
	if !f.From.IsZero() {
		w.add("effective_to >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		w.add("effective_from < ?", micros(f.To))
	}
	if p := f.Program; p != nil {
		w.add("effective_to >= ?", micros(p.From))
		w.add("effective_from < ?", micros(p.To))
		w.withinOrNowhere(*p, "source_id")
	}
	if f.Before != "" {
		w.add("id < ?", f.Before)
	}
	return w
}

// EvidenceList lists evidence, latest logged first.
func (s *Store) EvidenceList(ctx context.Context, f EvidenceFilter) ([]seaworthy.Evidence, error) {
	w := f.where()
	return evidence.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(limit(f.Limit)))
}

// EvidenceOfRun tells whether a run was made evidence already, inside the write.
func (t *Tx) EvidenceOfRun(run string) (bool, error) {
	var n int
	err := t.tx.QueryRowContext(t.ctx, `SELECT COUNT(*) FROM evidence WHERE run_id = $1`, run).Scan(&n)
	return n > 0, err
}

// DigestInUse tells whether something still has the bytes, inside the write: evidence that
// was not erased, a frozen list, or another run with the same report as the run; empty: no
// run had the bytes.
func (t *Tx) DigestInUse(digest, run string) (bool, error) {
	var yes bool
	err := t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM evidence e WHERE e.digest = $1
			AND NOT EXISTS (SELECT 1 FROM evidence_for f WHERE f.evidence_id = e.id AND f.erased_at > 0))
		OR EXISTS (SELECT 1 FROM populations p WHERE p.digest = $1)
		OR EXISTS (SELECT 1 FROM runs r JOIN runs o ON o.digest = r.digest WHERE o.id = $2 AND r.document LIKE $3)`,
		digest, run, `%"blob":"`+digest+`"%`).Scan(&yes)
	return yes, err
}
