// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

var forwarder = seaworthy.Principal{Actor: "token:t1", Role: seaworthy.Reporter}

// audited takes events of a source: the first after the latest before, and the latest.
func (w *world) audited(source string, first, latest time.Time) {
	w.t.Helper()
	if err := ingest.Audited(w.t.Context(), w.store, forwarder, source, ingest.AuditEvents{First: first, Latest: latest}); err != nil {
		w.t.Fatal(err)
	}
}

// auditGaps gives the gaps of a source's audit events, oldest first, after a round of the job.
func (w *world) auditGaps(source string) []seaworthy.Gap {
	w.t.Helper()
	if _, err := ingest.AuditSilences(w.t.Context(), w.store); err != nil {
		w.t.Fatal(err)
	}
	p, err := w.store.Gaps(w.t.Context(), store.GapFilter{Source: source, Kind: store.GapAudit})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, j := 0, len(p.Items)-1; i < j; i, j = i+1, j-1 {
		p.Items[i], p.Items[j] = p.Items[j], p.Items[i]
	}
	return p.Items
}

func TestSilenceOfAnAuditStream(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod"})
		w.now = w.now.Add(24 * time.Hour)
		if got := w.auditGaps("s1"); len(got) != 0 {
			t.Fatalf("gaps %+v of a cluster that never had a stream", got)
		}
		last := w.now.Add(-30 * time.Second)
		w.audited("s1", last.Add(-time.Minute), last)
		w.now = last.Add(seaworthy.DefaultAuditSilence)
		if got := w.auditGaps("s1"); len(got) != 0 {
			t.Fatalf("gaps %+v inside the measure", got)
		}
		w.now = w.now.Add(15 * time.Second) // the next round of the job
		got := w.auditGaps("s1")
		if len(got) != 1 || !got[0].From.Equal(last) || !got[0].To.IsZero() {
			t.Fatalf("gaps %+v, want one that lasts since the latest event at %s", got, last)
		}
		if again := w.auditGaps("s1"); len(again) != 1 {
			t.Fatalf("a second round makes %d gaps", len(again))
		}

		// What comes again says nothing new.
		w.audited("s1", time.Time{}, last)
		if got := w.auditGaps("s1"); !got[0].To.IsZero() {
			t.Fatal("a replay ended the silence")
		}
		// The next event ends it, where the events go on.
		w.now = w.now.Add(time.Hour)
		next := w.now.Add(-10 * time.Second)
		w.audited("s1", next, next)
		got = w.auditGaps("s1")
		if len(got) != 1 || !got[0].To.Equal(next) {
			t.Fatalf("gaps %+v, want it to end at %s", got, next)
		}

		// Events that only come late leave no hole, and that it was silent stays on record.
		w.now = next.Add(40 * time.Minute)
		w.auditGaps("s1")
		w.audited("s1", next.Add(2*time.Second), w.now.Add(-time.Second))
		got = w.auditGaps("s1")
		if len(got) != 2 || !got[1].To.Equal(next.Add(2*time.Second)) || !strings.Contains(got[1].Reason, "came in 39m58s late") {
			t.Fatalf("gaps %+v, want the second to have lasted two seconds", got)
		}

		// A backlog that comes piece by piece is a gap up to where it got.
		from := w.now.Add(-time.Second)
		w.now = from.Add(2 * time.Hour)
		w.auditGaps("s1")
		w.audited("s1", from.Add(time.Second), from.Add(time.Minute))
		got = w.auditGaps("s1")
		if n := len(got); n != 4 || !got[3].From.Equal(from.Add(time.Minute)) || !got[3].To.IsZero() {
			t.Fatalf("gaps %+v, want one more since the end of what came", got)
		}

		// Somebody says that none are expected.
		s.AuditSilence = -1
		w.declareAgain(s)
		got = w.auditGaps("s1")
		if got[3].To.IsZero() || !strings.Contains(got[3].Reason, "none are expected here any more") {
			t.Fatalf("gaps %+v, want the last one ended", got)
		}
		w.now = w.now.Add(24 * time.Hour)
		if again := w.auditGaps("s1"); len(again) != 4 {
			t.Fatalf("%d gaps of a stream that nobody expects", len(again))
		}
	})
}

