// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// Where people come in through single sign-on only, a password that was good yesterday
// lets in those alone who have a reason to have one.
func TestWhoKeepsAPasswordBesideSingleSignOn(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		people := map[seaworthy.Role]string{seaworthy.Owner: "ada@example.com"}
		for _, role := range seaworthy.Roles[1:] {
			n := auth.NewUser{Email: string(role) + "@example.com", Name: "X", Role: role}
			if role == seaworthy.Auditor {
				n.Program, n.Expires = "p", w.at.Add(24*time.Hour)
			}
			w.member(op, n)
			people[role] = n.Email
		}
		_, late, err := w.CreateUser(ctx, op, auth.NewUser{Email: "late@example.com", Name: "Late", Role: seaworthy.Viewer})
		if err != nil {
			t.Fatal(err)
		}

		w.c.ExternalOnly = true
		only, err := auth.New(w.c)
		if err != nil {
			t.Fatal(err)
		}
		only.HashCheaply()
		w.Auth = only
		for role, email := range people {
			own := role == seaworthy.Owner || role == seaworthy.Auditor
			if _, err := w.signIn(newBrowser(), email, good); (err == nil) != own {
				t.Errorf("the password of the %s: %v", role, err)
			} else if err != nil && !strings.Contains(err.Error(), "single sign-on") {
				t.Errorf("the %s is told %q", role, err)
			}
			if _, err := w.signIn(newBrowser(), email, "not "+good); err == nil || strings.Contains(err.Error(), "single sign-on") {
				t.Errorf("a wrong password of the %s: %v; it must not tell what the account is", role, err)
			}
			u, err := w.store.UserByEmail(ctx, email)
			if err != nil {
				t.Fatal(err)
			}
			if link, err := w.ResetLink(ctx, op, u.ID); (err == nil && link != "") != own {
				t.Errorf("ResetLink of the %s = %q, %v", role, link, err)
			}
		}
		newBrowser().do(func(rw http.ResponseWriter, r *http.Request) {
			_, err = w.UseLink(rw, r, secretOf(late), good)
		})
		if kindOf(err) != seaworthy.KindUnauthenticated {
			t.Errorf("an invitation from before sets a password: %v", err)
		}
		u, link, err := w.CreateUser(ctx, op, auth.NewUser{Email: "new@example.com", Name: "New", Role: seaworthy.Engineer})
		if err != nil || u.ID == "" || link != "" {
			t.Errorf("CreateUser = %+v, %q, %v; want an account and no link", u, link, err)
		}
	})
}
