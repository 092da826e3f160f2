// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// tokenPrefix lets people and scanners of secrets see what a token is.
const tokenPrefix = "swt_"

// idLength is how long an id of the store is.
const idLength = 24

// parseToken takes a token apart: swt_<id>_<secret>.
func parseToken(text string) (id, secret string, ok bool) {
	rest, found := strings.CutPrefix(text, tokenPrefix)
	id, secret, cut := strings.Cut(rest, "_")
	if !found || !cut || len(id) != idLength || len(secret) != secretLength || !letters(id) || !letters(secret) {
		return "", "", false
	}
	return id, secret, true
}

// letters tells whether a text has only letters of our encoding.
func letters(s string) bool {
	return strings.Trim(s, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}

// NewToken is what somebody asks a token to be.
type NewToken struct {
	Name    string
	Role    seaworthy.Role
	Source  string
	Teams   []string
	Program string
	Expires time.Time // zero: until it is revoked
}

// person refuses what only somebody who signed in may do.
func person(p seaworthy.Principal) error {
	if p.UserID == "" {
		return seaworthy.Forbidden("only people who are signed in may do this, not tokens")
	}
	if !p.Can(seaworthy.OwnAccount) {
		return seaworthy.Forbidden("a %s may not do this", p.Role)
	}
	return nil
}

// CreateToken makes a token that may do no more than who makes it, and gives it with its
// text, which is not kept and cannot be shown again. A token cannot make tokens.
func (a *Auth) CreateToken(ctx context.Context, by seaworthy.Principal, n NewToken) (seaworthy.Token, string, error) {
	if err := person(by); err != nil {
		return seaworthy.Token{}, "", err
	}
	secret := newSecret()
	var t seaworthy.Token
	err := a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		maker, err := tx.User(by.UserID)
		if err != nil {
			return err
		}
		if t, err = tokenOf(tx, maker, n); err != nil {
			return err
		}
		if err := checkTeams(tx, t.Teams); err != nil {
			return err
		}
		if err := tx.PutToken(&t); err != nil {
			return err
		}
		return tx.PutTokenSecret(t.ID, hashOf(secret))
	})
	if err != nil {
		return seaworthy.Token{}, "", err
	}
	return t, tokenPrefix + t.ID + "_" + secret, nil
}

// tokenOf holds what is asked for against what the maker may do.
func tokenOf(tx *store.Tx, maker seaworthy.User, n NewToken) (seaworthy.Token, error) {
	name, err := checkName(n.Name)
	if err != nil {
		return seaworthy.Token{}, err
	}
	t := seaworthy.Token{
		ID: tx.NewID(), Name: name, UserID: maker.ID, Role: n.Role, Source: n.Source, Teams: tidy(n.Teams),
		Program: n.Program, CreatedAt: tx.At, Expires: n.Expires.UTC().Truncate(time.Microsecond),
	}
	if n.Expires.IsZero() {
		t.Expires = maker.Expires
	}
	if t.Program == "" {
		t.Program = maker.Program
	}
	if maker.Role == seaworthy.Engineer && t.Role == seaworthy.Engineer && len(t.Teams) == 0 {
		t.Teams = maker.Teams
	}
	switch {
	case !active(maker, tx.At):
		err = seaworthy.Forbidden("the account is disabled or has expired")
	case !slices.Contains(seaworthy.Roles, t.Role) && !slices.Contains(seaworthy.TokenRoles, t.Role):
		err = seaworthy.Invalid("there is no role %q", t.Role)
	case !seaworthy.Within(t.Role, maker.Role):
		err = seaworthy.Forbidden("a token cannot have the role %s: it is above yours, %s", t.Role, maker.Role)
	case maker.Program != "" && t.Program != maker.Program:
		err = seaworthy.Forbidden("a token of yours can see your program only")
	case t.Role == seaworthy.Auditor && t.Program == "":
		err = seaworthy.Invalid("an auditor's token needs a program")
	case maker.Role == seaworthy.Engineer && slices.ContainsFunc(t.Teams, func(id string) bool { return !slices.Contains(maker.Teams, id) }):
		err = seaworthy.Forbidden("a token of yours can act for your own teams only")
	case !t.Expires.IsZero() && !tx.At.Before(t.Expires):
		err = seaworthy.Invalid("the token would have expired already")
	case !maker.Expires.IsZero() && t.Expires.After(maker.Expires):
		err = seaworthy.Invalid("the token would outlive your account, which expires %s", maker.Expires.Format(time.DateOnly))
	}
	return t, err
}

// RevokeToken ends a token for good: one's own, or anybody's for who administers.
func (a *Auth) RevokeToken(ctx context.Context, by seaworthy.Principal, id string) error {
	if err := person(by); err != nil {
		return err
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		t, err := tx.Token(id)
		if err != nil {
			return err
		}
		if t.UserID != by.UserID && !by.Can(seaworthy.Administer) {
			return seaworthy.NotFound("there is no token %s", id)
		}
		if !t.RevokedAt.IsZero() {
			return nil
		}
		t.RevokedAt = tx.At
		return tx.PutToken(&t)
	})
}

// Tokens lists the tokens that a principal may see, newest first: all for who
// administers, else one's own. before is the id of the last one of the page before.
func (a *Auth) Tokens(ctx context.Context, by seaworthy.Principal, before string, limit int) ([]seaworthy.Token, error) {
	f := store.TokenFilter{Before: before, Limit: limit}
	if !by.Can(seaworthy.Administer) {
		if err := person(by); err != nil {
			return nil, err
		}
		f.UserID = by.UserID
	}
	return a.store.Tokens(ctx, f)
}
