// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The kinds of one-time links.
const (
	LinkSetup  = "setup"  // makes the first owner
	LinkInvite = "invite" // sets the first password of an account
	LinkReset  = "reset"  // sets another password
)

const (
	setupFor  = 24 * time.Hour
	inviteFor = 7 * 24 * time.Hour
	resetFor  = 24 * time.Hour
)

// LinkPath is the path of the page that a one-time link leads to; the secret follows it.
const LinkPath = "/welcome/"

// url is the link with its secret. It is shown once.
func (a *Auth) url(secret string) string { return a.BaseURL() + LinkPath + secret }

var errLink = &seaworthy.Error{Kind: seaworthy.KindNotFound, Message: "this link was used already, has expired, or was replaced by a newer one"}

// SetupLink gives the link that makes the first owner, or nothing once there is a user.
// The server prints it when it starts. It holds for a day; each start makes another, so
// that of several servers each has one, and the first that is used ends the rest.
func (a *Auth) SetupLink(ctx context.Context) (string, error) {
	if any, err := a.store.AnyUser(ctx); err != nil || any {
		return "", err
	}
	secret := newSecret()
	err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
		return tx.PutLink(hashOf(secret), store.Link{Kind: LinkSetup, Expires: tx.At.Add(setupFor)})
	})
	if err != nil {
		return "", err
	}
	return a.url(secret), nil
}

// Link tells what a one-time link is for, without using it: its kind and, unless it is
// for the first owner, the account.
func (a *Auth) Link(ctx context.Context, secret string) (kind string, u seaworthy.User, err error) {
	l, err := a.store.Link(ctx, hashOf(secret))
	if isNotFound(err) {
		return "", u, errLink
	}
	if err != nil {
		return "", u, err
	}
	now := a.store.Now()
	if !now.Before(l.Expires) {
		return "", u, errLink
	}
	if l.Kind == LinkSetup {
		any, err := a.store.AnyUser(ctx)
		if err == nil && any {
			err = errLink
		}
		return l.Kind, u, err
	}
	u, err = a.store.User(ctx, l.UserID)
	if err == nil && !active(u, now) {
		return "", seaworthy.User{}, errLink
	}
	return l.Kind, u, err
}

// take uses a link up, as part of what it is used for.
func take(tx *store.Tx, secret string) (store.Link, error) {
	l, err := tx.TakeLink(hashOf(secret))
	if isNotFound(err) || (err == nil && !tx.At.Before(l.Expires)) {
		err = errLink
	}
	return l, err
}

func isNotFound(err error) bool { return kind(err) == seaworthy.KindNotFound }

// Setup uses the link of the first start: it makes the first owner and signs the owner
// in. It does nothing once there is a user.
func (a *Auth) Setup(w http.ResponseWriter, r *http.Request, secret, email, name, password string) (Session, error) {
	ctx := r.Context()
	if k, _, err := a.Link(ctx, secret); err != nil {
		return Session{}, err
	} else if k != LinkSetup {
		return Session{}, errLink
	}
	u := seaworthy.User{Role: seaworthy.Owner, Teams: []string{}}
	var err error
	if u.Email, err = checkEmail(email); err != nil {
		return Session{}, err
	}
	if u.Name, err = checkName(name); err != nil {
		return Session{}, err
	}
	hash, err := a.newPassword(ctx, password, u)
	if err != nil {
		return Session{}, err
	}
	var e entry
	err = a.store.Write(ctx, "system", func(tx *store.Tx) error {
		if _, err := take(tx, secret); err != nil {
			return err
		}
		if any, err := tx.AnyUser(); err != nil {
			return err
		} else if any {
			return errLink
		}
		u.ID, u.CreatedAt = tx.NewID(), tx.At
		if err := tx.PutUser(&u); err != nil {
			return err
		}
		if err := tx.DropLinks(""); err != nil {
			return err
		}
		e = a.enter(r, u, a.stageAfter(u, false), MethodLink)
		return a.settleIn(tx, r, u, hash, e, "made the first account")
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, e)
	return Session{e.session, u}, nil
}

// UseLink uses the link of an invitation or a reset: it sets the password, ends all
// sessions, and signs in as the password would; a second factor that is set up is still
// asked for.
func (a *Auth) UseLink(w http.ResponseWriter, r *http.Request, secret, password string) (Session, error) {
	ctx := r.Context()
	k, u, err := a.Link(ctx, secret)
	if err != nil {
		return Session{}, err
	}
	if k != LinkInvite && k != LinkReset {
		return Session{}, errLink
	}
	if err := a.ownDoor(u.Role); err != nil {
		return Session{}, err
	}
	hash, err := a.newPassword(ctx, password, u)
	if err != nil {
		return Session{}, err
	}
	var e entry
	err = a.store.Write(ctx, "user:"+u.ID, func(tx *store.Tx) error {
		l, err := take(tx, secret)
		if err != nil {
			return err
		}
		if u, err = tx.User(l.UserID); err != nil {
			return err
		}
		if !active(u, tx.At) {
			return errLink
		}
		e = a.enter(r, u, a.stageAfter(u, false), MethodLink)
		return a.settleIn(tx, r, u, hash, e, "set a password by a one-time link")
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, e)
	return Session{e.session, u}, nil
}

func (a *Auth) newPassword(ctx context.Context, password string, u seaworthy.User) ([]byte, error) {
	if err := checkPassword(password, u); err != nil {
		return nil, err
	}
	return a.hasher.hash(ctx, password)
}

// settleIn gives an account its password and its session; nothing older lets anybody in.
func (a *Auth) settleIn(tx *store.Tx, r *http.Request, u seaworthy.User, hash []byte, e entry, what string) error {
	if err := putPassword(tx, u.ID, hash); err != nil {
		return err
	}
	if err := tx.DropLinks(u.ID); err != nil {
		return err
	}
	if err := tx.DropAttempts(accountKey(u.Email)); err != nil {
		return err
	}
	if err := tx.EndSessions(u.ID, ""); err != nil {
		return err
	}
	if err := (action{what: what, user: u.ID, address: a.address(r), agent: agent(r)}).log(tx); err != nil {
		return err
	}
	return a.keep(tx, r, e)
}
