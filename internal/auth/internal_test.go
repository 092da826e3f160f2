// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// TestEverySignInTakesTheSamePath counts what a sign-in computes and asks the database,
// whoever it is about: time that can be measured comes from nothing else.
func TestEverySignInTakesTheSamePath(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, err := New(Config{Store: s, BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")})
		if err != nil {
			t.Fatal(err)
		}
		type cost struct{ memory, time, threads, length int }
		var costs []cost
		derive := a.hasher.derive
		a.hasher.derive = func(password string, h phc) []byte {
			costs = append(costs, cost{int(h.memory), int(h.time), int(h.threads), len(h.key)})
			return derive(password, h)
		}
		hash, err := a.hasher.hash(t.Context(), "walrus under the pier")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(t.Context(), "system", func(tx *store.Tx) error {
			for _, u := range []seaworthy.User{{ID: "a", Email: "active@x.y"}, {ID: "d", Email: "disabled@x.y", Disabled: true}, {ID: "n", Email: "none@x.y"}, {ID: "b", Email: "broken@x.y"}} {
				u.Role = seaworthy.Viewer
				if err := tx.PutUser(&u); err != nil {
					return err
				}
				secret := map[string][]byte{"a": hash, "d": hash, "b": []byte("$argon2id$broken")}[u.ID]
				if secret == nil {
					continue
				}
				if err := putPassword(tx, u.ID, secret); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"active@x.y", "disabled@x.y", "none@x.y", "broken@x.y", "unknown@x.y", "no address"} {
			costs = nil
			_, err := a.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), email, "wrong")
			if err != errWrong {
				t.Errorf("SignIn(%s) = %v", email, err)
			}
			if want := (cost{hashMemory, hashTime, hashThreads, 32}); len(costs) != 1 || costs[0] != want {
				t.Errorf("SignIn(%s) computes %v, want %v once", email, costs, want)
			}
		}
	})
}

func TestAStormOfSignInsIsBounded(t *testing.T) {
	h := newHasher(0)
	var now, most atomic.Int64
	release := make(chan struct{})
	h.derive = func(string, phc) []byte {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		now.Add(-1)
		return nil
	}
	var wg sync.WaitGroup
	var refused atomic.Int64
	for range 3 * waiting {
		wg.Go(func() {
			if _, _, err := h.verify(context.Background(), "x", nil); err != nil {
				if kind(err) != seaworthy.KindUnavailable {
					t.Errorf("error = %v", err)
				}
				refused.Add(1)
			}
		})
	}
	for refused.Load() < 2*waiting {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if most.Load() > int64(cap(h.slots)) || refused.Load() != 2*waiting {
		t.Errorf("%d hashes at once (want at most %d), %d of %d refused", most.Load(), cap(h.slots), refused.Load(), 3*waiting)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	cancel()
	if _, _, err := h.verify(ctx, "x", nil); err == nil {
		t.Error("who went away was waited for")
	}
}

func TestOldHashesAreMadeAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, err := New(Config{Store: s, BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")})
		if err != nil {
			t.Fatal(err)
		}
		const password = "walrus under the pier"
		cheap := newHasher(0).fresh()
		cheap.memory, cheap.time = 64, 1
		cheap.key = a.hasher.derive(password, cheap)
		err = s.Write(t.Context(), "system", func(tx *store.Tx) error {
			u := seaworthy.User{ID: "u", Email: "u@x.y", Role: seaworthy.Viewer}
			if err := tx.PutUser(&u); err != nil {
				return err
			}
			return putPassword(tx, "u", []byte(cheap.String()))
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := a.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), "u@x.y", password); err != nil {
				t.Fatal(err)
			}
			_, kept, err := s.Login(t.Context(), "u@x.y")
			if err != nil {
				t.Fatal(err)
			}
			if p, err := parsePHC(string(kept)); err != nil || p.memory != hashMemory || p.time != hashTime {
				t.Errorf("after a sign-in the hash is %s, %v", kept, err)
			}
		}
	})
}

