// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

func TestARecordAndItsEntryAreOneTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		team := seaworthy.Team{ID: "t1", Name: "Platform"}
		if err := s.Write(ctx, "user:u1", func(tx *store.Tx) error { return tx.PutTeam(&team) }); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("changed my mind")
		err := s.Write(ctx, "user:u1", func(tx *store.Tx) error {
			other := seaworthy.Team{ID: "t2", Name: "Shop"}
			return errors.Join(tx.PutTeam(&other), gone)
		})
		if !errors.Is(err, gone) {
			t.Fatalf("Write = %v, want %v", err, gone)
		}
		teams, err := s.Teams(ctx)
		if err != nil || len(teams) != 1 || teams[0] != team {
			t.Fatalf("Teams = %v, %v, want only %v", teams, err, team)
		}
		entries, err := s.LogEntries(ctx, store.LogFilter{})
		if err != nil || len(entries) != 1 || entries[0].Subject != "t1" || entries[0].Actor != "user:u1" {
			t.Fatalf("LogEntries = %+v, %v, want one of t1 by user:u1", entries, err)
		}
	})
}

func TestConcurrentWritersGrowOneLog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const writers, each = 8, 40
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					id := fmt.Sprintf("t%d-%d", w, i)
					err := s.Write(ctx, "system", func(tx *store.Tx) error {
						return tx.PutTeam(&seaworthy.Team{ID: id, Name: id})
					})
					if err != nil {
						t.Errorf("write %s: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
		size, root, err := s.LogHead(ctx)
		if err != nil || size != writers*each {
			t.Fatalf("LogHead = %d, %v, want %d", size, err, writers*each)
		}
		if got, err := tlog.Root(size, s.Tiles(ctx)); err != nil || got != root {
			t.Fatalf("Root from tiles = %v, %v, want %v", got, err, root)
		}
		for n := range size {
			e, err := s.LogEntry(ctx, n)
			if err != nil {
				t.Fatal(err)
			}
			proof, err := tlog.ProveRecord(size, n, s.Tiles(ctx))
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(proof, size, root, n, tlog.RecordHash([]byte(e.Leaf))); err != nil {
				t.Fatalf("entry %d: %v", n, err)
			}
		}
	})
}

func TestNamesThatExistAreConflicts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		put := func(id, name string) error {
			return s.Write(t.Context(), "system", func(tx *store.Tx) error { return tx.PutTeam(&seaworthy.Team{ID: id, Name: name}) })
		}
		if err := put("a", "Platform"); err != nil {
			t.Fatal(err)
		}
		var e *seaworthy.Error
		if err := put("b", "Platform"); !errors.As(err, &e) || e.Kind != seaworthy.KindConflict {
			t.Errorf("a second team of the name: %v, want a conflict", err)
		}
		if _, err := s.Team(t.Context(), "b"); !errors.As(err, &e) || e.Kind != seaworthy.KindNotFound {
			t.Errorf("Team(b) = %v, want not found", err)
		}
	})
}

func TestIDsSortByTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := store.NewID(s.Now())
		b := store.NewID(s.Now().Add(1e9))
		if a >= b || len(a) != 24 {
			t.Errorf("ids %s and %s do not sort by time", a, b)
		}
	})
}
