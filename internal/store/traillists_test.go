// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// What a package says of the lists that a change is in is what the lists have, whatever the
// change is.
func TestChangesAreInTheListsThatSaySo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		want := map[string][]string{}
		write(t, s, func(tx *store.Tx) error {
			for n := 0; ; n++ {
				c, more := anyChange(n)
				if !more {
					return nil
				}
				for _, list := range store.TrailLists(&c) {
					want[list] = append(want[list], c.ID)
				}
				if err := tx.PutChange(&c); err != nil {
					return err
				}
			}
		})
		for _, list := range []string{"changes", "access", "sessions"} {
			var got []string
			err := s.View(t.Context(), func(v *store.View) error {
				_, err := v.Rows(store.ListQuery{List: list}, func(row []any) error {
					got = append(got, row[0].(string))
					return nil
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			slices.Sort(want[list])
			if diff := cmp.Diff(want[list], got); diff != "" || len(got) == 0 {
				t.Errorf("%s (-said +there):\n%s", list, diff)
			}
		}
	})
}

// anyChange makes changes of every mix of what the lists look at.
func anyChange(n int) (c seaworthy.Change, more bool) {
	c = seaworthy.Change{ID: fmt.Sprintf("c%04d", n), SourceID: "s", At: time.Date(2026, 3, 2, 9, 0, n, 0, time.UTC)}
	pick := func(of ...string) string {
		v := of[n%len(of)]
		n /= len(of)
		return v
	}
	c.Verb = pick(seaworthy.VerbUpdate, seaworthy.VerbExec, seaworthy.VerbProxy, seaworthy.VerbRead, seaworthy.VerbDelete)
	c.Object.Kind = pick("Pod", "Secret", "ClusterRole", "RoleBinding", "Widget")
	c.Object.APIVersion = pick("v1", "", "rbac.authorization.k8s.io/v1", "example.com/v1")
	c.Object.Subresource = pick("", "ephemeralcontainers", "scale")
	c.Actor.Impersonator = pick("", "root")
	c.Actor.UserAgent = `"impersonator":"x" "path":"spec.ephemeralContainers" "apiVersion":""`
	c.Edits = []seaworthy.Edit{{Path: pick("spec.ephemeralContainers[debug]", "spec", "spec.ephemeral"), After: `{"impersonator":"x","subresource":"ephemeralcontainers"}`}}
	return c, n == 0
}
