// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Session is a browser that is signed in, or on its way to it.
type Session struct {
	ID      string
	UserID  string
	Stage   string // see internal/auth
	Method  string // how the user signed in
	Created time.Time
	Seen    time.Time
	Expires time.Time
	Address string
	Agent   string
}

const sessionColumns = `s.id, s.user_id, s.stage, s.method, s.created_at, s.seen_at, s.expires_at, s.address, s.agent`

func scanSession(row interface{ Scan(...any) error }) (Session, error) {
	var v Session
	var created, seen, expires int64
	err := row.Scan(&v.ID, &v.UserID, &v.Stage, &v.Method, &created, &seen, &expires, &v.Address, &v.Agent)
	v.Created, v.Seen, v.Expires = moment(created), moment(seen), moment(expires)
	return v, err
}

// PutSession keeps a session under the hash of what its browser holds.
func (t *Tx) PutSession(hash []byte, v Session) error {
	return t.exec(`INSERT INTO sessions (token_hash, id, user_id, stage, method, created_at, seen_at, expires_at, address, agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		hash, v.ID, v.UserID, v.Stage, v.Method, micros(v.Created), micros(v.Seen), micros(v.Expires), v.Address, v.Agent)
}

// SeeSession notes that a session was used, from where and with what.
func (t *Tx) SeeSession(id, address, agent string) error {
	return t.exec(`UPDATE sessions SET seen_at = $1, address = $2, agent = $3 WHERE id = $4`, micros(t.At), address, agent, id)
}

// EndSession ends one session of a user and tells whether there was one.
func (t *Tx) EndSession(user, id string) (bool, error) {
	return t.changed(`DELETE FROM sessions WHERE user_id = $1 AND id = $2`, user, id)
}

// EndSessionOf ends the session under a hash, if there is one.
func (t *Tx) EndSessionOf(hash []byte) error {
	return t.exec(`DELETE FROM sessions WHERE token_hash = $1`, hash)
}

// EndSessions ends all sessions of a user but the one of an id, which may be empty.
func (t *Tx) EndSessions(user, but string) error {
	return t.exec(`DELETE FROM sessions WHERE user_id = $1 AND id <> $2`, user, but)
}

// SweepSessions forgets what can no longer be used: sessions that expired or were idle
// since before a time, links, and what was presented once.
func (t *Tx) SweepSessions(idle time.Time) error {
	now := micros(t.At)
	if err := t.exec(`DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2`, now, micros(idle)); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM links WHERE expires_at <= $1`, now); err != nil {
		return err
	}
	return t.exec(`DELETE FROM spent WHERE expires_at <= $1`, now)
}

// Sessions lists the sessions of a user, last used first.
func (s *Store) Sessions(ctx context.Context, user string) ([]Session, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 ORDER BY s.seen_at DESC, s.id LIMIT 1000`, user)
	return collect(s, rows, err, scanSession)
}

// KnownSession gives the session under a hash, and its user.
func (s *Store) KnownSession(ctx context.Context, hash []byte) (Session, seaworthy.User, error) {
	var document string
	v, err := scanSession(andThen{s.read.QueryRowContext(ctx, `SELECT `+sessionColumns+`, u.document FROM sessions s
		JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`, hash), []any{&document}})
	if none(err) {
		return v, seaworthy.User{}, seaworthy.NotFound("there is no such session")
	}
	if err != nil {
		return v, seaworthy.User{}, s.dialect.explain(err)
	}
	var u seaworthy.User
	if err := json.Unmarshal([]byte(document), &u); err != nil {
		return v, u, fmt.Errorf("read a user: %w", err)
	}
	return v, u, nil
}
