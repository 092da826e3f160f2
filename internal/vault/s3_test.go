// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
	"github.com/seaworthy-dev/seaworthy/test/s3"
)

// openBucket gives a vault in a bucket of a real server.
func openBucket(t *testing.T, s *s3.Server, prefix string) *vault.Vault {
	t.Helper()
	b, err := vault.OpenBucket(t.Context(), strings.Replace(s.Address, "/evidence", "/evidence"+prefix, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	temp, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = temp.Close() })
	return vault.New(b, temp)
}

func TestBucketKeepsBytes(t *testing.T) {
	s := s3.Start(t)
	for _, prefix := range []string{"", "/deep/er"} {
		v := openBucket(t, s, prefix)
		kept := map[string]int64{}
		for _, size := range []int{0, 1, 1<<20 + 3, 17 << 20} { // the last goes in parts
			data := bytes.Repeat([]byte{byte(size), 7}, size/2+1)[:size]
			digest, n, err := v.Put(t.Context(), bytes.NewReader(data), 32<<20)
			if err != nil || n != int64(size) {
				t.Fatalf("Put(%d bytes) = %d, %v", size, n, err)
			}
			if again, _, err := v.Put(t.Context(), bytes.NewReader(data), 32<<20); err != nil || again != digest {
				t.Errorf("Put again = %s, %v", again, err)
			}
			kept[digest] = n
			r, err := v.Open(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data) || r.Close() != nil {
				t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
			}
		}
		found := 0
		if err := v.Digests(t.Context(), func(digest string, size int64) error {
			found++
			if kept[digest] != size {
				t.Errorf("%s has %d bytes in the list", digest, size)
			}
			return nil
		}); err != nil || found != len(kept) {
			t.Errorf("Digests gives %d of %d, %v", found, len(kept), err)
		}
		for digest := range kept {
			if err := errors.Join(v.Delete(t.Context(), digest), v.Delete(t.Context(), digest)); err != nil {
				t.Errorf("Delete: %v", err)
			}
			if err := v.Check(t.Context(), digest); kindOf(err) != seaworthy.KindNotFound {
				t.Errorf("Check of what was deleted = %v", err)
			}
		}
	}
}

func TestAlteredObjectIsTold(t *testing.T) {
	s := s3.Start(t)
	v := openBucket(t, s, "")
	digest, _, err := v.Put(t.Context(), strings.NewReader("who may do what"), 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "evidence", digest[:2], digest), []byte("who may do more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context(), digest); !errors.Is(err, vault.ErrAltered) {
		t.Errorf("Check of altered bytes = %v, want %v", err, vault.ErrAltered)
	}
}

func TestBucketThatIsNotThere(t *testing.T) {
	s := s3.Start(t)
	_, err := vault.OpenBucket(t.Context(), strings.Replace(s.Address, "/evidence", "/another", 1), nil)
	if kindOf(err) != seaworthy.KindInvalid || !strings.Contains(fmt.Sprint(err), "no bucket another") {
		t.Errorf("OpenBucket of no bucket = %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	if _, err := vault.OpenBucket(t.Context(), s.Address, nil); kindOf(err) != seaworthy.KindUnavailable {
		t.Errorf("OpenBucket with wrong credentials = %v", err)
	}
	for _, address := range []string{"s3://", "s3://host", "https://host/bucket", "s3://user:secret@host/bucket"} {
		if _, err := vault.OpenBucket(t.Context(), address, nil); kindOf(err) != seaworthy.KindInvalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("OpenBucket(%q) = %v", address, err)
		}
	}
}

// slow gives bytes slowly and calls f in between.
type slow struct {
	left int
	f    func()
}

// Read is io.Reader.
func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if s.f != nil {
		s.f()
		s.f = nil
	}
	n := min(len(p), s.left)
	s.left -= n
	return n, nil
}

func TestStorageThatDiesIsAClearError(t *testing.T) {
	s := s3.Start(t)
	v := openBucket(t, s, "")
	kept, _, err := v.Put(t.Context(), strings.NewReader("there before"), 100)
	if err != nil {
		t.Fatal(err)
	}
	// It dies while something is on its way, and is dead for what comes next.
	started := time.Now()
	for _, r := range []io.Reader{&slow{left: 20 << 20, f: s.Kill}, strings.NewReader("small")} {
		_, _, err = v.Put(t.Context(), r, 32<<20)
		if kindOf(err) != seaworthy.KindUnavailable || !strings.Contains(err.Error(), "nothing was kept") || strings.Contains(err.Error(), "seaworthy-test-secret") {
			t.Errorf("Put = %v", err)
		}
	}
	if err := v.Check(t.Context(), kept); kindOf(err) != seaworthy.KindUnavailable {
		t.Errorf("Check = %v, want that it cannot be read: it is not known to be missing", err)
	}
	if took := time.Since(started); took > 5*time.Minute { // it does not hang
		t.Errorf("it took %s to tell", took)
	}
	s.Run()
	if err := v.Check(t.Context(), kept); err != nil {
		t.Errorf("Check of what was there before: %v", err)
	}
	n := 0
	if err := v.Digests(t.Context(), func(string, int64) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d blobs are there, %v", n, err)
	}
	if _, _, err := v.Put(t.Context(), strings.NewReader("small"), 100); err != nil {
		t.Errorf("Put when it is back: %v", err)
	}
}

func kindOf(err error) seaworthy.Kind {
	var told *seaworthy.Error
	if errors.As(err, &told) {
		return told.Kind
	}
	return seaworthy.KindInternal
}
