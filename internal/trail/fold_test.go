// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

const (
	controller = "system:serviceaccount:kube-system:"
	people     = "alice@example.com"
)

// written is an object of the shop with pods of an image, owned by another.
func written(kind, name, uid, ownerKind, owner, ownerUID, image string, version int) map[string]any {
	pod := map[string]any{"containers": []any{map[string]any{"name": "app", "image": image}}}
	spec := map[string]any{"replicas": 2, "template": map[string]any{"spec": pod}}
	apiVersion := "apps/v1"
	if kind == "Pod" {
		spec, apiVersion = pod, "v1"
	}
	meta := map[string]any{"name": name, "namespace": "shop", "uid": uid, "resourceVersion": fmt.Sprint(version)}
	if owner != "" {
		meta["ownerReferences"] = []any{map[string]any{"apiVersion": "apps/v1", "kind": ownerKind, "name": owner, "uid": ownerUID, "controller": true}}
	}
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta, "spec": spec}
}

// told is what a place tells of one write.
func told(s *store.Store, id string, at time.Duration, by, user, verb string, before, after map[string]any) changes.Observation {
	o := changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: by + id, At: s.Now().Add(at)}, Verb: verb, Before: before, After: after, Outcome: seaworthy.OutcomePersisted,
	}
	o.Actor.Username = user
	switch by {
	case seaworthy.SeenByWebhook:
		o.Outcome = seaworthy.OutcomeUnknown
	case seaworthy.SeenByWatch:
		o.Actor.Username, o.Actor.Manager = "", "kube-controller-manager"
		if user == people {
			o.Actor.Manager = "kubectl"
		}
	}
	o.Describe()
	return o
}

// rollout is what two places tell of a person who makes a Deployment, and what the cluster
// makes of it.
func rollout(s *store.Store, pods int, places ...string) []changes.Observation {
	var out []changes.Observation
	n := 0
	for _, by := range places {
		at := func() time.Duration { n++; return time.Duration(n) * 10 * time.Millisecond }
		out = append(out, told(s, "d", at(), by, people, "create", nil, written("Deployment", "cart", "d", "", "", "", "cart:1", 10)))
		out = append(out, told(s, "rs", at(), by, controller+"deployment-controller", "create", nil, written("ReplicaSet", "cart-1", "rs", "Deployment", "cart", "d", "cart:1", 11)))
		for i := range pods {
			name := fmt.Sprintf("cart-1-%d", i)
			out = append(out, told(s, name, at(), by, controller+"replicaset-controller", "create", nil, written("Pod", name, name, "ReplicaSet", "cart-1", "rs", "cart:1", 12+i)))
		}
	}
	return out
}

// TestARolloutIsOneChange, by the person who asked for it; what follows is counted, however
// often and by whomever it is told.
func TestARolloutIsOneChange(t *testing.T) {
	const hook, watch, audit = seaworthy.SeenByWebhook, seaworthy.SeenByWatch, seaworthy.SeenByAudit
	for _, places := range [][]string{{hook, watch}, {watch, hook, audit}, {audit}, {watch}} {
		storetest.Each(t, func(t *testing.T, s *store.Store) {
			prepare(t, s)
			list := rollout(s, 3, places...)
			for range 2 { // all of it again changes nothing
				take(t, s, list...)
			}
			got := recorded(t, s)
			if len(got) != 1 || got[0].Object.Kind != "Deployment" || got[0].Folded != 4 || slices.Equal(places, []string{watch}) == (got[0].Actor.Person == "u1") {
				t.Fatalf("%v: on record: %+v", places, got)
			}
			var ran []string
			for _, p := range got[0].Pods {
				ran = append(ran, p.Name+" "+strings.Join(p.Images, " "))
			}
			if want := []string{"cart-1-0 cart:1", "cart-1-1 cart:1", "cart-1-2 cart:1"}; !slices.Equal(ran, want) || got[0].PodsLeftOut != 0 {
				t.Errorf("%v: pods %q and %d more, want %q", places, ran, got[0].PodsLeftOut, want)
			}
			days, err := s.Folded(t.Context(), cluster.ID, s.Now().Add(-24*time.Hour), s.Now().Add(24*time.Hour))
			if err != nil || len(days) != 1 || days[0].Counts["Pod"] != 3 || days[0].Counts["ReplicaSet"] != 1 {
				t.Errorf("%v: counted: %+v, %v", places, days, err)
			}
		})
	}
}

