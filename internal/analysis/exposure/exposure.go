// SPDX-License-Identifier: Apache-2.0

// Package exposure tells which workloads can be reached from outside the cluster, by
// which object, and which Ingresses claim the same host.
//
// Traffic comes in through an entrance (a Service of type LoadBalancer or NodePort or
// with external addresses, an Ingress, a route of the Gateway API, an Istio
// VirtualService and the like), which names a Service, whose selector names pods. An
// entrance that its class, its annotations or its addresses mark as internal does not
// count. What a firewall outside the cluster blocks cannot be seen from here.
package exposure

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	exposed   = "internet-exposed-workload"
	duplicate = "ingress-duplicate-host"
)

// Analyzer judges workloads and Ingresses.
var Analyzer = &analysis.Analyzer{
	Name: "exposure",
	Doc:  "What can be reached from outside the cluster. Services, Ingresses and routes are followed to the workloads behind them.",
	Checks: []seaworthy.Check{
		{
			ID: exposed, Title: "Workload is reachable from the internet through Service/Ingress/Gateway",
			Severity: seaworthy.High, Category: "Network", Scope: seaworthy.ScopeCross,
			Rationale: "Whatever is reachable from outside is found and probed within minutes. " +
				"Each entrance has to be known and wanted, the others are how attackers and data leaks come about.",
			Remediation: "Make the Service a ClusterIP or mark its load balancer as internal, remove the route, or waive the finding with the reason why the workload is public.",
			Snippet:     "spec:\n  type: ClusterIP\n",
			Controls:    []string{"network-boundary"},
		},
		{
			ID: duplicate, Title: "Two ingresses claim the same host",
			Severity: seaworthy.Medium, Category: "Network", Scope: seaworthy.ScopeCross,
			Rationale: "Which of two Ingresses gets the requests of a host that both claim is up to the controller. " +
				"A team, or an attacker in another namespace, can take over traffic that is not theirs.",
			Remediation: "Give the host to one Ingress, or give the Ingresses of one namespace different paths.",
			Snippet:     "spec:\n  rules:\n  - host: orders.shop.example.com\n",
			Controls:    []string{"network-boundary", "configuration-management"},
		},
	},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	if reason := p.Snapshot.Unlisted["Ingress"]; reason != "" {
		p.Report.NotEvaluated(duplicate, "Ingress objects could not be listed: "+reason)
	} else {
		duplicates(p)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	kinds := append([]string{"Service", "Ingress", "VirtualService"}, gatewayRouteKinds...)
	for _, k := range otherRoutes {
		kinds = append(kinds, k[1])
	}
	for _, kind := range kinds {
		if reason := p.Snapshot.Unlisted[kind]; reason != "" {
			p.Report.NotEvaluated(exposed, kind+" objects could not be listed: "+reason)
			return nil
		}
	}
	return workloads(p)
}

// target is a Service that an entrance leads to.
type target struct{ namespace, name string }

// entrance is an object that lets traffic into the cluster.
type entrance struct {
	object *snapshot.Object
	says   string // "Ingress shop/web (shop.example.com)"
}

// workloads judges every workload by the entrances that lead to it.
func workloads(p *analysis.Pass) error {
	doors := &doors{s: p.Snapshot, to: map[target][]entrance{}}
	doors.unreadable = func(o *snapshot.Object, err error) { p.Report.Error(exposed, o, err) }
	for _, read := range []func(){doors.ingresses, doors.gatewayRoutes, doors.istio, doors.others} {
		read()
	}
	pods := snapshot.IndexPods(p.Snapshot)
	reached := map[*snapshot.Workload][]entrance{}
	for o, svc := range snapshot.All[*corev1.Service](p.Snapshot, "Service") {
		if len(svc.Spec.Selector) == 0 || svc.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		ns := o.EffectiveNamespace()
		var in []entrance
		for _, e := range doors.to[target{ns, o.Name}] {
			if p.Snapshot.Together(e.object, o) {
				in = append(in, e)
			}
		}
		if how := opens(svc); how != "" {
			in = append(in, entrance{o, how + " Service " + ns + "/" + o.Name})
		}
		if len(in) == 0 {
			continue
		}
		for _, w := range pods.SelectFor(o, ns, labels.SelectorFromSet(svc.Spec.Selector)) {
			reached[w] = append(reached[w], in...)
		}
	}
	for _, w := range p.Snapshot.Workloads() {
		if w.LongRunning() {
			p.Report.Judge(exposed, w.Object, items(reached[w])...)
		}
	}
	return nil
}

// items makes an item of each entrance, however many of its rules lead to the workload.
func items(in []entrance) []seaworthy.Item {
	byKey := map[string]seaworthy.Item{}
	for _, e := range in {
		key := e.object.Kind + "/" + e.object.EffectiveNamespace() + "/" + e.object.Name
		byKey[key] = seaworthy.Item{Key: key, Message: fmt.Sprintf("reachable from outside the cluster through %s", e.says)}
	}
	var out []seaworthy.Item
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[key])
	}
	return out
}