func TestSealing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "key")
	s, err := openKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v, %v, want mode 600", fi.Mode(), err)
	}
	sealed := s.seal("totp:u1", []byte("secret"))
	again, err := openKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.open("totp:u1", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("open = %q, %v", plain, err)
	}
	if _, err := s.open("totp:u2", sealed); err == nil {
		t.Error("what was sealed for one user opens for another")
	}
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 1
		if _, err := s.open("totp:u1", forged); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
		if _, err := s.open("totp:u1", sealed[:i]); err == nil {
			t.Errorf("the first %d bytes open", i)
		}
	}
	if bytes.Equal(sealed, s.seal("totp:u1", []byte("secret"))) {
		t.Error("sealing twice gives the same")
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKey(bad); kind(err) != seaworthy.KindInvalid {
		t.Errorf("openKey of a file with no key = %v", err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(tokenPrefix + strings.Repeat("0", idLength) + "_" + newSecret())
	f.Add("swt__")
	f.Add("swt_a_b_c")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := parseToken(text)
		if ok && (tokenPrefix+id+"_"+secret != text || len(id) != idLength || len(secret) != secretLength) {
			t.Errorf("parseToken(%q) = %q, %q", text, id, secret)
		}
		if !ok && id+secret != "" {
			t.Errorf("parseToken(%q) refuses and gives %q, %q", text, id, secret)
		}
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add(newHasher(0).fresh().String())
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5")
	f.Add("$argon2id$v=19$m=+1,t=01,p=1$c2FsdHNhbHQ$a2V5")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parsePHC(text)
		if err != nil {
			return
		}
		if h.String() != text {
			t.Errorf("parsePHC(%q) is written %q", text, h)
		}
		if h.memory > maxMemory || h.time > maxTime || h.threads > maxThreads || h.time < 1 || h.threads < 1 || len(h.key) < 16 {
			t.Errorf("parsePHC(%q) = %+v, beyond its bounds", text, h)
		}
	})
}

// TestWhatChangesWhileAPasswordIsChecked changes the account at the moment when the hash
// is computed, which takes longer than anything else.
func TestWhatChangesWhileAPasswordIsChecked(t *testing.T) {
	for name, change := range map[string]func(tx *store.Tx) error{
		"another password": func(tx *store.Tx) error {
			return errors.Join(putPassword(tx, "u", []byte("other")), tx.EndSessions("u", ""))
		},
		"disabled": func(tx *store.Tx) error {
			return tx.PutUser(&seaworthy.User{ID: "u", Email: "u@x.y", Role: seaworthy.Viewer, Disabled: true})
		},
		"a second factor": func(tx *store.Tx) error {
			return tx.PutUser(&seaworthy.User{ID: "u", Email: "u@x.y", Role: seaworthy.Viewer, SecondFactor: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				a, err := New(Config{Store: s, BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")})
				if err != nil {
					t.Fatal(err)
				}
				a.HashCheaply()
				hash, err := a.hasher.hash(t.Context(), "walrus under the pier")
				if err != nil {
					t.Fatal(err)
				}
				err = s.Write(t.Context(), "system", func(tx *store.Tx) error {
					u := seaworthy.User{ID: "u", Email: "u@x.y", Role: seaworthy.Viewer}
					return errors.Join(tx.PutUser(&u), putPassword(tx, "u", hash))
				})
				if err != nil {
					t.Fatal(err)
				}
				derive := a.hasher.derive
				a.hasher.derive = func(password string, h phc) []byte {
					if err := s.Write(t.Context(), "system", change); err != nil {
						t.Error(err)
					}
					return derive(password, h)
				}
				w := httptest.NewRecorder()
				got, err := a.SignIn(w, httptest.NewRequest("POST", "/", nil), "u@x.y", "walrus under the pier")
				if name == "a second factor" {
					if err != nil || got.Stage != StageSecondFactor {
						t.Errorf("SignIn = %+v, %v, want to be asked for the second factor", got, err)
					}
					return
				}
				if err != errWrong || len(w.Result().Cookies()) != 0 {
					t.Errorf("SignIn = %+v, %v, want it refused", got, err)
				}
			})
		})
	}
}
