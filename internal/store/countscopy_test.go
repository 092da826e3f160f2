// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Counters in memory are what a server that just started reads, whichever of two servers
// wrote, and also after more time than changes are kept.
func TestCountersFollowEveryWrite(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		servers := []*store.Store{storetest.Open(t, c), storetest.Open(t, c)}
		fillFindings(t, servers[0], 200, now)
		random := rand.New(rand.NewPCG(1, 2))
		filters := []store.FindingFilter{{}, {Checks: []string{"check-1", "check-2", "never"}}, {Status: []seaworthy.FindingStatus{seaworthy.FindingFixed}},
			{Sources: []string{"source-1"}, Severities: []seaworthy.Severity{seaworthy.High}}, {Teams: []string{"-"}}, {Namespaces: []string{"ns-1"}}}
		for round := range 40 {
			writer := servers[random.IntN(2)]
			page, err := writer.Findings(t.Context(), store.FindingFilter{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var changes []store.FindingChange
			for _, before := range page.Items[:1+random.IntN(len(page.Items)-1)] {
				after := before
				after.Status, after.Cause = seaworthy.FindingFixed, seaworthy.CauseObjectChanged
				kind := seaworthy.EventFixed
				if before.Status == seaworthy.FindingFixed {
					after.Status, kind = seaworthy.FindingOpen, seaworthy.EventRegressed
				}
				if random.IntN(3) == 0 {
					after.Team = []string{"", "team-new", "team-1"}[random.IntN(3)]
				}
				changes = append(changes, store.FindingChange{Before: &before, After: after, Kind: kind, Cause: after.Cause})
			}
			now = now.Add([]time.Duration{time.Second, time.Minute, 2 * time.Hour}[random.IntN(3)])
			if err := writer.Write(t.Context(), "system", func(tx *store.Tx) error { return tx.ChangeFindings(changes) }); err != nil {
				t.Fatal(err)
			}
			if round%3 == 0 { // one of the two may be asked rarely
				continue
			}
			fresh, reader := storetest.Open(t, c), servers[random.IntN(2)]
			for _, f := range filters {
				want, err := fresh.FindingFacets(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				got, err := reader.FindingFacets(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("round %d, %+v: a server that was there counts otherwise than one that just started:\n%s", round, f, diff)
				}
			}
		}
	})
}

// Whoever has written reads what was written, also while the counters are read anew.
func TestCountersAreNeverOlderThanAsked(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		s := storetest.Open(t, c)
		fillFindings(t, s, 200, now)
		page, err := s.Findings(t.Context(), store.FindingFilter{Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		fixed := store.FindingFilter{Status: []seaworthy.FindingStatus{seaworthy.FindingFixed}}
		before, err := s.FindingFacets(t.Context(), fixed)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var anew sync.WaitGroup
		anew.Go(func() {
			for ctx.Err() == nil {
				if err := s.ReadCounters(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
		defer anew.Wait()
		defer stop()
		for i := range page.Items {
			after := page.Items[i]
			after.Status, after.Cause = seaworthy.FindingFixed, seaworthy.CauseObjectChanged
			write(t, s, func(tx *store.Tx) error {
				return tx.ChangeFindings([]store.FindingChange{{Before: &page.Items[i], After: after, Kind: seaworthy.EventFixed, Cause: after.Cause}})
			})
			got, err := s.FindingFacets(t.Context(), fixed)
			if err != nil || got.Total != before.Total+i+1 {
				t.Fatalf("after %d writes %d findings are fixed, want %d (%v)", i+1, got.Total, before.Total+i+1, err)
			}
		}
	})
}
