// SPDX-License-Identifier: Apache-2.0

package witness_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/witness"
)

// server serves a log as the specification says, from memory.
type server struct {
	mu     sync.Mutex
	signer note.Signer
	tiles  map[string][]byte
	size   int64
	root   tlog.Hash
	lines  []string
}

func (s *server) Tile(level int, n int64) ([]byte, error) {
	data, ok := s.tiles[witness.TilePath(level, n)]
	if !ok {
		return nil, errors.New("no such tile")
	}
	return data, nil
}

func (s *server) grow(t *testing.T, word string, n int) {
	t.Helper()
	records := make([]tlog.Hash, n)
	for i := range records {
		records[i] = tlog.RecordHash(fmt.Appendf(nil, "%s %d", word, i))
	}
	changed, root, err := tlog.Append(s.size, records, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changed {
		s.tiles[witness.TilePath(c.Level, c.N)] = c.Hashes
	}
	s.size, s.root = s.size+int64(n), root
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/log")
	switch {
	case path == "/checkpoint":
		signed, err := tlog.Checkpoint{Origin: s.signer.Name(), Size: s.size, Root: s.root}.Sign(s.signer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(signed)
	case path == "/cosignatures" && r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		s.lines = append(s.lines, string(body))
	default:
		full, width, partial := strings.Cut(path, ".p/")
		data := s.tiles[full]
		if partial {
			var n int
			if _, err := fmt.Sscan(width, &n); err != nil || n*32 > len(data) {
				http.NotFound(w, r)
				return
			}
			data = data[:n*32]
		} else if len(data) != 256*32 {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}
}

func setup(t *testing.T) (*server, *witness.Witness, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(private)
	key, _ := note.NewVerifier(public)
	mine, theirs, err := tlog.GenerateCosigner("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := tlog.ParseCosigner(mine, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := tlog.ParseKey(theirs)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{signer: signer, tiles: map[string][]byte{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, witness.New(witness.Config{
		URL: web.URL + "/log", LogKey: key, Signer: cosigner, State: filepath.Join(t.TempDir(), "log.example"),
	}), verifier
}

func TestAGrowingLogIsCosigned(t *testing.T) {
	s, w, verifier := setup(t)
	for _, n := range []int{1, 1, 300, 0, 70000, 5} {
		s.grow(t, "entry", n)
		head, err := w.Cosign(t.Context())
		if err != nil || head.Size != s.size {
			t.Fatalf("Cosign at %d = %+v, %v", s.size, head, err)
		}
		last := s.lines[len(s.lines)-1]
		if _, err := note.Open([]byte(last), note.VerifierList(verifier)); err != nil || !strings.Contains(last, fmt.Sprintf("\n%d\n", s.size)) {
			t.Fatalf("the cosignature of %d does not verify: %v\n%s", s.size, err, last)
		}
	}
}

func TestARewrittenLogIsNot(t *testing.T) {
	for name, rewrite := range map[string]func(*testing.T, *server){
		"rolled back to yesterday": func(t *testing.T, s *server) {
			s.size, s.tiles = 0, map[string][]byte{}
			s.grow(t, "entry", 200)
		},
		"other entries, as many": func(t *testing.T, s *server) {
			s.size, s.tiles = 0, map[string][]byte{}
			s.grow(t, "other", 500)
		},
		"other entries, more of them": func(t *testing.T, s *server) {
			s.size, s.tiles = 0, map[string][]byte{}
			s.grow(t, "other", 900)
		},
		"rolled back and gone on": func(t *testing.T, s *server) {
			s.size, s.tiles = 0, map[string][]byte{}
			s.grow(t, "entry", 499)
			s.grow(t, "forged", 300)
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s, w, _ := setup(t)
			s.grow(t, "entry", 500)
			if _, err := w.Cosign(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := maps.Clone(s.tiles)
			rewrite(t, s)
			var rewritten *witness.RewrittenError
			if _, err := w.Cosign(t.Context()); !errors.As(err, &rewritten) {
				t.Fatalf("Cosign of a rewritten log = %v", err)
			}
			if len(s.lines) != 1 {
				t.Errorf("it was cosigned %d times", len(s.lines))
			}
			// The true log is still followed.
			s.tiles, s.size = before, 500
			root, err := tlog.Root(500, s)
			if err != nil {
				t.Fatal(err)
			}
			s.root = root
			s.grow(t, "entry", 10)
			if _, err := w.Cosign(t.Context()); err != nil {
				t.Errorf("the true log is no longer cosigned: %v", err)
			}
		})
	}
}

func TestAnotherKeysCheckpointIsRefused(t *testing.T) {
	s, w, _ := setup(t)
	s.grow(t, "entry", 3)
	private, _, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	s.signer, _ = note.NewSigner(private)
	if _, err := w.Cosign(t.Context()); err == nil || len(s.lines) > 0 {
		t.Errorf("Cosign = %v, %d cosignatures", err, len(s.lines))
	}
}

func TestTilePaths(t *testing.T) {
	for n, want := range map[int64]string{0: "/tile/0/000", 999: "/tile/0/999", 1000: "/tile/0/x001/000", 1234067: "/tile/0/x001/x234/067"} {
		if got := witness.TilePath(0, n); got != want {
			t.Errorf("TilePath(0, %d) = %s, want %s", n, got, want)
		}
	}
}
