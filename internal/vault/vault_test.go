// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

func open(t *testing.T) (*vault.Vault, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := vault.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return vault.New(f, f), dir
}

func TestWhatIsPutIsThereAndNothingElse(t *testing.T) {
	v, dir := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 3<<20 + 7} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		digest, n, err := v.Put(t.Context(), bytes.NewReader(data), 10<<20)
		if err != nil || n != int64(size) {
			t.Fatalf("Put(%d bytes) = %d, %v", size, n, err)
		}
		r, err := v.Open(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "temp", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files stay: %v, %v", left, err)
	}
}

func TestAlteredAndMissingBytesAreTold(t *testing.T) {
	v, dir := open(t)
	digest, _, err := v.Put(t.Context(), strings.NewReader("who may do what"), 100)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, digest[:2], digest)
	if err := os.WriteFile(path, []byte("who may do more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context(), digest); !errors.Is(err, vault.ErrAltered) {
		t.Errorf("Check of altered bytes = %v, want %v", err, vault.ErrAltered)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var told *seaworthy.Error
	if err := v.Check(t.Context(), digest); !errors.As(err, &told) || told.Kind != seaworthy.KindNotFound {
		t.Errorf("Check of missing bytes = %v, want not found", err)
	}
}

func TestLimits(t *testing.T) {
	v, dir := open(t)
	for _, size := range []int{101, 3 << 20} {
		_, _, err := v.Put(t.Context(), bytes.NewReader(make([]byte, size)), int64(size-1))
		var told *seaworthy.Error
		if !errors.As(err, &told) || told.Kind != seaworthy.KindInvalid {
			t.Errorf("Put of a byte too many (%d) = %v, want a refusal", size, err)
		}
	}
	if err := v.Digests(t.Context(), func(d string, _ int64) error { t.Errorf("%s was kept in %s", d, dir); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{"", "../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		if _, err := v.Open(t.Context(), digest); err == nil {
			t.Errorf("Open(%q) opens something", digest)
		}
	}
}

func TestTheSameBytesAtOnce(t *testing.T) {
	v, _ := open(t)
	data := bytes.Repeat([]byte("x"), 2<<20)
	var g errgroup.Group
	for range 16 {
		g.Go(func() error {
			digest, _, err := v.Put(t.Context(), bytes.NewReader(data), 10<<20)
			return errors.Join(err, v.Check(t.Context(), digest))
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// Files that a killed program left on the way are swept once they are old, and nothing else.
func TestAbandonedFilesAreSwept(t *testing.T) {
	dir := t.TempDir()
	folder, err := vault.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := vault.New(folder, folder).Put(t.Context(), strings.NewReader("kept"), 100)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	for name, at := range map[string]time.Time{"out-old": old, "out-new": time.Now()} {
		file := filepath.Join(dir, "temp", name)
		if err := errors.Join(os.WriteFile(file, []byte("half"), 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if folder, err = vault.OpenFolder(dir); err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	left, err := os.ReadDir(filepath.Join(dir, "temp"))
	if err != nil || len(left) != 1 || left[0].Name() != "out-new" {
		t.Errorf("temporary files: %v, %v; want out-new alone", left, err)
	}
	if err := vault.New(folder, folder).Check(t.Context(), digest); err != nil {
		t.Error(err)
	}
}
