// SPDX-License-Identifier: Apache-2.0

package tlog_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// tiles keeps tiles in memory.
type tiles map[string][]byte

func (t tiles) Tile(level int, n int64) ([]byte, error) {
	if data, ok := t[fmt.Sprint(level, n)]; ok {
		return data, nil
	}
	return nil, errors.New("no such tile")
}

// grow appends the records in lots of the sizes given and returns the roots by size.
func grow(t *testing.T, lots []int) (tiles, []tlog.Hash, map[int64]tlog.Hash) {
	t.Helper()
	kept, roots := tiles{}, map[int64]tlog.Hash{}
	var all []tlog.Hash
	for _, lot := range lots {
		var records []tlog.Hash
		for range lot {
			records = append(records, tlog.RecordHash(fmt.Appendf(nil, "record %d", len(all)+len(records))))
		}
		changed, root, err := tlog.Append(int64(len(all)), records, kept)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changed {
			kept[fmt.Sprint(c.Level, c.N)] = c.Hashes
		}
		all = append(all, records...)
		roots[int64(len(all))] = root
	}
	return kept, all, roots
}

func TestEveryRecordAndPrefixIsProved(t *testing.T) {
	kept, all, roots := grow(t, []int{1, 1, 2, 3, 250, 1, 300, 7})
	size := int64(len(all))
	root := roots[size]
	if got, err := tlog.Root(size, kept); err != nil || got != root {
		t.Fatalf("Root = %v, %v, want %v", got, err, root)
	}
	for n, record := range all {
		proof, err := tlog.ProveRecord(size, int64(n), kept)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, root, int64(n), record); err != nil {
			t.Fatalf("record %d: %v", n, err)
		}
		if err := tlog.CheckRecord(proof, size, root, int64(n), tlog.RecordHash([]byte("another"))); err == nil {
			t.Fatalf("record %d: another record passes for it", n)
		}
	}
	for old, oldRoot := range roots {
		proof, err := tlog.ProveTree(size, old, kept)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, size, root, old, oldRoot); err != nil {
			t.Fatalf("prefix %d: %v", old, err)
		}
	}
}

func TestRootOfEqualsTheLogs(t *testing.T) {
	for n := range 70 {
		_, all, roots := grow(t, []int{n})
		if got := tlog.RootOf(all); got != roots[int64(n)] {
			t.Errorf("RootOf(%d records) = %v, want %v", n, got, roots[int64(n)])
		}
	}
}

func TestLeafRoundTrip(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 123456789, time.UTC)
	e, salt := tlog.NewEntry(at, "waiver", "01J", "user:a", []byte(`{"a":1}`))
	got, err := tlog.ParseLeaf(e.Leaf())
	if err != nil || got != e {
		t.Fatalf("ParseLeaf = %+v, %v, want %+v", got, err, e)
	}
	if tlog.Commit(salt, "user:a", []byte(`{"a":2}`)) == e.Commitment || tlog.Commit(salt, "user:b", []byte(`{"a":1}`)) == e.Commitment {
		t.Error("other content has the same commitment")
	}
	other, _ := tlog.NewEntry(at, "waiver", "01J", "user:a", []byte(`{"a":1}`))
	if other.Commitment == e.Commitment {
		t.Error("two entries of the same content have the same commitment: no salt")
	}
}

func TestCheckpointNeedsTheLogsKey(t *testing.T) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(skey)
	verifier, _ := note.NewVerifier(vkey)
	stranger, _ := note.NewVerifier(foreign)
	want := tlog.Checkpoint{Origin: "log.example", Size: 7, Root: tlog.RecordHash([]byte("x"))}
	signed, err := want.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := tlog.OpenCheckpoint(signed, verifier)
	if err != nil || got != want {
		t.Fatalf("OpenCheckpoint = %+v, %v, want %+v", got, err, want)
	}
	if _, _, err := tlog.OpenCheckpoint(signed, stranger); err == nil {
		t.Error("a key that did not sign verifies the checkpoint")
	}
}

func FuzzParseLeaf(f *testing.F) {
	e, _ := tlog.NewEntry(time.Unix(0, 0), "run", "x", "system", nil)
	f.Add(e.Leaf())
	f.Add([]byte("seaworthy.dev/entry/v1\n\n\n\n\n"))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		if e, err := tlog.ParseLeaf(leaf); err == nil && string(e.Leaf()) != string(leaf) {
			t.Errorf("ParseLeaf reads %q as %q", leaf, e.Leaf())
		}
	})
}
