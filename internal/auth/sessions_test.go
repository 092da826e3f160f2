// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"bytes"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func ptr[T any](v T) *T { return &v }

// viewer is somebody with few rights.
func viewer(name string) auth.NewUser {
	return auth.NewUser{Email: name + "@example.com", Name: name, Role: seaworthy.Viewer}
}

func TestWhatEndsASession(t *testing.T) {
	type scene struct {
		world
		owner, member   seaworthy.Principal
		ownerB, memberB *browser
	}
	change := func(c auth.UserChange) func(s scene) {
		return func(s scene) {
			if _, err := s.ChangeUser(s.t.Context(), s.owner, s.member.UserID, c); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		do   func(s scene)
		ends bool
	}{
		"nothing":      {func(scene) {}, false},
		"a name":       {change(auth.UserChange{Name: ptr("Other")}), false},
		"a role":       {change(auth.UserChange{Role: ptr(seaworthy.Engineer)}), true},
		"a team":       {change(auth.UserChange{Teams: ptr([]string{"t1"})}), true},
		"an end":       {change(auth.UserChange{Expires: ptr(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))}), true},
		"disabled":     {change(auth.UserChange{Disabled: ptr(true)}), true},
		"idle, nearly": {func(s scene) { s.pass(12*time.Hour - time.Second) }, false},
		"idle":         {func(s scene) { s.pass(12 * time.Hour) }, true},
		"too long": {func(s scene) {
			for range 7 * 3 {
				s.mustWho(s.memberB) // is used all the time
				s.pass(8 * time.Hour)
			}
		}, true},
		"ended by an owner": {func(s scene) {
			if err := s.EndSessionsOf(s.t.Context(), s.owner, s.member.UserID); err != nil {
				s.t.Fatal(err)
			}
		}, true},
		"a reset that is used": {func(s scene) {
			link, err := s.ResetLink(s.t.Context(), s.owner, s.member.UserID)
			if err != nil {
				s.t.Fatal(err)
			}
			newBrowser().do(func(w http.ResponseWriter, r *http.Request) {
				if _, err := s.UseLink(w, r, secretOf(link), good+" 2"); err != nil {
					s.t.Fatal(err)
				}
			})
		}, true},
		"second factors removed": {func(s scene) {
			if err := s.RemoveSecondFactor(s.t.Context(), s.owner, s.member.UserID); err != nil {
				s.t.Fatal(err)
			}
		}, true},
	}
	each(t, nil, func(w world) {
		ob, op := w.owner()
		w.team("t1")
		began := *w.at
		n := 0
		for name, test := range tests {
			w.t.Run(name, func(t *testing.T) {
				n++
				w.pass(began.Sub(*w.at))
				_, mb := w.member(op, viewer("m"+string(rune('a'+n))))
				w := w
				w.t = t
				test.do(scene{w, op, w.mustWho(mb), ob, mb})
				_, err := w.who(mb)
				if (err != nil) != test.ends {
					t.Errorf("after it, FromRequest = %v", err)
				}
				if err != nil {
					refused(t, err, seaworthy.KindUnauthenticated)
				}
			})
		}
	})
}

func TestAccountsThatExpire(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		n := auth.NewUser{Email: "aud@example.com", Name: "Aud", Role: seaworthy.Auditor, Program: "p1", Expires: w.at.Add(2 * time.Hour)}
		_, b := w.member(op, n)
		if p := w.mustWho(b); p.Program != "p1" || p.Role != seaworthy.Auditor {
			w.t.Errorf("the auditor is %+v", p)
		}
		w.pass(2 * time.Hour)
		_, err := w.who(b)
		refused(w.t, err, seaworthy.KindUnauthenticated)
		_, err = w.signIn(newBrowser(), n.Email, good)
		refused(w.t, err, seaworthy.KindUnauthenticated)
	})
}

