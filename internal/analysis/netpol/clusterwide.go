// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// adminPolicy is what is read of the Network Policy API's cluster-wide policies, see
// https://network-policy-api.sigs.k8s.io.
type adminPolicy struct {
	Spec struct {
		Subject struct {
			Namespaces *metav1.LabelSelector `json:"namespaces"`
			Pods       *struct {
				NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
				PodSelector       metav1.LabelSelector `json:"podSelector"`
			} `json:"pods"`
		} `json:"subject"`
		Ingress []adminRule `json:"ingress"`
		Egress  []adminRule `json:"egress"`
	} `json:"spec"`
}

type adminRule struct {
	Action    string      `json:"action"`
	From      []adminPeer `json:"from"`
	To        []adminPeer `json:"to"`
	Ports     []any       `json:"ports"`
	Protocols []any       `json:"protocols"`
}

type adminPeer struct {
	Namespaces *metav1.LabelSelector `json:"namespaces"`
	Networks   []string              `json:"networks"`
}

// admin reads an AdminNetworkPolicy or its like. Such policies deny only where a rule
// says so.
func admin(o *snapshot.Object) []*policy {
	p := &policy{object: o, path: "spec.subject"}
	read, err := snapshot.As[adminPolicy](o)
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	subject := read.Spec.Subject
	place, pods := labels.Everything(), labels.Everything()
	switch {
	case subject.Pods != nil:
		if place, err = metav1.LabelSelectorAsSelector(&subject.Pods.NamespaceSelector); err == nil {
			pods, err = metav1.LabelSelectorAsSelector(&subject.Pods.PodSelector)
		}
	case subject.Namespaces != nil:
		place, err = metav1.LabelSelectorAsSelector(subject.Namespaces)
	default:
		place = labels.Nothing()
	}
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	p.subject = func(_ string, set labels.Set) (labels.Selector, bool) { return pods, place.Matches(set) }
	p.ingress, p.egress = adminDirection(read.Spec.Ingress), adminDirection(read.Spec.Egress)
	return []*policy{p}
}

func adminDirection(rules []adminRule) direction {
	var d direction
	for _, r := range rules {
		if r.Action != "Deny" {
			continue
		}
		d.restricts = true
		for _, peer := range append(r.From, r.To...) {
			if peer.Namespaces != nil && emptySelector(peer.Namespaces) && len(r.Ports)+len(r.Protocols) == 0 {
				d.denies = true
			}
		}
	}
	return d
}

// antreaPolicy is what is read of Antrea's own policies, see
// https://antrea.io/docs/main/docs/antrea-network-policy/.
type antreaPolicy struct {
	Spec struct {
		AppliedTo []antreaSubject `json:"appliedTo"`
		Ingress   []antreaRule    `json:"ingress"`
		Egress    []antreaRule    `json:"egress"`
	} `json:"spec"`
}

type antreaSubject struct {
	PodSelector       *metav1.LabelSelector `json:"podSelector"`
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector"`
}

type antreaRule struct {
	Action string `json:"action"`
	From   []any  `json:"from"`
	To     []any  `json:"to"`
	Ports  []any  `json:"ports"`
}

// antrea reads a policy of Antrea once for each thing it applies to. Groups, services
// and subjects of single rules are not followed.
func antrea(o *snapshot.Object) []*policy {
	namespace := o.EffectiveNamespace()
	if o.Kind == "ClusterNetworkPolicy" {
		namespace = ""
	}
	read, err := snapshot.As[antreaPolicy](o)
	if err != nil {
		return []*policy{{object: o, namespace: namespace, err: err}}
	}
	unclear := &policy{
		object: o, namespace: namespace,
		what: "Antrea's " + o.Kind + " " + o.Name + " does not select by label, so what it covers is not judged",
	}
	if len(read.Spec.AppliedTo) == 0 {
		return []*policy{unclear}
	}
	var out []*policy
	for _, subject := range read.Spec.AppliedTo {
		if subject.PodSelector == nil && subject.NamespaceSelector == nil {
			return []*policy{unclear}
		}
		p := &policy{
			object: o, namespace: namespace, path: "spec.appliedTo",
			ingress: antreaDirection(read.Spec.Ingress), egress: antreaDirection(read.Spec.Egress),
		}
		p.subject, p.err = subject.selector(namespace)
		out = append(out, p)
	}
	return out
}

func (s antreaSubject) selector(namespace string) (func(string, labels.Set) (labels.Selector, bool), error) {
	pods, place := labels.Everything(), labels.Everything()
	var err error
	if s.PodSelector != nil {
		if pods, err = metav1.LabelSelectorAsSelector(s.PodSelector); err != nil {
			return nil, err
		}
	}
	if s.NamespaceSelector != nil {
		if place, err = metav1.LabelSelectorAsSelector(s.NamespaceSelector); err != nil {
			return nil, err
		}
	}
	return func(ns string, set labels.Set) (labels.Selector, bool) {
		if namespace != "" {
			return pods, ns == namespace
		}
		return pods, place.Matches(set)
	}, nil
}

func antreaDirection(rules []antreaRule) direction {
	var d direction
	for _, r := range rules {
		if r.Action == "Drop" || r.Action == "Reject" {
			d.restricts = true
			d.denies = d.denies || len(r.From)+len(r.To)+len(r.Ports) == 0
		}
	}
	return d
}

// firewall reads what limits a namespace's traffic out of the cluster on OpenShift and
// OVN-Kubernetes.
func firewall(o *snapshot.Object) []*policy {
	p := &policy{object: o, namespace: o.EffectiveNamespace(), external: true}
	read, err := snapshot.As[struct {
		Spec struct {
			Egress []struct {
				Type string `json:"type"`
			} `json:"egress"`
		} `json:"spec"`
	}](o)
	if err != nil {
		p.err = err
		return []*policy{p}
	}
	for _, r := range read.Spec.Egress {
		p.egress.restricts = p.egress.restricts || r.Type == "Deny"
	}
	p.subject = inNamespace(p.namespace, labels.Everything())
	return []*policy{p}
}
