// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// tokensPage is what pages/tokens.html needs.
type tokensPage struct {
	page
	Tokens  []tokenRow
	Roles   []choice
	Sources []choice
	Made    *seaworthy.Token
	Secret  string // of the one just made, shown once
	Command string
	Next    string
}

type tokenRow struct {
	seaworthy.Token
	RoleTitle, Maker, SourceName, State string
	Mine                                bool
}

func (u *UI) tokens(w http.ResponseWriter, r *http.Request) error {
	return u.renderTokens(w, r, nil, "")
}

func (u *UI) renderTokens(w http.ResponseWriter, r *http.Request, made *seaworthy.Token, secret string) error {
	ctx := r.Context()
	p := tokensPage{page: u.page(r, "Tokens"), Made: made, Secret: secret}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	const most = 100
	list, err := u.Auth.Tokens(ctx, p.Who, r.URL.Query().Get("after"), most)
	if err != nil {
		return err
	}
	for _, t := range list {
		p.Tokens = append(p.Tokens, tokenRow{t, roleTitle(t.Role), names.user(t.UserID), names.source(t.Source), tokenState(t, p.Now), t.UserID == p.Who.UserID})
	}
	if len(list) == most {
		p.Next = p.Q.After(list[most-1].ID)
	}
	for _, role := range slices.Concat(seaworthy.TokenRoles, seaworthy.Roles) {
		if seaworthy.Within(role, p.Who.Role) {
			p.Roles = append(p.Roles, choice{Value: string(role), Text: roleTitle(role), Chosen: string(role) == p.Was("role", "reporter")})
		}
	}
	for id, s := range names.sources {
		p.Sources = append(p.Sources, choice{Value: id, Text: s.Name, Chosen: id == p.Was("source", "")})
	}
	slices.SortFunc(p.Sources, func(a, b choice) int { return strings.Compare(a.Text, b.Text) })
	if made != nil && made.Role == seaworthy.Reporter {
		p.Command = "SEAWORTHY_TOKEN=" + secret + " seaworthy scan --cluster --upload " + u.Auth.BaseURL()
	}
	return u.render(w, r, "tokens", p)
}

func tokenState(t seaworthy.Token, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired"
	}
	return "active"
}

func (u *UI) createToken(w http.ResponseWriter, r *http.Request) error {
	expires, err := dateField(r, "expires")
	if err != nil {
		return err
	}
	who := visitOf(r).who
	t, secret, err := u.Auth.CreateToken(r.Context(), who, auth.NewToken{
		Name: strings.TrimSpace(r.PostFormValue("name")), Role: seaworthy.Role(r.PostFormValue("role")),
		Source: r.PostFormValue("source"), Teams: who.Teams, Program: who.Program, Expires: expires,
	})
	if err != nil {
		return err
	}
	return u.renderTokens(w, r, &t, secret)
}

func (u *UI) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.RevokeToken(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/tokens", "revoked")
}
