// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func TestVisits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		here := func(pause time.Duration) (store.Visit, time.Time) {
			t.Helper()
			var at time.Time
			if err := s.Write(t.Context(), "user:u", func(tx *store.Tx) error { at = tx.At; return tx.Visit("u", pause) }); err != nil {
				t.Fatal(err)
			}
			v, err := s.LastVisit(t.Context(), "u")
			if err != nil {
				t.Fatal(err)
			}
			return v, at
		}
		if v, err := s.LastVisit(t.Context(), "u"); err != nil || !v.Seen.IsZero() || !v.Before.IsZero() {
			t.Errorf("before any visit: %+v, %v", v, err)
		}
		v, first := here(time.Hour)
		if !v.Before.IsZero() || !v.Seen.Equal(first) {
			t.Errorf("the first visit: %+v, want no visit before it", v)
		}
		if v, at := here(time.Hour); !v.Before.IsZero() || !v.Seen.Equal(at) {
			t.Errorf("still the first visit: %+v", v)
		} else {
			first = at
		}
		if v, _ := here(-1); !v.Before.Equal(first) { // any time is longer than this pause
			t.Errorf("after a pause: %+v, want that the visit before ended at %s", v, first)
		}
	})
}

func TestSharedViews(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		err := s.Write(t.Context(), "user:a", func(tx *store.Tx) error {
			for _, v := range []seaworthy.SavedView{
				{ID: "1", UserID: "a", Page: "findings", Name: "own"}, {ID: "2", UserID: "a", Page: "findings", Name: "shared", Shared: true},
				{ID: "3", UserID: "a", Page: "controls", Name: "elsewhere", Shared: true},
			} {
				if err := tx.PutSavedView(&v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.SharedViews(t.Context(), "findings")
		if err != nil || len(got) != 1 || got[0].ID != "2" || !got[0].Shared {
			t.Errorf("SharedViews = %+v, %v; want the one that is shared", got, err)
		}
		if all, err := s.SharedViews(t.Context(), ""); err != nil || len(all) != 2 {
			t.Errorf("SharedViews of all pages = %+v, %v; want two", all, err)
		}
		if own, err := s.SavedViews(t.Context(), "b", "findings"); err != nil || len(own) != 0 {
			t.Errorf("SavedViews of another = %+v, %v; want none", own, err)
		}
		if s.Engine() != "SQLite" { // PostgreSQL reads tables this small whole
			return
		}
		plan, err := store.Plan(t.Context(), s, `SELECT id FROM saved_views WHERE shared = TRUE AND page = 'findings'`)
		if err != nil || !strings.Contains(plan, "saved_views_shared_idx") {
			t.Errorf("shared views are read without their index (%v):\n%s", err, plan)
		}
	})
}
