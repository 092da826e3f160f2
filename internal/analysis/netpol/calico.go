// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// calicoPolicy is what is read of Calico's policies, see
// https://docs.tigera.io/calico/latest/reference/resources/networkpolicy.
type calicoPolicy struct {
	Spec struct {
		Selector               string       `json:"selector"`
		NamespaceSelector      string       `json:"namespaceSelector"`
		ServiceAccountSelector string       `json:"serviceAccountSelector"`
		Types                  []string     `json:"types"`
		Ingress                []calicoRule `json:"ingress"`
		Egress                 []calicoRule `json:"egress"`
		DoNotTrack             bool         `json:"doNotTrack"`
		PreDNAT                bool         `json:"preDNAT"`
	} `json:"spec"`
}

type calicoRule struct {
	Action      string         `json:"action"`
	Protocol    any            `json:"protocol"`
	NotProtocol any            `json:"notProtocol"`
	Source      map[string]any `json:"source"`
	Destination map[string]any `json:"destination"`
}

// The label by which Calico knows where a pod runs.
const calicoNamespace = "projectcalico.org/namespace"

func calico(o *snapshot.Object) []*policy {
	if strings.HasPrefix(o.Name, "knp.") { // a NetworkPolicy of Kubernetes as Calico shows it
		return nil
	}
	p := &policy{object: o, namespace: o.EffectiveNamespace(), path: "spec.selector"}
	if o.Kind == "GlobalNetworkPolicy" {
		p.namespace = ""
	}
	read, err := snapshot.As[calicoPolicy](o)
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	spec := read.Spec
	if spec.DoNotTrack || spec.PreDNAT { // about the nodes' interfaces only
		return nil
	}
	pods, err := parseExpression(spec.Selector)
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	place, err := parseExpression(spec.NamespaceSelector)
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	if spec.ServiceAccountSelector != "" {
		p.what = o.Kind + " " + o.Name + " selects by service account, so what it covers is not judged"
	}
	namespace := p.namespace
	p.subject = func(ns string, set labels.Set) (labels.Selector, bool) {
		if namespace != "" {
			return pods.within(ns), ns == namespace
		}
		return pods.within(ns), place.Matches(set)
	}
	ingress, egress := slices.Contains(spec.Types, "Ingress"), slices.Contains(spec.Types, "Egress")
	if len(spec.Types) == 0 {
		ingress, egress = len(spec.Ingress) > 0 || len(spec.Egress) == 0, len(spec.Egress) > 0
	}
	p.ingress, p.egress = calicoDirection(ingress, spec.Ingress), calicoDirection(egress, spec.Egress)
	return []*policy{p}
}

// calicoDirection: what no rule of a policy of the direction allows is denied at the
// end of its tier.
func calicoDirection(applies bool, rules []calicoRule) direction {
	d := direction{restricts: applies, denies: applies}
	for _, r := range rules {
		if applies && r.Action == "Allow" && r.Protocol == nil && r.NotProtocol == nil && len(r.Source)+len(r.Destination) == 0 {
			d.open = true
		}
	}
	return d
}
