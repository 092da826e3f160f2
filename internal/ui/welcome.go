// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// welcomePage is what pages/welcome.html needs.
type welcomePage struct {
	page
	Kind   string // one of auth's kinds of link
	Person seaworthy.User
}

var welcomeTitles = map[string]string{
	auth.LinkSetup: "Set up Seaworthy", auth.LinkInvite: "Choose a password", auth.LinkReset: "Choose another password",
}

// welcomeForm is where a one-time link leads. Looking at it does not use it up.
func (u *UI) welcomeForm(w http.ResponseWriter, r *http.Request) error {
	kind, person, err := u.Auth.Link(r.Context(), r.PathValue("secret"))
	if err != nil {
		return err
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the address is a secret
	return u.renderDoor(w, r, "welcome", welcomePage{u.page(r, welcomeTitles[kind]), kind, person})
}

func (u *UI) welcome(w http.ResponseWriter, r *http.Request) error {
	secret, password := r.PathValue("secret"), r.PostFormValue("password")
	if password != r.PostFormValue("again") {
		return seaworthy.Invalid("The two passwords differ.")
	}
	kind, _, err := u.Auth.Link(r.Context(), secret)
	if err != nil {
		return err
	}
	var s auth.Session
	if kind == auth.LinkSetup {
		s, err = u.Auth.Setup(w, r, secret, r.PostFormValue("email"), r.PostFormValue("name"), password)
	} else {
		s, err = u.Auth.UseLink(w, r, secret, password)
	}
	if err != nil {
		return besideForm(err)
	}
	return u.done(w, r, onward(r, s), "")
}
