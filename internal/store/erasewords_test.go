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

// An explanation that is erased is in no entry of the log, whatever the clocks of the servers
// said that wrote the change after it; what was before it stays.
func TestAnErasedExplanationIsGone(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, config store.Config) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		config.Now = func() time.Time { return now }
		s := storetest.Open(t, config)
		c := seaworthy.Change{ID: "c1", SourceID: "s1", At: now, Match: seaworthy.MatchOutOfBand, Edits: []seaworthy.Edit{{Path: "data.note", After: `{"explained":{"note":"no"}}`}}}
		put := func() { t.Helper(); write(t, s, func(tx *store.Tx) error { return tx.PutChange(&c) }) }
		put()
		c.Explained = &seaworthy.Explanation{By: "user:kim", At: now, Note: "Kim was ill"}
		put()
		now = now.Add(-time.Hour) // another server, or the clock was set back
		c.Late = true
		put()
		now = now.Add(2 * time.Hour)
		write(t, s, func(tx *store.Tx) error { return tx.Erase("change", c.ID, "health") })
		entries, err := s.History(t.Context(), "change", c.ID)
		if err != nil || len(entries) != 4 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for i, e := range entries {
			if strings.Contains(e.Content, "Kim was ill") || e.Erased != (i == 1 || i == 2) {
				t.Errorf("entry %d, erased: %t, says %s", i, e.Erased, e.Content)
			}
		}
	})
}
