// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The kinds of credentials.
const (
	kindPassword = "password"
	kindTOTP     = "totp"
	kindTOTPNew  = "totp-new" // not yet confirmed
	kindRecovery = "recovery"
	kindPasskey  = "passkey"
)

// Factors is how somebody can sign in.
type Factors struct {
	Password bool
	// TOTP is when an authenticator app was set up; zero: never.
	TOTP          time.Time
	Passkeys      []Passkey
	RecoveryCodes int // that are left
	// Required tells that a second factor must stay.
	Required bool
}

// Passkey is a passkey as its owner sees it.
type Passkey struct {
	ID      string
	Name    string
	Created time.Time
	Used    time.Time
}

// Factors tells how who makes the request can sign in.
func (a *Auth) Factors(ctx context.Context, r *http.Request) (Factors, error) {
	s, err := a.enrolled(ctx, r)
	if err != nil {
		return Factors{}, err
	}
	all, err := a.store.Credentials(ctx, s.UserID, "")
	f := Factors{Required: a.required}
	for _, c := range all {
		switch c.Kind {
		case kindPassword:
			f.Password = true
		case kindTOTP:
			f.TOTP = c.Created
		case kindRecovery:
			f.RecoveryCodes++
		case kindPasskey:
			f.Passkeys = append(f.Passkeys, Passkey{c.ID, c.Name, c.Created, c.Used})
		}
	}
	return f, err
}

// enrolled gives the session of somebody who has shown all factors that are set up, also
// when the one that is required is not.
func (a *Auth) enrolled(ctx context.Context, r *http.Request) (Session, error) {
	s, err := a.Session(ctx, r)
	if err == nil && s.Stage == StageSecondFactor {
		err = &StageError{Stage: s.Stage}
	}
	return s, err
}

// changing is [Auth.enrolled] for who changes the factors.
func (a *Auth) changing(ctx context.Context, r *http.Request) (Session, error) {
	s, err := a.enrolled(ctx, r)
	if err == nil {
		err = a.fresh(s)
	}
	return s, err
}

// changeFactors runs f and sees to all that follows from other factors: the record of the
// user, recovery codes, which it gives when they are new, and sessions: all others end.
func (a *Auth) changeFactors(w http.ResponseWriter, r *http.Request, s Session, act action, f func(*store.Tx) error) ([]string, error) {
	var codes []string
	var next entry
	err := a.store.Write(r.Context(), "user:"+s.UserID, func(tx *store.Tx) error {
		codes = nil
		u, err := tx.User(s.UserID) // first, so that changes of one account take turns
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		second, recovery, err := countFactors(tx, s.UserID)
		if err != nil {
			return err
		}
		switch {
		case second == 0 && a.required:
			return seaworthy.Conflict("a second factor is required; set up another one before you remove the last")
		case second == 0:
			err = tx.DropCredentials(s.UserID, kindRecovery)
		case recovery == 0:
			codes, err = putRecovery(tx, s.UserID)
		}
		if err != nil {
			return err
		}
		if u.SecondFactor != (second > 0) {
			u.SecondFactor = second > 0
			if err := tx.PutUser(&u); err != nil {
				return err
			}
		}
		act.user, act.address = s.UserID, a.address(r)
		if err := act.log(tx); err != nil {
			return err
		}
		next = a.rotate(s, StageFull, s.Method)
		if err := replace(tx, s); err != nil {
			return err
		}
		if err := tx.EndSessions(s.UserID, ""); err != nil {
			return err
		}
		if s.Stage == StageFull {
			return tx.PutSession(hashOf(next.token), next.session)
		}
		return a.keep(tx, r, next)
	})
	if err != nil {
		return nil, err
	}
	a.give(w, next)
	return codes, nil
}

func countFactors(tx *store.Tx, user string) (second, recovery int, err error) {
	all, err := tx.Credentials(user, "")
	for _, c := range all {
		switch c.Kind {
		case kindTOTP, kindPasskey:
			second++
		case kindRecovery:
			recovery++
		}
	}
	return second, recovery, err
}

