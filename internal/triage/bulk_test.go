// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// Every bulk verb takes more than one lot.
func TestBulkVerbsTakeThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of findings are not changed with -short")
	}
	each(t, func(w *world) {
		ctx := w.Context()
		var list []seaworthy.TrackedFinding
		for n := range 2500 {
			list = append(list, finding(n, "latest-tag", "shop", "shop"))
		}
		ids := w.open(list...)
		timed := func(what string, f func() (int, error)) {
			w.Helper()
			start := time.Now()
			n, err := f()
			if err != nil || n != len(ids) {
				w.Fatalf("%s: %d, %v, want %d", what, n, err, len(ids))
			}
			w.Logf("%s: %s", what, time.Since(start).Round(time.Millisecond))
		}
		var asked []string
		timed("assign", func() (int, error) { return w.triage.Assign(ctx, eve, ids, "eve") })
		timed("comment", func() (int, error) { return w.triage.CommentFindings(ctx, eve, ids, "@Ada: all of them") })
		timed("request", func() (int, error) {
			got, err := w.triage.WaiveFindings(ctx, eve, ids, triage.Terms{Reason: "r", Expires: w.day(30)})
			for _, g := range got {
				asked = append(asked, g.ID)
			}
			return len(got), err
		})
		timed("approve", func() (int, error) {
			got, err := w.triage.Approve(ctx, bob, asked, triage.Decision{})
			return len(got), err
		})
		w.status(seaworthy.FindingWaived, ids[0], ids[1200], ids[2499])
		timed("revoke", func() (int, error) {
			got, err := w.triage.Revoke(ctx, bob, asked, "over")
			return len(got), err
		})
		w.status(seaworthy.FindingOpen, ids[0], ids[1200], ids[2499])
		timed("settle", func() (int, error) { return len(ids), w.triage.Settle(ctx) })
	})
}
