// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// asked is what the webhook tells of the making of an object, ten minutes ago.
func asked(s *store.Store, kind, name string) changes.Observation {
	version := map[string]string{"Deployment": "apps/v1", "ControllerRevision": "apps/v1"}[kind]
	if version == "" {
		version = "v1"
	}
	o := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: "review-" + name, At: s.Now().Add(-10 * time.Minute), Reviews: []string{"review-" + name}},
		Verb:     seaworthy.VerbCreate, Outcome: seaworthy.OutcomeUnknown,
		After: map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop", "uid": "uid-" + name}},
	}
	o.Actor.Username = "jane"
	o.Describe()
	return o
}

// persisted is what the watch shows of the same.
func persisted(o changes.Observation, uid string) changes.Observation {
	o.Sighting = seaworthy.Sighting{By: seaworthy.SeenByWatch, ID: "version-" + o.Object.Name, At: o.At.Add(time.Second)}
	o.Outcome, o.Actor = seaworthy.OutcomePersisted, seaworthy.Actor{}
	o.After = map[string]any{"apiVersion": o.Object.APIVersion, "kind": o.Object.Kind, "metadata": map[string]any{"name": o.Object.Name, "namespace": "shop", "uid": uid, "resourceVersion": "7"}}
	o.Object = seaworthy.ChangedObject{}
	o.Describe()
	return o
}

