// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// sized is what a place tells of a request for another number of pods: the webhook twice, since
// a status was written in between, to versions 7 and 8; and what came of it is version 9.
func sized(by string, n int, at time.Duration, previous string, reviews ...string) *changes.Observation {
	o := &changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: fmt.Sprint(by, n), At: start.Add(at), Reviews: reviews}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown,
	}
	object := func(kind, api, version string, replicas int) map[string]any {
		return map[string]any{
			"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": version},
			"spec": map[string]any{"replicas": float64(replicas)},
		}
	}
	o.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}
	o.Actor.Username, o.Object.Subresource = "jane", "scale"
	switch by {
	case seaworthy.SeenByAudit:
		o.Outcome, o.After = seaworthy.OutcomePersisted, object("Scale", "autoscaling/v1", "9", 5)
	case seaworthy.SeenByWatch:
		o.Outcome, o.Actor.Username, o.Object.Subresource = seaworthy.OutcomePersisted, "", ""
		o.Before, o.After = object("Deployment", "apps/v1", previous, 3), object("Deployment", "apps/v1", "9", 5)
	default:
		o.Before, o.After = object("Scale", "autoscaling/v1", previous, 3), object("Scale", "autoscaling/v1", previous, 5)
	}
	o.Describe()
	return o
}

// TestAskedAgain is one request, whatever is told of it first: the audit event names each review
// of it, and one that is on record beside it is on record as what failed.
func TestAskedAgain(t *testing.T) {
	const hook, audit, watch = seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch
	for seed := range uint64(50) {
		list := []*changes.Observation{
			sized(audit, 4, -time.Second, "", "a", "b"), sized(hook, 1, 0, "7", "a"), sized(hook, 2, 200*time.Millisecond, "8", "b"), sized(watch, 3, 300*time.Millisecond, "8"),
		}
		if r := rand.New(rand.NewPCG(seed, 1)); seed > 0 {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		var rec record
		for _, o := range list {
			rec.take(o)
		}
		whole := 0
		for _, c := range rec.list {
			switch {
			case c.Outcome == seaworthy.OutcomePersisted && c.Object.ResourceVersion == "9" && len(c.Sightings) >= 3 && len(c.Edits) == 1 && c.Edits[0].Path == "spec.replicas":
				whole++
			case c.Outcome != seaworthy.OutcomeFailed:
				t.Errorf("seed %d: on record is %+v", seed, c)
			}
		}
		if whole != 1 || len(rec.list) > 1 && seed == 0 {
			t.Fatalf("seed %d: on record are %+v", seed, rec.list)
		}
	}
}
