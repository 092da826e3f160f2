// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
)

// toProvider sends people to the provider of single sign-on.
func (u *UI) toProvider(w http.ResponseWriter, r *http.Request) error {
	if u.SignOn == nil {
		return errNoSignOn
	}
	if err := u.SignOn.Begin(w, r, r.FormValue("to")); err != nil {
		return u.refuseSignOn(w, r, err)
	}
	return nil
}

var errNoSignOn = seaworthy.NotFound("this server has no single sign-on")

// fromProvider is where the provider sends people back to, who sign in or link an account.
func (u *UI) fromProvider(w http.ResponseWriter, r *http.Request) error {
	if u.SignOn == nil {
		return errNoSignOn
	}
	next, err := u.SignOn.Callback(w, r)
	if err != nil {
		return u.refuseSignOn(w, r, err)
	}
	return u.done(w, r, next, "")
}

// refuseSignOn says why somebody does not come in, on the page from which it can be tried
// again. What the provider said is for the server's own log.
func (u *UI) refuseSignOn(w http.ResponseWriter, r *http.Request, err error) error {
	var known *seaworthy.Error
	if !errors.As(err, &known) || known.Kind == seaworthy.KindInternal {
		return err
	}
	u.Log.Warn("single sign-on let nobody in", "error", err, "request_id", requestID(w))
	v := visitOf(r)
	v.problem = sentence(known.Message)
	if v.who.Actor != "" {
		return u.account(w, r)
	}
	return u.write(w, r, status(known.Kind), "door", "sign-in", u.signInPage(r, "/"))
}

// leavePage is what pages/leave.html needs.
type leavePage struct {
	page
	Name, Away string
}

// linkAccount sends who is signed in to the provider, to link the account. A form must
// lead to this server, so the browser is asked to go on from here.
func (u *UI) linkAccount(w http.ResponseWriter, r *http.Request) error {
	if u.SignOn == nil {
		return errNoSignOn
	}
	to, err := u.SignOn.BeginLink(w, r, "/account")
	if err != nil {
		return u.refuseSignOn(w, r, err)
	}
	w.Header().Set("Refresh", "0; url="+to)
	return u.render(w, r, "leave", leavePage{u.page(r, "On the way", link{"Account", "/account"}), u.SignOn.Config().Name, to})
}

// signOnPage is what pages/sign-on.html needs.
type signOnPage struct {
	page
	Provider     *oidc.Config // nil: none is configured
	Confidential bool
	Only         bool
	Scopes       string
	Callback     string
	Trouble      string // why the provider does not answer; empty: it does
	Roles, Teams []mapped
	DefaultRole  string
}

// mapped is what a group of the provider becomes here.
type mapped struct {
	Group, Text string
	Known       bool
}

// signOn shows what is configured, without secrets.
func (u *UI) signOn(w http.ResponseWriter, r *http.Request) error {
	p := signOnPage{page: u.page(r, "Single sign-on"), Only: u.SignOnOnly, Callback: u.Auth.BaseURL() + oidc.CallbackPath}
	if u.SignOn == nil {
		return u.render(w, r, "sign-on", p)
	}
	c := u.SignOn.Config()
	p.Provider, p.Confidential = &c, u.SignOn.Confidential()
	p.Scopes = "openid and what is usual"
	if c.Scopes != nil {
		p.Scopes = "openid " + strings.Join(c.Scopes, " ")
	}
	if c.DefaultRole != "" {
		p.DefaultRole = roleTitle(c.DefaultRole)
	}
	if err := u.SignOn.Check(r.Context()); err != nil {
		p.Trouble = err.Error() // owners run it, or know who does
	}
	for _, g := range groups(c.Roles) {
		p.Roles = append(p.Roles, mapped{g, roleTitle(c.Roles[g]), true})
	}
	teams, err := u.Store.Teams(r.Context())
	if err != nil {
		return err
	}
	for _, g := range groups(c.Teams) {
		m := mapped{Group: g, Text: c.Teams[g]}
		for _, t := range teams {
			if t.ID == m.Text || strings.EqualFold(t.Name, m.Text) {
				m.Text, m.Known = t.Name, true
				break
			}
		}
		p.Teams = append(p.Teams, m)
	}
	return u.render(w, r, "sign-on", p)
}

func groups[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for g := range m {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}