// TestPodsOfAChange are named up to a limit, the earliest, and counted beyond; what an audit
// event of a Pod does not tell, another place does.
func TestPodsOfAChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		list := rollout(s, 30, seaworthy.SeenByAudit)
		list[2].After, list[2].Object.Content, list[2].Object.Intent = nil, "", "" // the first pod
		late := list[2:10]
		take(t, s, slices.Concat(list[:2], list[10:])...)
		take(t, s, late...)
		got := recorded(t, s)
		if len(got) != 1 || len(got[0].Pods) != seaworthy.MaxPods || got[0].PodsLeftOut != 10 || got[0].Folded != 31 {
			t.Fatalf("on record: %+v", got)
		}
		if p := got[0].Pods; p[0].Name != "cart-1-0" || p[0].Images != nil || p[19].Name != "cart-1-19" || !slices.Equal(p[19].Images, []string{"cart:1"}) {
			t.Errorf("pods: %+v", p)
		}
		take(t, s, rollout(s, 30, seaworthy.SeenByAudit, seaworthy.SeenByWatch)[32:]...)
		got = recorded(t, s)
		if p := got[0].Pods; len(got) != 1 || got[0].PodsLeftOut != 10 || !slices.Equal(p[0].Images, []string{"cart:1"}) {
			t.Errorf("after the watch told: %+v", got)
		}
	})
}

// TestWhoPosesIsNoNoise: a pod under a controller's name that its owner does not speak of,
// and one of an owner that nobody knows.
func TestWhoPosesIsNoNoise(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const hook, sets = seaworthy.SeenByWebhook, controller + "replicaset-controller"
		take(t, s, rollout(s, 1, hook)...)
		take(t, s, told(s, "x", time.Second, hook, sets, "create", nil, written("Pod", "cart-1-x", "x", "ReplicaSet", "cart-1", "rs", "evil", 90)))
		got := recorded(t, s)
		if len(got) != 2 || got[1].Match != seaworthy.MatchOutOfBand || !got[1].Unexplained() || got[1].Cause != got[0].ID {
			t.Fatalf("on record: %+v", got)
		}
		unknown := func(i int, image string) changes.Observation {
			name := fmt.Sprintf("old-1-%d", i)
			return told(s, name, -10*time.Minute, hook, sets, "create", nil, written("Pod", name, name, "ReplicaSet", "old-1", "old", image, 100+i))
		}
		take(t, s, unknown(1, "old:1"), unknown(2, "old:1"))
		got = recorded(t, s)
		if len(got) != 4 || got[0].Match != seaworthy.MatchFolded || got[0].Unexplained() {
			t.Fatalf("before it is known what owns them: %+v", got)
		}
		if err := trail.Decided(t.Context(), trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now()); err != nil {
			t.Fatal(err)
		}
		take(t, s, unknown(3, "old:1"), unknown(4, "evil"))
		if err := trail.Decided(t.Context(), trail.Config{Store: s}, s.Now().Add(-time.Hour), s.Now()); err != nil {
			t.Fatal(err)
		}
		open := map[string]bool{}
		for _, c := range recorded(t, s) {
			open[c.Object.Name] = c.Unexplained()
		}
		want := map[string]bool{"cart": true, "cart-1-x": true, "old-1-1": true, "old-1-2": false, "old-1-4": true}
		if fmt.Sprint(open) != fmt.Sprint(want) {
			t.Errorf("to be explained: %v, want %v", open, want)
		}
	})
}

// TestWhatWasThereBefore is known from what the agent tells of owners.
func TestWhatWasThereBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		set := written("ReplicaSet", "cart-1", "rs", "Deployment", "cart", "d", "cart:1", 5)
		owner := changes.Owner{UID: "rs", Templates: []string{changes.Template(set)}, Above: changes.OwnedBy(set)}
		owner.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "shop", Name: "cart-1"}
		if err := trail.Know(t.Context(), trail.Config{Store: s}, agent, cluster, []changes.Owner{owner}); err != nil {
			t.Fatal(err)
		}
		pod := func(name, image string) changes.Observation {
			return told(s, name, 0, seaworthy.SeenByWebhook, controller+"replicaset-controller", "create", nil, written("Pod", name, name, "ReplicaSet", "cart-1", "rs", image, 7))
		}
		if got := take(t, s, pod("a", "cart:1"), pod("b", "evil")); got != (trail.Taken{New: 1, Folded: 1}) {
			t.Errorf("took %+v", got)
		}
		// An agent that watches says more than what is on record: it was changed since.
		later := pod("c", "cart:2")
		now := owner
		now.Templates = []string{later.Object.Template}
		later.Owner = &now
		if got := take(t, s, later); got != (trail.Taken{Folded: 1}) {
			t.Errorf("took %+v of what the agent knows of", got)
		}
	})
}

