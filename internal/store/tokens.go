// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var tokens = records[seaworthy.Token]{
	kind: "token", table: "tokens", key: []string{"id"}, columns: []string{"id", "user_id"},
	values:  func(v *seaworthy.Token) []any { return []any{v.ID, v.UserID} },
	subject: func(v *seaworthy.Token) string { return v.ID },
}

// PutToken writes a token. When it was last used is kept apart and not logged.
func (t *Tx) PutToken(v *seaworthy.Token) error {
	kept := *v
	kept.UsedAt = time.Time{}
	return tokens.put(t, &kept)
}

// PutTokenSecret keeps the hash of a token's secret.
func (t *Tx) PutTokenSecret(id string, hash []byte) error {
	return t.exec(`INSERT INTO token_secrets (hash, token_id, used_at) VALUES ($1, $2, 0)`, hash, id)
}

// UseToken notes that a token was used.
func (t *Tx) UseToken(id string) error {
	return t.exec(`UPDATE token_secrets SET used_at = $1 WHERE token_id = $2`, micros(t.At), id)
}

// Token gives a token as the transaction sees it and keeps others from changing it until
// the transaction ends.
func (t *Tx) Token(id string) (seaworthy.Token, error) {
	v, err := scanDocument[seaworthy.Token](t.tx.QueryRowContext(t.ctx, `SELECT document FROM tokens WHERE id = $1`+t.store.dialect.forUpdate, id))
	if none(err) {
		return v, seaworthy.NotFound("there is no token %s", id)
	}
	return v, err
}

const tokenQuery = `SELECT t.document, s.used_at FROM tokens t JOIN token_secrets s ON s.token_id = t.id`

// andThen is a row of which more columns follow than the one who scans it asks for.
type andThen struct {
	row  interface{ Scan(...any) error }
	rest []any
}

func (a andThen) Scan(into ...any) error { return a.row.Scan(append(into, a.rest...)...) }

func scanToken(row interface{ Scan(...any) error }) (seaworthy.Token, error) {
	var used int64
	v, err := scanDocument[seaworthy.Token](andThen{row, []any{&used}})
	v.UsedAt = moment(used)
	return v, err
}

// Token gives a token by its id.
func (s *Store) Token(ctx context.Context, id string) (seaworthy.Token, error) {
	v, err := scanToken(s.read.QueryRowContext(ctx, tokenQuery+` WHERE t.id = $1`, id))
	if none(err) {
		return v, seaworthy.NotFound("there is no token %s", id)
	}
	return v, s.dialect.explain(err)
}

// TokenFilter narrows a list of tokens; empty fields do not.
type TokenFilter struct {
	UserID string
	// Before gives tokens that were made before the one of this id.
	Before string
	Limit  int
}

// Tokens lists tokens, newest first.
func (s *Store) Tokens(ctx context.Context, f TokenFilter) ([]seaworthy.Token, error) {
	w := where{}
	w.equal("t.user_id", f.UserID)
	if f.Before != "" {
		w.add("t.id < ?", f.Before)
	}
	rows, err := s.read.QueryContext(ctx, tokenQuery+w.sql()+` ORDER BY t.id DESC LIMIT `+w.arg(limit(f.Limit)), w.args...)
	return collect(s, rows, err, scanToken)
}

// KnownToken is what a request with a token is judged by.
type KnownToken struct {
	Token seaworthy.Token
	Hash  []byte // of the secret
	Maker seaworthy.User
}

// KnownToken gives a token with the hash of its secret and with who made it.
func (s *Store) KnownToken(ctx context.Context, id string) (KnownToken, error) {
	var k KnownToken
	var used int64
	var maker string
	var err error
	k.Token, err = scanDocument[seaworthy.Token](andThen{s.read.QueryRowContext(ctx,
		`SELECT t.document, s.used_at, s.hash, u.document FROM tokens t
		JOIN token_secrets s ON s.token_id = t.id JOIN users u ON u.id = t.user_id WHERE t.id = $1`, id),
		[]any{&used, &k.Hash, &maker}})
	if none(err) {
		return k, seaworthy.NotFound("there is no token %s", id)
	}
	if err != nil {
		return k, s.dialect.explain(err)
	}
	k.Token.UsedAt = moment(used)
	if err := json.Unmarshal([]byte(maker), &k.Maker); err != nil {
		return k, fmt.Errorf("read a user: %w", err)
	}
	return k, nil
}
