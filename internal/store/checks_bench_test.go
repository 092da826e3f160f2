// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// BenchmarkChecks counts 160 checks over ten clusters of a hundred namespaces each, through a
// program that leaves out one namespace of each cluster. A third of the checks counts what no
// other does, and no cluster what another does.
func BenchmarkChecks(b *testing.B) {
	run := func(b *testing.B, c store.Config) {
		s := storetest.Open(b, c)
		p := &seaworthy.Program{}
		err := s.Write(b.Context(), "system", func(tx *store.Tx) error {
			for n := range 10 {
				id := fmt.Sprint("s", n)
				p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: id, In: true},
					seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: id, Name: "team-7", Reason: "a game"})
				if err := reported(tx, id, 160, 100, 10+n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			list, err := s.Checks(b.Context(), p)
			if err != nil || len(list) != 160 || list[0].InScope != 99*145 {
				b.Fatalf("%d checks, %v", len(list), err)
			}
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, store.Config{Dir: storetest.Dir(b)}) })
	b.Run("postgres", func(b *testing.B) {
		if os.Getenv(storetest.Environment) == "" {
			b.Skipf("PostgreSQL is not measured: %s is not set", storetest.Environment)
		}
		run(b, store.Config{Database: storetest.Database(b)})
	})
}

// reported writes a source whose latest report counts so many checks in so many namespaces,
// each of so many objects.
func reported(tx *store.Tx, source string, checks, spaces, objects int) error {
	run := seaworthy.Run{ID: tx.NewID(), SourceID: source, FinishedAt: tx.At, ReceivedAt: tx.At, Complete: true, Digest: tx.NewID()}
	for c := range checks {
		r := seaworthy.CheckResult{ID: fmt.Sprintf("check-%03d", c), Status: seaworthy.StatusFailed, ByNamespace: map[string]seaworthy.NamespaceTally{}}
		for n := range spaces {
			t := seaworthy.NamespaceTally{InScope: objects, Passed: objects}
			if n == c && c < checks/3 {
				t.Passed, t.Failed = objects-1, 1
			}
			r.ByNamespace[fmt.Sprint("team-", n)] = t
			r.InScope, r.Passed, r.Failed = r.InScope+t.InScope, r.Passed+t.Passed, r.Failed+t.Failed
		}
		run.Checks = append(run.Checks, r)
	}
	if err := tx.PutSource(&seaworthy.DeclaredSource{ID: source, Kind: seaworthy.KindCluster, Name: source, Environment: seaworthy.Production, Every: time.Hour, CreatedAt: tx.At}); err != nil {
		return err
	}
	if err := tx.PutRun(&run); err != nil {
		return err
	}
	return tx.PutSourceState(store.SourceState{SourceID: source, RunID: run.ID, CompleteRunID: run.ID, ReportedAt: tx.At, StartedAt: tx.At})
}
