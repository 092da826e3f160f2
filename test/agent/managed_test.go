// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// TestManagedClusters has four agents in one cluster, each for a cluster of its own at the
// server: one gets the API server's audit log, the others are as in a managed cluster, where
// no agent gets at it, and the log comes to the server in the shape of EKS, GKE and AKS, in
// pieces, late, twice and out of order. What they put on record is the same.
func TestManagedClusters(t *testing.T) {
	t.Parallel()
	w := enter(t)
	w.ready(w.agent("direct"))
	w.audit = auditHidden
	sources, doors := map[string]seaworthy.DeclaredSource{"direct": w.source}, []*wire{w.door}
	for _, p := range providers {
		var s seaworthy.DeclaredSource
		w.server.Ask(http.MethodPost, "/api/v1/sources", object{"kind": "cluster", "name": p.name, "environment": "production"}, &s)
		own, door := name+"-"+p.name, newWire(t)
		w.install(own)
		w.ready(w.agentOf(own, p.name, s.ID, true, door))
		sources[p.name], doors = s, append(doors, door)
	}
	for _, p := range providers {
		w.auditIsNotObserved(sources[p.name].ID)
	}
	from, to := w.busyMorning(doors)
	events := w.auditEvents()
	half := len(events) / 2
	for i, p := range providers {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		w.deliver(p, sources[p.name].ID, events[half:], random) // out of order
		w.deliver(p, sources[p.name].ID, events[:min(half+20, len(events))], random)
	}
	var direct string
	w.until("the trail is whole where the agent follows the log", 2*time.Minute, func() error {
		var err error
		direct, err = w.trailOf(sources["direct"].ID)
		return cmpError(wantedTrail, direct, err)
	})
	for _, p := range providers {
		w.until("it is the same by "+p.name, 2*time.Minute, func() error {
			got, err := w.trailOf(sources[p.name].ID)
			return cmpError(direct, got, err)
		})
	}
	for _, s := range sources {
		w.until("the gaps are on record of "+s.Name, time.Minute, func() error {
			return w.coveredOf(s.ID, []blind{{store.GapWebhook, from, to, "the door was cut"}})
		})
	}
	w.intact()
}

func cmpError(want, got string, err error) error {
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); err != nil || diff != "" {
		return fmt.Errorf("%v -want +got:\n%s", err, diff)
	}
	return nil
}

// auditIsNotObserved holds that it is on record that the agent of a cluster has no audit
// events, and no gap either: nothing is missing that could be had.
func (w *world) auditIsNotObserved(source string) {
	w.t.Helper()
	w.until("that there are no audit events is on record", time.Minute, func() error {
		var page struct {
			Items []struct {
				SourceID  string
				Instances []seaworthy.Heartbeat
			}
		}
		if err := w.server.Try(http.MethodGet, "/api/v1/agents?limit=200", nil, &page); err != nil {
			return err
		}
		for _, a := range page.Items {
			for _, i := range a.Instances {
				p := i.Places[seaworthy.SeenByAudit]
				if a.SourceID == source && p.State == seaworthy.PlaceNotObserved && p.Reason != "" && i.Places[seaworthy.SeenByWebhook].State == seaworthy.PlaceWorks {
					return nil
				}
			}
		}
		return fmt.Errorf("%+v", page.Items)
	})
}

