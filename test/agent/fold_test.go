// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// settled is after how long nothing more comes of a change: what nobody claims is told, what
// bypassed the webhook is marked, and what was undecided is decided.
const settled = 90 * time.Second

// ofChanges are the notices that tell of changes.
var ofChanges = []seaworthy.NoticeKind{
	seaworthy.NoticeOutOfBand, seaworthy.NoticeReverted, seaworthy.NoticeSession, seaworthy.NoticeOwnConfig, seaworthy.NoticeBypassed,
	seaworthy.NoticeWidened, seaworthy.NoticeSecretRead,
}

// controlled has controllers, a scheduler and simulated nodes in the cluster.
func controlled(w *world) { w.nodes = 2 }

// TestARolloutIsOneChange has a person roll out a Deployment in a cluster with controllers:
// each request is one change by that person, what the cluster makes of it is counted under
// it, and nobody is told of that.
func TestARolloutIsOneChange(t *testing.T) {
	t.Parallel()
	w := enter(t, controlled)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	began := time.Now()
	steps := []struct {
		make   func()
		follow int // as many writes, at least
	}{
		// A set and three pods; another set with three, while those go; two more pods.
		{func() { jane.must(http.MethodPost, deployments, deployment("web", 3)) }, 4},
		{func() {
			jane.must(http.MethodPatch, deployments+"/web", object{"spec": object{"template": object{"spec": object{"containers": []object{{"name": "app", "image": "nginx:1.29.4"}}}}}})
		}, 7},
		{func() { jane.must(http.MethodPatch, deployments+"/web/scale", scaled(5)) }, 2},
	}
	for i, step := range steps {
		step.make()
		w.rolledOut(jane, "web")
		w.until("the person's changes are on record, seen from everywhere, and what followed is counted", time.Minute, func() error {
			list := w.of("Deployment", "shop", "web")
			if len(list) != i+1 {
				return fmt.Errorf("%d changes: %+v", len(list), list)
			}
			for _, c := range list {
				if c.Actor.Username != "jane" || c.Outcome != seaworthy.OutcomePersisted || !strings.Contains(sighted(&c), "watch") || !strings.Contains(sighted(&c), "webhook") {
					return fmt.Errorf("%s by %s is %s, seen by %s", c.Verb, c.Actor.Username, c.Outcome, sighted(&c))
				}
			}
			if list[i].Folded < step.follow {
				return fmt.Errorf("%d writes are counted under it, of %d", list[i].Folded, step.follow)
			}
			return nil
		})
	}
	time.Sleep(settled) // for whatever comes late
	all, err := w.tryChanges(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.At.Before(began) || c.Actor.Username == "jane" || c.Actor.Username == "kwok" {
			continue
		}
		if c.Unexplained() || len(c.Flags) > 0 || c.Match != seaworthy.MatchFolded {
			t.Errorf("on record: %s %s/%s %s by %q (%q), seen by %s: %s, %s, %q; edits %+v", c.Verb, c.Object.Object, c.Object.Subresource, c.Outcome, c.Actor.Username, c.Actor.Manager, sighted(&c), c.Match, c.MatchWhy, c.Flags, c.Edits)
		} else {
			t.Logf("on record as a controller's: %s %s by %q, seen by %s", c.Verb, c.Object.Object, c.Actor.Username, sighted(&c))
		}
	}
	for who, from := range map[string]*receiver{"the agent": w.receiver, "the server": w.told} {
		for _, kind := range ofChanges {
			for _, n := range from.got(kind, "") {
				if n.SourceID != "" && !strings.HasPrefix(n.Title, "jane ") { // without, it is of the server's own settings
					t.Errorf("%s tells of %q: %s", who, n.Kinds(), n.Title)
				}
			}
		}
	}
	w.intact()
}

// rolledOut waits until the pods of a Deployment are those that it asks for.
func (w *world) rolledOut(u *user, name string) {
	w.t.Helper()
	w.until(name+" is rolled out", time.Minute, func() error {
		d, err := u.try(http.MethodGet, deployments+"/"+name, nil)
		if err != nil {
			return err
		}
		spec, status, meta := d["spec"].(object), d["status"].(object), d["metadata"].(object)
		for _, field := range []string{"replicas", "updatedReplicas", "availableReplicas"} {
			if status[field] != spec["replicas"] {
				return fmt.Errorf("%s is %v of %v", field, status[field], spec["replicas"])
			}
		}
		if status["observedGeneration"] != meta["generation"] {
			return errNotYet
		}
		return nil
	})
}

// TestWhoPosesAsAController is told of as anybody: a pod under a controller's name that its
// owner knows nothing of.
func TestWhoPosesAsAController(t *testing.T) {
	t.Parallel()
	w := enter(t, controlled)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	jane.must(http.MethodPost, deployments, deployment("web", 1))
	w.rolledOut(jane, "web")
	const sets = "system:serviceaccount:kube-system:replicaset-controller"
	if !changes.Controls(&seaworthy.Actor{Username: sets}) {
		t.Fatal("that is no controller's name")
	}
	list := jane.must(http.MethodGet, "/apis/apps/v1/namespaces/shop/replicasets", nil)
	set := list["items"].([]any)[0].(object)["metadata"].(object)
	pod := called("v1", "Pod", "shop", "posed", object{"spec": object{"containers": []any{object{"name": "app", "image": "evil:1"}}}})
	pod["metadata"].(object)["ownerReferences"] = []object{{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set["name"], "uid": set["uid"], "controller": true}}
	w.user(sets, "system:masters", "system:serviceaccounts").must(http.MethodPost, "/api/v1/namespaces/shop/pods", pod)
	w.until("the server tells of it", time.Minute, func() error {
		if got := w.told.got(seaworthy.NoticeOutOfBand, "shop/Pod/posed"); len(got) == 0 {
			return fmt.Errorf("notices:\n%s\nchanges: %+v", w.told.all(), w.of("Pod", "shop", "posed"))
		}
		return nil
	})
	w.until("the agent tells of it", time.Minute, func() error {
		if got := w.receiver.got(seaworthy.NoticeOutOfBand, "shop/Pod/posed"); len(got) == 0 {
			return fmt.Errorf("notices:\n%s", w.receiver.all())
		}
		return nil
	})
}
