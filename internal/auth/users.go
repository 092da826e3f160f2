// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// NewUser is an account that an administrator makes.
type NewUser struct {
	Email   string
	Name    string
	Role    seaworthy.Role
	Teams   []string
	Program string    // of an auditor
	Expires time.Time // of an auditor at least
}

// UserChange is what an administrator changes of an account; nil leaves it.
type UserChange struct {
	Name     *string
	Role     *seaworthy.Role
	Teams    *[]string
	Program  *string
	Expires  *time.Time
	Disabled *bool
}

func administers(by seaworthy.Principal) error {
	if !by.Can(seaworthy.Administer) {
		return seaworthy.Forbidden("only an owner administers accounts")
	}
	return nil
}

// CreateUser makes an account and gives the link by which its owner sets a password. The
// link is shown once; [Auth.ResetLink] makes another. Where somebody of the role comes in
// through single sign-on only, there is no link.
func (a *Auth) CreateUser(ctx context.Context, by seaworthy.Principal, n NewUser) (seaworthy.User, string, error) {
	if err := administers(by); err != nil {
		return seaworthy.User{}, "", err
	}
	secret := newSecret()
	u := seaworthy.User{Role: n.Role, Teams: tidy(n.Teams), Program: n.Program, Expires: n.Expires.UTC().Truncate(time.Microsecond)}
	var err error
	if u.Email, err = checkEmail(n.Email); err != nil {
		return seaworthy.User{}, "", err
	}
	if u.Name, err = checkName(n.Name); err != nil {
		return seaworthy.User{}, "", err
	}
	err = a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		u.ID, u.CreatedAt = tx.NewID(), tx.At
		if err := checkUser(tx, u); err != nil {
			return err
		}
		if err := tx.PutUser(&u); err != nil || a.ownDoor(u.Role) != nil {
			return err
		}
		return tx.PutLink(hashOf(secret), store.Link{Kind: LinkInvite, UserID: u.ID, Expires: tx.At.Add(inviteFor)})
	})
	if kind(err) == seaworthy.KindConflict {
		err = seaworthy.Conflict("there is an account with the address %s already", u.Email)
	}
	if err != nil {
		return seaworthy.User{}, "", err
	}
	if a.ownDoor(u.Role) != nil {
		return u, "", nil
	}
	return u, a.url(secret), nil
}

// ResetLink makes the link by which somebody sets a password, and ends older ones. The
// second factor stays.
func (a *Auth) ResetLink(ctx context.Context, by seaworthy.Principal, id string) (string, error) {
	if err := administers(by); err != nil {
		return "", err
	}
	secret := newSecret()
	err := a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		if !active(u, tx.At) {
			return seaworthy.Conflict("the account of %s is disabled or has expired", u.Email)
		}
		if a.ownDoor(u.Role) != nil {
			return seaworthy.Conflict("%s comes in through single sign-on and needs no password", u.Email)
		}
		if err := tx.DropLinks(id); err != nil {
			return err
		}
		if err := tx.PutLink(hashOf(secret), store.Link{Kind: LinkReset, UserID: id, Expires: tx.At.Add(resetFor)}); err != nil {
			return err
		}
		return action{what: "made a link to set a password", user: id}.log(tx)
	})
	if err != nil {
		return "", err
	}
	return a.url(secret), nil
}

// ChangeUser changes an account. Sessions end when rights change. The last owner who can
// sign in stays one, and nobody gives themselves more rights.
func (a *Auth) ChangeUser(ctx context.Context, by seaworthy.Principal, id string, c UserChange) (seaworthy.User, error) {
	if err := administers(by); err != nil {
		return seaworthy.User{}, err
	}
	var u seaworthy.User
	err := a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		before, err := tx.User(id)
		if err != nil {
			return err
		}
		if u, err = c.apply(before); err != nil {
			return err
		}
		if err := checkUser(tx, u); err != nil {
			return err
		}
		if id == by.Person() && !seaworthy.Within(u.Role, before.Role) {
			return seaworthy.Forbidden("nobody raises their own role")
		}
		return putChanged(tx, before, u)
	})
	return u, err
}

func (c UserChange) apply(u seaworthy.User) (seaworthy.User, error) {
	if c.Name != nil {
		var err error
		if u.Name, err = checkName(*c.Name); err != nil {
			return u, err
		}
	}
	if c.Role != nil {
		u.Role = *c.Role
	}
	if c.Teams != nil {
		u.Teams = tidy(*c.Teams)
	}
	if c.Program != nil {
		u.Program = *c.Program
	}
	if c.Expires != nil {
		u.Expires = c.Expires.UTC().Truncate(time.Microsecond)
	}
	if c.Disabled != nil {
		u.Disabled = *c.Disabled
	}
	return u, nil
}

