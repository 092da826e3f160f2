// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// External is what a provider of single sign-on says of somebody. Issuer and subject are
// who it is; an e-mail address is only what one is called.
type External struct {
	Issuer, Subject string
	Email           string
	Verified        bool // the provider vouches for the address
	Name            string
	// Managed tells that the role follows from the provider's groups, at every sign-in. A
	// role that is empty is none. ManagedTeams tells the same of teams.
	Managed, ManagedTeams bool
	Role                  seaworthy.Role
	Teams                 []string // ids or names
}

// ExternalPolicy is what an administrator decided about single sign-on.
type ExternalPolicy struct {
	// Create makes accounts at the first sign-in.
	Create bool
	// LinkVerified lets a verified address find an account that is there.
	LinkVerified bool
	// TrustSecondFactor asks for no second factor of ours: the provider does.
	TrustSecondFactor bool
}

// SignInExternal lets in whom a provider has recognised.
func (a *Auth) SignInExternal(w http.ResponseWriter, r *http.Request, x External, p ExternalPolicy) (Session, error) {
	ctx := r.Context()
	u, err := a.store.Identity(ctx, x.Issuer, x.Subject)
	if err != nil && !isNotFound(err) {
		return Session{}, err
	}
	known := err == nil
	if x.Teams, err = a.teamIDs(ctx, x.Teams); err != nil {
		return Session{}, err
	}
	if known {
		u, err = a.follow(ctx, u, x)
	} else {
		u, err = a.meet(ctx, x, p)
	}
	if err != nil {
		return Session{}, err
	}
	method := MethodExternal
	if p.TrustSecondFactor {
		method = MethodTrusted
	}
	var e entry
	err = a.store.Write(ctx, "user:"+u.ID, func(tx *store.Tx) error {
		var err error
		if u, err = tx.User(u.ID); err != nil {
			return err
		}
		if !active(u, tx.At) {
			return seaworthy.Forbidden("the account is disabled or has expired; ask an owner")
		}
		e = a.enter(r, u, a.stageAfter(u, p.TrustSecondFactor), method)
		return a.keep(tx, r, e)
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, e)
	return Session{e.session, u}, nil
}

// meet finds or makes the account of somebody who comes from the provider for the first
// time.
func (a *Auth) meet(ctx context.Context, x External, p ExternalPolicy) (seaworthy.User, error) {
	email, err := checkEmail(x.Email)
	if err != nil || !x.Verified {
		return seaworthy.User{}, seaworthy.Forbidden("the provider of single sign-on gives no verified e-mail address for you; ask an owner")
	}
	if x.Managed && x.Role == "" {
		return seaworthy.User{}, errGroups
	}
	u, err := a.store.UserByEmail(ctx, email)
	switch {
	case err == nil && p.LinkVerified:
		return a.linkTo(ctx, u, x)
	case err == nil:
		return u, seaworthy.Conflict("there is an account with the address %s already; sign in to it and link single sign-on under your account", email)
	case !isNotFound(err):
		return u, err
	case !p.Create:
		return u, seaworthy.Forbidden("there is no account for %s; ask an owner for one", email)
	}
	u = seaworthy.User{Email: email, Role: x.Role, External: x.Issuer}
	if u.Name, err = checkName(x.Name); err != nil {
		u.Name = email
	}
	err = a.store.Write(ctx, "system", func(tx *store.Tx) error {
		if any, err := tx.AnyUser(); err != nil {
			return err
		} else if !any && u.Role != seaworthy.Owner { // or nobody could ever become one
			return seaworthy.Forbidden("this server has no owner yet; the first one comes by the link that it printed when it started")
		}
		u.ID, u.CreatedAt = tx.NewID(), tx.At
		if u.Teams, err = a.knownTeams(tx, x.Teams); err != nil {
			return err
		}
		if err := checkUser(tx, u); err != nil {
			return err
		}
		if err := tx.PutUser(&u); err != nil {
			return err
		}
		return putIdentity(tx, u.ID, x)
	})
	return u, err
}

var errGroups = seaworthy.Forbidden("none of your groups at the provider of single sign-on gives you a role here; ask an owner")

func (a *Auth) linkTo(ctx context.Context, u seaworthy.User, x External) (seaworthy.User, error) {
	err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
		now, err := tx.User(u.ID)
		if err != nil {
			return err
		}
		now.External = x.Issuer
		if err := tx.PutUser(&now); err != nil {
			return err
		}
		return putIdentity(tx, u.ID, x)
	})
	if err != nil {
		return u, err
	}
	return a.follow(ctx, u, x)
}

