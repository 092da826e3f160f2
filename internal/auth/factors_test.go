// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"bytes"
	"errors"
	"image/png"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// code is what an authenticator app shows now.
func (w world) code(secret string) string {
	w.t.Helper()
	c, err := totp.GenerateCode(secret, *w.at)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// withTOTP sets up an authenticator app and gives its secret and the recovery codes.
func (w world) withTOTP(b *browser) (secret string, recovery []string) {
	w.t.Helper()
	key, err := w.BeginTOTP(b.request())
	if err != nil {
		w.t.Fatal(err)
	}
	b.do(func(rw http.ResponseWriter, r *http.Request) {
		if recovery, err = w.ConfirmTOTP(rw, r, w.code(key.Secret)); err != nil {
			w.t.Fatal(err)
		}
	})
	return key.Secret, recovery
}

func (w world) second(b *browser, code string) (s auth.Session, err error) {
	b.do(func(rw http.ResponseWriter, r *http.Request) { s, err = w.SecondFactor(rw, r, code) })
	return s, err
}

func TestTOTP(t *testing.T) {
	each(t, nil, func(w world) {
		t := w.t
		b, _ := w.owner()
		key, err := w.BeginTOTP(b.request())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(key.QR)); err != nil || !strings.Contains(key.URL, "secret="+key.Secret) {
			t.Errorf("the app is told %+v, %v", key, err)
		}
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			_, err := w.ConfirmTOTP(rw, r, "000000")
			refused(t, err, seaworthy.KindInvalid)
		})
		other := newBrowser()
		if _, err := w.signIn(other, "ada@example.com", good); err != nil {
			t.Fatalf("an app that is not confirmed stands in the way: %v", err)
		}
		secret, recovery := w.withTOTP(b)
		if len(recovery) != 10 {
			t.Errorf("recovery codes = %q, want ten", recovery)
		}
		_, err = w.who(other)
		refused(t, err, seaworthy.KindUnauthenticated)
		if u, err := w.store.User(t.Context(), w.mustWho(b).UserID); err != nil || !u.SecondFactor {
			t.Errorf("the user is %+v, %v, want one with a second factor", u, err)
		}

		s, err := w.signIn(other, "ada@example.com", good)
		if err != nil || s.Stage != auth.StageSecondFactor {
			t.Fatalf("SignIn = %+v, %v, want to be asked for the second factor", s, err)
		}
		var stage *auth.StageError
		if _, err := w.who(other); !errors.As(err, &stage) || kindOf(err) != seaworthy.KindUnauthenticated {
			t.Errorf("with a password alone, FromRequest = %v", err)
		}
		// The code that confirmed the app is used up.
		_, err = w.second(other, w.code(secret))
		refused(t, err, seaworthy.KindUnauthenticated)
		w.pass(30 * time.Second)
		half := other.cookies["__Host-seaworthy"].Value
		s, err = w.second(other, w.code(secret)[:3]+" "+w.code(secret)[3:])
		if err != nil || s.Stage != auth.StageFull || s.Method != "password and authenticator app" {
			t.Fatalf("SecondFactor = %+v, %v", s, err)
		}
		if other.cookies["__Host-seaworthy"].Value == half {
			t.Error("the session kept its secret when it became a full one")
		}
		w.mustWho(other)
		w.pass(30 * time.Second)
		_, err = w.second(other, w.code(secret))
		refused(t, err, seaworthy.KindConflict) // nothing asks for one
	})
}

