// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The stages of a session. Only a full one makes requests; the others lead to one.
const (
	StageFull         = "full"
	StageSecondFactor = "second-factor" // the second factor is still to be shown
	StageEnrol        = "enrol"         // a second factor is required and still to be set up
)

// How people sign in.
const (
	MethodPassword = "password"
	MethodPasskey  = "passkey"
	MethodExternal = "single sign-on"
	MethodTrusted  = "single sign-on with its second factor"
	MethodLink     = "one-time link"
)

// Session is a browser that is signed in, or on its way to it, and whose it is.
type Session struct {
	store.Session
	User seaworthy.User
}

// entry is a session before it is kept: its secret exists here and in the browser only.
type entry struct {
	token   string
	session store.Session
}

// freshFor is how long after a sign-in one may change how one signs in.
const freshFor = 15 * time.Minute

// unfinishedFor is how long one may take to show or set up a second factor.
const unfinishedFor = 15 * time.Minute

// seenEvery bounds how often the use of a session or token is written down.
const seenEvery = time.Minute

// Session gives the session that a request belongs to, whatever its stage. The error is
// of [seaworthy.KindUnauthenticated] when there is none.
func (a *Auth) Session(ctx context.Context, r *http.Request) (Session, error) {
	token := a.sessionToken(r)
	if token == "" {
		return Session{}, unauthenticated("nobody is signed in")
	}
	found, u, err := a.store.KnownSession(ctx, hashOf(token))
	if kind(err) == seaworthy.KindNotFound {
		return Session{}, unauthenticated("the session has ended; sign in again")
	}
	if err != nil {
		return Session{}, err
	}
	s, now := Session{found, u}, a.store.Now()
	switch {
	case !now.Before(s.Expires), now.Sub(s.Seen) >= a.idle:
		return Session{}, unauthenticated("the session has expired; sign in again")
	case !active(u, now):
		return Session{}, unauthenticated("the account is disabled or has expired")
	}
	if a.required && s.Stage == StageFull && !u.SecondFactor && s.Method != MethodTrusted {
		s.Stage = StageEnrol // it is required since the session began
	}
	if now.Sub(s.Seen) >= seenEvery || s.Address != a.address(r) {
		a.see(ctx, r, s)
	}
	return s, nil
}

// see writes down that a session was used. A database that only reads at this moment
// keeps nobody from reading.
func (a *Auth) see(ctx context.Context, r *http.Request, s Session) {
	err := a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error { return tx.SeeSession(s.ID, a.address(r), agent(r)) })
	if err != nil && !errors.Is(err, context.Canceled) {
		a.logger.Warn("the use of a session could not be written down", "error", err)
	}
}

// full gives the session of a request when it is one that makes requests.
func (a *Auth) full(ctx context.Context, r *http.Request) (Session, error) {
	s, err := a.Session(ctx, r)
	if err == nil && s.Stage != StageFull {
		err = &StageError{Stage: s.Stage}
	}
	return s, err
}

// StageError tells that somebody is on the way to being signed in and what is missing. It
// wraps a [seaworthy.Error].
type StageError struct{ Stage string }

// Error tells what is missing.
func (e *StageError) Error() string { return e.Unwrap().Error() }

// Unwrap gives what users are told.
func (e *StageError) Unwrap() error {
	if e.Stage == StageEnrol {
		return unauthenticated("a second factor is required; set one up to go on")
	}
	return unauthenticated("the second factor is still to be shown")
}

// fresh refuses to change how somebody signs in when the sign-in was long ago: whoever
// finds an open browser must not be able to stay.
func (a *Auth) fresh(s Session) error {
	if a.store.Now().Sub(s.Created) > freshFor {
		return seaworthy.Forbidden("your sign-in is over %d minutes old; sign in again to change how you sign in", int(freshFor.Minutes()))
	}
	return nil
}

// enter makes a session for a user; it is kept by [Auth.keep] and handed out by give.
func (a *Auth) enter(r *http.Request, u seaworthy.User, stage, method string) entry {
	now := a.store.Now()
	return entry{newSecret(), store.Session{
		ID: store.NewID(now), UserID: u.ID, Stage: stage, Method: method, Created: now, Seen: now,
		Expires: a.ends(stage, now), Address: a.address(r), Agent: agent(r),
	}}
}

// ends tells when a session that began at a time has to end: soon, unless it is full.
func (a *Auth) ends(stage string, began time.Time) time.Time {
	if stage != StageFull {
		return began.Add(unfinishedFor)
	}
	return began.Add(a.lifetime)
}