// recoveryCodes is how many codes there are; each holds 80 random bits.
const recoveryCodes = 10

// putRecovery replaces the recovery codes of a user. They are shown once.
func putRecovery(tx *store.Tx, user string) ([]string, error) {
	if err := tx.DropCredentials(user, kindRecovery); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		var b [10]byte
		rand.Read(b[:])
		text := secretEncoding.EncodeToString(b[:])
		hash := hashOf(text)
		err := tx.PutCredential(store.Credential{UserID: user, Kind: kindRecovery, ID: hex.EncodeToString(hash), Secret: hash, Created: tx.At})
		if err != nil {
			return nil, err
		}
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return codes, nil
}

// NewRecoveryCodes replaces the recovery codes of who makes the request.
func (a *Auth) NewRecoveryCodes(w http.ResponseWriter, r *http.Request) ([]string, error) {
	s, err := a.changing(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if !s.User.SecondFactor {
		return nil, seaworthy.Conflict("there is no second factor that recovery codes could stand in for")
	}
	return a.changeFactors(w, r, s, action{what: "made new recovery codes"}, func(tx *store.Tx) error {
		return tx.DropCredentials(s.UserID, kindRecovery)
	})
}

// secondKey counts attempts at the second factor of a user.
func secondKey(user string) string { return "second:" + user }

var errCode = &seaworthy.Error{Kind: seaworthy.KindUnauthenticated, Message: "the code is wrong or was used already; wait for the next one"}

// SecondFactor completes a sign-in with a code of the authenticator app or a recovery
// code. Each code counts once.
func (a *Auth) SecondFactor(w http.ResponseWriter, r *http.Request, code string) (Session, error) {
	ctx := r.Context()
	s, err := a.Session(ctx, r)
	if err != nil {
		return Session{}, err
	}
	if s.Stage != StageSecondFactor {
		return Session{}, seaworthy.Conflict("no second factor is asked for")
	}
	keys := []string{secondKey(s.UserID), a.addressKey(r)}
	if err := a.admit(ctx, keys); err != nil {
		return Session{}, err
	}
	code = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
	use, method, err := a.codeOf(ctx, s.UserID, code)
	if err != nil {
		return Session{}, err
	}
	return a.complete(w, r, s, s.Method+" and "+method, keys, use)
}

// complete makes a session full once use tells, in the transaction, that the second
// factor holds.
func (a *Auth) complete(w http.ResponseWriter, r *http.Request, s Session, method string, keys []string, use func(*store.Tx) (bool, error)) (Session, error) {
	next := a.rotate(s, StageFull, method)
	err := a.store.Write(r.Context(), "user:"+s.UserID, func(tx *store.Tx) error {
		if err := settle(tx, keys); err != nil {
			return err
		}
		if _, err := stillActive(tx, s.UserID); err != nil {
			return err
		}
		ok, err := use(tx)
		if err == nil && !ok {
			err = errCode
		}
		if err != nil {
			return err
		}
		if err := replace(tx, s); err != nil {
			return err
		}
		return a.keep(tx, r, next)
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, next)
	return Session{next.session, s.User}, nil
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// codeOf finds out what sort of code somebody typed and how it is used up.
func (a *Auth) codeOf(ctx context.Context, user, code string) (use func(*store.Tx) (bool, error), method string, err error) {
	if len(code) != totpDigits {
		id := hex.EncodeToString(hashOf(code))
		return func(tx *store.Tx) (bool, error) {
			found, err := tx.DropCredential(user, kindRecovery, id)
			if err != nil || !found {
				return false, err
			}
			return true, action{what: "used a recovery code", user: user}.log(tx)
		}, "recovery code", nil
	}
	step, ok, err := a.totpStep(ctx, user, kindTOTP, code)
	if err != nil {
		return nil, "", err
	}
	return func(tx *store.Tx) (bool, error) {
		if !ok {
			return false, nil
		}
		return tx.AdvanceCredential(user, kindTOTP, "", step)
	}, "authenticator app", nil
}