// Events in the midst of others that could not be read are a gap, one however often they come.
func TestUnreadAuditEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", AuditSilence: -1})
		unread := func(u *kubeaudit.Unread) []seaworthy.Gap {
			t.Helper()
			if err := ingest.Unread(t.Context(), w.store, forwarder, "s1", u); err != nil {
				t.Fatal(err)
			}
			return w.auditGaps("s1")
		}
		if got := unread(nil); len(got) != 0 {
			t.Errorf("gaps %+v of nothing", got)
		}
		u := &kubeaudit.Unread{From: w.now.Add(-time.Minute), To: w.now.Add(-50 * time.Second), Records: 3, Why: "is bad \x00" + strings.Repeat("x", 1000)}
		for range 2 {
			got := unread(u)
			if len(got) != 1 || !got[0].From.Equal(u.From) || !got[0].To.Equal(u.To) || !strings.Contains(got[0].Reason, "3 records") || len(got[0].Reason) > 500 {
				t.Fatalf("gaps %+v, want one of %+v", got, u)
			}
		}
		for range 2 {
			if got := unread(&kubeaudit.Unread{Records: 1, Why: "is bad"}); len(got) != 2 || got[1].To.After(w.now) || !got[1].From.Before(got[1].To) {
				t.Fatalf("gaps %+v, want one more that ended by now", got)
			}
		}
		w.now = w.now.Add(2 * time.Hour)
		if got := unread(&kubeaudit.Unread{Records: 1, Why: "is bad"}); len(got) != 3 {
			t.Fatalf("gaps %+v, want one more: it is another time", got)
		}
	})
}

// Where an agent takes the events, those that are sent here are not missed: it misses them.
func TestAgentsTakeOverAnAuditStream(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod"})
		w.audited("s1", w.now, w.now)
		w.now = w.now.Add(time.Hour)
		if got := w.auditGaps("s1"); len(got) != 1 || !got[0].To.IsZero() {
			t.Fatalf("gaps %+v, want one that lasts", got)
		}
		err := w.store.Write(t.Context(), "agent:a", func(tx *store.Tx) error {
			if err := tx.PutAgent(&seaworthy.Agent{ID: "a", SourceID: "s1", EnrolledAt: tx.At}); err != nil {
				return err
			}
			beat := seaworthy.Heartbeat{Instance: "i", At: tx.At, Places: map[string]seaworthy.Place{seaworthy.SeenByAudit: {State: seaworthy.PlaceWorks, Since: tx.At}}}
			return tx.PutInstance(&store.AgentInstance{AgentID: "a", SourceID: "s1", ReceivedAt: tx.At, Beat: beat})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(15 * time.Second)
		if got := w.auditGaps("s1"); len(got) != 1 || got[0].To.IsZero() {
			t.Fatalf("gaps %+v, want it ended", got)
		}
		if again := w.auditGaps("s1"); len(again) != 1 {
			t.Fatalf("%d gaps, want no more of them", len(again))
		}
	})
}

func (w *world) declareAgain(s seaworthy.DeclaredSource) {
	w.t.Helper()
	if err := w.store.Write(w.t.Context(), "user:u1", func(tx *store.Tx) error { return tx.PutSource(&s) }); err != nil {
		w.t.Fatal(err)
	}
}

// A source whose settings expect a stream is silent also if none ever began, by its own
// measure; one whose agent's clock or forwarder runs ahead is not heard of in the future.
func TestExpectedAuditStreams(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", AuditSilence: 2 * time.Hour})
		w.auditGaps("s1")
		began := w.now
		w.now = w.now.Add(2 * time.Hour)
		if got := w.auditGaps("s1"); len(got) != 0 {
			t.Fatalf("gaps %+v inside the source's own measure", got)
		}
		w.now = w.now.Add(time.Minute)
		if got := w.auditGaps("s1"); len(got) != 1 || !got[0].From.Equal(began) {
			t.Fatalf("gaps %+v, want one since %s", got, began)
		}
		w.audited("s1", w.now.Add(time.Hour), w.now.Add(time.Hour))
		if got := w.auditGaps("s1"); len(got) != 1 || !got[0].To.Equal(w.now) {
			t.Fatalf("gaps %+v, want it to end now and not in the future", got)
		}
		if last, err := ingest.LastAudited(t.Context(), w.store, "s1"); err != nil || !last.Equal(w.now) {
			t.Fatalf("LastAudited = %s, %v", last, err)
		}
		w.now = w.now.Add(3 * time.Hour)
		w.auditGaps("s1")
		s.RetiredAt = w.now.Add(-time.Minute)
		w.declareAgain(s)
		if got := w.auditGaps("s1"); len(got) != 2 || !got[1].To.Equal(s.RetiredAt) {
			t.Fatalf("gaps %+v, want what lasts to end when the source was retired", got)
		}
	})
}