// putChanged writes a user whose rights may have changed: then sessions end, and so do
// links of who is disabled.
func putChanged(tx *store.Tx, before, after seaworthy.User) error {
	if before.Role == seaworthy.Owner && (after.Role != seaworthy.Owner || after.Disabled) && !before.Disabled {
		others, err := tx.OtherOwners(before.ID)
		if err != nil {
			return err
		}
		if others == 0 {
			return seaworthy.Conflict("%s is the last owner who can sign in; make another owner first", before.Email)
		}
	}
	if !sameRights(before, after) {
		if err := tx.EndSessions(after.ID, ""); err != nil {
			return err
		}
	}
	if after.Disabled {
		if err := tx.DropLinks(after.ID); err != nil {
			return err
		}
	}
	return tx.PutUser(&after)
}

func sameRights(x, y seaworthy.User) bool {
	return x.Role == y.Role && x.Program == y.Program && x.Disabled == y.Disabled && x.Expires.Equal(y.Expires) && slices.Equal(x.Teams, y.Teams)
}

// EraseUser destroys what is held of a person: the account stays under its id, without
// name and address, and nobody can use it. The last owner who can sign in stays, and
// nobody erases themselves.
func (a *Auth) EraseUser(ctx context.Context, by seaworthy.Principal, id, reason string) error {
	if err := administers(by); err != nil {
		return err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return seaworthy.Invalid("say why the account is erased, without naming the person")
	}
	if id == by.Person() {
		return seaworthy.Forbidden("nobody erases their own account: another owner does")
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		stopped := u
		stopped.Disabled = true
		if err := putChanged(tx, u, stopped); err != nil {
			return err
		}
		return tx.Erase("user", id, reason)
	})
}

// EndSessionsOf ends all sessions of somebody.
func (a *Auth) EndSessionsOf(ctx context.Context, by seaworthy.Principal, id string) error {
	if err := administers(by); err != nil {
		return err
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		if _, err := tx.User(id); err != nil {
			return err
		}
		if err := tx.EndSessions(id, ""); err != nil {
			return err
		}
		return action{what: "ended all sessions", user: id}.log(tx)
	})
}

// RemoveSecondFactor takes somebody's second factors away, when the telephone is lost. An
// owner who does this to another could come in as that one only through a link to set a
// password, and both are in the log.
func (a *Auth) RemoveSecondFactor(ctx context.Context, by seaworthy.Principal, id string) error {
	if err := administers(by); err != nil {
		return err
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		for _, k := range []string{kindTOTP, kindTOTPNew, kindRecovery, kindPasskey} {
			if err := tx.DropCredentials(id, k); err != nil {
				return err
			}
		}
		if err := tx.EndSessions(id, ""); err != nil {
			return err
		}
		if err := (action{what: "removed the second factors", user: id}).log(tx); err != nil {
			return err
		}
		u.SecondFactor = false
		return tx.PutUser(&u)
	})
}

// Unlock lets somebody try again at once who failed too often.
func (a *Auth) Unlock(ctx context.Context, by seaworthy.Principal, id string) error {
	if err := administers(by); err != nil {
		return err
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		for _, key := range []string{accountKey(u.Email), secondKey(id)} {
			if err := tx.DropAttempts(key); err != nil {
				return err
			}
		}
		return action{what: "unlocked the account", user: id}.log(tx)
	})
}

// checkUser holds an account against what its role asks for.
func checkUser(tx *store.Tx, u seaworthy.User) error {
	switch {
	case !slices.Contains(seaworthy.Roles, u.Role):
		return seaworthy.Invalid("there is no role %q for people", u.Role)
	case u.Role == seaworthy.Auditor && (u.Program == "" || u.Expires.IsZero()):
		return seaworthy.Invalid("an auditor needs a program and a date on which the account expires")
	case u.Role != seaworthy.Auditor && u.Program != "":
		return seaworthy.Invalid("only auditors are bound to a program")
	case u.Role == seaworthy.Owner && !u.Expires.IsZero():
		return seaworthy.Invalid("an owner's account does not expire; disable it when the time comes")
	}
	return checkTeams(tx, u.Teams)
}

func checkTeams(tx *store.Tx, ids []string) error {
	unknown, err := tx.UnknownTeam(ids)
	if err == nil && unknown != "" {
		err = seaworthy.Invalid("there is no team %s", unknown)
	}
	return err
}

// tidy sorts ids and drops what is there twice; the record has [] and never null.
func tidy(ids []string) []string {
	out := append([]string{}, ids...)
	slices.Sort(out)
	return slices.Compact(out)
}

const maxName = 100

// checkName refuses names that would mislead whoever reads them in a list.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName {
		return "", seaworthy.Invalid("a name must have 1 to %d characters", maxName)
	}
	if strings.ContainsFunc(name, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }) {
		return "", seaworthy.Invalid("a name must not have control characters")
	}
	return name, nil
}
