// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// makers are people of each role, as principals.
func (w world) makers() map[seaworthy.Role]seaworthy.Principal {
	w.t.Helper()
	_, op := w.owner()
	w.team("t1")
	w.team("t2")
	out := map[seaworthy.Role]seaworthy.Principal{seaworthy.Owner: op}
	for _, n := range []auth.NewUser{
		{Role: seaworthy.ComplianceManager}, {Role: seaworthy.Engineer, Teams: []string{"t1"}}, {Role: seaworthy.Viewer},
		{Role: seaworthy.Auditor, Program: "p1", Expires: w.at.Add(48 * time.Hour)},
	} {
		n.Name, n.Email = string(n.Role), string(n.Role)+"@example.com"
		_, b := w.member(op, n)
		out[n.Role] = w.mustWho(b)
	}
	return out
}

// TestTokensAreNeverAboveTheirMaker has the whole table of who may give what.
func TestTokensAreNeverAboveTheirMaker(t *testing.T) {
	allowed := map[seaworthy.Role][]seaworthy.Role{
		seaworthy.Owner:             {"owner", "compliance-manager", "engineer", "viewer", "auditor", "reporter"},
		seaworthy.ComplianceManager: {"compliance-manager", "engineer", "viewer", "auditor", "reporter"},
		seaworthy.Engineer:          {"engineer", "viewer", "reporter"},
		seaworthy.Viewer:            {"viewer"},
		seaworthy.Auditor:           {"viewer", "auditor"},
	}
	each(t, nil, func(w world) {
		for role, by := range w.makers() {
			for _, want := range append(slices.Clone(seaworthy.Roles), seaworthy.Reporter) {
				program := ""
				if want == seaworthy.Auditor {
					program = "p1"
				}
				_, text, err := w.CreateToken(w.t.Context(), by, auth.NewToken{Name: "x", Role: want, Program: program})
				if (err == nil) != slices.Contains(allowed[role], want) {
					w.t.Errorf("a token %s made by a %s: %v", want, role, err)
				}
				if err != nil {
					refused(w.t, err, seaworthy.KindForbidden)
					continue
				}
				p, err := w.bearer(text)
				if err != nil || p.Role != want || p.UserID != "" || p.Person() != by.UserID {
					w.t.Errorf("the token speaks for %+v, %v", p, err)
				}
			}
		}
	})
}

func TestScopesOfTokens(t *testing.T) {
	each(t, nil, func(w world) {
		makers := w.makers()
		soon := w.at.Add(time.Hour)
		tests := map[string]struct {
			maker seaworthy.Role
			n     auth.NewToken
			want  seaworthy.Kind // of the refusal; else
			p     seaworthy.Principal
		}{
			"one source":             {maker: "owner", n: auth.NewToken{Role: "reporter", Source: "s1"}, p: seaworthy.Principal{Role: "reporter", Source: "s1", Teams: []string{}}},
			"teams":                  {maker: "owner", n: auth.NewToken{Role: "engineer", Teams: []string{"t2", "t1", "t2"}}, p: seaworthy.Principal{Role: "engineer", Teams: []string{"t1", "t2"}}},
			"own teams by default":   {maker: "engineer", n: auth.NewToken{Role: "engineer"}, p: seaworthy.Principal{Role: "engineer", Teams: []string{"t1"}}},
			"a team of others":       {maker: "engineer", n: auth.NewToken{Role: "engineer", Teams: []string{"t2"}}, want: seaworthy.KindForbidden},
			"an unknown team":        {maker: "owner", n: auth.NewToken{Role: "engineer", Teams: []string{"t9"}}, want: seaworthy.KindInvalid},
			"own program":            {maker: "auditor", n: auth.NewToken{Role: "viewer"}, p: seaworthy.Principal{Role: "viewer", Program: "p1", Teams: []string{}}},
			"another program":        {maker: "auditor", n: auth.NewToken{Role: "viewer", Program: "p2"}, want: seaworthy.KindForbidden},
			"a program":              {maker: "owner", n: auth.NewToken{Role: "viewer", Program: "p2"}, p: seaworthy.Principal{Role: "viewer", Program: "p2", Teams: []string{}}},
			"outlives its maker":     {maker: "auditor", n: auth.NewToken{Role: "viewer", Expires: soon.Add(72 * time.Hour)}, want: seaworthy.KindInvalid},
			"expired from the start": {maker: "owner", n: auth.NewToken{Role: "viewer", Expires: *w.at}, want: seaworthy.KindInvalid},
			"no such role":           {maker: "owner", n: auth.NewToken{Role: "god"}, want: seaworthy.KindInvalid},
		}
		for name, test := range tests {
			test.n.Name = name
			by := makers[test.maker]
			token, text, err := w.CreateToken(w.t.Context(), by, test.n)
			if test.want != 0 {
				refused(w.t, err, test.want)
				continue
			}
			if err != nil {
				w.t.Errorf("%s: %v", name, err)
				continue
			}
			test.p.Actor, test.p.Maker, test.p.Name = "token:"+token.ID, by.UserID, name
			got, err := w.bearer(text)
			if diff := cmp.Diff(test.p, got); diff != "" || err != nil {
				w.t.Errorf("%s: %v, principal (-want +got):\n%s", name, err, diff)
			}
		}
	})
}

