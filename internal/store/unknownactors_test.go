// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func TestUnknownActors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		write(t, s, func(tx *store.Tx) error {
			for i, a := range []seaworthy.Actor{
				{Username: "alice"}, {Username: "alice"}, {Username: `bob "person":"`}, {Username: "carol", Person: "u1"}, {},
				{Username: "system:node:a"}, {Username: "system:admin"}, {Username: "alice"},
			} {
				c := seaworthy.Change{ID: tx.NewID(), SourceID: "s1", At: at.Add(time.Duration(i) * time.Hour), Actor: a, Match: seaworthy.MatchOutOfBand}
				if i == 1 {
					c.Match = seaworthy.MatchClaimed
				}
				if i == 7 {
					c.SourceID = "s2"
				}
				if err := tx.PutChange(&c); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := s.UnknownActors(t.Context(), at, 10)
		want := []store.UnknownActor{
			{SourceID: "s1", Name: "alice", Changes: 2, Open: 1, Latest: at.Add(time.Hour)},
			{SourceID: "s1", Name: `bob "person":"`, Changes: 1, Open: 1, Latest: at.Add(2 * time.Hour)},
			{SourceID: "s1", Name: "system:admin", Changes: 1, Open: 1, Latest: at.Add(6 * time.Hour)},
			{SourceID: "s2", Name: "alice", Changes: 1, Open: 1, Latest: at.Add(7 * time.Hour)},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("UnknownActors = %v (-want +got):\n%s", err, diff)
		}
		if got, err := s.UnknownActors(t.Context(), at.Add(3*time.Hour), 1); err != nil || len(got) != 1 || got[0].Name != "system:admin" {
			t.Errorf("UnknownActors since later = %v, %v; want one", got, err)
		}
	})
}
