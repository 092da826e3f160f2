// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// TestNothingStaysUndecided: what came under a controller's name is decided however many of
// it there are, and however late an agent brings it that could not reach the server.
func TestNothingStaysUndecided(t *testing.T) {
	s := storetest.Open(t, store.Config{Dir: t.TempDir()})
	prepare(t, s)
	const many = 510 // more than are looked at together
	var list []changes.Observation
	for i := range many {
		name := fmt.Sprintf("old-%d", i)
		at := -10 * time.Minute
		if i%2 == 0 {
			at = -5 * time.Hour
		}
		list = append(list, told(s, name, at, seaworthy.SeenByWebhook, controller+"replicaset-controller", "create", nil, written("Pod", name, name, "ReplicaSet", name, "rs-"+name, "old:1", 100+i)))
	}
	take(t, s, list...)
	if err := trail.Decided(t.Context(), trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now()); err != nil {
		t.Fatal(err)
	}
	open, got := 0, recorded(t, s)
	for _, c := range got {
		if changes.IsUndecided(&c) {
			t.Fatalf("undecided: %s of %s", c.Object.Object, c.At)
		}
		if c.Unexplained() {
			open++
		}
	}
	if len(got) != many || open != many {
		t.Errorf("%d changes on record and %d to be explained, want %d of each", len(got), open, many)
	}
}