// busyMorning is what people did. It tells from when to when no door could be reached.
func (w *world) busyMorning(doors []*wire) (from, to time.Time) {
	w.t.Helper()
	const secrets, roles = "/api/v1/namespaces/shop/secrets", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles"
	jane, dave := w.admin(), w.user("dave", "developers")
	jane.must(http.MethodPost, deployments, deployment("web", 2))
	jane.must(http.MethodPatch, deployments+"/web", scaled(5))
	jane.must(http.MethodPatch, deployments+"/web", scaled(2))
	jane.must(http.MethodPost, secrets, called("v1", "Secret", "shop", "db", object{"stringData": object{"password": "hidden"}}))
	jane.must(http.MethodGet, secrets+"/db", nil)
	jane.must(http.MethodGet, secrets, nil)
	w.userAs("bob", "jane", "system:masters").refused(http.MethodGet, secrets+"/db", nil)
	grant := func(verbs ...string) object {
		return called("rbac.authorization.k8s.io/v1", "Role", "shop", "readers", object{"rules": []object{{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": verbs}}})
	}
	jane.must(http.MethodPost, roles, grant("get"))
	jane.must(http.MethodPut, roles+"/readers", grant("get", "delete"))
	dave.refused(http.MethodPatch, deployments+"/web", scaled(9))
	dave.refused(http.MethodGet, secrets+"/db", nil)
	jane.must(http.MethodPost, "/api/v1/namespaces/shop/serviceaccounts", called("v1", "ServiceAccount", "shop", "default", nil))
	jane.must(http.MethodPost, "/api/v1/namespaces/shop/pods", called("v1", "Pod", "shop", "entered", object{
		"spec": object{"nodeName": "nowhere", "containers": []any{object{"name": "app", "image": "registry.example/app:1"}}},
	}))
	jane.refused(http.MethodPost, "/api/v1/namespaces/shop/pods/entered/exec?command=sh&stdout=true", nil) // nobody runs it
	for _, d := range doors {
		d.cut()
	}
	from = time.Now()
	jane.must(http.MethodPost, deployments, deployment("around", 1))
	w.unasked()
	to = time.Now()
	for _, d := range doors {
		d.join()
	}
	for _, r := range w.agents {
		w.ready(r)
	}
	jane.must(http.MethodDelete, deployments+"/web", nil)
	return from, to
}

// wantedTrail is what a busy morning leaves on record. To delete what was made just before
// undoes that. What nothing came of nobody had to approve.
const wantedTrail = `create Deployment/web by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["made and undone"] []
update Deployment/web by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["made and undone"] [spec.replicas]
update Deployment/web by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["made and undone"] [spec.replicas]
create Secret/db by jane: persisted, out-of-band, seen by [audit webhook], unseen by [], [] []
read Secret/db by jane: connected, not required, seen by [audit], unseen by [], ["secret read"] []
read Secret/* by jane: connected, not required, seen by [audit], unseen by [], ["secret read"] []
read Secret/db by bob that is jane: denied, not required, seen by [audit], unseen by [], ["secret read"] []
create Role/readers by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["access widened"] []
update Role/readers by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["access widened"] [rules]
update Deployment/web by dave: denied, not required, seen by [audit], unseen by [], [] []
read Secret/db by dave: denied, not required, seen by [audit], unseen by [], ["secret read"] []
create ServiceAccount/default by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], [] []
create Pod/entered by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], [] []
exec Pod/entered/exec by jane: failed, not required, seen by [audit webhook], unseen by [], ["session in production"] []
create Deployment/around by jane: persisted, out-of-band, seen by [audit watch], unseen by [webhook], ["bypassed admission"] []
delete Deployment/web by jane: persisted, out-of-band, seen by [audit watch webhook], unseen by [], ["made and undone"] []
`

// refused makes a request that must not succeed.
func (u *user) refused(verb, path string, body any) {
	u.t.Helper()
	if _, err := u.try(verb, path, body); err == nil {
		u.t.Errorf("%s %s is allowed", verb, path)
	}
}

// auditEvents reads what the API server wrote about the shop.
func (w *world) auditEvents() (out []object) {
	w.t.Helper()
	text, err := os.ReadFile(w.auditLog)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e object
		if err := json.Unmarshal(line, &e); err != nil {
			w.t.Fatal(err)
		}
		if ref, _ := e["objectRef"].(object); ref != nil && ref["namespace"] == "shop" {
			out = append(out, e)
		}
	}
	return out
}

// deliver sends events as a provider does: in lots of any size, in no order, some twice.
func (w *world) deliver(p provider, source string, events []object, random *rand.Rand) {
	w.t.Helper()
	var bodies [][]byte
	for rest := events; len(rest) > 0; {
		n := min(1+random.IntN(8), len(rest))
		bodies = append(bodies, p.batches(w.t, random.IntN(2) == 0, rest[:n])...)
		rest = rest[n:]
	}
	bodies = append(bodies, bodies[:len(bodies)/3]...)
	random.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for _, body := range bodies {
		r, err := http.NewRequest(http.MethodPost, w.server.URL()+"/api/v1/sources/"+source+"/audit-events", bytes.NewReader(body))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.server.Token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		var taken struct{ Problems []seaworthy.Problem }
		if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(text, &taken) != nil || len(taken.Problems) > 0 {
			w.t.Fatalf("events of %s: %s %s %v\n%.300s", p.name, resp.Status, text, err, body)
		}
	}
}

// trailOf is what is on record of the shop at one cluster, in the order of time.
func (w *world) trailOf(source string) (string, error) {
	list, err := w.tryChanges(url.Values{"source": {source}, "namespace": {"shop"}})
	var b strings.Builder
	for _, c := range list {
		if begunAgain(&c) {
			continue
		}
		actor := c.Actor.Username
		if c.Actor.Impersonator != "" {
			actor += " that is " + c.Actor.Impersonator
		}
		var by, paths []string
		for _, s := range c.Sightings {
			by = append(by, s.By)
		}
		for _, e := range c.Edits {
			paths = append(paths, e.Path)
		}
		slices.Sort(by)
		if again := slices.Index(by, seaworthy.SeenByWebhook); again >= 0 { // the API server may have begun again, and asked again
			by = by[:again+1]
		}
		slices.Sort(c.Flags)
		slices.Sort(paths)
		if c.Verb != seaworthy.VerbUpdate {
			paths = nil
		}
		fmt.Fprintf(&b, "%s %s/%s by %s: %s, %s, seen by %v, unseen by %v, %q %v\n", c.Verb, c.Object.Kind,
			strings.TrimSuffix(c.Object.Name+"/"+c.Object.Subresource, "/"), actor, c.Outcome, c.Match, by, c.Unseen, c.Flags, paths)
	}
	return b.String(), err
}
