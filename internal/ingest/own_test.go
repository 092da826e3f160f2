// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"fmt"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// What an agent's objects are called is noted once, whatever letters it has, and not without
// end.
func TestNamesOfAgents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod"})
		if err := w.store.Write(t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: "s1", EnrolledAt: tx.At})
		}); err != nil {
			t.Fatal(err)
		}
		beat := func(name string) int {
			t.Helper()
			said := seaworthy.Heartbeat{Instance: "i1", At: w.now, Started: w.now, Own: seaworthy.OwnNames{Namespace: "watch", Name: name}}
			if _, err := ingest.Beat(t.Context(), w.store, seaworthy.Principal{Actor: "agent:a1", Role: seaworthy.Reporter, Source: "s1"}, said); err != nil {
				t.Fatal(err)
			}
			a, err := w.store.Agent(t.Context(), "a1")
			if err != nil {
				t.Fatal(err)
			}
			return len(a.Own)
		}
		for range 3 {
			if n := beat("har\x00bour"); n != 1 {
				t.Fatalf("%d names of an agent that says one", n)
			}
		}
		n := 0
		for i := range 30 {
			n = beat(fmt.Sprint("harbour-", i))
		}
		if n != 20 {
			t.Errorf("%d names are noted, want 20 at most", n)
		}
	})
}
