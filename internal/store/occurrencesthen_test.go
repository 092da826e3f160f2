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

func TestOccurrencesThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		from := s.Now().Truncate(time.Hour)
		o := seaworthy.Occurrence{ControlID: "access-review", From: from, DueAt: from.Add(time.Hour), State: seaworthy.Expected}
		other := seaworthy.Occurrence{ControlID: "offboarding", From: from, DueAt: from.Add(time.Hour), State: seaworthy.Expected}
		put := func(list ...*seaworthy.Occurrence) time.Time {
			t.Helper()
			at := time.Time{}
			err := s.Write(t.Context(), "user:u", func(tx *store.Tx) error {
				at = tx.At
				for _, id := range []string{"access-review", "offboarding"} {
					if o.ID == "" {
						if err := tx.PutControl(&seaworthy.TrackedControl{Control: seaworthy.Control{ID: id}}); err != nil {
							return err
						}
					}
				}
				for _, v := range list {
					if err := tx.PutOccurrence(v, v.DueAt); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		made := put(&o, &other)
		o.State, o.Result = seaworthy.Performed, seaworthy.ResultDeviation
		changed := put(&o)
		for _, tt := range []struct {
			at   time.Time
			want store.OccurrenceThen
			n    int
		}{
			{made.Add(-time.Microsecond), store.OccurrenceThen{}, 0},
			{made, store.OccurrenceThen{State: seaworthy.Expected}, 1},
			{changed.Add(-time.Microsecond), store.OccurrenceThen{State: seaworthy.Expected}, 1},
			{changed, store.OccurrenceThen{State: seaworthy.Performed, Result: seaworthy.ResultDeviation}, 1},
		} {
			got, err := s.OccurrencesThen(t.Context(), "access-review", from, from.Add(time.Minute), tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != tt.n || got[o.ID] != tt.want {
				t.Errorf("at %s: %+v, want %d with %+v", tt.at, got, tt.n, tt.want)
			}
		}
		if got, err := s.OccurrencesThen(t.Context(), "access-review", from.Add(2*time.Hour), from.Add(3*time.Hour), changed); err != nil || len(got) != 0 {
			t.Errorf("of another window: %+v, %v", got, err)
		}
		if s.Engine() != "SQLite" { // PostgreSQL reads tables this small whole
			return
		}
		plan, err := store.Plan(t.Context(), s, `SELECT s.occurrence_id, s.state, s.result FROM occurrences o JOIN occurrence_states s ON s.occurrence_id = o.id
			WHERE o.control_id = 'c' AND o.due_at > 1 AND o.from_at < 2 AND s.at <= 1 AND s.until_at > 1`)
		if err != nil || strings.Contains(plan, "SCAN") || !strings.Contains(plan, "SEARCH") {
			t.Errorf("a table is read whole (%v):\n%s", err, plan)
		}
	})
}
