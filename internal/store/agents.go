// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var agents = records[seaworthy.Agent]{
	kind: "agent", table: "agents", key: []string{"id"}, columns: []string{"id", "source_id"},
	values:  func(v *seaworthy.Agent) []any { return []any{v.ID, v.SourceID} },
	subject: func(v *seaworthy.Agent) string { return v.ID },
}

var enrolments = records[seaworthy.Enrolment]{
	kind: "enrolment", table: "enrolments", key: []string{"id"}, columns: []string{"id", "source_id"},
	values:  func(v *seaworthy.Enrolment) []any { return []any{v.ID, v.SourceID} },
	subject: func(v *seaworthy.Enrolment) string { return v.ID },
}

// PutAgent writes an agent: enrolled or revoked. Agents are never removed, since what they
// said is theirs.
func (t *Tx) PutAgent(v *seaworthy.Agent) error { return agents.put(t, v) }

// LockedAgent gives an agent, and keeps others from changing it until the transaction ends.
func (t *Tx) LockedAgent(id string) (seaworthy.Agent, error) { return agents.locked(t, id, byID(id)) }

// Agent gives an agent by its id.
func (s *Store) Agent(ctx context.Context, id string) (seaworthy.Agent, error) {
	return agents.one(ctx, s, s.read, id, byID(id))
}

// AgentFilter narrows a list of agents; empty fields do not.
type AgentFilter struct {
	Source  string
	Program *seaworthy.Program
	Cursor  string // id of the last one of the page before
	Limit   int
}

// Agents lists agents, newest first.
func (s *Store) Agents(ctx context.Context, f AgentFilter) (Page[seaworthy.Agent], error) {
	w := where{}
	w.equal("source_id", f.Source)
	w.program(f.Program, "source_id", "")
	if f.Cursor != "" {
		w.add("id < ?", f.Cursor)
	}
	n := limit(f.Limit)
	list, err := agents.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT "+w.arg(n+1))
	return page(list, n, func(a seaworthy.Agent) string { return a.ID }), err
}

// Agents lists all agents as the transaction sees them.
func (t *Tx) Agents() ([]seaworthy.Agent, error) {
	return agents.list(t.ctx, t.store, t.tx, where{}, "ORDER BY id")
}

// AgentsOf lists the agents that a source has or had, as the transaction sees them.
func (t *Tx) AgentsOf(source string) ([]seaworthy.Agent, error) {
	w := where{}
	w.equal("source_id", source)
	return agents.list(t.ctx, t.store, t.tx, w, "ORDER BY id")
}

// PutEnrolment writes an enrolment; a used or withdrawn one stays as it is.
func (t *Tx) PutEnrolment(v *seaworthy.Enrolment) error { return enrolments.put(t, v) }

// PutEnrolmentSecret keeps the hash of an enrolment's secret.
func (t *Tx) PutEnrolmentSecret(id string, hash []byte) error {
	return t.exec(`INSERT INTO enrolment_secrets (enrolment_id, hash) VALUES ($1, $2)`, id, hash)
}

// LockedEnrolment gives an enrolment with the hash of its secret, and keeps others from
// using it until the transaction ends.
func (t *Tx) LockedEnrolment(id string) (v seaworthy.Enrolment, hash []byte, err error) {
	if v, err = enrolments.locked(t, id, byID(id)); err != nil {
		return v, nil, err
	}
	return v, hash, t.tx.QueryRowContext(t.ctx, `SELECT hash FROM enrolment_secrets WHERE enrolment_id = $1`, id).Scan(&hash)
}

// DropEnrolment withdraws an enrolment that was not used.
func (t *Tx) DropEnrolment(v *seaworthy.Enrolment) error {
	if err := t.exec(`DELETE FROM enrolment_secrets WHERE enrolment_id = $1`, v.ID); err != nil {
		return err
	}
	return enrolments.drop(t, v)
}

// Enrolments lists the enrolments of a source, newest first.
func (s *Store) Enrolments(ctx context.Context, source string) ([]seaworthy.Enrolment, error) {
	w := where{}
	w.add("source_id = ?", source)
	return enrolments.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT 1000")
}

// Agent gives an agent as the transaction sees it.
func (t *Tx) Agent(id string) (seaworthy.Agent, error) {
	return agents.one(t.ctx, t.store, t.tx, id, byID(id))
}

// HasAgents tells whether any agent was ever enrolled.
func (s *Store) HasAgents(ctx context.Context) (has bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM agents)`).Scan(&has)
	return has, s.dialect.explain(err)
}

// SpendAgentToken notes that a token of an agent was used, and tells whether it was not
// before, at this server or at another one of this database.
func (s *Store) SpendAgentToken(ctx context.Context, agent, id string, until time.Time) (fresh bool, err error) {
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s", agent, id))
	done, err := s.write.ExecContext(ctx, `INSERT INTO agent_tokens (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`,
		digest[:], micros(until))
	if err != nil {
		return false, s.dialect.explain(err)
	}
	n, err := done.RowsAffected()
	return n > 0, s.dialect.explain(err)
}

// SweepAgentTokens forgets tokens that are over.
func (t *Tx) SweepAgentTokens() error {
	return t.exec(`DELETE FROM agent_tokens WHERE expires_at < $1`, micros(t.At))
}