func TestWhatEndsAToken(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		w.team("t1")
		w.team("t2")
		u, b := w.member(op, auth.NewUser{Email: "e@example.com", Name: "E", Role: seaworthy.Engineer, Teams: []string{"t1", "t2"}})
		by := w.mustWho(b)
		token, text, err := w.CreateToken(ctx, by, auth.NewToken{Name: "ci", Role: seaworthy.Engineer, Expires: w.at.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		change := func(c auth.UserChange) {
			t.Helper()
			if _, err := w.ChangeUser(ctx, op, u.ID, c); err != nil {
				t.Fatal(err)
			}
		}
		works := func(want bool) seaworthy.Principal {
			t.Helper()
			p, err := w.bearer(text)
			if (err == nil) != want {
				t.Errorf("the token gives %+v, %v", p, err)
			}
			if err != nil {
				refused(t, err, seaworthy.KindUnauthenticated)
			}
			return p
		}
		works(true)
		change(auth.UserChange{Teams: ptr([]string{"t2"})})
		if p := works(true); !slices.Equal(p.Teams, []string{"t2"}) {
			t.Errorf("the token acts for %v after its maker left t1", p.Teams)
		}
		change(auth.UserChange{Role: ptr(seaworthy.Viewer)})
		works(false)
		change(auth.UserChange{Role: ptr(seaworthy.ComplianceManager)})
		works(true)
		change(auth.UserChange{Disabled: ptr(true)})
		works(false)
		change(auth.UserChange{Disabled: ptr(false)})
		works(true)
		change(auth.UserChange{Role: ptr(seaworthy.Auditor), Program: ptr("p1"), Expires: ptr(w.at.Add(24 * time.Hour))})
		works(false)
		change(auth.UserChange{Role: ptr(seaworthy.ComplianceManager), Program: ptr(""), Expires: ptr(time.Time{})})
		w.pass(time.Hour)
		works(false)
		w.pass(-time.Hour)
		other, _ := w.member(op, viewer("v"))
		refused(t, w.RevokeToken(ctx, seaworthy.Principal{Actor: "user:" + other.ID, UserID: other.ID, Role: seaworthy.Viewer}, token.ID), seaworthy.KindNotFound)
		refused(t, w.RevokeToken(ctx, works(true), token.ID), seaworthy.KindForbidden)
		if err := w.RevokeToken(ctx, op, token.ID); err != nil {
			t.Fatal(err)
		}
		works(false)
	})
}

func TestTokensStayInTheProgramOfTheirMaker(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		u, b := w.member(op, viewer("v"))
		_, wide, err := w.CreateToken(w.t.Context(), w.mustWho(b), auth.NewToken{Name: "x", Role: seaworthy.Viewer})
		if err != nil {
			w.t.Fatal(err)
		}
		c := auth.UserChange{Role: ptr(seaworthy.Auditor), Program: ptr("p1"), Expires: ptr(w.at.Add(time.Hour))}
		if _, err := w.ChangeUser(w.t.Context(), op, u.ID, c); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.bearer(wide)
		refused(w.t, err, seaworthy.KindUnauthenticated)
	})
}

func TestTokensCannotMakeTokens(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		_, text, err := w.CreateToken(w.t.Context(), op, auth.NewToken{Name: "x", Role: seaworthy.Owner})
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := w.bearer(text)
		if err != nil {
			w.t.Fatal(err)
		}
		_, _, err = w.CreateToken(w.t.Context(), p, auth.NewToken{Name: "y", Role: seaworthy.Viewer})
		refused(w.t, err, seaworthy.KindForbidden)
	})
}

func TestTokensAreListedWithTheirUse(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		u, b := w.member(op, viewer("v"))
		by := w.mustWho(b)
		first, text, err := w.CreateToken(ctx, by, auth.NewToken{Name: "one", Role: seaworthy.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		if _, _, err := w.CreateToken(ctx, op, auth.NewToken{Name: "two", Role: seaworthy.Owner}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.bearer(text); err != nil {
			t.Fatal(err)
		}
		first.UsedAt = *w.at
		own, err := w.Tokens(ctx, by, "", 0)
		if diff := cmp.Diff([]seaworthy.Token{first}, own); diff != "" || err != nil {
			t.Errorf("own tokens: %v (-want +got):\n%s", err, diff)
		}
		all, err := w.Tokens(ctx, op, "", 1)
		if err != nil || len(all) != 1 || all[0].Name != "two" {
			t.Errorf("Tokens = %+v, %v, want the newest", all, err)
		}
		all, err = w.Tokens(ctx, op, all[0].ID, 1)
		if err != nil || len(all) != 1 || all[0].UserID != u.ID {
			t.Errorf("Tokens = %+v, %v, want the next", all, err)
		}
		history, err := w.store.History(ctx, "token", first.ID)
		if err != nil || len(history) != 1 || strings.Contains(history[0].Content, "usedAt") {
			t.Errorf("the log has %+v, %v, want the making only", history, err)
		}
	})
}

func TestAuthorizationHeaders(t *testing.T) {
	each(t, nil, func(w world) {
		b, op := w.owner()
		token, text, err := w.CreateToken(w.t.Context(), op, auth.NewToken{Name: "x", Role: seaworthy.Viewer})
		if err != nil {
			w.t.Fatal(err)
		}
		other := strings.Repeat("0", 52)
		for header, ok := range map[string]bool{
			"Bearer " + text: true, "bearer " + text: true, "BEARER  " + text: true,
			"": false, "Bearer": false, "Basic " + text: false, text: false, "Bearer x" + text: false, "Bearer " + text + "0": false,
			"Bearer swt_" + token.ID + "_" + other: false, "Bearer swt_" + strings.Repeat("0", 24) + "_" + other: false,
			"Bearer " + strings.ToUpper(text): false, "Bearer swt__": false,
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", header)
			// A session beside a token that is refused must not stand in for it.
			for _, c := range b.cookies {
				r.AddCookie(c)
			}
			_, err := w.FromRequest(w.t.Context(), r)
			if (err == nil) != ok {
				w.t.Errorf("Authorization: %s gives %v", header, err)
			}
			if err != nil {
				refused(w.t, err, seaworthy.KindUnauthenticated)
			}
		}
	})
}
