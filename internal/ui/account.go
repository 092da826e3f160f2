// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// accountPage is what pages/account.html needs.
type accountPage struct {
	page
	User     seaworthy.User
	TeamsOf  []string
	Factors  auth.Factors
	Sessions []store.Session
	Session  string // the present one
	Provider string // of single sign-on; empty: there is none
}

func (u *UI) account(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := accountPage{page: u.page(r, "Account")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.User = names.users[p.Who.UserID]
	for _, t := range p.User.Teams {
		p.TeamsOf = append(p.TeamsOf, names.team(t))
	}
	if p.Factors, err = u.Auth.Factors(ctx, r); err != nil {
		return err
	}
	if u.SignOn != nil {
		p.Provider = u.SignOn.Config().Name
	}
	if p.Sessions, p.Session, err = u.Auth.Sessions(ctx, r); err != nil {
		return err
	}
	return u.render(w, r, "account", p)
}

func (u *UI) changePassword(w http.ResponseWriter, r *http.Request) error {
	if r.PostFormValue("password") != r.PostFormValue("again") {
		return seaworthy.Invalid("The two new passwords differ.")
	}
	if err := u.Auth.ChangePassword(w, r, r.PostFormValue("current"), r.PostFormValue("password")); err != nil {
		return besideForm(err)
	}
	return u.done(w, r, "/account", "password")
}

// appPage is what pages/app.html needs: an authenticator app to be set up.
type appPage struct {
	page
	Secret string
	URL    string
	QR     template.URL
}

// appForm offers to set up an authenticator app, or asks for its code once more: the
// secret is not shown twice.
func (u *UI) appForm(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Auth.Session(r.Context(), r); err != nil {
		return err
	}
	return u.renderEither(w, r, "app", appPage{page: u.page(r, "Authenticator app", link{"Account", "/account"})})
}

// newApp makes and shows the secret of an authenticator app.
func (u *UI) newApp(w http.ResponseWriter, r *http.Request) error {
	t, err := u.Auth.BeginTOTP(r)
	if err != nil {
		return err
	}
	p := appPage{page: u.page(r, "Authenticator app", link{"Account", "/account"}), Secret: t.Secret, URL: t.URL}
	p.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(t.QR))
	return u.renderEither(w, r, "app", p)
}

// renderEither renders for who is signed in, or is on the way and must set up a second
// factor first.
func (u *UI) renderEither(w http.ResponseWriter, r *http.Request, name string, data any) error {
	if visitOf(r).who.Actor == "" {
		return u.renderDoor(w, r, name, data)
	}
	return u.render(w, r, name, data)
}

// codesPage is what pages/codes.html needs.
type codesPage struct {
	page
	Codes []string
}

// Text is what the button copies: a code on each line.
func (p codesPage) Text() string { return strings.Join(p.Codes, "\n") }

func (u *UI) confirmApp(w http.ResponseWriter, r *http.Request) error {
	codes, err := u.Auth.ConfirmTOTP(w, r, r.PostFormValue("code"))
	if err != nil {
		return besideForm(err)
	}
	return u.afterFactor(w, r, codes)
}

// afterFactor shows recovery codes when there are new ones: this is the one time.
func (u *UI) afterFactor(w http.ResponseWriter, r *http.Request, codes []string) error {
	if len(codes) == 0 {
		return u.done(w, r, "/account", "factor")
	}
	return u.renderEither(w, r, "codes", codesPage{u.page(r, "Recovery codes", link{"Account", "/account"}), codes})
}

func (u *UI) newCodes(w http.ResponseWriter, r *http.Request) error {
	codes, err := u.Auth.NewRecoveryCodes(w, r)
	if err != nil {
		return err
	}
	return u.afterFactor(w, r, codes)
}

func (u *UI) removeApp(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.RemoveTOTP(w, r); err != nil {
		return err
	}
	return u.done(w, r, "/account", "removed")
}

func (u *UI) beginPasskey(w http.ResponseWriter, r *http.Request) error {
	options, err := u.Auth.BeginPasskey(w, r)
	if err != nil {
		return u.sayJSON(w, r, nil, err)
	}
	return u.sayJSON(w, r, options, nil)
}

// finishPasskey keeps a passkey; new recovery codes go to the script, which shows them.
func (u *UI) finishPasskey(w http.ResponseWriter, r *http.Request) error {
	answer, err := io.ReadAll(io.LimitReader(r.Body, passkeyAnswer))
	if err != nil {
		return u.sayJSON(w, r, nil, seaworthy.Invalid("the answer could not be read"))
	}
	codes, err := u.Auth.FinishPasskey(w, r, r.URL.Query().Get("name"), answer)
	if err != nil {
		return u.sayJSON(w, r, nil, err)
	}
	return u.sayJSON(w, r, struct {
		To    string   `json:"to"`
		Codes []string `json:"codes,omitempty"`
	}{"/account", codes}, nil)
}

func (u *UI) removePasskey(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.RemovePasskey(w, r, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/account", "removed")
}

func (u *UI) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.EndSession(r.Context(), r, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/account", "revoked")
}

func (u *UI) endOtherSessions(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.EndOtherSessions(r.Context(), r); err != nil {
		return err
	}
	return u.done(w, r, "/account", "revoked")
}

// stageOf is the stage of a session on its way to being full, or empty.
func stageOf(err error) string {
	var s *auth.StageError
	if errors.As(err, &s) {
		return s.Stage
	}
	return ""
}
