// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

const good = "walrus under the pier"

// world is a server's accounts with a clock that tests move.
type world struct {
	*auth.Auth
	t     *testing.T
	store *store.Store
	mu    *sync.Mutex
	at    *time.Time
	c     auth.Config
}

func (w world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.at = w.at.Add(d)
}

// each runs f on both databases, with accounts as configured.
func each(t *testing.T, configure func(*auth.Config), f func(w world)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, sc store.Config) {
		var mu sync.Mutex
		at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		sc.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return at
		}
		s := storetest.Open(t, sc)
		c := auth.Config{Store: s, BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")}
		if configure != nil {
			configure(&c)
		}
		a, err := auth.New(c)
		if err != nil {
			t.Fatal(err)
		}
		a.HashCheaply()
		f(world{a, t, s, &mu, &at, c})
	})
}

// browser keeps cookies as a browser would.
type browser struct {
	cookies map[string]*http.Cookie
	address string
}

func newBrowser() *browser {
	return &browser{cookies: map[string]*http.Cookie{}, address: "192.0.2.7:4000"}
}

func (b *browser) request() *http.Request {
	r := httptest.NewRequest("POST", "https://seaworthy.example.com/", nil)
	r.RemoteAddr = b.address
	r.Header.Set("User-Agent", "Browser/1.0")
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return r
}

// do makes a request and keeps the cookies of the answer.
func (b *browser) do(f func(http.ResponseWriter, *http.Request)) {
	w := httptest.NewRecorder()
	f(w, b.request())
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c
	}
}

func (w world) signIn(b *browser, email, password string) (s auth.Session, err error) {
	b.do(func(rw http.ResponseWriter, r *http.Request) { s, err = w.SignIn(rw, r, email, password) })
	return s, err
}

func (w world) who(b *browser) (seaworthy.Principal, error) {
	return w.FromRequest(w.t.Context(), b.request())
}

func (w world) bearer(token string) (seaworthy.Principal, error) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return w.FromRequest(w.t.Context(), r)
}

func secretOf(link string) string { return link[strings.LastIndex(link, "/")+1:] }

// owner makes the first account and gives its browser.
func (w world) owner() (*browser, seaworthy.Principal) {
	w.t.Helper()
	link, err := w.SetupLink(w.t.Context())
	if err != nil || link == "" {
		w.t.Fatalf("SetupLink = %q, %v", link, err)
	}
	b := newBrowser()
	b.do(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.Setup(rw, r, secretOf(link), "Ada@Example.com", "Ada", good); err != nil {
			w.t.Fatal(err)
		}
	})
	return b, w.mustWho(b)
}

func (w world) mustWho(b *browser) seaworthy.Principal {
	w.t.Helper()
	p, err := w.who(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// member makes an account with a password and gives its browser, signed in.
func (w world) member(by seaworthy.Principal, n auth.NewUser) (seaworthy.User, *browser) {
	w.t.Helper()
	u, link, err := w.CreateUser(w.t.Context(), by, n)
	if err != nil {
		w.t.Fatal(err)
	}
	b := newBrowser()
	b.do(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.UseLink(rw, r, secretOf(link), good); err != nil {
			w.t.Fatal(err)
		}
	})
	return u, b
}

func (w world) team(id string) {
	w.t.Helper()
	err := w.store.Write(context.Background(), "system", func(tx *store.Tx) error {
		return tx.PutTeam(&seaworthy.Team{ID: id, Name: id})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func kindOf(err error) seaworthy.Kind {
	var told *seaworthy.Error
	if errors.As(err, &told) {
		return told.Kind
	}
	return seaworthy.KindInternal
}

// refused fails the test unless err is of a kind.
func refused(t *testing.T, err error, want seaworthy.Kind) {
	t.Helper()
	if err == nil || kindOf(err) != want {
		t.Errorf("error = %v (kind %d), want one of kind %d", err, kindOf(err), want)
	}
}

func TestFirstStart(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		other, err := w.SetupLink(ctx)
		if err != nil || !strings.HasPrefix(other, "https://seaworthy.example.com/welcome/") {
			t.Fatalf("SetupLink = %q, %v", other, err)
		}
		b, p := w.owner()
		if p.Role != seaworthy.Owner || p.Name != "Ada" || p.Actor != "user:"+p.UserID {
			t.Errorf("the first account is %+v", p)
		}
		if link, err := w.SetupLink(ctx); err != nil || link != "" {
			t.Errorf("SetupLink with a user = %q, %v, want none", link, err)
		}
		newBrowser().do(func(rw http.ResponseWriter, r *http.Request) {
			_, err := w.Setup(rw, r, secretOf(other), "eve@example.com", "Eve", good)
			refused(t, err, seaworthy.KindNotFound)
		})
		for name, c := range b.cookies {
			if name != "__Host-seaworthy" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("cookie = %+v, want a __Host- one that scripts cannot read", c)
			}
		}
	})
}

func TestSetupLinkExpires(t *testing.T) {
	each(t, nil, func(w world) {
		link, err := w.SetupLink(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		w.pass(24 * time.Hour)
		newBrowser().do(func(rw http.ResponseWriter, r *http.Request) {
			_, err := w.Setup(rw, r, secretOf(link), "eve@example.com", "Eve", good)
			refused(w.t, err, seaworthy.KindNotFound)
		})
	})
}

func TestSignIn(t *testing.T) {
	each(t, nil, func(w world) {
		t := w.t
		w.owner()
		b := newBrowser()
		if _, err := w.signIn(b, " ADA@example.com ", good); err != nil {
			t.Fatal(err)
		}
		first := b.cookies["__Host-seaworthy"].Value
		if _, err := w.signIn(b, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		if first == b.cookies["__Host-seaworthy"].Value {
			t.Error("a sign-in kept the secret of the session before")
		}
		stale := newBrowser()
		stale.cookies["__Host-seaworthy"] = &http.Cookie{Name: "__Host-seaworthy", Value: first}
		_, err := w.who(stale)
		refused(t, err, seaworthy.KindUnauthenticated)
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			if err := w.SignOut(rw, r); err != nil {
				t.Fatal(err)
			}
		})
		_, err = w.who(b)
		refused(t, err, seaworthy.KindUnauthenticated)
	})
}