// rotate gives a session a new secret, so that who knew the old one has nothing.
func (a *Auth) rotate(s Session, stage, method string) entry {
	next := s.Session
	next.Stage, next.Method, next.Seen, next.Expires = stage, method, a.store.Now(), a.ends(stage, s.Created)
	return entry{newSecret(), next}
}

// replace ends a session of which another one takes the place. It may have ended since it
// was read, together with all others; then none does.
func replace(tx *store.Tx, s Session) error {
	found, err := tx.EndSession(s.UserID, s.ID)
	if err == nil && !found {
		err = unauthenticated("the session has ended; sign in again")
	}
	return err
}

// keep writes a session in place of the one that the browser had.
func (a *Auth) keep(tx *store.Tx, r *http.Request, e entry) error {
	if old := a.sessionToken(r); old != "" {
		if err := tx.EndSessionOf(hashOf(old)); err != nil {
			return err
		}
	}
	if err := tx.PutSession(hashOf(e.token), e.session); err != nil {
		return err
	}
	if e.session.Stage != StageFull {
		return nil
	}
	return action{what: "signed in", user: e.session.UserID, method: e.session.Method, address: e.session.Address, agent: e.session.Agent}.log(tx)
}

// give hands the secret to the browser, after the session was written.
func (a *Auth) give(w http.ResponseWriter, e entry) {
	http.SetCookie(w, a.cookie(sessionCookie, e.token, e.session.Expires.Sub(a.store.Now())))
}

const sessionCookie = "seaworthy"

// cookie makes a cookie for this host alone, which scripts cannot read. The prefix has
// browsers refuse one of that name that another host or an insecure page sets.
func (a *Auth) cookie(name, value string, age time.Duration) *http.Cookie {
	if a.secure {
		name = "__Host-" + name
	}
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: a.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds())}
	if c.MaxAge <= 0 {
		c.MaxAge = -1
	}
	return c
}

// sessionToken gives the secret that the browser sent, if it looks like one.
func (a *Auth) sessionToken(r *http.Request) string {
	c, err := r.Cookie(a.cookie(sessionCookie, "", 0).Name)
	if err != nil || len(c.Value) != secretLength {
		return ""
	}
	return c.Value
}

// SignOut ends the session of a request, if there is one.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, a.cookie(sessionCookie, "", 0))
	token := a.sessionToken(r)
	if token == "" {
		return nil
	}
	return a.store.Write(r.Context(), "system", func(tx *store.Tx) error { return tx.EndSessionOf(hashOf(token)) })
}

// Sessions lists the sessions of who makes the request that have not ended, last used
// first, and the id of the one that the request belongs to.
func (a *Auth) Sessions(ctx context.Context, r *http.Request) (list []store.Session, current string, err error) {
	s, err := a.full(ctx, r)
	if err != nil {
		return nil, "", err
	}
	all, err := a.store.Sessions(ctx, s.UserID)
	now := a.store.Now()
	for _, one := range all {
		if now.Before(one.Expires) && now.Sub(one.Seen) < a.idle {
			list = append(list, one)
		}
	}
	return list, s.ID, err
}

// EndSession ends one of one's own sessions.
func (a *Auth) EndSession(ctx context.Context, r *http.Request, id string) error {
	s, err := a.full(ctx, r)
	if err != nil {
		return err
	}
	return a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error {
		found, err := tx.EndSession(s.UserID, id)
		if err == nil && !found {
			err = seaworthy.NotFound("there is no session %s", id)
		}
		return err
	})
}

// EndOtherSessions ends all of one's own sessions but the one of the request.
func (a *Auth) EndOtherSessions(ctx context.Context, r *http.Request) error {
	s, err := a.full(ctx, r)
	if err != nil {
		return err
	}
	return a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error { return tx.EndSessions(s.UserID, s.ID) })
}

// active tells whether a user may come in at all.
func active(u seaworthy.User, now time.Time) bool {
	return !u.Disabled && (u.Expires.IsZero() || now.Before(u.Expires))
}

// agent is what the browser says that it is, as far as it is worth keeping.
func agent(r *http.Request) string {
	text := strings.ToValidUTF8(r.UserAgent(), "")
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, text)
	for len(text) > 200 {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text
}

// kind is the kind of an error that users are told.
func kind(err error) seaworthy.Kind {
	var told *seaworthy.Error
	if errors.As(err, &told) {
		return told.Kind
	}
	return seaworthy.KindInternal
}
