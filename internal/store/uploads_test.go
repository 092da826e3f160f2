// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Two servers on one database take the pieces of an upload in turn.
func TestUploadsAreSharedByServers(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		servers := []*store.Store{storetest.Open(t, c), storetest.Open(t, c)}
		begin := func(id string) {
			t.Helper()
			u := store.Upload{ID: id, Actor: "token:a", Source: "prod", Encoding: "gzip", Expires: now.Add(time.Hour)}
			if err := servers[0].Write(t.Context(), u.Actor, func(tx *store.Tx) error { return tx.PutUpload(u) }); err != nil {
				t.Fatal(err)
			}
		}
		add := func(server int, id string, at int64, piece []byte) error {
			return servers[server].Write(t.Context(), "token:a", func(tx *store.Tx) error { return tx.AppendUpload(id, at, piece) })
		}
		begin("one")
		random := rand.New(rand.NewPCG(1, 2))
		var want []byte
		for n := range 20 {
			piece := make([]byte, 1+random.IntN(5000))
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
			// Both are given the piece, as when a client asks again; one takes it.
			var took atomic.Int32
			var g sync.WaitGroup
			for s := range servers {
				g.Go(func() {
					err := add((s+n)%2, "one", int64(len(want)), piece)
					if err == nil {
						took.Add(1)
					} else if !isKind(err, seaworthy.KindConflict) {
						t.Errorf("the piece is refused with %v, want a conflict", err)
					}
				})
			}
			g.Wait()
			if took.Load() != 1 {
				t.Fatalf("piece %d was taken %d times", n, took.Load())
			}
			want = append(want, piece...)
		}
		for _, s := range servers {
			u, err := s.Upload(t.Context(), "one")
			if err != nil || u.Size != int64(len(want)) || u.Source != "prod" || u.Encoding != "gzip" || u.Actor != "token:a" || !u.Expires.Equal(now.Add(time.Hour)) {
				t.Fatalf("Upload = %+v, %v", u, err)
			}
			if got, err := io.ReadAll(s.ReadUpload(t.Context(), u)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the upload reads as %d bytes, %v; want the %d that were sent", len(got), err, len(want))
			}
			u.Size -= 3
			if got, err := io.ReadAll(s.ReadUpload(t.Context(), u)); err != nil || !bytes.Equal(got, want[:len(want)-3]) {
				t.Errorf("as it was before the last bytes, it reads as %d bytes, %v", len(got), err)
			}
		}
		begin("two")
		if err := add(0, "two", 0, []byte("abc")); err != nil {
			t.Fatal(err)
		}
		u, err := servers[1].Upload(t.Context(), "two")
		if err != nil {
			t.Fatal(err)
		}
		r := servers[1].ReadUpload(t.Context(), u)
		if err := servers[0].Write(t.Context(), "token:a", func(tx *store.Tx) error { return tx.DropUpload("two") }); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !isKind(err, seaworthy.KindNotFound) {
			t.Errorf("an upload that went while it was read ends with %v, want that it is not there", err)
		}
		now = now.Add(time.Hour)
		if _, err := servers[0].Upload(t.Context(), "one"); !isKind(err, seaworthy.KindNotFound) {
			t.Errorf("an upload whose time is over gives %v", err)
		}
		if err := servers[1].Write(t.Context(), "system", func(tx *store.Tx) error { return tx.SweepUploads() }); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"uploads", "upload_pieces"} {
			if n, err := store.Rows(t.Context(), servers[0], table); err != nil || n != 0 {
				t.Errorf("%d rows are left in %s, %v", n, table, err)
			}
		}
	})
}

func isKind(err error, kind seaworthy.Kind) bool {
	var told *seaworthy.Error
	return errors.As(err, &told) && told.Kind == kind
}