// TestWhatGoesWithItsNamespace is counted under the deletion, but for RBAC.
func TestWhatGoesWithItsNamespace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const hook, spaces = seaworthy.SeenByWebhook, controller + "namespace-controller"
		named := func(apiVersion, kind, name string) map[string]any {
			return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop", "uid": kind}}
		}
		gone := func(at time.Duration, user string, object map[string]any) changes.Observation {
			return told(s, fmt.Sprint(object["kind"]), at, hook, user, "delete", object, nil)
		}
		shop := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "uid": "ns"}}
		config, role := named("v1", "ConfigMap", "c"), named("rbac.authorization.k8s.io/v1", "Role", "r")
		take(t, s, gone(-2*time.Second, spaces, named("v1", "Service", "early")))
		take(t, s, gone(0, people, shop), gone(time.Second, spaces, config), gone(2*time.Second, spaces, role))
		got := recorded(t, s)
		if len(got) != 3 || got[0].Object.Kind != "Service" || got[0].Match != seaworthy.MatchOutOfBand {
			t.Fatalf("on record: %+v", got)
		}
		if got[1].Object.Kind != "Namespace" || got[1].Folded != 1 || got[2].Object.Kind != "Role" || got[2].Cause != got[1].ID || got[2].Unexplained() {
			t.Errorf("on record: %+v", got)
		}
	})
}

// TestReportsOfTheAgent are its own work wherever they are, also in its own namespace and when
// they go; nobody else's, and not those of who acts as the agent.
func TestReportsOfTheAgent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const account = "system:serviceaccount:seaworthy:agent"
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: cluster.ID, Own: []seaworthy.OwnNames{{Namespace: "seaworthy", Name: "agent", Identity: account}}})
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		report := func(by, user, verb, namespace string) changes.Observation {
			n++
			kind := "Report"
			if namespace == "" {
				kind = "ClusterReport"
			}
			object := map[string]any{"apiVersion": "openreports.io/v1alpha1", "kind": kind, "metadata": map[string]any{
				"name": fmt.Sprint("seaworthy-", n), "namespace": namespace, "uid": fmt.Sprint(n), "resourceVersion": fmt.Sprint(n),
			}, "summary": map[string]any{"fail": n}}
			if verb == seaworthy.VerbDelete {
				return told(s, fmt.Sprint(n), 0, by, user, verb, object, nil)
			}
			return told(s, fmt.Sprint(n), 0, by, user, verb, nil, object)
		}
		var own []changes.Observation
		for _, by := range []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit} {
			for _, verb := range []string{seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete} {
				for _, namespace := range []string{"", "shop", "seaworthy"} {
					own = append(own, report(by, account, verb, namespace))
				}
			}
		}
		if got := take(t, s, own...); got != (trail.Taken{Folded: len(own)}) {
			t.Errorf("of the agent's own %d took %+v: %+v", len(own), got, recorded(t, s))
		}
		as := report(seaworthy.SeenByAudit, account, seaworthy.VerbUpdate, "seaworthy")
		as.Actor.Impersonator = people
		if got := take(t, s, as, report(seaworthy.SeenByAudit, people, seaworthy.VerbDelete, "shop")); got != (trail.Taken{New: 2}) {
			t.Errorf("of others took %+v", got)
		}
		for _, c := range recorded(t, s) {
			if !c.Unexplained() {
				t.Errorf("%s of %s by %s is %s", c.Verb, c.Object.Name, c.Actor.Username, c.Match)
			}
		}
	})
}

// TestReads need no approval, and those of a cluster's own are counted; also those of the
// agent, whom nobody else can be.
func TestReads(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const account = "system:serviceaccount:seaworthy:agent"
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: cluster.ID, Own: []seaworthy.OwnNames{
				{Namespace: "seaworthy", Name: "agent", Identity: account}, {Namespace: "seaworthy", Name: "agent", Identity: "jane"},
			}})
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		read := func(user string) changes.Observation {
			n++
			o := told(s, fmt.Sprint(n), 0, seaworthy.SeenByAudit, user, seaworthy.VerbRead, nil, nil)
			o.Outcome = seaworthy.OutcomeConnected
			o.Object.Object = seaworthy.Object{APIVersion: "v1", Kind: "Secret", Namespace: "seaworthy", Name: "agent-key"}
			return o
		}
		as := read(account)
		as.Actor.Impersonator = "jane"
		write := read(account)
		write.Verb, write.Outcome, write.Object.Kind = seaworthy.VerbDelete, seaworthy.OutcomePersisted, "Lease"
		if got := take(t, s, read(account), read("system:node:n1"), read(account)); got != (trail.Taken{Folded: 3}) {
			t.Errorf("took %+v", got)
		}
		if got := take(t, s, read("jane"), as, write); got.Folded != 0 || got.New != 3 {
			t.Errorf("took %+v", got)
		}
		for _, c := range recorded(t, s) {
			if c.Verb == seaworthy.VerbRead && (c.Match != seaworthy.MatchExempt || !slices.Contains(c.Flags, seaworthy.FlagSecretRead)) {
				t.Errorf("a read by %s is %s, %q", c.Actor.Username, c.Match, c.Flags)
			}
		}
		days, err := s.Folded(t.Context(), cluster.ID, s.Now().Add(-24*time.Hour), s.Now().Add(24*time.Hour))
		if err != nil || len(days) != 1 || days[0].Counts["Secret read"] != 3 {
			t.Errorf("counted: %+v, %v", days, err)
		}
	})
}
