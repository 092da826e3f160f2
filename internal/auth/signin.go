// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"net/http"
	"net/mail"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// errWrong is the one answer to every sign-in with a password that fails, whatever the
// reason: unknown, disabled, expired, without a password, or a wrong one.
var errWrong = &seaworthy.Error{Kind: seaworthy.KindUnauthenticated, Message: "the address or the password is wrong"}

// SignIn lets in who knows the password of an account and hands the browser a session;
// what is missing for a full one is its stage. Whether there is such an account shows
// neither in the answer nor in the time that it takes.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, email, password string) (Session, error) {
	ctx := r.Context()
	email = normalise(email)
	keys := []string{accountKey(email), a.addressKey(r)}
	if err := a.admit(ctx, keys); err != nil {
		return Session{}, err
	}
	u, kept, err := a.store.Login(ctx, email)
	if err != nil {
		return Session{}, err
	}
	ok, old, err := a.hasher.verify(ctx, bounded(password), kept)
	if err != nil {
		return Session{}, err
	}
	if !ok || !active(u, a.store.Now()) {
		return Session{}, errWrong
	}
	if err := a.ownDoor(u.Role); err != nil {
		return Session{}, err
	}
	var anew []byte
	if old {
		if anew, err = a.hasher.hash(ctx, password); err != nil {
			return Session{}, err
		}
	}
	var e entry
	err = a.store.Write(ctx, "user:"+u.ID, func(tx *store.Tx) error {
		if err := settle(tx, keys); err != nil {
			return err
		}
		if u, err = stillActive(tx, u.ID); err != nil {
			return err
		}
		if err := stillThePassword(tx, u.ID, kept); err != nil {
			return err
		}
		e = a.enter(r, u, a.stageAfter(u, false), MethodPassword)
		if anew != nil {
			if _, err := tx.UseCredential(u.ID, kindPassword, "", anew); err != nil {
				return err
			}
		}
		return a.keep(tx, r, e)
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, e)
	return Session{e.session, u}, nil
}

// stillActive makes a sign-in and changes of the account take turns: either the sign-in
// sees the change, or its session ends with the others.
func stillActive(tx *store.Tx, id string) (seaworthy.User, error) {
	u, err := tx.User(id)
	if err == nil && !active(u, tx.At) {
		err = errWrong
	}
	return u, err
}

// stillThePassword refuses a password that was changed while it was checked.
func stillThePassword(tx *store.Tx, user string, kept []byte) error {
	found, err := tx.Credentials(user, kindPassword)
	if err == nil && (len(found) != 1 || !bytes.Equal(found[0].Secret, kept)) {
		err = errWrong
	}
	return err
}

// stageAfter tells what is missing after the first factor. Trusted tells that the first
// one was two.
func (a *Auth) stageAfter(u seaworthy.User, trusted bool) string {
	switch {
	case trusted:
		return StageFull
	case u.SecondFactor:
		return StageSecondFactor
	case a.required:
		return StageEnrol
	}
	return StageFull
}

// normalise gives the one form of an e-mail address by which an account is found.
func normalise(email string) string {
	email = strings.ToLower(strings.TrimSpace(email))
	return email[:min(len(email), maxEmail+1)]
}

// maxEmail is as long as an address may be, by RFC 5321.
const maxEmail = 254

// checkEmail refuses what is no address.
func checkEmail(email string) (string, error) {
	email = normalise(email)
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail || strings.ContainsAny(email, " \t\r\n<>\"") {
		return "", seaworthy.Invalid("%q is no e-mail address", email)
	}
	return email, nil
}
