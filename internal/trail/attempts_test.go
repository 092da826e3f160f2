// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// forbidden is a request that was denied, as audit events tell of it.
func forbidden(s *store.Store, id string, at time.Duration, user, verb, kind, name string) changes.Observation {
	o := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: id, At: s.Now().Add(at)}, Verb: verb, Outcome: seaworthy.OutcomeDenied,
		Actor: seaworthy.Actor{Username: user},
	}
	o.Object.Object = seaworthy.Object{APIVersion: "v1", Kind: kind, Namespace: "shop", Name: name}
	return o
}

// foldedCounts are the counts of all days together.
func foldedCounts(t *testing.T, s *store.Store) map[string]int {
	t.Helper()
	days, err := s.Folded(t.Context(), cluster.ID, s.Now().Add(-10*24*time.Hour), s.Now().Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, d := range days {
		for kind, n := range d.Counts {
			out[kind] += n
		}
	}
	return out
}

// TestAttemptsAreOnRecord once, and again a day later; what is tried again and again is counted,
// and nobody has to explain any of it.
func TestAttemptsAreOnRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const read, impersonate = seaworthy.VerbRead, seaworthy.VerbImpersonate
		const operator, scheduler = "system:serviceaccount:ops:operator", "system:kube-scheduler"
		var list []changes.Observation
		for n := range 200 {
			second := -30*time.Hour + time.Duration(n)*time.Second
			list = append(list,
				forbidden(s, fmt.Sprint("pods-", n), second, "bob", read, "Pod", "*"),
				forbidden(s, fmt.Sprint("operator-", n), second, operator, read, "ConfigMap", fmt.Sprint("c", n)),
				forbidden(s, fmt.Sprint("scheduler-", n), second, scheduler, read, "Pod", "*"),
				forbidden(s, fmt.Sprint("as-", n), second, "bob", impersonate, "User", "carol"))
		}
		list = append(list,
			forbidden(s, "one", -29*time.Hour, "carol", read, "Pod", "cart-1"),
			forbidden(s, "as-masters", -29*time.Hour, "bob", impersonate, "Group", "system:masters"),
			forbidden(s, "db-1", -29*time.Hour, "bob", read, "Secret", "db"), forbidden(s, "db-2", -28*time.Hour, "bob", read, "Secret", "db"),
			forbidden(s, "later", -time.Hour, "bob", read, "Pod", "cart-2"))
		for some := range slices.Chunk(list, 90) { // as they come in
			take(t, s, some...)
		}
		got := map[string]int{}
		for _, c := range recorded(t, s) {
			if c.Outcome != seaworthy.OutcomeDenied || c.Match != seaworthy.MatchExempt || c.Unexplained() || !slices.Contains(store.TrailLists(&c), "sessions") {
				t.Errorf("an attempt: %+v", c)
			}
			got[c.Actor.Username+" "+c.Verb+" "+c.Object.Kind]++
		}
		want := map[string]int{
			"bob read Pod": 2, "bob read Secret": 2, "bob impersonate User": 1, "bob impersonate Group": 1, "carol read Pod": 1, operator + " read ConfigMap": 1,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("on record: %v, want %v", got, want)
		}
		counts := map[string]int{"Pod read denied": 199 + 200, "ConfigMap read denied": 199, "User impersonation denied": 199}
		if got := foldedCounts(t, s); fmt.Sprint(got) != fmt.Sprint(counts) {
			t.Errorf("counted: %v, want %v", got, counts)
		}
	})
}

// TestWhoTriesEverythingShowsByWhatIsKept: one who goes through all there is fills no log, and
// each attempt is either on record or counted.
func TestWhoTriesEverythingShowsByWhatIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const all = 700
		var list []changes.Observation
		for n := range all {
			o := forbidden(s, fmt.Sprint(n), -time.Duration(all-n)*time.Second, "mallory", seaworthy.VerbRead, "Pod", "*")
			o.Object.Namespace = fmt.Sprint("n", n)
			list = append(list, o)
		}
		list = append(list, forbidden(s, "as", 0, "mallory", seaworthy.VerbImpersonate, "User", "admin"), forbidden(s, "other", 0, "bob", seaworthy.VerbRead, "Pod", "*"))
		got := take(t, s, list...)
		kept := got.New - 2
		if kept < 20 || kept > 100 || foldedCounts(t, s)["Pod read denied"] != all-kept || len(recorded(t, s)) != got.New {
			t.Errorf("%+v, %v", got, foldedCounts(t, s))
		}
	})
}
