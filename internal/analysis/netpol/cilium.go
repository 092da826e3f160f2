// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// ciliumPolicy is what is read of a CiliumNetworkPolicy, see
// https://docs.cilium.io/en/stable/security/policy/language/.
type ciliumPolicy struct {
	Spec  *ciliumRule  `json:"spec"`
	Specs []ciliumRule `json:"specs"`
}

type ciliumRule struct {
	EndpointSelector  *metav1.LabelSelector `json:"endpointSelector"`
	Ingress           []ciliumTraffic       `json:"ingress"`
	IngressDeny       []ciliumTraffic       `json:"ingressDeny"`
	Egress            []ciliumTraffic       `json:"egress"`
	EgressDeny        []ciliumTraffic       `json:"egressDeny"`
	EnableDefaultDeny struct {
		Ingress *bool `json:"ingress"`
		Egress  *bool `json:"egress"`
	} `json:"enableDefaultDeny"`
}

type ciliumTraffic struct {
	FromEndpoints []metav1.LabelSelector `json:"fromEndpoints"`
	ToEndpoints   []metav1.LabelSelector `json:"toEndpoints"`
	FromEntities  []string               `json:"fromEntities"`
	ToEntities    []string               `json:"toEntities"`
	FromCIDR      []string               `json:"fromCIDR"`
	ToCIDR        []string               `json:"toCIDR"`
	ToPorts       []any                  `json:"toPorts"`
	ICMPs         []any                  `json:"icmps"`
}

// The labels by which Cilium knows where a pod runs.
const (
	ciliumNamespace       = "io.kubernetes.pod.namespace"
	ciliumNamespaceLabels = "io.cilium.k8s.namespace.labels."
	ciliumCluster         = "io.cilium.k8s.policy.cluster"
	ciliumAccount         = "io.cilium.k8s.policy.serviceaccount"
)

// cilium reads each rule of a policy as a policy of its own.
func cilium(o *snapshot.Object) []*policy {
	namespace := o.EffectiveNamespace()
	if o.Kind == "CiliumClusterwideNetworkPolicy" {
		namespace = ""
	}
	read, err := snapshot.As[ciliumPolicy](o)
	if err != nil {
		return []*policy{{object: o, namespace: namespace, err: err}}
	}
	var out []*policy
	if read.Spec != nil {
		out = append(out, read.Spec.policy(o, namespace, "spec.endpointSelector"))
	}
	for i := range read.Specs {
		out = append(out, read.Specs[i].policy(o, namespace, "specs["+strconv.Itoa(i)+"].endpointSelector"))
	}
	// A rule without an endpoint selector is about nodes.
	return slices.DeleteFunc(out, func(p *policy) bool { return p == nil })
}

func (r *ciliumRule) policy(o *snapshot.Object, namespace, path string) *policy {
	if r.EndpointSelector == nil {
		return nil
	}
	p := &policy{object: o, namespace: namespace, path: path}
	p.ingress = ciliumDirection(r.Ingress, r.IngressDeny, r.EnableDefaultDeny.Ingress, namespace == "")
	p.egress = ciliumDirection(r.Egress, r.EgressDeny, r.EnableDefaultDeny.Egress, namespace == "")
	sel, err := metav1.LabelSelectorAsSelector(plain(r.EndpointSelector))
	if err != nil {
		p.err = err
		return p
	}
	place, pods := labels.NewSelector(), labels.NewSelector()
	reqs, _ := sel.Requirements()
	for _, req := range reqs {
		switch key := req.Key(); {
		case key == ciliumCluster:
		case key == ciliumAccount:
			p.what = o.Kind + " " + o.Name + " selects by service account, so what it covers is not judged"
		case key == ciliumNamespace, strings.HasPrefix(key, ciliumNamespaceLabels):
			place = place.Add(req)
		default:
			pods = pods.Add(req)
		}
	}
	p.subject = func(ns string, set labels.Set) (labels.Selector, bool) {
		if namespace != "" {
			return pods, ns == namespace
		}
		where := labels.Set{ciliumNamespace: ns}
		for k, v := range set {
			where[ciliumNamespaceLabels+k] = v
		}
		return pods, place.Matches(where)
	}
	return p
}

// plain drops the sources (k8s:, any:) that Cilium allows before a label's key.
func plain(s *metav1.LabelSelector) *metav1.LabelSelector {
	key := func(k string) string { return strings.TrimPrefix(strings.TrimPrefix(k, "k8s:"), "any:") }
	out := &metav1.LabelSelector{MatchLabels: make(map[string]string, len(s.MatchLabels))}
	for k, v := range s.MatchLabels {
		out.MatchLabels[key(k)] = v
	}
	for _, e := range s.MatchExpressions {
		e.Key = key(e.Key)
		out.MatchExpressions = append(out.MatchExpressions, e)
	}
	return out
}

// ciliumDirection: a section with rules denies what they do not list unless the policy
// says otherwise, and deny rules deny in any case. An empty rule lists nothing.
func ciliumDirection(allow, deny []ciliumTraffic, set *bool, clusterwide bool) direction {
	denies := len(allow)+len(deny) > 0
	if set != nil {
		denies = *set
	}
	d := direction{restricts: denies || len(deny) > 0, denies: denies}
	for _, r := range allow {
		if len(r.ToPorts)+len(r.ICMPs) > 0 {
			continue
		}
		for _, entity := range slices.Concat(r.FromEntities, r.ToEntities) {
			d.open = d.open || denies && (entity == "all" || entity == "world" || entity == "cluster")
		}
		d.open = d.open || denies && slices.ContainsFunc(slices.Concat(r.FromCIDR, r.ToCIDR), wholeNet)
		for _, e := range slices.Concat(r.FromEndpoints, r.ToEndpoints) {
			d.open = d.open || denies && clusterwide && emptySelector(&e)
		}
	}
	return d
}
