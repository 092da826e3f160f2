// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Credential is something by which a user is recognised. What is secret in it is hashed
// or sealed by internal/auth, and no part of the log.
type Credential struct {
	UserID  string
	Kind    string
	ID      string
	Name    string
	Secret  []byte
	Counter int64
	Created time.Time
	Used    time.Time
}

const credentialColumns = `user_id, kind, id, name, secret, counter, created_at, used_at`

func scanCredential(row interface{ Scan(...any) error }) (Credential, error) {
	var c Credential
	var created, used int64
	err := row.Scan(&c.UserID, &c.Kind, &c.ID, &c.Name, &c.Secret, &c.Counter, &created, &used)
	c.Created, c.Used = moment(created), moment(used)
	return c, err
}

// PutCredential writes a credential. One of the same user, kind and id is replaced.
func (t *Tx) PutCredential(c Credential) error {
	return t.exec(`INSERT INTO credentials (`+credentialColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (user_id, kind, id) DO UPDATE SET name = excluded.name, secret = excluded.secret,
		counter = excluded.counter, created_at = excluded.created_at, used_at = excluded.used_at`,
		c.UserID, c.Kind, c.ID, c.Name, c.Secret, c.Counter, micros(c.Created), micros(c.Used))
}

// AdvanceCredential moves the counter of a credential forward and notes the use; it tells
// false when the counter was there already, which is how one code counts once.
func (t *Tx) AdvanceCredential(user, kind, id string, counter int64) (bool, error) {
	return t.changed(`UPDATE credentials SET counter = $1, used_at = $2 WHERE user_id = $3 AND kind = $4 AND id = $5 AND counter < $1`,
		counter, micros(t.At), user, kind, id)
}

// UseCredential writes what changed of a credential as it was used, and tells whether it
// is still there.
func (t *Tx) UseCredential(user, kind, id string, secret []byte) (bool, error) {
	return t.changed(`UPDATE credentials SET secret = $1, used_at = $2 WHERE user_id = $3 AND kind = $4 AND id = $5`, secret, micros(t.At), user, kind, id)
}

// changed runs a statement and tells whether it touched a row.
func (t *Tx) changed(query string, args ...any) (bool, error) {
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// DropCredential removes one credential and tells whether it was there.
func (t *Tx) DropCredential(user, kind, id string) (bool, error) {
	return t.changed(`DELETE FROM credentials WHERE user_id = $1 AND kind = $2 AND id = $3`, user, kind, id)
}

// DropCredentials removes all credentials of one kind.
func (t *Tx) DropCredentials(user, kind string) error {
	return t.exec(`DELETE FROM credentials WHERE user_id = $1 AND kind = $2`, user, kind)
}

const credentialsQuery = `SELECT ` + credentialColumns + ` FROM credentials WHERE user_id = $1 AND ($2 = '' OR kind = $2) ORDER BY kind, created_at, id`

// Credentials lists what a user has of one kind, or of all kinds when it is empty.
func (s *Store) Credentials(ctx context.Context, user, kind string) ([]Credential, error) {
	rows, err := s.read.QueryContext(ctx, credentialsQuery, user, kind)
	return collect(s, rows, err, scanCredential)
}

// Credentials lists the same as the transaction sees it.
func (t *Tx) Credentials(user, kind string) ([]Credential, error) {
	rows, err := t.tx.QueryContext(t.ctx, credentialsQuery, user, kind)
	return collect(t.store, rows, err, scanCredential)
}

// Link is a one-time link; who holds its secret may do one thing once.
type Link struct {
	Kind    string
	UserID  string // empty: for whom there is no account yet
	Expires time.Time
}

// PutLink keeps a link under the hash of its secret.
func (t *Tx) PutLink(hash []byte, l Link) error {
	return t.exec(`INSERT INTO links (hash, kind, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		hash, l.Kind, l.UserID, micros(t.At), micros(l.Expires))
}

func scanLink(row interface{ Scan(...any) error }) (Link, error) {
	var l Link
	var expires int64
	err := row.Scan(&l.Kind, &l.UserID, &expires)
	l.Expires = moment(expires)
	return l, err
}

// TakeLink removes a link and gives it: of all who take it, one succeeds.
func (t *Tx) TakeLink(hash []byte) (Link, error) {
	l, err := scanLink(t.tx.QueryRowContext(t.ctx, `DELETE FROM links WHERE hash = $1 RETURNING kind, user_id, expires_at`, hash))
	if none(err) {
		return l, seaworthy.NotFound("there is no such link")
	}
	return l, err
}

// DropLinks removes the links of a user; of an empty user, those of the first set-up.
func (t *Tx) DropLinks(user string) error {
	return t.exec(`DELETE FROM links WHERE user_id = $1`, user)
}

// Link gives a link without using it.
func (s *Store) Link(ctx context.Context, hash []byte) (Link, error) {
	l, err := scanLink(s.read.QueryRowContext(ctx, `SELECT kind, user_id, expires_at FROM links WHERE hash = $1`, hash))
	if none(err) {
		return l, seaworthy.NotFound("there is no such link")
	}
	return l, s.dialect.explain(err)
}

// Spend notes that something was presented which may be presented once; it tells false
// when it was before.
func (t *Tx) Spend(hash []byte, expires time.Time) (bool, error) {
	return t.changed(`INSERT INTO spent (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash, micros(expires))
}
