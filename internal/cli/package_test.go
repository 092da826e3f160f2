// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// oneTile is a log of a few entries.
type oneTile []byte

func (o oneTile) Tile(int, int64) ([]byte, error) { return o, nil }

// pack writes a small evidence package and the key of its log: pack PACKAGE KEYFILE.
func pack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pack PACKAGE KEYFILE")
	}
	private, public, err := note.GenerateKey(rand.Reader, "log.harbour-lane.example")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(public+"\n"), 0o600))
	signer, err := note.NewSigner(private)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	p := vault.NewPackage(f, nil)
	w, err := p.File("README.txt")
	ts.Check(err)
	_, err = io.WriteString(w, "Verify this with: seaworthy verify\n")
	ts.Check(err)
	_, err = p.Seal(context.Background(), vault.Seal{Name: "Type II 2026"}, func(_ context.Context, s vault.Seal) (vault.Head, error) {
		return seal(signer, s)
	})
	ts.Check(err)
	ts.Check(f.Close())
}

// seal logs the seal as the only entry of a log.
func seal(signer note.Signer, s vault.Seal) (vault.Head, error) {
	content, err := json.Marshal(s)
	if err != nil {
		return vault.Head{}, err
	}
	e, salt := tlog.NewEntry(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC), vault.SealKind, "p1", "user:meg", content)
	tiles, root, err := tlog.Append(0, []tlog.Hash{tlog.RecordHash(e.Leaf())}, oneTile(nil))
	if err != nil || len(tiles) != 1 {
		return vault.Head{}, fmt.Errorf("%d tiles, %w", len(tiles), err)
	}
	signed, err := tlog.Checkpoint{Origin: signer.Name(), Size: 1, Root: root}.Sign(signer)
	text := string(content)
	return vault.Head{
		Entry:      vault.Entry{Leaf: string(e.Leaf()), Salt: hex.EncodeToString(salt), Actor: "user:meg", Content: &text},
		Checkpoint: string(signed), Size: 1, Tiles: oneTile(tiles[0].Hashes),
	}, err
}

// tamper changes one byte of a file: tamper FILE OFFSET; a negative offset counts from
// the end.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tamper FILE OFFSET")
	}
	var at int
	_, err := fmt.Sscan(args[1], &at)
	ts.Check(err)
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}
