// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/witness"
)

// grow makes the log longer and signs its head.
func (w *world) grow(n int) store.Checkpoint {
	w.Helper()
	w.must(w.store.Write(w.Context(), "system", func(tx *store.Tx) error {
		for range n {
			if err := tx.Log("note", "x", "y"); err != nil {
				return err
			}
		}
		return nil
	}))
	c, err := w.store.Checkpoint(w.Context(), w.signer)
	w.must(err)
	return c
}

// A witness follows the log over HTTP, and its cosignature shows in the checkpoint.
func TestWitnessFollowsTheLog(t *testing.T) {
	private, public, err := tlog.GenerateCosigner("witness.example.org")
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := tlog.ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.ParseCosigner(private, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := here(t, api.Config{Witnesses: []note.Verifier{verifier}})
	web := httptest.NewServer(w.api)
	defer web.Close()
	watch := witness.New(witness.Config{URL: web.URL + "/log", LogKey: w.key, Signer: signer, State: filepath.Join(t.TempDir(), "state")})
	for _, n := range []int{1, 300, 700} {
		c := w.grow(n)
		if head, err := watch.Cosign(t.Context()); err != nil || head.Size != c.Size {
			t.Fatalf("Cosign at %d entries = %+v, %v", c.Size, head, err)
		}
	}
	signed := w.do("", http.MethodGet, "/log/checkpoint", nil).want(http.StatusOK, nil).Body.String()
	if _, _, err := tlog.OpenCheckpoint([]byte(signed), w.key, verifier); err != nil || strings.Count(signed, "— ") != 2 {
		t.Errorf("the checkpoint is %q, %v", signed, err)
	}
	// Somebody who is no witness, and a witness of another log.
	w.do("", http.MethodPost, "/log/cosignatures", []byte(signed[:strings.LastIndex(signed, "— ")])).want(http.StatusForbidden, nil)
	w.do("", http.MethodPost, "/log/cosignatures", []byte("nonsense")).want(http.StatusBadRequest, nil)
	foreign := tlog.Checkpoint{Origin: "other.example.org", Size: 5}.Text()
	line, err := signer.Line(foreign)
	w.must(err)
	if got := w.do("", http.MethodPost, "/log/cosignatures", []byte(foreign+"\n"+line)).Code; got != http.StatusConflict && got != http.StatusNotFound {
		t.Errorf("the cosignature of another log: status %d", got)
	}
}

// Tiles and bundles are those of c2sp.org/tlog-tiles: what is in a bundle hashes to what
// is in the tile.
func TestTiles(t *testing.T) {
	on(t, func(w *world) {
		w.grow(600)
		for _, c := range []struct {
			path  string
			width int64 // hashes or entries; 0: there is none
		}{
			{"000", 256}, {"001", 256}, {"001.p/5", 5}, {"999", 0}, {"x001/000", 0}, {"000.p/256", 0}, {"000.p/0", 0}, {"0", 0}, {"../../x", 0}, {"000.p/05", 0},
		} {
			want := http.StatusOK
			if c.width == 0 {
				want = http.StatusNotFound
			}
			tile := w.do("", http.MethodGet, "/log/tile/0/"+c.path, nil)
			bundle := w.do("", http.MethodGet, "/log/tile/entries/"+c.path, nil)
			if strings.Contains(c.path, "..") {
				continue // the way is cleaned before it comes here
			}
			tile.want(want, nil)
			bundle.want(want, nil)
			if c.width == 0 {
				continue
			}
			if !strings.Contains(tile.Header().Get("Cache-Control"), "immutable") {
				w.Errorf("tile %s may not be kept", c.path)
			}
			data, hashes := bundle.Body.Bytes(), tile.Body.Bytes()
			for n := int64(0); n < c.width; n++ {
				length := int(binary.BigEndian.Uint16(data))
				leaf := data[2 : 2+length]
				data = data[2+length:]
				if h := sha256.Sum256(append([]byte{0}, leaf...)); string(h[:]) != string(hashes[n*32:n*32+32]) {
					w.Fatalf("entry %d of bundle %s is not the one of the tile", n, c.path)
				}
			}
			if len(data) != 0 || len(hashes) != int(c.width)*32 {
				w.Errorf("%s: %d bytes follow the entries, the tile has %d bytes", c.path, len(data), len(hashes))
			}
		}
		w.do("", http.MethodGet, "/log/tile/1/000", nil).want(http.StatusNotFound, nil)
		w.do("", http.MethodGet, "/log/tile/1/000.p/2", nil).want(http.StatusOK, nil)
		w.do("", http.MethodGet, "/log/tile/9/000", nil).want(http.StatusNotFound, nil)

		var e struct {
			Leaf       string
			Checkpoint string
			Size       int64
			Proof      []tlog.Hash
		}
		w.do(w.as(seaworthy.Viewer), http.MethodGet, "/api/v1/log/entries/17", nil).want(http.StatusOK, &e)
		head, _, err := tlog.OpenCheckpoint([]byte(e.Checkpoint), w.key)
		w.must(err)
		w.must(tlog.CheckRecord(e.Proof, e.Size, head.Root, 17, tlog.RecordHash([]byte(e.Leaf))))
		w.do(w.as(seaworthy.Viewer), http.MethodGet, "/api/v1/log/entries/999999", nil).want(http.StatusNotFound, nil)
	})
}
