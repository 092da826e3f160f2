// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"cmp"
	"context"
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