func TestOwnSessions(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		one, op := w.owner()
		two := newBrowser()
		two.address = "[2001:db8::1]:99"
		if _, err := w.signIn(two, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		list, current, err := w.Sessions(ctx, one.request())
		if err != nil || len(list) != 2 {
			t.Fatalf("Sessions = %+v, %v, want two", list, err)
		}
		var other store.Session
		for _, s := range list {
			if s.ID != current {
				other = s
			}
		}
		if other.Address != "2001:db8::1" || other.Agent != "Browser/1.0" || other.Method != auth.MethodPassword {
			t.Errorf("the other session is %+v", other)
		}
		_, mb := w.member(op, viewer("mallory"))
		refused(t, w.EndSession(ctx, mb.request(), other.ID), seaworthy.KindNotFound)
		w.mustWho(two)
		if err := w.EndSession(ctx, one.request(), other.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.who(two)
		refused(t, err, seaworthy.KindUnauthenticated)
		if _, err := w.signIn(two, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		if err := w.EndOtherSessions(ctx, one.request()); err != nil {
			t.Fatal(err)
		}
		_, err = w.who(two)
		refused(t, err, seaworthy.KindUnauthenticated)
		w.mustWho(one)
		w.mustWho(mb)
	})
}

// TestTheDatabaseLetsNobodyIn presents everything that the database holds as the secret
// of a session, of a link and of a token.
func TestTheDatabaseLetsNobodyIn(t *testing.T) {
	dir := t.TempDir()
	s := storetest.Open(t, store.Config{Dir: dir})
	a, err := auth.New(auth.Config{Store: s, BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")})
	if err != nil {
		t.Fatal(err)
	}
	w := world{Auth: a, t: t, store: s}
	b, op := w.owner()
	_, link, err := a.CreateUser(t.Context(), op, viewer("v"))
	if err != nil {
		t.Fatal(err)
	}
	token, text, err := a.CreateToken(t.Context(), op, auth.NewToken{Name: "ci", Role: seaworthy.Reporter})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "seaworthy.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := dump(t, db)
	for name, secret := range map[string]string{
		"session": b.cookies["__Host-seaworthy"].Value, "link": secretOf(link), "token": text[strings.LastIndex(text, "_")+1:], "password": good,
	} {
		for _, v := range all {
			if bytes.Contains(v, []byte(secret)) {
				t.Errorf("the secret of a %s is in the database", name)
			}
		}
	}
	enc := base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
	for _, v := range all {
		for _, secret := range []string{string(v), hex.EncodeToString(v), enc.EncodeToString(v)} {
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: "__Host-seaworthy", Value: secret})
			if _, err := a.FromRequest(t.Context(), r); err == nil {
				t.Errorf("%q is a session", secret)
			}
			if _, _, err := a.Link(t.Context(), secret); err == nil {
				t.Errorf("%q is a link", secret)
			}
			if _, err := w.bearer("swt_" + token.ID + "_" + secret); err == nil {
				t.Errorf("%q is the secret of a token", secret)
			}
		}
	}
}

// dump gives every value of the tables of accounts and of the log.
func dump(t *testing.T, db *sql.DB) [][]byte {
	t.Helper()
	var out [][]byte
	for _, table := range []string{"users", "credentials", "identities", "links", "spent", "sessions", "tokens", "token_secrets", "attempts", "log_entries"} {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]sql.RawBytes, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				out = append(out, bytes.Clone(v))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	if len(out) < 40 {
		t.Fatalf("the database has %d values", len(out))
	}
	return out
}

func TestPlainHTTPCookies(t *testing.T) {
	each(t, func(c *auth.Config) { c.BaseURL = "http://127.0.0.1:8080" }, func(w world) {
		b, _ := w.owner()
		c := b.cookies["seaworthy"]
		if c == nil || c.Secure || !c.HttpOnly {
			w.t.Errorf("cookies over plain HTTP = %v", b.cookies)
		}
	})
}

func TestLocal(t *testing.T) {
	for path, want := range map[string]string{
		"/findings?check=x#y": "/findings?check=x#y", "": "/", "findings": "/", "//evil.example": "/", "/\\evil.example": "/",
		"https://evil.example/": "/", "/\t/evil.example": "/", "javascript:alert(1)": "/", "/%2F/evil": "/%2F/evil", "\\/evil": "/",
	} {
		if got := auth.Local(path); got != want {
			t.Errorf("Local(%q) = %q, want %q", path, got, want)
		}
	}
}
