// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// From an image the deployments and changes are found that name it, by any of its names.
func TestWhatMentionsAnImage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		change := func(id string, at time.Time, verb string, outcome seaworthy.Outcome, images ...string) *seaworthy.Change {
			c := &seaworthy.Change{ID: id, SourceID: "s1", At: at, Verb: verb, Outcome: outcome, Images: images}
			c.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
			return c
		}
		first, second := change("c1", at, seaworthy.VerbCreate, seaworthy.OutcomePersisted, "cart:1"), change("c2", at.Add(time.Hour), seaworthy.VerbUpdate, seaworthy.OutcomePersisted, "r.example/cart@"+digestA)
		denied, session := change("c3", at.Add(2*time.Hour), seaworthy.VerbUpdate, seaworthy.OutcomeDenied, "cart@"+digestB), change("c4", at.Add(3*time.Hour), seaworthy.VerbExec, seaworthy.OutcomeConnected)
		last := change("c5", at.Add(4*time.Hour), seaworthy.VerbUpdate, seaworthy.OutcomePersisted, "mirror.example/cart:2@"+digestB)
		write(t, s, func(tx *store.Tx) error {
			for _, c := range []*seaworthy.Change{first, second, denied, session, last, second} { // once more changes nothing
				if err := tx.PutChange(c); err != nil {
					return err
				}
			}
			for i, d := range []seaworthy.Deployment{
				{ID: "d1", Images: []string{"r.example/cart@" + digestA, "r.example/search:1"}, Ticket: "SHOP-7", Commit: "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00", PullURL: "https://git.example/7"},
				{ID: "d2", Images: []string{"r.example/cart@" + digestB}, Ticket: "SHOP-71", Commit: "c0ffee11c0ffee00c0ffee00c0ffee00c0ffee00"},
			} {
				d.SourceID, d.From, d.Until = "s1", at.Add(time.Duration(i)*time.Hour), at.Add(5*time.Hour)
				if err := tx.PutDeployment(&d); err != nil {
					return err
				}
			}
			return nil
		})
		for _, tc := range []struct {
			filter store.DeploymentFilter
			want   []string
		}{
			{store.DeploymentFilter{}, []string{"d2", "d1"}},
			{store.DeploymentFilter{Image: digestA}, []string{"d1"}},
			{store.DeploymentFilter{Image: "mirror.example/cart@" + digestA}, []string{"d1"}},
			{store.DeploymentFilter{Image: "r.example/search:1"}, []string{"d1"}},
			{store.DeploymentFilter{Image: "r.example/search"}, nil},
			{store.DeploymentFilter{Commit: "C0FFEE0"}, []string{"d1"}},
			{store.DeploymentFilter{Commit: "c0ffee"}, []string{"d2", "d1"}},
			{store.DeploymentFilter{Ticket: "shop-7"}, []string{"d1"}},
			{store.DeploymentFilter{Pull: "https://git.example/7"}, []string{"d1"}},
			{store.DeploymentFilter{Text: digestB}, []string{"d2"}},
			{store.DeploymentFilter{Text: "shop-71"}, []string{"d2"}},
			{store.DeploymentFilter{Text: "c0ffee00"}, []string{"d1"}},
			{store.DeploymentFilter{Text: "https://git.example/7"}, []string{"d1"}},
			{store.DeploymentFilter{Text: "' OR 1=1 --"}, nil},
			{store.DeploymentFilter{Text: digestB, Source: "s2"}, nil},
		} {
			list, err := s.Deployments(t.Context(), tc.filter)
			var got []string
			for _, d := range list.Items {
				got = append(got, d.ID)
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Deployments(%+v) = %v (-want +got):\n%s", tc.filter, err, diff)
			}
		}
		ran, err := s.Changes(t.Context(), store.ChangeFilter{Image: digestB})
		if err != nil || len(ran.Items) != 2 || ran.Items[0].ID != "c5" {
			t.Errorf("Changes of the second image = %v, %v; want c5 and c3", ran.Items, err)
		}
		before, after, err := s.ChangesBeside(t.Context(), second)
		if err != nil || before == nil || before.ID != "c1" || after == nil || after.ID != "c5" {
			t.Errorf("ChangesBeside(c2) = %v, %v, %v; want c1 and c5, for what was denied is no write", before, after, err)
		}
		if before, after, err = s.ChangesBeside(t.Context(), last); err != nil || before.ID != "c2" || after != nil {
			t.Errorf("ChangesBeside(c5) = %v, %v, %v; want c2 and nothing", before, after, err)
		}
	})
}
