// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
)

// signInPage is what pages/sign-in.html and pages/second-factor.html need.
type signInPage struct {
	page
	Where           string // to go to afterwards
	Provider, Begin string // of single sign-on: its name, and where it begins
	Only            bool   // passwords are for owners and auditors
}

func (u *UI) signInPage(r *http.Request, where string) signInPage {
	p := signInPage{page: u.page(r, "Sign in"), Where: where}
	if u.SignOn != nil {
		p.Provider, p.Begin, p.Only = u.SignOn.Config().Name, oidc.BeginPath+"?to="+queryEscape(where), u.SignOnOnly
	}
	return p
}

func (u *UI) signInForm(w http.ResponseWriter, r *http.Request) error {
	where := auth.Local(r.FormValue("to"))
	if visitOf(r).who.Actor != "" {
		return u.done(w, r, where, "")
	}
	return u.renderDoor(w, r, "sign-in", u.signInPage(r, where))
}

func (u *UI) signIn(w http.ResponseWriter, r *http.Request) error {
	s, err := u.Auth.SignIn(w, r, r.PostFormValue("email"), r.PostFormValue("password"))
	if err != nil {
		return besideForm(err)
	}
	return u.done(w, r, onward(r, s), "")
}

// besideForm makes the refusal of a credential something that is told beside its form.
func besideForm(err error) error {
	var known *seaworthy.Error
	if errors.As(err, &known) && (known.Kind == seaworthy.KindUnauthenticated || known.Kind == seaworthy.KindUnavailable) {
		return seaworthy.Invalid("%s", sentence(known.Error()))
	}
	return err
}

// onward is where a session of its stage leads.
func onward(r *http.Request, s auth.Session) string {
	to := auth.Local(r.FormValue("to"))
	switch s.Stage {
	case auth.StageSecondFactor:
		return "/sign-in/second-factor?to=" + queryEscape(to)
	case auth.StageEnrol:
		return "/account/app"
	}
	return to
}

func (u *UI) secondFactorForm(w http.ResponseWriter, r *http.Request) error {
	s, err := u.Auth.Session(r.Context(), r)
	if err != nil {
		return err
	}
	if s.Stage != auth.StageSecondFactor {
		return u.done(w, r, onward(r, s), "")
	}
	return u.renderDoor(w, r, "second-factor", signInPage{page: u.page(r, "Second factor"), Where: auth.Local(r.FormValue("to"))})
}

func (u *UI) secondFactor(w http.ResponseWriter, r *http.Request) error {
	s, err := u.Auth.SecondFactor(w, r, r.PostFormValue("code"))
	if err != nil {
		return besideForm(err)
	}
	return u.done(w, r, onward(r, s), "")
}

func (u *UI) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.SignOut(w, r); err != nil {
		return err
	}
	return u.done(w, r, "/sign-in", "signed-out")
}

// passkeyAnswer bounds what a browser says of a passkey.
const passkeyAnswer = 64 << 10

// beginPasskeySignIn and its like speak JSON with passkeys.js.
func (u *UI) beginPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	options, err := u.Auth.BeginPasskeySignIn(w, r)
	if err != nil {
		return u.sayJSON(w, r, nil, err)
	}
	return u.sayJSON(w, r, options, nil)
}

func (u *UI) finishPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	answer, err := io.ReadAll(io.LimitReader(r.Body, passkeyAnswer))
	if err != nil {
		return u.sayJSON(w, r, nil, seaworthy.Invalid("the answer could not be read"))
	}
	s, err := u.Auth.FinishPasskeySignIn(w, r, answer)
	if err != nil {
		return u.sayJSON(w, r, nil, err)
	}
	return u.sayJSON(w, r, goTo{onward(r, s)}, nil)
}

// goTo tells a script where to go on.
type goTo struct {
	To string `json:"to"`
}

// sayJSON answers a script of ours, with trouble in words that it shows.
func (u *UI) sayJSON(w http.ResponseWriter, r *http.Request, v any, err error) error {
	code := http.StatusOK
	if err != nil {
		var known *seaworthy.Error
		if !errors.As(err, &known) {
			return err
		}
		code = status(known.Kind)
		v = struct {
			Problem string `json:"problem"`
		}{sentence(known.Error())}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("answer %s: %w", r.URL.Path, err)
	}
	return nil
}

// setTheme keeps light or dark in a cookie of this browser.
func (u *UI) setTheme(w http.ResponseWriter, r *http.Request) error {
	c := &http.Cookie{Name: themeCookie, Value: r.PostFormValue("theme"), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: u.secure, SameSite: http.SameSiteLaxMode}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	return u.done(w, r, backTo(r), "")
}
