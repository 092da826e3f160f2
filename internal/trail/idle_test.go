// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// idle is what goes on in a minute of a cluster that nobody touches, as its audit stream
// tells: who, how, of what, and what the API server answered.
var idle = []struct {
	user, verb, uri, ref string
	code                 int
	object               string
}{
	{"system:node:n1", "update", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", `"resource":"leases","namespace":"kube-node-lease","name":"n1","apiGroup":"coordination.k8s.io","apiVersion":"v1"`, 200, `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"n1","namespace":"kube-node-lease","uid":"l1","resourceVersion":"%d"}}`},
	{"system:kube-scheduler", "update", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler", `"resource":"leases","namespace":"kube-system","name":"kube-scheduler","apiGroup":"coordination.k8s.io","apiVersion":"v1"`, 200, ""},
	{"system:serviceaccount:ingress:nginx", "update", "/apis/coordination.k8s.io/v1/namespaces/ingress/leases/leader", `"resource":"leases","namespace":"ingress","name":"leader","apiGroup":"coordination.k8s.io","apiVersion":"v1"`, 200, ""},
	{"system:node:n1", "patch", "/api/v1/nodes/n1/status", `"resource":"nodes","name":"n1","apiVersion":"v1","subresource":"status"`, 200, ""},
	{"system:node:n1", "create", "/api/v1/namespaces/shop/serviceaccounts/cart/token", `"resource":"serviceaccounts","namespace":"shop","name":"cart","apiVersion":"v1","subresource":"token"`, 201, ""},
	{"system:kube-controller-manager", "create", "/api/v1/namespaces/kube-system/serviceaccounts/job-controller/token", `"resource":"serviceaccounts","namespace":"kube-system","name":"job-controller","apiVersion":"v1","subresource":"token"`, 201, ""},
	{"system:node:n1", "get", "/api/v1/namespaces/shop/secrets/db", `"resource":"secrets","namespace":"shop","name":"db","apiVersion":"v1"`, 200, ""},
	{"system:node:n1", "watch", "/api/v1/namespaces/shop/secrets?watch=true", `"resource":"secrets","namespace":"shop","apiVersion":"v1"`, 200, ""},
	{"system:apiserver", "list", "/api/v1/secrets", `"resource":"secrets","apiVersion":"v1"`, 200, ""},
	{"system:serviceaccount:seaworthy:agent", "get", "/api/v1/namespaces/seaworthy/secrets/agent-certificate", `"resource":"secrets","namespace":"seaworthy","name":"agent-certificate","apiVersion":"v1"`, 200, ""},
	{"system:serviceaccount:seaworthy:agent", "update", "/apis/coordination.k8s.io/v1/namespaces/seaworthy/leases/agent", `"resource":"leases","namespace":"seaworthy","name":"agent","apiGroup":"coordination.k8s.io","apiVersion":"v1"`, 200, ""},
	{"system:serviceaccount:seaworthy:agent", "update", "/api/v1/namespaces/seaworthy/configmaps/agent-canary?dryRun=All", `"resource":"configmaps","namespace":"seaworthy","name":"agent-canary","apiVersion":"v1"`, 200, ""},
	{"system:serviceaccount:kube-system:endpointslice-controller", "update", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/cart-x", `"resource":"endpointslices","namespace":"shop","name":"cart-x","apiGroup":"discovery.k8s.io","apiVersion":"v1"`, 200, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"cart-x","namespace":"shop","uid":"e","resourceVersion":"%d"}}`},
	{"system:serviceaccount:kube-system:endpointslice-controller", "update", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/cart-x", `"resource":"endpointslices","namespace":"shop","name":"cart-x","apiGroup":"discovery.k8s.io","apiVersion":"v1"`, 409, ""},
	{"system:serviceaccount:kube-system:horizontal-pod-autoscaler", "update", "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/cart/status", `"resource":"horizontalpodautoscalers","namespace":"shop","name":"cart","apiGroup":"autoscaling","apiVersion":"v2","subresource":"status"`, 200, ""},
	{"system:serviceaccount:kube-system:resourcequota-controller", "update", "/api/v1/namespaces/shop/resourcequotas/q/status", `"resource":"resourcequotas","namespace":"shop","name":"q","apiVersion":"v1","subresource":"status"`, 200, ""},
	{"system:serviceaccount:kube-system:replicaset-controller", "create", "/api/v1/namespaces/shop/events", `"resource":"events","namespace":"shop","name":"x.%d","apiVersion":"v1"`, 201, ""},
	{"system:kube-scheduler", "create", "/api/v1/namespaces/shop/pods/x/binding", `"resource":"pods","namespace":"shop","name":"x","apiVersion":"v1","subresource":"binding"`, 201, ""},
	// A CronJob has its turn, as every minute.
	{"system:serviceaccount:kube-system:cronjob-controller", "create", "/apis/batch/v1/namespaces/shop/jobs", `"resource":"jobs","namespace":"shop","name":"tick-%d","apiGroup":"batch","apiVersion":"v1"`, 201,
		`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"tick-%[1]d","namespace":"shop","uid":"j%[1]d","resourceVersion":"%[1]d","ownerReferences":[{"apiVersion":"batch/v1","kind":"CronJob","name":"tick","uid":"cj","controller":true}]},"spec":{"template":{"spec":{"containers":[{"name":"tick","image":"tick:1"}]}}}}`},
	{"system:serviceaccount:kube-system:job-controller", "create", "/api/v1/namespaces/shop/pods", `"resource":"pods","namespace":"shop","name":"tick-%d-x","apiVersion":"v1"`, 201,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"tick-%[1]d-x","namespace":"shop","uid":"p%[1]d","resourceVersion":"%[1]d","ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":"tick-%[1]d","uid":"j%[1]d","controller":true}]},"spec":{"containers":[{"name":"tick","image":"tick:1"}]}}`},
	{"system:serviceaccount:kube-system:cronjob-controller", "delete", "/apis/batch/v1/namespaces/shop/jobs/tick-%d", `"resource":"jobs","namespace":"shop","name":"tick-%d","apiGroup":"batch","apiVersion":"v1"`, 200,
		`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"tick-%[1]d","group":"batch","kind":"jobs","uid":"j%[1]d"}}`},
	{"system:serviceaccount:kube-system:generic-garbage-collector", "delete", "/api/v1/namespaces/shop/pods/tick-%d-x", `"resource":"pods","namespace":"shop","name":"tick-%d-x","apiVersion":"v1"`, 200,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"tick-%[1]d-x","namespace":"shop","uid":"p%[1]d","deletionTimestamp":"2026-03-02T09:30:00Z","ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":"tick-%[1]d","uid":"j%[1]d","controller":true}]},"spec":{"containers":[{"name":"tick","image":"tick:1"}]}}`},
}

