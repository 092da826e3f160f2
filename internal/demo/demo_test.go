// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/demo"
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
func fill(t testing.TB, c store.Config) filled {
	t.Helper()
	f := filled{clock: demo.NewClock(now)}
	c.Now = f.clock.Now
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
	must(demo.Fill(t.Context(), f.Config, f.clock))
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

func TestFill(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		f := fill(t, c)
		result, err := f.Store.Verify(t.Context(), f.Verifier)
		if err != nil || !result.Intact() {
			t.Fatalf("Verify = %v, %v; want intact", result.Problems, err)
		}
	})
}
