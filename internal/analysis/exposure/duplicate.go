// SPDX-License-Identifier: Apache-2.0

package exposure

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// claims are the rules of Ingresses that name a host. Within a namespace they are kept
// by path, since Ingresses of one namespace may share a host; so the many Ingresses of
// one host are not compared with each other.
type claims struct {
	byPath map[[3]string][]claim // host, namespace, path
	byHost map[string]*hostClaims
}

type hostClaims struct {
	order  []string // namespaces as first seen
	claims map[string][]claim
}

type claim struct {
	object *snapshot.Object
	class  string
}

// duplicates judges every Ingress that names a host. Ingresses of different classes are
// served apart; canaries and the solvers of certificate challenges share a host on
// purpose.
func duplicates(p *analysis.Pass) {
	all := claims{map[[3]string][]claim{}, map[string]*hostClaims{}}
	for o, ing := range snapshot.All[*networkingv1.Ingress](p.Snapshot, "Ingress") {
		if !onPurpose(ing) {
			for _, r := range ing.Spec.Rules {
				all.add(claim{o, ingressClass(ing)}, r)
			}
		}
	}
	for o, ing := range snapshot.All[*networkingv1.Ingress](p.Snapshot, "Ingress") {
		if onPurpose(ing) {
			continue
		}
		var items []seaworthy.Item
		judged := map[string]bool{}
		for i, r := range ing.Spec.Rules {
			if r.Host == "" || judged[r.Host] {
				continue
			}
			judged[r.Host] = true
			if others := all.rivals(claim{o, ingressClass(ing)}, r); len(others) > 0 {
				items = append(items, seaworthy.Item{
					Key: "spec.rules[" + r.Host + "].host", Path: fmt.Sprintf("spec.rules[%d].host", i),
					Message: fmt.Sprintf("host %s is also claimed by %s", r.Host, strings.Join(others, ", ")),
				})
			}
		}
		if len(judged) > 0 {
			p.Report.Judge(duplicate, o, items...)
		}
	}
}

func onPurpose(ing *networkingv1.Ingress) bool {
	return ing.Annotations["nginx.ingress.kubernetes.io/canary"] == "true" ||
		ing.Labels["acme.cert-manager.io/http01-solver"] == "true" ||
		ing.Annotations["nginx.org/mergeable-ingress-type"] != ""
}

func (all *claims) add(c claim, r networkingv1.IngressRule) {
	host, ns := strings.ToLower(r.Host), c.object.EffectiveNamespace()
	for _, path := range paths(r) {
		key := [3]string{host, ns, path}
		all.byPath[key] = append(all.byPath[key], c)
	}
	of := all.byHost[host]
	if of == nil {
		of = &hostClaims{claims: map[string][]claim{}}
		all.byHost[host] = of
	}
	if _, ok := of.claims[ns]; !ok {
		of.order = append(of.order, ns)
	}
	of.claims[ns] = append(of.claims[ns], c)
}

// paths lists the paths of a rule once each. A rule without paths stands for itself.
func paths(r networkingv1.IngressRule) []string {
	if r.HTTP == nil || len(r.HTTP.Paths) == 0 {
		return []string{""}
	}
	var out []string
	for _, p := range r.HTTP.Paths {
		path := strings.TrimSuffix(p.Path, "/") + "/"
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
}

// maxRivals is how many other Ingresses a message names.
const maxRivals = 3

// rivals names the other Ingresses that claim the same.
func (all *claims) rivals(c claim, r networkingv1.IngressRule) []string {
	host, ns := strings.ToLower(r.Host), c.object.EffectiveNamespace()
	var out []string
	// full adds those that are not c itself and tells when there are enough.
	full := func(others []claim) bool {
		for _, other := range others {
			name := "Ingress " + other.object.EffectiveNamespace() + "/" + other.object.Name
			switch {
			case other.object.Name == c.object.Name && other.object.EffectiveNamespace() == ns:
			case other.class != c.class && other.class != "" && c.class != "":
			case slices.Contains(out, name):
			case len(out) == maxRivals:
				out = append(out, "…")
				return true
			default:
				out = append(out, name)
			}
		}
		return false
	}
	for _, path := range paths(r) {
		if full(all.byPath[[3]string{host, ns, path}]) {
			return out
		}
	}
	of := all.byHost[host]
	for _, other := range of.order {
		if other != ns && full(of.claims[other]) {
			return out
		}
	}
	return out
}
