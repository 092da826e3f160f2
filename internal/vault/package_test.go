// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// memory is a log in memory.
type memory struct {
	signer  note.Signer
	tiles   map[string][]byte
	size    int64
	root    tlog.Hash
	entries []vault.Entry
}

func (m *memory) Tile(level int, n int64) ([]byte, error) {
	if data, ok := m.tiles[fmt.Sprint(level, n)]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("no tile %d/%d", level, n)
}

func (m *memory) add(t *testing.T, kind, subject string, content any) vault.Entry {
	t.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 0, 0, int(m.size), 0, time.UTC)
	e, salt := tlog.NewEntry(at, kind, subject, "user:meg", data)
	changed, root, err := tlog.Append(m.size, []tlog.Hash{tlog.RecordHash(e.Leaf())}, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changed {
		m.tiles[fmt.Sprint(c.Level, c.N)] = c.Hashes
	}
	text := string(data)
	out := vault.Entry{Index: m.size, Leaf: string(e.Leaf()), Salt: hex.EncodeToString(salt), Actor: "user:meg", Content: &text}
	m.size, m.root, m.entries = m.size+1, root, append(m.entries, out)
	return out
}

// pack makes a package of three pieces of evidence, one of them erased.
func pack(t *testing.T) ([]byte, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(private)
	verifier, _ := note.NewVerifier(public)
	m := &memory{signer: signer, tiles: map[string][]byte{}}
	for i := range 300 {
		m.add(t, "run", fmt.Sprint("r", i), i)
	}
	var out bytes.Buffer
	p := vault.NewPackage(&out, nil)
	file := func(name, text string) {
		w, err := p.File(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	file("README.txt", "how to verify\n")
	var lines []vault.Entry
	for i, text := range []string{"who may do what", "what ran", "erased"} {
		sum := sha256.Sum256([]byte(text))
		e := seaworthy.Evidence{ID: fmt.Sprint("e", i), Title: text, Digest: hex.EncodeToString(sum[:])}
		if text == "erased" {
			e.ErasedAt = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		} else {
			file(vault.EvidencePath(e.Digest), text)
		}
		lines = append(lines, m.add(t, "evidence", e.ID, e))
	}
	var b strings.Builder
	for _, e := range lines {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	file(vault.EntriesFile, b.String())
	_, err = p.Seal(t.Context(), vault.Seal{Name: "Type II 2026"}, func(_ context.Context, s vault.Seal) (vault.Head, error) {
		e := m.add(t, vault.SealKind, "p1", s)
		signed, err := tlog.Checkpoint{Origin: "log.example", Size: m.size, Root: m.root}.Sign(signer)
		return vault.Head{Entry: e, Checkpoint: string(signed), Size: m.size, Tiles: m}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), verifier
}

// rewrite copies a package and lets f change each file; nil drops it.
func rewrite(t *testing.T, pkg []byte, f func(name string, data []byte) []byte, more ...string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	put := func(name string, data []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range in.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if data = f(file.Name, data); data != nil {
			put(file.Name, data)
		}
	}
	for _, name := range more {
		put(name, []byte("more"))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// change replaces text in one file.
func change(file, from, to string) func(string, []byte) []byte {
	return func(name string, data []byte) []byte {
		if name == file {
			return bytes.Replace(data, []byte(from), []byte(to), 1)
		}
		return data
	}
}

// without drops a file.
func without(file string) func(string, []byte) []byte {
	return func(name string, data []byte) []byte {
		if name == file {
			return nil
		}
		return data
	}
}

func TestPackageIsIntact(t *testing.T) {
	pkg, key := pack(t)
	got, err := vault.Verify(bytes.NewReader(pkg), int64(len(pkg)), vault.Trust{Key: key})
	if err != nil || !got.Intact() {
		t.Fatalf("Verify = %+v, %v", got, err)
	}
	if got.Files != 4 || got.Entries != 3 || got.LogSize != 304 || got.Name != "Type II 2026" || got.SealedAt != "2026-03-01T00:05:03Z" {
		t.Errorf("Verify = %+v", got)
	}
}

func TestTamperedPackages(t *testing.T) {
	pkg, key := pack(t)
	ran := sha256.Sum256([]byte("what ran"))
	evidence := vault.EvidencePath(hex.EncodeToString(ran[:]))
	flip := func(file string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name == file {
				data = slices.Clone(data)
				data[len(data)/2] ^= 1
			}
			return data
		}
	}
	both := func(name string, data []byte) []byte { // the evidence and its digest in the list
		data = change(evidence, "what", "that")(name, data)
		that := sha256.Sum256([]byte("that ran"))
		return change(vault.SumsFile, hex.EncodeToString(ran[:])+"  ", hex.EncodeToString(that[:])+"  ")(name, data)
	}
	for _, c := range []struct {
		name string
		pkg  []byte
		want string
	}{
		{"altered file", rewrite(t, pkg, change("README.txt", "how", "who")), "README.txt was altered"},
		{"altered evidence", rewrite(t, pkg, change(evidence, "what", "that")), evidence},
		{"altered evidence and list", rewrite(t, pkg, both), "SHA256SUMS is not the list that was sealed"},
		{"missing evidence", rewrite(t, pkg, without(evidence)), evidence + " is missing"},
		{"missing file", rewrite(t, pkg, without("README.txt")), "README.txt is missing"},
		{"added file", rewrite(t, pkg, without(""), "04_evidence/more.txt"), "04_evidence/more.txt was added"},
		{"file twice", rewrite(t, pkg, without(""), "README.txt"), "README.txt is there twice"},
		{"altered list", rewrite(t, pkg, flip(vault.SumsFile)), vault.SumsFile},
		{"altered entry", rewrite(t, pkg, change(vault.EntriesFile, "what ran", "that ran")), "the content of entry 301 (evidence e1), or its actor, was altered"},
		{"altered leaf", rewrite(t, pkg, change(vault.EntriesFile, "2026-03-01", "2026-02-01")), "is not in the log"},
		{"altered hashes", rewrite(t, pkg, flip(vault.HashesFile)), "does not add up to the root"},
		{"more hashes", rewrite(t, pkg, func(n string, d []byte) []byte {
			if n == vault.HashesFile {
				return append(d, make([]byte, 1<<20)...)
			}
			return d
		}), "log/hashes.bin holds more than was signed"},
		{"cut hashes", rewrite(t, pkg, func(n string, d []byte) []byte {
			if n == vault.HashesFile {
				return d[:len(d)-32]
			}
			return d
		}), "does not add up to the root"},
		{"altered checkpoint", rewrite(t, pkg, change(vault.CheckpointFile, "\n304\n", "\n303\n")), vault.CheckpointFile},
		{"altered seal", rewrite(t, pkg, change(vault.SealFile, "Type II", "Type I")), "the content of entry 303 (package p1), or its actor, was altered"},
		{"another entry as seal", rewrite(t, pkg, func(n string, d []byte) []byte {
			if n == vault.SealFile {
				return []byte(`{"index":0,"leaf":"x","content":"{}"}`)
			}
			return d
		}), "log/seal.json: entry 0"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			got, err := vault.Verify(bytes.NewReader(c.pkg), int64(len(c.pkg)), vault.Trust{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(got.Problems, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("Verify tells %q, want one with %q", got.Problems, c.want)
			}
		})
	}
}

func TestAnotherKeyDoesNotVerify(t *testing.T) {
	pkg, _ := pack(t)
	_, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	key, _ := note.NewVerifier(public)
	got, err := vault.Verify(bytes.NewReader(pkg), int64(len(pkg)), vault.Trust{Key: key})
	if err != nil || got.Intact() {
		t.Errorf("Verify with a stranger's key = %+v, %v", got, err)
	}
}

func TestWhatIsNoPackage(t *testing.T) {
	pkg, key := pack(t)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": pkg[:len(pkg)/2],
		"without-seal": rewrite(t, pkg, without(vault.SealFile)),
	} {
		if got, err := vault.Verify(bytes.NewReader(data), int64(len(data)), vault.Trust{Key: key}); err == nil {
			t.Errorf("%s: Verify = %+v, want an error", name, got)
		}
	}
}

func TestNamesStayInside(t *testing.T) {
	p := vault.NewPackage(io.Discard, nil)
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../../x", "a\nb", `a\b`, "a//b", "C:x"} {
		if _, err := p.File(name); err == nil {
			t.Errorf("a package takes a file called %q", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("PK\x05\x06"))
	_, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		f.Fatal(err)
	}
	key, _ := note.NewVerifier(public)
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := vault.Verify(bytes.NewReader(data), int64(len(data)), vault.Trust{Key: key}); err == nil && got.Intact() {
			t.Errorf("%q is intact: %+v", data, got)
		}
	})
}
