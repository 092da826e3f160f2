// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var programs = records[seaworthy.Program]{
	kind: "program", table: "programs", key: []string{"id"},
	columns: []string{"id", "name", "from_at", "to_at", "closed_at"},
	values: func(p *seaworthy.Program) []any {
		return []any{p.ID, p.Name, micros(p.From), micros(p.To), micros(p.ClosedAt)}
	},
	subject: func(p *seaworthy.Program) string { return p.ID },
}

// PutProgram writes a program. Programs are never removed: their history is what an
// audit looks at.
func (t *Tx) PutProgram(p *seaworthy.Program) error { return programs.put(t, p) }

// Program gives a program by its id, inside the write, and keeps others from changing it.
func (t *Tx) Program(id string) (seaworthy.Program, error) {
	return programs.locked(t, id, byID(id))
}

// Program gives a program by its id.
func (s *Store) Program(ctx context.Context, id string) (seaworthy.Program, error) {
	w := where{}
	w.add("id = ?", id)
	return programs.one(ctx, s, s.read, id, w)
}

// ProgramAsOf gives a program as it was at a moment, or as it was made where that was
// later.
func (s *Store) ProgramAsOf(ctx context.Context, id string, at time.Time) (seaworthy.Program, error) {
	var content string
	for _, condition := range []string{`at <= $3 ORDER BY idx DESC`, `at > $3 ORDER BY idx`} {
		err := s.read.QueryRowContext(ctx, `SELECT content FROM log_entries WHERE kind = $1 AND subject = $2 AND `+condition+` LIMIT 1`,
			programs.kind, id, micros(at)).Scan(&content)
		if err == sql.ErrNoRows {
			continue
		}
		if err != nil {
			return seaworthy.Program{}, s.dialect.explain(err)
		}
		var p seaworthy.Program
		if err := json.Unmarshal([]byte(content), &p); err != nil {
			return p, fmt.Errorf("read program %s as of %s: %w", id, at.Format(time.RFC3339), err)
		}
		return p, nil
	}
	return seaworthy.Program{}, seaworthy.NotFound("there is no program %s", id)
}

// Programs lists all programs, the latest period first.
func (s *Store) Programs(ctx context.Context) ([]seaworthy.Program, error) {
	return programs.list(ctx, s, s.read, where{}, "ORDER BY to_at DESC, from_at DESC, id")
}