func putIdentity(tx *store.Tx, user string, x External) error {
	if err := tx.PutIdentity(x.Issuer, x.Subject, user); err != nil {
		return err
	}
	return action{what: "linked single sign-on", user: user, name: x.Issuer}.log(tx)
}

// follow gives somebody the role and teams that the provider's groups ask for. It leaves
// auditors alone, who are made one by one, and the last owner, or one wrong group would
// lock everybody out.
func (a *Auth) follow(ctx context.Context, u seaworthy.User, x External) (seaworthy.User, error) {
	if !x.Managed && !x.ManagedTeams || u.Role == seaworthy.Auditor {
		return a.store.User(ctx, u.ID)
	}
	none := x.Managed && x.Role == ""
	err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
		before, err := tx.User(u.ID)
		if err != nil {
			return err
		}
		if none {
			if err := tx.EndSessions(u.ID, ""); err != nil {
				return err
			}
			return action{what: "was refused, having no group of single sign-on with a role", user: u.ID}.log(tx)
		}
		u = before
		if x.Managed {
			u.Role = x.Role
		}
		if x.ManagedTeams {
			if u.Teams, err = a.knownTeams(tx, x.Teams); err != nil {
				return err
			}
		}
		if u.Role == before.Role && slices.Equal(u.Teams, before.Teams) {
			return nil
		}
		if err := checkUser(tx, u); err != nil {
			return err
		}
		err = putChanged(tx, before, u)
		if kind(err) == seaworthy.KindConflict { // the last owner
			u = before
			return action{what: "kept the last owner against the groups of single sign-on", user: u.ID}.log(tx)
		}
		return err
	})
	if err == nil && none {
		err = errGroups
	}
	return u, err
}

// teamIDs turns the names of teams into their ids. What is neither stays, to be told of.
func (a *Auth) teamIDs(ctx context.Context, namesOrIDs []string) ([]string, error) {
	if len(namesOrIDs) == 0 {
		return nil, nil
	}
	all, err := a.store.Teams(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(namesOrIDs)
	for i, text := range out {
		named := func(t seaworthy.Team) bool { return strings.EqualFold(t.Name, text) }
		if at := slices.IndexFunc(all, named); at >= 0 && !slices.ContainsFunc(all, func(t seaworthy.Team) bool { return t.ID == text }) {
			out[i] = all[at].ID
		}
	}
	return out, nil
}

// ownDoor refuses who is to come in through single sign-on only. Owners keep their
// passwords for the day on which the provider is down, and auditors come from outside.
func (a *Auth) ownDoor(r seaworthy.Role) error {
	if a.externalOnly && r != seaworthy.Owner && r != seaworthy.Auditor {
		return unauthenticated("people of your role come in through single sign-on here")
	}
	return nil
}

// knownTeams leaves out teams that are gone: that the mapping still names one must not
// keep people out.
func (a *Auth) knownTeams(tx *store.Tx, ids []string) ([]string, error) {
	ids = tidy(ids)
	for {
		unknown, err := tx.UnknownTeam(ids)
		if err != nil || unknown == "" {
			return ids, err
		}
		a.logger.Warn("the groups of single sign-on name a team that is not there", "team", unknown)
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == unknown })
	}
}

// LinkExternal links single sign-on to the account of who makes the request. The session
// is the one in which this was asked for.
func (a *Auth) LinkExternal(r *http.Request, session string, x External) error {
	ctx := r.Context()
	s, err := a.full(ctx, r)
	if err != nil {
		return err
	}
	if s.ID != session {
		return unauthenticated("this was begun in another session; begin again")
	}
	if err := a.fresh(s); err != nil {
		return err
	}
	err = a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error {
		u, err := tx.User(s.UserID)
		if err != nil {
			return err
		}
		u.External = x.Issuer
		if err := tx.PutUser(&u); err != nil {
			return err
		}
		return putIdentity(tx, s.UserID, x)
	})
	if kind(err) == seaworthy.KindConflict {
		err = seaworthy.Conflict("this identity is linked to an account already")
	}
	return err
}
