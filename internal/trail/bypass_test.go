// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// TestBypassed marks what persisted without the webhook while it was there to be asked, and
// nothing else; the webhook's own word takes the mark away.
func TestBypassed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, cluster := context.Background(), seaworthy.DeclaredSource{ID: "prod", Kind: seaworthy.KindCluster, Name: "prod", Declared: true, Environment: seaworthy.Production}
		at := s.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
		err := s.Write(ctx, "system", func(tx *store.Tx) error {
			if err := tx.PutSource(&cluster); err != nil {
				return err
			}
			return tx.PutGap(&seaworthy.Gap{ID: "g", SourceID: "prod", Kind: store.GapWebhook, From: at, To: at.Add(time.Minute), Reason: "test"})
		})
		if err != nil {
			t.Fatal(err)
		}
		who := seaworthy.Principal{Actor: "agent:a", Name: "agent", Role: seaworthy.Reporter, Source: "prod"}
		seen := func(by, name, kind, version string, after time.Duration) changes.Observation {
			api := map[string]string{"Lease": "coordination.k8s.io/v1"}[kind]
			object := map[string]any{"apiVersion": cmp.Or(api, "v1"), "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop", "uid": name, "resourceVersion": version}}
			o := changes.Observation{Sighting: seaworthy.Sighting{By: by, At: at.Add(after), ID: by + name}, Verb: seaworthy.VerbCreate, Outcome: seaworthy.OutcomePersisted, After: object}
			if by == seaworthy.SeenByWebhook {
				o.Outcome = seaworthy.OutcomeUnknown
				delete(object["metadata"].(map[string]any), "resourceVersion")
			}
			o.Describe()
			return o
		}
		take := func(list ...changes.Observation) {
			t.Helper()
			if _, err := trail.Take(ctx, trail.Config{Store: s}, who, cluster, list); err != nil {
				t.Fatal(err)
			}
		}
		take(
			seen(seaworthy.SeenByWatch, "in-the-gap", "ConfigMap", "1", 10*time.Second),
			seen(seaworthy.SeenByAudit, "told-by-audit", "ConfigMap", "2", 20*time.Second),
			seen(seaworthy.SeenByWatch, "asked", "ConfigMap", "3", 30*time.Second), seen(seaworthy.SeenByWebhook, "asked", "ConfigMap", "3", 30*time.Second),
			seen(seaworthy.SeenByWatch, "before", "ConfigMap", "4", -time.Minute),
			seen(seaworthy.SeenByWatch, "lease", "Lease", "5", 10*time.Second),
		)
		marked := func() []string {
			t.Helper()
			if err := trail.Bypassed(ctx, trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			page, err := s.Changes(ctx, store.ChangeFilter{Source: "prod", Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, c := range page.Items {
				if slices.Contains(c.Flags, seaworthy.FlagBypassed) {
					if !slices.Equal(c.Unseen, []string{seaworthy.SeenByWebhook}) {
						t.Errorf("%s was not seen by %q", c.Object.Name, c.Unseen)
					}
					out = append(out, c.Object.Name)
				}
			}
			slices.Sort(out)
			return out
		}
		want := []string{"in-the-gap", "told-by-audit"}
		for range 2 {
			if got := marked(); !slices.Equal(got, want) {
				t.Errorf("marked: %q, want %q", got, want)
			}
		}
		take(seen(seaworthy.SeenByWebhook, "in-the-gap", "ConfigMap", "1", 10*time.Second))
		if got := marked(); slices.Contains(got, "in-the-gap") {
			t.Errorf("the webhook told of it, and it is still marked: %q", got)
		}
	})
}

// TestBypassedInNoGap: the webhook was not asked for a moment, which its agent did not notice:
// that is a gap on record, one for what was written together, and none where one is known.
func TestBypassedInNoGap(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		at := s.Now().Add(-10 * time.Minute).Truncate(time.Second)
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			beat := seaworthy.Heartbeat{Instance: "i", At: tx.At, Places: map[string]seaworthy.Place{seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks, Since: at.Add(-time.Hour)}}}
			return errors.Join(
				tx.PutAgent(&seaworthy.Agent{ID: "a", SourceID: cluster.ID, EnrolledAt: at.Add(-time.Hour)}),
				tx.PutInstance(&store.AgentInstance{AgentID: "a", SourceID: cluster.ID, ReceivedAt: tx.At, Beat: beat}),
				tx.PutGap(&seaworthy.Gap{ID: "g", SourceID: cluster.ID, Kind: store.GapWebhook, From: at.Add(-time.Minute), To: at, Reason: "test"}),
				tx.PutGap(&seaworthy.Gap{ID: "h", SourceID: cluster.ID, Kind: store.GapAgent, From: at.Add(8 * time.Minute), To: at.Add(9 * time.Minute), Reason: "test"}),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		made := func(name string, after time.Duration, relisted bool) changes.Observation {
			object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop", "uid": name, "resourceVersion": name}}
			o := changes.Observation{Sighting: seaworthy.Sighting{By: seaworthy.SeenByWatch, At: at.Add(after), ID: name, Relisted: relisted}, Verb: seaworthy.VerbCreate, Outcome: seaworthy.OutcomePersisted, After: object}
			o.Describe()
			return o
		}
		take(t, s, made("known", -30*time.Second, false), made("just-after", 3*time.Second, false), made("one", time.Minute, false), made("two", time.Minute+8*time.Second, false),
			made("later", 5*time.Minute, false), made("listed", 7*time.Minute, true), made("nobody-there", 8*time.Minute+time.Second, false))
		for range 2 {
			if err := trail.Bypassed(t.Context(), trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		page, err := s.Gaps(t.Context(), store.GapFilter{Source: cluster.ID, Kind: store.GapWebhook, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got [][2]time.Duration
		for _, g := range slices.Backward(page.Items) {
			got = append(got, [2]time.Duration{g.From.Sub(at), g.To.Sub(at)})
		}
		want := [][2]time.Duration{{-time.Minute, 0}, {0, 8 * time.Second}, {55 * time.Second, 73 * time.Second}, {295 * time.Second, 305 * time.Second}}
		if !slices.Equal(got, want) {
			t.Errorf("gaps %v, want %v", got, want)
		}
	})
}