func TestCodesCountOnce(t *testing.T) {
	each(t, nil, func(w world) {
		t := w.t
		b, _ := w.owner()
		secret, recovery := w.withTOTP(b)
		w.pass(time.Minute)
		for name, code := range map[string]string{"code of the app": w.code(secret), "recovery code": strings.ToUpper(recovery[3])} {
			browsers := make([]*browser, 3)
			for i := range browsers {
				browsers[i] = newBrowser()
				if _, err := w.signIn(browsers[i], "ada@example.com", good); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			results := make([]error, len(browsers))
			for i, b := range browsers {
				wg.Go(func() { _, results[i] = w.second(b, code) })
			}
			wg.Wait()
			n := 0
			for _, err := range results {
				if err == nil {
					n++
				}
			}
			if n != 1 {
				t.Errorf("one %s let %d of 3 browsers in: %v", name, n, results)
			}
		}
		b = newBrowser()
		if _, err := w.signIn(b, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		if _, err := w.second(b, recovery[0]); err != nil {
			t.Fatal(err)
		}
		if f, err := w.Factors(t.Context(), b.request()); err != nil || f.RecoveryCodes != 8 || !f.Password || f.TOTP.IsZero() {
			t.Errorf("Factors = %+v, %v, want eight codes left", f, err)
		}
		// An older code than the last one used is refused although its time has not passed.
		w.pass(time.Minute)
		before := w.code(secret)
		w.pass(30 * time.Second)
		for i, code := range []string{w.code(secret), before} {
			b := newBrowser()
			if _, err := w.signIn(b, "ada@example.com", good); err != nil {
				t.Fatal(err)
			}
			if _, err := w.second(b, code); (err == nil) != (i == 0) {
				t.Errorf("code %d: %v", i, err)
			}
		}
	})
}

func TestGuessingTheSecondFactor(t *testing.T) {
	each(t, nil, func(w world) {
		b, _ := w.owner()
		secret, _ := w.withTOTP(b)
		w.pass(time.Minute)
		b = newBrowser()
		if _, err := w.signIn(b, "ada@example.com", good); err != nil {
			w.t.Fatal(err)
		}
		for range 5 {
			_, err := w.second(b, "000000")
			refused(w.t, err, seaworthy.KindUnauthenticated)
		}
		var locked *auth.TooManyError
		// Signing in with the password anew does not begin the count anew.
		again := newBrowser()
		if _, err := w.signIn(again, "ada@example.com", good); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.second(again, w.code(secret)); !errors.As(err, &locked) {
			w.t.Errorf("after five guesses: %v, want to be locked out", err)
		}
		w.pass(15 * time.Minute)
		_, err := w.second(b, w.code(secret))
		refused(w.t, err, seaworthy.KindUnauthenticated) // an unfinished sign-in ends
	})
}

func TestARequiredSecondFactor(t *testing.T) {
	each(t, func(c *auth.Config) { c.RequireSecondFactor = true }, func(w world) {
		t, ctx := w.t, w.t.Context()
		link, err := w.SetupLink(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b := newBrowser()
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			s, err := w.Setup(rw, r, secretOf(link), "ada@example.com", "Ada", good)
			if err != nil || s.Stage != auth.StageEnrol {
				t.Fatalf("Setup = %+v, %v, want to be asked to set one up", s, err)
			}
		})
		var stage *auth.StageError
		if _, err := w.who(b); !errors.As(err, &stage) || stage.Stage != auth.StageEnrol {
			t.Errorf("without a second factor, FromRequest = %v", err)
		}
		_, _, err = w.Sessions(ctx, b.request())
		refused(t, err, seaworthy.KindUnauthenticated)
		w.withTOTP(b)
		w.mustWho(b)
		b.do(func(rw http.ResponseWriter, r *http.Request) { refused(t, w.RemoveTOTP(rw, r), seaworthy.KindConflict) })
	})
}

func TestFactorsChangeSoonAfterSignIn(t *testing.T) {
	each(t, nil, func(w world) {
		b, _ := w.owner()
		w.withTOTP(b)
		w.pass(15*time.Minute + time.Second)
		_, err := w.BeginTOTP(b.request())
		refused(w.t, err, seaworthy.KindForbidden)
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			refused(w.t, w.RemoveTOTP(rw, r), seaworthy.KindForbidden)
			refused(w.t, w.RemovePasskey(rw, r, "x"), seaworthy.KindForbidden)
			_, err := w.NewRecoveryCodes(rw, r)
			refused(w.t, err, seaworthy.KindForbidden)
			_, err = w.BeginPasskey(rw, r)
			refused(w.t, err, seaworthy.KindForbidden)
		})
	})
}

func TestRemovingTheSecondFactor(t *testing.T) {
	each(t, nil, func(w world) {
		t := w.t
		b, _ := w.owner()
		_, old := w.withTOTP(b)
		var fresh []string
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			var err error
			if fresh, err = w.NewRecoveryCodes(rw, r); err != nil || len(fresh) != 10 {
				t.Fatalf("NewRecoveryCodes = %q, %v", fresh, err)
			}
		})
		other := newBrowser()
		if _, err := w.signIn(other, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		_, err := w.second(other, old[0])
		refused(t, err, seaworthy.KindUnauthenticated)
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			if err := w.RemoveTOTP(rw, r); err != nil {
				t.Fatal(err)
			}
		})
		f, err := w.Factors(t.Context(), b.request())
		if err != nil || f.RecoveryCodes != 0 || !f.TOTP.IsZero() {
			t.Errorf("Factors = %+v, %v, want none but the password", f, err)
		}
		if s, err := w.signIn(newBrowser(), "ada@example.com", good); err != nil || s.Stage != auth.StageFull {
			t.Errorf("SignIn = %+v, %v", s, err)
		}
	})
}

func TestALostKeyFile(t *testing.T) {
	each(t, nil, func(w world) {
		b, _ := w.owner()
		secret, recovery := w.withTOTP(b)
		w.pass(time.Minute)
		c := w.c
		c.KeyFile = filepath.Join(w.t.TempDir(), "other")
		other, err := auth.New(c)
		if err != nil {
			w.t.Fatal(err)
		}
		other.HashCheaply()
		w.Auth = other
		b = newBrowser()
		if _, err := w.signIn(b, "ada@example.com", good); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.second(b, w.code(secret))
		refused(w.t, err, seaworthy.KindUnavailable)
		if _, err := w.second(b, recovery[0]); err != nil {
			w.t.Errorf("a recovery code with another key file: %v", err)
		}
	})
}

func TestSecretsOfAppsAreSealed(t *testing.T) {
	each(t, nil, func(w world) {
		b, p := w.owner()
		secret, recovery := w.withTOTP(b)
		all, err := w.store.Credentials(w.t.Context(), p.UserID, "")
		if err != nil || len(all) != 12 {
			w.t.Fatalf("%d credentials, %v", len(all), err)
		}
		entries, err := w.store.LogEntries(w.t.Context(), store.LogFilter{})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range all {
			entries = append(entries, store.LogEntry{Content: string(c.Secret) + c.ID + c.Name})
		}
		for _, e := range entries {
			for _, s := range append(recovery, secret, strings.ReplaceAll(recovery[0], "-", ""), good) {
				if strings.Contains(e.Content, s) {
					w.t.Errorf("%q is kept in %q", s, e.Content)
				}
			}
		}
	})
}

func TestASecondFactorThatIsRequiredLater(t *testing.T) {
	each(t, nil, func(w world) {
		b, _ := w.owner()
		c := w.c
		c.RequireSecondFactor = true
		later, err := auth.New(c)
		if err != nil {
			w.t.Fatal(err)
		}
		later.HashCheaply()
		w.Auth = later
		var stage *auth.StageError
		if _, err := w.who(b); !errors.As(err, &stage) || stage.Stage != auth.StageEnrol {
			w.t.Errorf("a session from before: FromRequest = %v", err)
		}
		w.withTOTP(b)
		w.mustWho(b)
	})
}
