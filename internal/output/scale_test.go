// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// TestMemoryDoesNotFollowFindings holds every format to a bound that has nothing to do
// with the number of findings.
func TestMemoryDoesNotFollowFindings(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 findings in every format")
	}
	const bound = 24 << 20
	for _, f := range output.Formats {
		t.Run(f.Name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			h := f.New(io.Discard, output.Options{All: true})
			header, all, trailer := large(0, nil)
			if err := h.Start(&header, all); err != nil {
				t.Fatal(err)
			}
			n := 0
			_, _, trailer = large(100_000, func(f *seaworthy.Finding) {
				if err := h.Finding(f); err != nil {
					t.Fatal(err)
				}
				if n++; n%5000 == 0 {
					if err := h.Pass(&seaworthy.Pass{Check: f.Check, Object: f.Object}); err != nil {
						t.Fatal(err)
					}
				}
			})
			runtime.GC()
			runtime.ReadMemStats(&now)
			if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); grown > bound {
				t.Errorf("the heap has grown by %d MB", grown>>20)
			}
			if err := h.End(&trailer); err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&now)
			if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); grown > bound {
				t.Errorf("the heap has grown by %d MB at the end", grown>>20)
			}
			runtime.KeepAlive(h)
		})
	}
}

// full is a disk that has no room after n bytes.
type full struct{ left int }

var errFull = errors.New("no room left")

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		n := f.left
		f.left = 0
		return n, errFull
	}
	f.left -= len(b)
	return len(b), nil
}

// TestNothingStaysBehind: after the end, after an error and after giving up there is no
// temporary file, and an error of the writer is told.
func TestNothingStaysBehind(t *testing.T) {
	r, all := largeReport(4000)
	for i := range 600 {
		r.Passes = append(r.Passes, seaworthy.Pass{Check: all[0].ID, Object: r.Findings[i].Object})
	}
	for _, f := range output.Formats {
		t.Run(f.Name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			if err := output.Replay(r, all, f.New(io.Discard, output.Options{All: true})); err != nil {
				t.Errorf("Replay: %v", err)
			}
			empty(t, dir, "after the end")
			for _, room := range []int{0, 100, 1500} {
				if err := output.Replay(r, all, f.New(&full{room}, output.Options{All: true})); !errors.Is(err, errFull) {
					t.Errorf("with room for %d bytes Replay = %v, want %v", room, err, errFull)
				}
				empty(t, dir, "after an error")
			}
			h := f.New(io.Discard, output.Options{All: true})
			if err := h.Start(&r.Header, all); err != nil {
				t.Fatal(err)
			}
			for i := range r.Findings {
				if err := h.Finding(&r.Findings[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := output.Close(h); err != nil {
				t.Errorf("Close: %v", err)
			}
			empty(t, dir, "after giving up")
		})
	}
}

func empty(t *testing.T, dir, when string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s: %d files stay in the temporary folder", when, len(left))
	}
}

// TestNoTemporaryFolder: where findings cannot be spooled, that is an error.
func TestNoTemporaryFolder(t *testing.T) {
	r, all := largeReport(4000)
	t.Setenv("TMPDIR", "/nonexistent")
	junit, err := output.Named("junit")
	if err != nil {
		t.Fatal(err)
	}
	if err := output.Replay(r, all, junit.New(io.Discard, output.Options{})); err == nil {
		t.Error("Replay does not tell that the temporary folder is missing")
	}
}

func TestNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range output.Formats {
		if f.Name == "" || f.Doc == "" || f.New == nil || seen[f.Name] {
			t.Errorf("format %q lacks something or stands there twice", f.Name)
		}
		seen[f.Name] = true
		if _, err := os.Stat(f.Name + ".go"); err != nil {
			t.Errorf("format %q has no file of its name", f.Name)
		}
	}
	if _, err := output.Named("yaml"); !invalid(err) {
		t.Errorf("Named(yaml) = %v, want an error for the user", err)
	}
	if want := []string{"text", "json", "sarif", "junit", "markdown", "html", "github", "gitlab", "openreports", "csv"}; !slices.Equal(output.Names(), want) {
		t.Errorf("Names() = %v, want %v", output.Names(), want)
	}
}

func TestTeeTellsAll(t *testing.T) {
	var a, b writer
	h := output.Tee(output.Formats[0].New(&a, output.Options{}), output.Formats[1].New(&b, output.Options{}))
	if err := output.Replay(rich(), checks, h); err != nil {
		t.Fatal(err)
	}
	if string(a) != string(render(t, "text", rich(), output.Options{})) || string(b) != string(render(t, "json", rich(), output.Options{})) {
		t.Error("what goes to several is not what goes to each alone")
	}
	h = output.Tee(output.Formats[0].New(&full{}, output.Options{}), output.Formats[1].New(&b, output.Options{}))
	if err := output.Replay(rich(), checks, h); !errors.Is(err, errFull) {
		t.Errorf("Replay = %v, want %v", err, errFull)
	}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}
