// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Rows that go in by the hundred are as those that go in one by one, whatever their texts
// hold, and go with their transaction.
func TestManyFindingsAtOnce(t *testing.T) {
	texts := []string{"", `back\slash`, "tab\tand\nline", `\N`, "quote'\"", "snow ☃ 𝄞", "NULL", "{a,b}", "100%", "$1"}
	var list []seaworthy.TrackedFinding
	for n := range 1200 {
		odd := texts[n%len(texts)]
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: odd, Name: fmt.Sprint("web-", n, odd)}
		f := seaworthy.TrackedFinding{
			SourceID: "s", Fingerprint: fmt.Sprint("f", n), Check: "check", Severity: seaworthy.High, Category: odd, Object: o, Container: odd, Path: odd,
			File: odd, Line: n, Origin: odd, Message: odd, WaiverRequested: odd, Status: seaworthy.FindingOpen, Cause: seaworthy.CauseObjectNew,
			FirstSeenAt: time.UnixMicro(int64(n + 1)).UTC(), OpenedAt: time.UnixMicro(int64(n + 2)).UTC(), Regressions: n, RunID: "r", Team: odd,
		}
		f.ID, f.ObjectID = store.FindingID("s", f.Fingerprint), store.ObjectID("s", o)
		list = append(list, f)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sum := func() int {
			t.Helper()
			n := 0
			for _, table := range []string{"findings", "finding_events", "finding_chunks", "finding_counts"} {
				rows, err := store.Rows(t.Context(), s, table)
				if err != nil {
					t.Fatal(err)
				}
				n += rows
			}
			return n
		}
		open := func(end error) error {
			return s.Write(t.Context(), "system", func(tx *store.Tx) error {
				changes := make([]store.FindingChange, len(list))
				for i, f := range list {
					changes[i] = store.FindingChange{After: f, Kind: seaworthy.EventOpened, Cause: f.Cause, RunID: "r"}
				}
				return errors.Join(tx.ChangeFindings(changes), end)
			})
		}
		changed := errors.New("changed my mind")
		if err := open(changed); !errors.Is(err, changed) || sum() != 0 {
			t.Fatalf("a write that was given up ends with %v and leaves %d rows", err, sum())
		}
		if err := open(nil); err != nil {
			t.Fatal(err)
		}
		if err := open(nil); !isKind(err, seaworthy.KindConflict) {
			t.Errorf("the same findings opened twice: %v, want a conflict", err)
		}
		had := sum()
		for i := range list[:70] { // new ones, and then one that is there
			list[i].ID = store.FindingID("s", fmt.Sprint("other", i))
		}
		if err := open(nil); !isKind(err, seaworthy.KindConflict) || sum() != had {
			t.Errorf("new findings beside one that is there: %v and %d rows, want a conflict and %d", err, sum(), had)
		}
		for i := range list[:70] {
			list[i].ID = store.FindingID("s", list[i].Fingerprint)
		}
		for _, want := range []seaworthy.TrackedFinding{list[0], list[1], list[2], list[3], list[1199]} {
			got, err := s.Finding(t.Context(), want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("finding %s (-want +got):\n%s", want.Fingerprint, diff)
			}
			if events, err := s.FindingEvents(t.Context(), want.ID); err != nil || len(events) != 1 || events[0].Kind != seaworthy.EventOpened {
				t.Errorf("events of %s: %+v, %v", want.Fingerprint, events, err)
			}
		}
	})
}
