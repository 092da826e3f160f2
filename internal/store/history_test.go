// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Each chunk of events is an entry of the log whose root is that of the events, and
// anybody can make it again from them.
func TestChunksAreInTheLog(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return at } // all in one moment: order must not depend on the clock
		s := storetest.Open(t, c)
		fillFindings(t, s, 1500, at)
		f, err := s.Finding(t.Context(), generated(7, at).ID)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if err := s.Write(t.Context(), "user:u1", func(tx *store.Tx) error {
				have, err := tx.LockFindings(f.ID)
				if err != nil {
					return err
				}
				before := have[f.ID]
				f = before
				f.Assignee = "user-" + strconv.Itoa(i)
				return tx.ChangeFindings([]store.FindingChange{{Before: &before, After: f, Kind: seaworthy.EventAssigned}})
			}); err != nil {
				t.Fatal(err)
			}
		}
		events, err := s.FindingEvents(t.Context(), f.ID)
		if err != nil || len(events) != 21 {
			t.Fatalf("%d events, %v, want 21", len(events), err)
		}
		if state, err := store.FindingState(&f); err != nil || events[20].State != state {
			t.Errorf("the latest event is not that of the row (%v)", err)
		}
		entries, err := s.LogEntries(t.Context(), store.LogFilter{Kind: "events", Limit: 1000})
		if err != nil || len(entries) != 22 {
			t.Fatalf("%d entries of events, %v, want 22", len(entries), err)
		}
		for _, e := range entries {
			var said store.Chunk
			if err := json.Unmarshal([]byte(e.Content), &said); err != nil {
				t.Fatal(err)
			}
			id, err := strconv.ParseInt(e.Subject, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			chunk, err := s.ChunkEvents(t.Context(), id)
			if err != nil || len(chunk) != said.Events {
				t.Fatalf("chunk %s has %d events, %v, want %d", e.Subject, len(chunk), err, said.Events)
			}
			if root, err := store.RootOfEvents(chunk); err != nil || root != said.Root {
				t.Errorf("chunk %s comes to %s, %v; the log says %s", e.Subject, root, err, said.Root)
			}
		}
	})
}

func TestTrendWalksBackFromWhatStands(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		s := storetest.Open(t, c)
		change := func(changes ...store.FindingChange) {
			t.Helper()
			if err := s.Write(t.Context(), "system", func(tx *store.Tx) error { return tx.ChangeFindings(changes) }); err != nil {
				t.Fatal(err)
			}
		}
		a, b := generated(1, now), generated(2, now)
		a.Severity, b.Severity = seaworthy.High, seaworthy.High
		change(store.FindingChange{After: a, Kind: seaworthy.EventOpened})
		now = now.AddDate(0, 0, 1)
		waived := a
		waived.Status = seaworthy.FindingWaived
		change(store.FindingChange{After: b, Kind: seaworthy.EventOpened}, store.FindingChange{Before: &a, After: waived, Kind: seaworthy.EventWaived})
		now = now.AddDate(0, 0, 2)
		fixed := b
		fixed.Status = seaworthy.FindingFixed
		change(store.FindingChange{Before: &b, After: fixed, Kind: seaworthy.EventFixed})
		trend, err := s.Trend(t.Context(), nil, 5)
		if err != nil || len(trend) != 5 {
			t.Fatalf("Trend = %+v, %v", trend, err)
		}
		for i, want := range []struct{ open, waived int }{{0, 0}, {1, 0}, {1, 1}, {1, 1}, {0, 1}} {
			if got := trend[i]; got.Open[seaworthy.High] != want.open || got.Waived != want.waived {
				t.Errorf("%s: open %d, waived %d, want %+v", got.Day.Format(time.DateOnly), got.Open[seaworthy.High], got.Waived, want)
			}
		}
		out := &seaworthy.Program{Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "source-9", In: true}}}
		if trend, err := s.Trend(t.Context(), out, 2); err != nil || trend[0].Waived != 0 {
			t.Errorf("the trend of another scope = %+v, %v", trend, err)
		}
	})
}