// refused is the audit event of the same request, refused with a code.
func refused(t *testing.T, o changes.Observation, code int) changes.Observation {
	t.Helper()
	text := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/configmaps",
		"verb":"create","user":{"username":"jane"},"objectRef":{"resource":"configmaps","namespace":"shop","name":%q,"apiVersion":"v1"},"responseStatus":{"code":%d},
		"requestReceivedTimestamp":%q,"stageTimestamp":%[3]q,"annotations":{"judge.seaworthy.dev/review.review-%[1]s":""}}`, o.Object.Name, code, o.At.Format(time.RFC3339Nano))
	r := &kubeaudit.Reader{Kinds: func(_, _ string) string { return "ConfigMap" }}
	out, err := r.Read(strings.NewReader(text))
	if err != nil || len(out.Observations) != 1 {
		t.Fatalf("%d observations, %v", len(out.Observations), err)
	}
	return out.Observations[0]
}

// TestMissing: of what the webhook let through and the API server refused later, nothing came,
// which the watch proves where it was there, and audit events wherever there are any. Where
// nothing proves it, what came of it stays unknown.
func TestMissing(t *testing.T) {
	watching := func(s *store.Store) seaworthy.Heartbeat {
		return seaworthy.Heartbeat{
			Instance: "i1", At: s.Now(), Started: s.Now().Add(-time.Hour), Leader: true, Watching: s.Now().Add(-time.Hour),
			Places:  map[string]seaworthy.Place{seaworthy.SeenByWatch: {State: seaworthy.PlaceWorks}},
			Waiting: map[string]int{seaworthy.StreamChanges: 0},
		}
	}
	cases := map[string]struct {
		kind   string
		beat   func(b *seaworthy.Heartbeat)
		gap    string                                          // around it
		before func(o changes.Observation) changes.Observation // also told
		after  func(t *testing.T, o changes.Observation) changes.Observation
		want   seaworthy.Outcome
		unseen bool // by the watch
	}{
		"the watch was there":               {want: seaworthy.OutcomeFailed, unseen: true},
		"nobody watches":                    {beat: func(b *seaworthy.Heartbeat) { b.Leader = false }, want: seaworthy.OutcomeUnknown},
		"it watches since later":            {beat: func(b *seaworthy.Heartbeat) { b.Watching = b.At.Add(-5 * time.Minute) }, want: seaworthy.OutcomeUnknown},
		"the watch has a gap":               {gap: store.GapWatch, want: seaworthy.OutcomeUnknown},
		"messages are missing":              {gap: store.GapMessages, want: seaworthy.OutcomeUnknown},
		"what it saw has not arrived":       {beat: func(b *seaworthy.Heartbeat) { b.Waiting[seaworthy.StreamChanges] = 3 }, want: seaworthy.OutcomeUnknown},
		"a kind that nobody watches":        {kind: "ControllerRevision", want: seaworthy.OutcomeUnknown},
		"Secrets that it may not watch":     {kind: "Secret", beat: func(b *seaworthy.Heartbeat) { b.Unlisted = map[string]string{"Secret": "not asked"} }, want: seaworthy.OutcomeUnknown},
		"Secrets that it may watch":         {kind: "Secret", want: seaworthy.OutcomeFailed, unseen: true},
		"the watch shows it in other words": {before: func(o changes.Observation) changes.Observation { return persisted(o, "another") }, want: seaworthy.OutcomeUnknown},
		"the watch tells late": {
			after: func(_ *testing.T, o changes.Observation) changes.Observation { return persisted(o, "uid-x") }, want: seaworthy.OutcomePersisted,
		},
		"an audit event says that it came to something": {
			after: func(t *testing.T, o changes.Observation) changes.Observation {
				return refused(t, o, http.StatusCreated)
			}, want: seaworthy.OutcomePersisted,
		},
		"an audit event says that it failed": {
			beat: func(b *seaworthy.Heartbeat) { b.Leader = false },
			after: func(t *testing.T, o changes.Observation) changes.Observation {
				return refused(t, o, http.StatusConflict)
			}, want: seaworthy.OutcomeFailed,
		},
		"an audit event says that it was denied": {
			after: func(t *testing.T, o changes.Observation) changes.Observation {
				return refused(t, o, http.StatusForbidden)
			}, want: seaworthy.OutcomeDenied,
		},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				source := cluster
				source.ID, source.Name = name, name
				told := func(o changes.Observation) {
					t.Helper()
					if _, err := trail.Take(t.Context(), trail.Config{Store: s}, agent, source, []changes.Observation{o}); err != nil {
						t.Fatal(err)
					}
				}
				beat := watching(s)
				if c.beat != nil {
					c.beat(&beat)
				}
				if err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
					if c.gap != "" {
						g := seaworthy.Gap{ID: tx.NewID(), SourceID: source.ID, Kind: c.gap, From: tx.At.Add(-11 * time.Minute), To: tx.At.Add(-9 * time.Minute), Reason: "test"}
						if err := tx.PutGap(&g); err != nil {
							return err
						}
					}
					return errors.Join(tx.PutSource(&source),
						tx.PutAgent(&seaworthy.Agent{ID: name, SourceID: source.ID, EnrolledAt: tx.At.Add(-time.Hour)}),
						tx.PutInstance(&store.AgentInstance{AgentID: name, SourceID: source.ID, ReceivedAt: tx.At, Beat: beat}))
				}); err != nil {
					t.Fatal(err)
				}
				o := asked(s, cmp.Or(c.kind, "ConfigMap"), "x")
				told(o)
				if c.before != nil {
					told(c.before(o))
				}
				for range 2 {
					if err := trail.Missing(t.Context(), trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now().Add(time.Hour)); err != nil {
						t.Fatal(err)
					}
				}
				if c.after != nil {
					told(c.after(t, o))
				}
				p, err := s.Changes(t.Context(), store.ChangeFilter{Source: source.ID, Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				got := p.Items[slices.IndexFunc(p.Items, func(c seaworthy.Change) bool { return c.Actor.Username == "jane" })]
				if n := len(p.Items); got.Outcome != c.want || slices.Contains(got.Unseen, seaworthy.SeenByWatch) != c.unseen || c.before == nil && n != 1 {
					t.Errorf("outcome %s, not seen by %q, %d changes, want %s", got.Outcome, got.Unseen, n, c.want)
				}
				if open := !got.Nothing(); got.Unexplained() != open || (got.Match == seaworthy.MatchOutOfBand) != open {
					t.Errorf("it counts as %s (%s), to be explained: %t", got.Match, got.MatchWhy, got.Unexplained())
				}
				agree(t, s)
			})
		}
	})
}

// agree compares what is counted with what is listed, and both with what is to be explained.
func agree(t *testing.T, s *store.Store) {
	t.Helper()
	counts, err := s.CountChanges(context.Background(), store.ChangeFilter{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for m, n := range counts {
		p, err := s.Changes(context.Background(), store.ChangeFilter{Approvals: []string{string(m)}, Limit: 100})
		if err != nil || len(p.Items) != n {
			t.Errorf("%d changes count as %s, and %d are listed, %v", n, m, len(p.Items), err)
		}
		for _, c := range p.Items {
			if m == seaworthy.MatchOutOfBand && !c.Unexplained() && c.Explained == nil {
				t.Errorf("%s by %s counts as out of band, and nobody is to explain it: %s", c.Verb, c.Actor.Username, c.Outcome)
			}
		}
	}
}

// TestWhatWasDeniedChangedNothing: a request that was denied is no out-of-band change, wherever
// one looks, also where it is only later known that it was.
func TestWhatWasDeniedChangedNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		denied := asked(s, "ConfigMap", "denied")
		denied.Outcome = seaworthy.OutcomeDenied
		later := asked(s, "ConfigMap", "later")
		take(t, s, denied, later, refused(t, asked(s, "ConfigMap", "elsewhere"), http.StatusForbidden))
		agree(t, s)
		counts := func() (out, exempt int) {
			t.Helper()
			n, err := s.CountChanges(t.Context(), store.ChangeFilter{}, 100)
			if err != nil {
				t.Fatal(err)
			}
			return n[seaworthy.MatchOutOfBand], n[seaworthy.MatchExempt]
		}
		if out, exempt := counts(); out != 1 || exempt != 2 {
			t.Errorf("%d out of band and %d that need no approval, want 1 and 2", out, exempt)
		}
		take(t, s, refused(t, later, http.StatusForbidden))
		agree(t, s)
		if out, exempt := counts(); out != 0 || exempt != 3 {
			t.Errorf("%d out of band and %d that need no approval, want 0 and 3", out, exempt)
		}
	})
}

// TestOldMarks: what an earlier version marked out of band although nothing came of it is marked
// as it would be now, on record, and counts and lists agree on it; what somebody explained, and
// what came of something, stays.
func TestOldMarks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		list := []seaworthy.Change{
			{ID: "denied", Outcome: seaworthy.OutcomeDenied}, {ID: "failed", Outcome: seaworthy.OutcomeFailed},
			{ID: "explained", Outcome: seaworthy.OutcomeDenied, Explained: &seaworthy.Explanation{By: "user:u2", Note: "we know"}},
			{ID: "made", Outcome: seaworthy.OutcomePersisted}, {ID: "by rule", Outcome: seaworthy.OutcomeDenied, Verb: seaworthy.VerbDelete},
		}
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			for i := range list {
				c := &list[i]
				c.SourceID, c.At, c.Match, c.MatchWhy = cluster.ID, tx.At, seaworthy.MatchOutOfBand, "no deployment, revision or approval speaks of it"
				c.Verb, c.Object.Kind, c.Object.Name = cmp.Or(c.Verb, seaworthy.VerbUpdate), "ConfigMap", c.ID
				if err := tx.PutChange(c); err != nil {
					return err
				}
			}
			return tx.PutChangeRule(&seaworthy.ChangeRule{ID: "r", Name: "deletions", Verbs: []string{seaworthy.VerbDelete}})
		})
		if err != nil {
			t.Fatal(err)
		}
		size, _, err := s.LogHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing left
			if err := trail.InVain(t.Context(), trail.Config{Store: s}); err != nil {
				t.Fatal(err)
			}
		}
		agree(t, s)
		got := map[string]string{}
		for _, c := range recorded(t, s) {
			got[c.ID] = string(c.Match) + ": " + c.MatchWhy
		}
		const as, vain = "out-of-band: no deployment, revision or approval speaks of it", "not required: nothing came of it that anybody had to approve"
		want := map[string]string{"denied": vain, "failed": vain, "explained": as, "made": as, "by rule": "not required: rule deletions: needs no approval"}
		if !maps.Equal(got, want) {
			t.Errorf("marked %v, want %v", got, want)
		}
		if now, _, err := s.LogHead(t.Context()); err != nil || now != size+3 {
			t.Errorf("the log grew from %d to %d, %v; want three entries more", size, now, err)
		}
	})
}
