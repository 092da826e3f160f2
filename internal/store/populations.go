// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

var populations = records[seaworthy.Population]{
	kind: "population", table: "populations", key: []string{"id"},
	columns: []string{"id", "program_id", "list", "frozen_at", "digest"},
	values: func(p *seaworthy.Population) []any {
		return []any{p.ID, p.ProgramID, p.List, micros(p.FrozenAt), p.Digest}
	},
	subject: func(p *seaworthy.Population) string { return p.ID },
}

var samples = records[seaworthy.Sample]{
	kind: "sample", table: "samples", key: []string{"id"},
	columns: []string{"id", "population_id", "selected_at"},
	values:  func(s *seaworthy.Sample) []any { return []any{s.ID, s.PopulationID, micros(s.SelectedAt)} },
	subject: func(s *seaworthy.Sample) string { return s.ID },
}

// AddPopulation writes a population. It never changes again.
func (t *Tx) AddPopulation(p *seaworthy.Population) error {
	p.ID, p.FrozenAt, p.FrozenBy = t.NewID(), t.At, t.Actor
	return populations.put(t, p)
}

// AddSample writes a sample. It never changes again.
func (t *Tx) AddSample(s *seaworthy.Sample) error {
	s.ID, s.SelectedAt, s.SelectedBy = t.NewID(), t.At, t.Actor
	return samples.put(t, s)
}

// Population gives a population by its id.
func (s *Store) Population(ctx context.Context, id string) (seaworthy.Population, error) {
	w := where{}
	w.add("id = ?", id)
	return populations.one(ctx, s, s.read, id, w)
}

// Populations lists the populations of a program, newest first; before is the id of the
// last of the page before.
func (s *Store) Populations(ctx context.Context, program, before string, n int) ([]seaworthy.Population, error) {
	w := where{}
	w.equal("program_id", program)
	if before != "" {
		w.add("id < ?", before)
	}
	return populations.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(limit(n)))
}

// Sample gives a sample by its id.
func (s *Store) Sample(ctx context.Context, id string) (seaworthy.Sample, error) {
	w := where{}
	w.add("id = ?", id)
	return samples.one(ctx, s, s.read, id, w)
}

// Samples lists the samples of a population, oldest first.
func (s *Store) Samples(ctx context.Context, population string) ([]seaworthy.Sample, error) {
	w := where{}
	w.add("population_id = ?", population)
	return samples.list(ctx, s, s.read, w, "ORDER BY id LIMIT 1000")
}
