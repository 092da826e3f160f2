// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

func TestPolicyOfPasswords(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		_, link, err := w.CreateUser(w.t.Context(), op, auth.NewUser{Email: "verylongname@example.com", Name: "Very Long Name", Role: seaworthy.Viewer})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, password := range []string{
			"", "elevenchars", "            ", "aaaaaaaaaaaaa", "abcabcabcabcabc", "123456789012", "Password1234", "PASSWORD!2026",
			"qwertyuiopas", "verylongname@example.com", "VeryLongName", "very long name", "correcthorsebatterystaple",
			strings.Repeat("walrus ", 50), "not text \xff\xfe\xfd",
		} {
			newBrowser().do(func(rw http.ResponseWriter, r *http.Request) {
				_, err := w.UseLink(rw, r, secretOf(link), password)
				if kindOf(err) != seaworthy.KindInvalid {
					w.t.Errorf("password %q: %v", password, err)
				}
			})
		}
		for _, password := range []string{"пароль на чай", "walrus pier12", "1234 5678 90 12 walrus"} {
			b := newBrowser()
			b.do(func(rw http.ResponseWriter, r *http.Request) {
				if _, err := w.UseLink(rw, r, secretOf(link), password); err != nil {
					w.t.Errorf("password %q: %v", password, err)
				}
			})
			if link, err = w.ResetLink(w.t.Context(), op, w.mustWho(b).UserID); err != nil {
				w.t.Fatal(err)
			}
		}
	})
}

func TestChangePassword(t *testing.T) {
	const next = "otter above the dock"
	each(t, nil, func(w world) {
		t := w.t
		b, _ := w.owner()
		other := newBrowser()
		if _, err := w.signIn(other, "ada@example.com", good); err != nil {
			t.Fatal(err)
		}
		change := func(current, password string) (err error) {
			b.do(func(rw http.ResponseWriter, r *http.Request) { err = w.ChangePassword(rw, r, current, password) })
			return err
		}
		refused(t, change("wrong", next), seaworthy.KindInvalid)
		refused(t, change(good, "short"), seaworthy.KindInvalid)
		old := b.cookies["__Host-seaworthy"].Value
		if err := change(good, next); err != nil {
			t.Fatal(err)
		}
		if b.cookies["__Host-seaworthy"].Value == old {
			t.Error("the session kept its secret")
		}
		w.mustWho(b)
		_, err := w.who(other)
		refused(t, err, seaworthy.KindUnauthenticated)
		_, err = w.signIn(newBrowser(), "ada@example.com", good)
		refused(t, err, seaworthy.KindUnauthenticated)
		if _, err := w.signIn(newBrowser(), "ada@example.com", next); err != nil {
			t.Error(err)
		}
	})
}

// TestSignInTellsNothing compares all that a stranger can see of a refusal.
func TestSignInTellsNothing(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		disabled, _ := w.member(op, viewer("disabled"))
		if _, err := w.ChangeUser(w.t.Context(), op, disabled.ID, auth.UserChange{Disabled: ptr(true)}); err != nil {
			w.t.Fatal(err)
		}
		if _, _, err := w.CreateUser(w.t.Context(), op, viewer("invited")); err != nil {
			w.t.Fatal(err)
		}
		for i, c := range []struct{ email, password string }{
			{"ada@example.com", "wrong"}, {"nobody@example.com", good}, {"disabled@example.com", good}, {"invited@example.com", good},
			{"invited@example.com", ""}, {"not an address", good}, {"", ""}, {strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20)},
		} {
			b := newBrowser()
			b.address = "198.51.100." + string(rune('1'+i)) + ":1"
			_, err := w.signIn(b, c.email, c.password)
			if err == nil || err.Error() != "the address or the password is wrong" {
				w.t.Errorf("SignIn(%.30q) = %v", c.email, err)
			}
			if len(b.cookies) != 0 {
				w.t.Errorf("SignIn(%.30q) sets cookies %v", c.email, b.cookies)
			}
		}
	})
}

func TestLockOut(t *testing.T) {
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		t.Run(email, func(t *testing.T) {
			each(t, nil, func(w world) {
				t := w.t
				_, op := w.owner()
				b := newBrowser()
				attempt := func(password string) error { _, err := w.signIn(b, email, password); return err }
				for range 5 {
					refused(t, attempt("wrong"), seaworthy.KindUnauthenticated)
				}
				// The fifth failure costs a second, and each one more twice as much.
				var locked *auth.TooManyError
				var total time.Duration
				for range 15 {
					err := attempt(good)
					if !errors.As(err, &locked) {
						t.Fatalf("error = %v, want to be locked out", err)
					}
					total += locked.Wait
					w.pass(locked.Wait)
					refused(t, attempt("wrong"), seaworthy.KindUnauthenticated)
				}
				if locked.Wait != 15*time.Minute || total < time.Hour {
					t.Errorf("15 more guesses took %v, the last %v", total, locked.Wait)
				}
				// It holds for a server that starts anew, and from another address.
				again, err := auth.New(w.c)
				if err != nil {
					t.Fatal(err)
				}
				again.HashCheaply()
				w.Auth = again
				b = newBrowser()
				b.address = "203.0.113.9:1"
				if err := attempt(good); !errors.As(err, &locked) {
					t.Errorf("after a restart: %v, want to be locked out", err)
				}
				if email != "ada@example.com" {
					return
				}
				if err := w.Unlock(t.Context(), op, op.UserID); err != nil {
					t.Fatal(err)
				}
				if err := attempt(good); err != nil {
					t.Errorf("after it was unlocked: %v", err)
				}
			})
		})
	}
}

func TestManyGuessesAtOnce(t *testing.T) {
	each(t, nil, func(w world) {
		w.owner()
		var mu sync.Mutex
		tried := 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := w.signIn(newBrowser(), "ada@example.com", "wrong")
				var locked *auth.TooManyError
				if !errors.As(err, &locked) {
					mu.Lock()
					tried++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if tried > 5 {
			w.t.Errorf("%d of 20 guesses at once were tried, want at most 5", tried)
		}
	})
}

func TestOneAddressIsSlowedDown(t *testing.T) {
	each(t, nil, func(w world) {
		w.owner()
		stranger := newBrowser()
		stranger.address = "[2001:db8:1:2::1]:1"
		var locked *auth.TooManyError
		n := 0
		for n = range 60 {
			// Own successes must not give an address its guesses back.
			if n%10 == 9 {
				if _, err := w.signIn(stranger, "ada@example.com", good); err != nil {
					break
				}
			}
			if _, err := w.signIn(stranger, strings.Repeat("x", n+1)+"@example.com", "wrong"); errors.As(err, &locked) {
				break
			}
		}
		if n != 30 {
			w.t.Errorf("an address was locked after %d accounts, want 30", n)
		}
		stranger.address = "[2001:db8:1:2:ffff::9]:1" // the same customer
		if _, err := w.signIn(stranger, "ada@example.com", good); !errors.As(err, &locked) {
			w.t.Errorf("from the same network: %v, want to be locked out", err)
		}
		if _, err := w.signIn(newBrowser(), "ada@example.com", good); err != nil {
			w.t.Errorf("from elsewhere: %v", err)
		}
	})
}
