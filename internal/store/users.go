// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var users = records[seaworthy.User]{
	kind: "user", table: "users", key: []string{"id"}, columns: []string{"id", "email", "role", "disabled"},
	values:  func(u *seaworthy.User) []any { return []any{u.ID, u.Email, string(u.Role), u.Disabled} },
	subject: func(u *seaworthy.User) string { return u.ID },
}

// PutUser writes a user.
func (t *Tx) PutUser(u *seaworthy.User) error { return users.put(t, u) }

func userByID(id string) where {
	w := where{}
	w.add("id = ?", id)
	return w
}

// User gives a user by id.
func (s *Store) User(ctx context.Context, id string) (seaworthy.User, error) {
	return users.one(ctx, s, s.read, id, userByID(id))
}

// UserByEmail gives a user by the normalised e-mail address.
func (s *Store) UserByEmail(ctx context.Context, email string) (seaworthy.User, error) {
	w := where{}
	w.add("email = ?", email)
	return users.one(ctx, s, s.read, "with the address "+email, w)
}

// Login gives what a sign-in with a password needs, in one query whether there is such a
// user or not: the user, whose id is empty if there is none, and the hash of the
// password, nil if there is none.
func (s *Store) Login(ctx context.Context, email string) (seaworthy.User, []byte, error) {
	var hash []byte
	u, err := scanDocument[seaworthy.User](andThen{s.read.QueryRowContext(ctx, `SELECT u.document, c.secret FROM users u
		LEFT JOIN credentials c ON c.user_id = u.id AND c.kind = 'password' WHERE u.email = $1`, email), []any{&hash}})
	if none(err) {
		return seaworthy.User{}, nil, nil
	}
	return u, hash, s.dialect.explain(err)
}

// none tells whether a query found no row.
func none(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// UserFilter narrows a list of users; empty fields do not.
type UserFilter struct {
	// After gives users whose address sorts after it.
	After string
	Limit int
}

// Users lists users by address.
func (s *Store) Users(ctx context.Context, f UserFilter) ([]seaworthy.User, error) {
	w := where{}
	if f.After != "" {
		w.add("email > ?", f.After)
	}
	return users.list(ctx, s, s.read, w, "ORDER BY email LIMIT "+w.arg(limit(f.Limit)))
}

// AnyUser tells whether somebody has an account.
func (s *Store) AnyUser(ctx context.Context) (bool, error) {
	var any bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&any)
	return any, s.dialect.explain(err)
}

// AnyUser tells whether somebody has an account as the transaction sees it.
func (t *Tx) AnyUser() (bool, error) {
	var any bool
	err := t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&any)
	return any, err
}

// User gives a user as the transaction sees it and keeps others from changing it until
// the transaction ends.
func (t *Tx) User(id string) (seaworthy.User, error) {
	w := userByID(id)
	u, err := scanDocument[seaworthy.User](t.tx.QueryRowContext(t.ctx, `SELECT document FROM users`+w.sql()+t.store.dialect.forUpdate, w.args...))
	if none(err) {
		return u, seaworthy.NotFound("there is no user %s", id)
	}
	return u, err
}

// OtherOwners counts the owners beside one who could sign in, and keeps others from
// changing any owner until the transaction ends, so that two owners who remove each other
// at once do not both succeed.
func (t *Tx) OtherOwners(id string) (int, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT id, disabled FROM users WHERE role = 'owner' ORDER BY id`+t.store.dialect.forUpdate)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var candidates []string
	for rows.Next() {
		var other string
		var disabled bool
		if err := rows.Scan(&other, &disabled); err != nil {
			return 0, err
		}
		if other != id && !disabled {
			candidates = append(candidates, other)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	n := 0
	for _, other := range candidates {
		var can bool
		err := t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM credentials WHERE user_id = $1 AND kind IN ('password', 'passkey'))
			OR EXISTS (SELECT 1 FROM identities WHERE user_id = $1)`, other).Scan(&can)
		if err != nil {
			return 0, err
		}
		if can {
			n++
		}
	}
	return n, nil
}

// UnknownTeam gives the first of the ids that no team has, or nothing.
func (t *Tx) UnknownTeam(ids []string) (string, error) {
	for _, id := range ids {
		var known bool
		if err := t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM teams WHERE id = $1)`, id).Scan(&known); err != nil {
			return "", err
		}
		if !known {
			return id, nil
		}
	}
	return "", nil
}

// LastSeen gives for each user with a session when the user was last seen in one. Ended
// sessions are forgotten; the log knows every sign-in.
func (s *Store) LastSeen(ctx context.Context) (map[string]time.Time, error) {
	type seen struct {
		user string
		at   int64
	}
	rows, err := s.read.QueryContext(ctx, `SELECT user_id, MAX(seen_at) FROM sessions GROUP BY user_id`)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (seen, error) {
		var v seen
		return v, row.Scan(&v.user, &v.at)
	})
	out := make(map[string]time.Time, len(list))
	for _, v := range list {
		out[v.user] = moment(v.at)
	}
	return out, err
}

// Identity gives the user whom a provider of single sign-on calls subject.
func (s *Store) Identity(ctx context.Context, issuer, subject string) (seaworthy.User, error) {
	w := where{}
	w.add("id = (SELECT user_id FROM identities WHERE issuer = ? AND subject = ?)", issuer, subject)
	return users.one(ctx, s, s.read, "of that identity", w)
}

// PutIdentity links a user to what a provider of single sign-on calls the user.
func (t *Tx) PutIdentity(issuer, subject, user string) error {
	return t.exec(`INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)`, issuer, subject, user, micros(t.At))
}
