// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// FromRequest tells who makes a request: by the token of its Authorization header, which
// may be one that an agent signed, or else by the session of its cookie. The rights are
// those of this moment.
//
// The error is of [seaworthy.KindUnauthenticated] when it is nobody; a [StageError] when
// somebody is on the way to being signed in.
func (a *Auth) FromRequest(ctx context.Context, r *http.Request) (seaworthy.Principal, error) {
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return seaworthy.Principal{}, unauthenticated("the Authorization header must be 'Bearer' and a token")
		}
		return a.fromToken(ctx, strings.TrimSpace(token))
	}
	s, err := a.full(ctx, r)
	if err != nil {
		return seaworthy.Principal{}, err
	}
	u := s.User
	return seaworthy.Principal{
		Actor: "user:" + u.ID, UserID: u.ID, Name: u.Name, Role: u.Role, Teams: u.Teams, Program: u.Program,
	}, nil
}

var errToken = &seaworthy.Error{Kind: seaworthy.KindUnauthenticated, Message: "the token is unknown, expired or revoked"}

// fromToken tells on whose behalf a token speaks.
func (a *Auth) fromToken(ctx context.Context, text string) (seaworthy.Principal, error) {
	if ofAgent(text) {
		return a.fromAgent(ctx, text)
	}
	id, secret, ok := parseToken(text)
	if !ok {
		return seaworthy.Principal{}, errToken
	}
	known, err := a.store.KnownToken(ctx, id)
	if kind(err) == seaworthy.KindNotFound {
		return seaworthy.Principal{}, errToken
	}
	if err != nil {
		return seaworthy.Principal{}, err
	}
	t, now := known.Token, a.store.Now()
	if subtle.ConstantTimeCompare(hashOf(secret), known.Hash) != 1 || !t.RevokedAt.IsZero() || (!t.Expires.IsZero() && !now.Before(t.Expires)) {
		return seaworthy.Principal{}, errToken
	}
	p, err := speaksFor(t, known.Maker, now)
	if err != nil {
		return seaworthy.Principal{}, err
	}
	if now.Sub(t.UsedAt) >= seenEvery {
		a.useToken(ctx, t.ID)
	}
	return p, nil
}

// speaksFor gives what a token may do: what it was given, and no more than its maker may
// do now.
func speaksFor(t seaworthy.Token, maker seaworthy.User, now time.Time) (seaworthy.Principal, error) {
	switch {
	case !active(maker, now):
		return seaworthy.Principal{}, unauthenticated("the account of who made the token is disabled or has expired")
	case !seaworthy.Within(t.Role, maker.Role):
		return seaworthy.Principal{}, unauthenticated("the token's role is above that of who made it")
	case maker.Program != "" && t.Program != maker.Program:
		return seaworthy.Principal{}, unauthenticated("the token's program is not that of who made it")
	}
	p := seaworthy.Principal{
		Actor: "token:" + t.ID, Maker: maker.ID, Name: t.Name, Role: t.Role, Teams: t.Teams, Program: t.Program, Source: t.Source,
	}
	if maker.Role == seaworthy.Engineer {
		p.Teams = slices.DeleteFunc(slices.Clone(t.Teams), func(id string) bool { return !slices.Contains(maker.Teams, id) })
	}
	return p, nil
}

func (a *Auth) useToken(ctx context.Context, id string) {
	err := a.store.Write(ctx, "token:"+id, func(tx *store.Tx) error { return tx.UseToken(id) })
	if err != nil && ctx.Err() == nil {
		a.logger.Warn("the use of a token could not be written down", "error", err)
	}
}
