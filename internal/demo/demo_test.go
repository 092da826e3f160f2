// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/demo"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// now is when the half year of the tests ends.
var now = time.Date(2026, 11, 20, 15, 30, 0, 0, time.UTC)

// filled is an example that was filled on a database.
type filled struct {
	demo.Config
	clock *demo.Clock
}

// fill fills a database.
func fill(t testing.TB, c store.Config) *filled {
	t.Helper()
	f := open(t, c)
	if err := demo.Fill(t.Context(), f.Config, f.clock); err != nil {
		t.Fatal(err)
	}
	return f
}

// open opens a database that is not filled yet.
func open(t testing.TB, c store.Config) *filled {
	t.Helper()
	f := &filled{clock: demo.NewClock(now)}
	c.Now, c.Told = f.clock.Now, outbox.Tell
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Store = storetest.Open(t, c)
	dir := t.TempDir()
	folder, err := vault.OpenFolder(filepath.Join(dir, "blobs"))
	must(err)
	t.Cleanup(func() { _ = folder.Close() })
	f.Vault = vault.New(folder, folder)
	f.Auth, err = auth.New(auth.Config{Store: f.Store, BaseURL: "http://localhost:8080", KeyFile: filepath.Join(dir, "secret.key")})
	must(err)
	private, public, err := note.GenerateKey(rand.Reader, "localhost/example")
	must(err)
	f.Signer, err = note.NewSigner(private)
	must(err)
	f.Verifier, err = note.NewVerifier(public)
	must(err)
	f.Catalogue = catalogue(t)
	f.Version, f.TempDir, f.Now = "test", t.TempDir(), now
	return f
}

func catalogue(t testing.TB) audit.Catalogue {
	t.Helper()
	var c audit.Catalogue
	var err error
	if c.Controls, err = controls.List(); err != nil {
		t.Fatal(err)
	}
	if c.Frameworks, err = frameworks.List(); err != nil {
		t.Fatal(err)
	}
	if c.Checks, err = scan.Builtin(); err != nil {
		t.Fatal(err)
	}
	return c
}

// The half year is the same on both databases, whole, and leaves no list empty.
func TestFill(t *testing.T) {
	if testing.Short() {
		t.Skip("living half a year takes most of a minute")
	}
	var first map[string]int
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		f := fill(t, c)
		result, err := f.Store.Verify(t.Context(), f.Verifier)
		if err != nil || !result.Intact() {
			t.Errorf("Verify = %v, %v; want intact", result.Problems, err)
		}
		f.lists(t)
		f.aroundThem(t)
		f.trail(t)
		f.signIn(t)
		counts := f.counts(t)
		if first == nil {
			first = counts
		}
		if diff := cmp.Diff(first, counts); diff != "" {
			t.Errorf("the databases differ (-first +this):\n%s", diff)
		}
	})
}

// counts counts what no chance decides.
func (f *filled) counts(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, name := range store.ListNames() {
		if name == "log" || name == "actions" { // they also hold the sign-ins of the test
			continue
		}
		err := f.Store.View(t.Context(), func(v *store.View) error {
			l, err := v.Rows(store.ListQuery{List: name}, func([]any) error { return nil })
			out[name] = l.Rows
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// aroundThem looks at what is on pages beside the lists.
func (f *filled) aroundThem(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if notice, err := f.Store.Setting(ctx, demo.Setting); err != nil || notice != demo.Notice {
		t.Errorf("Setting(%q) = %q, %v; want the notice", demo.Setting, notice, err)
	}
	if whole, err := f.Store.Setting(ctx, demo.Filled); err != nil || whole == "" {
		t.Errorf("Setting(%q) = %q, %v; want when it was made", demo.Filled, whole, err)
	}
	programs, err := f.Store.Programs(ctx)
	if err != nil || len(programs) != 1 {
		t.Fatalf("Programs = %d, %v; want one", len(programs), err)
	}
	a := audit.New(f.Store, f.Catalogue, f.Vault)
	ready, err := a.Readiness(ctx, programs[0].ID, now)
	if err != nil {
		t.Fatal(err)
	}
	if c := ready.Counts; c.AsExpected < 60 || c.NeedsYou < 3 || c.Deviated < 3 || c.NeedsYou+c.Deviated > 45 {
		t.Errorf("readiness is %+v: too good or too bad to believe", c)
	}
	trend, err := a.Trend(ctx, programs[0].ID, 90)
	if err != nil || len(trend) < 80 {
		t.Errorf("Trend = %d days, %v; want 90", len(trend), err)
	}
	if list, err := f.Store.Checkpoints(ctx, 1000); err != nil || len(list) < 100 {
		t.Errorf("Checkpoints = %d, %v; want one for each day", len(list), err)
	}
	runs, err := f.Store.LatestCompleteRuns(ctx, now.AddDate(0, 0, -1), now)
	if err != nil || len(runs) < 2 {
		t.Errorf("LatestCompleteRuns = %d, %v; want those of both production clusters", len(runs), err)
	}
}

// signIn signs in with the accounts that the demo prints, and finds old passwords spent.
func (f *filled) signIn(t *testing.T) {
	t.Helper()
	roles := map[seaworthy.Role]bool{}
	old, err := demo.Accounts(t.Context(), f.Store, f.Auth)
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := demo.Accounts(t.Context(), f.Store, f.Auth)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range accounts {
		roles[a.Role] = true
		r := httptest.NewRequest(http.MethodPost, "/sign-in", nil)
		if _, err := f.Auth.SignIn(httptest.NewRecorder(), r, a.Email, a.Password); err != nil {
			t.Errorf("SignIn(%s) = %v, want in", a.Email, err)
		}
		if _, err := f.Auth.SignIn(httptest.NewRecorder(), r, a.Email, old[i].Password); err == nil {
			t.Errorf("SignIn(%s) with the password before lets in", a.Email)
		}
	}
	for _, role := range seaworthy.Roles {
		if !roles[role] {
			t.Errorf("nobody can sign in as %s", role)
		}
	}
}

// A database that holds accounts is not filled.
func TestFillRefusesWhatIsInUse(t *testing.T) {
	c := store.Config{Dir: t.TempDir()}
	f := open(t, c)
	err := f.Store.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutUser(&seaworthy.User{ID: tx.NewID(), Email: "somebody@example.com", Name: "Somebody", Role: seaworthy.Owner, Teams: []string{}})
	})
	if err != nil {
		t.Fatal(err)
	}
	var told *seaworthy.Error
	if err := demo.Fill(t.Context(), f.Config, f.clock); !errors.As(err, &told) || told.Kind != seaworthy.KindConflict {
		t.Errorf("Fill = %v, want a conflict", err)
	}
	if notice, err := f.Store.Setting(t.Context(), demo.Setting); err != nil || notice != "" {
		t.Errorf("Setting(%q) = %q, %v; want nothing written", demo.Setting, notice, err)
	}
}

// BenchmarkFill lives half a year; it is to take no more than 25 seconds of a processor.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		fill(b, store.Config{Dir: b.TempDir()})
	}
}