// minute writes the events of one minute.
func minute(n int, at time.Time) string {
	var b strings.Builder
	filled := func(s string) string {
		if strings.Contains(s, "%") {
			return fmt.Sprintf(s, n)
		}
		return s
	}
	for i, e := range idle {
		object := ""
		if e.object != "" {
			object = `,"responseObject":` + filled(e.object)
		}
		fmt.Fprintf(&b, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"m%d-%d","stage":"ResponseComplete","requestURI":%q,"verb":%q,"user":{"username":%q},"objectRef":{%s},"responseStatus":{"code":%d}%s,"requestReceivedTimestamp":%q}`+"\n",
			n, i, filled(e.uri), e.verb, e.user, filled(e.ref), e.code, object, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano))
	}
	return b.String()
}

// TestAnIdleClusterTellsNothing over twenty minutes of its audit stream, beyond what was there
// before the trail began: that is told of once.
func TestAnIdleClusterTellsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: cluster.ID, Own: []seaworthy.OwnNames{{Namespace: "seaworthy", Name: "agent", Identity: "system:serviceaccount:seaworthy:agent"}}})
		})
		if err != nil {
			t.Fatal(err)
		}
		const minutes = 20
		began := s.Now().Add(-minutes * time.Minute)
		c := trail.Config{Store: s, Key: []byte("key"), Kinds: schema.KindOf, Own: trail.Ours}
		reader := kubeaudit.Reader{Key: c.Key, Kinds: c.Kinds}
		var taken trail.Taken
		observed := 0
		for n := range minutes {
			at := began.Add(time.Duration(n) * time.Minute)
			text := minute(n, at)
			for range 2 { // a stream may bring everything twice
				read, err := reader.Read(strings.NewReader(text))
				if err != nil || len(read.Problems) > 0 {
					t.Fatal(err, read.Problems)
				}
				got, err := trail.Take(t.Context(), c, agent, cluster, read.Observations)
				if err != nil {
					t.Fatal(err)
				}
				taken.New, taken.Folded, taken.Known = taken.New+got.New, taken.Folded+got.Folded, taken.Known+got.Known
				observed += len(read.Observations)
			}
			if err := trail.Decided(t.Context(), c, s.Now().Add(-time.Hour), at.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		for i, change := range recorded(t, s) {
			if change.Object.Kind == "Job" && change.Object.Name == "tick-0" && i == 0 {
				continue // nobody knows the CronJob yet
			}
			if kinds := notify.KindsOfChange(&change); len(kinds) > 0 || change.Unexplained() {
				t.Errorf("told of: %s %s by %s: %q, %s", change.Verb, change.Object.Object, change.Actor.Username, kinds, change.MatchWhy)
			}
		}
		if taken.New > 3 || taken.Folded < minutes*10 || observed < 2*minutes*10 {
			t.Errorf("of %d observations %+v", observed, taken)
		}
		days, err := s.Folded(t.Context(), cluster.ID, began.Add(-time.Hour), s.Now().Add(time.Hour))
		counted := map[string]int{}
		for _, d := range days {
			for kind, n := range d.Counts {
				counted[kind] += n
			}
		}
		if err != nil || counted["Secret read"] != minutes*4 || counted["ServiceAccount"] != minutes*2 {
			t.Errorf("counted: %v, %v", counted, err)
		}
	})
}
