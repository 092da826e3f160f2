// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// policy is a network policy of any kind.
type policy struct {
	object *snapshot.Object
	// namespace of a policy that is about one namespace, else empty.
	namespace string
	// subject gives the selector of the pods of a namespace that the policy is about, or
	// false. It is nil where err or what is set.
	subject func(namespace string, set labels.Set) (labels.Selector, bool)
	path    string // of the selector
	// external: it is about traffic that leaves the cluster only, so it restricts egress
	// but is no NetworkPolicy.
	external        bool
	ingress, egress direction
	err             error  // it could not be read
	what            string // why its subject cannot be told; empty: it can
}

// direction is what a policy does to the traffic of its subject in one direction.
type direction struct {
	restricts bool // some traffic is denied
	denies    bool // all is denied but for what rules list
	open      bool // a rule lets everything through
}

// policies are those of a snapshot.
type policies struct {
	all     []*policy
	in      map[string][]*policy // by namespace
	cluster []*policy
	unknown map[string]*policy // namespaces with a policy of unknown subject
}

// read gathers the policies of a snapshot.
func read(s *snapshot.Snapshot) *policies {
	set := &policies{in: map[string][]*policy{}, unknown: map[string]*policy{}}
	for o, np := range snapshot.All[*networkingv1.NetworkPolicy](s, "NetworkPolicy") {
		set.add(core(o, np))
	}
	for _, r := range readers {
		for _, o := range s.Custom(r.group, r.kind) {
			for _, p := range r.read(o) {
				set.add(p)
			}
		}
	}
	return set
}

// readers read the policies that are custom resources.
var readers = []struct {
	group, kind string
	read        func(*snapshot.Object) []*policy
}{
	{"cilium.io", "CiliumNetworkPolicy", cilium},
	{"cilium.io", "CiliumClusterwideNetworkPolicy", cilium},
	{"projectcalico.org", "NetworkPolicy", calico},
	{"projectcalico.org", "GlobalNetworkPolicy", calico},
	{"crd.projectcalico.org", "NetworkPolicy", calico},
	{"crd.projectcalico.org", "GlobalNetworkPolicy", calico},
	{"policy.networking.k8s.io", "AdminNetworkPolicy", admin},
	{"policy.networking.k8s.io", "BaselineAdminNetworkPolicy", admin},
	{"policy.networking.k8s.io", "ClusterNetworkPolicy", admin},
	{"crd.antrea.io", "NetworkPolicy", antrea},
	{"crd.antrea.io", "ClusterNetworkPolicy", antrea},
	{"k8s.ovn.org", "EgressFirewall", firewall},
	{"network.openshift.io", "EgressNetworkPolicy", firewall},
}

func (set *policies) add(p *policy) {
	set.all = append(set.all, p)
	switch {
	case p.err != nil:
		p.what = p.object.Kind + " " + p.object.Name + " could not be read, so what it covers is not known"
		set.unknown[p.namespace] = p
	case p.what != "":
		set.unknown[p.namespace] = p
	case p.namespace == "":
		set.cluster = append(set.cluster, p)
	case !p.external:
		set.in[p.namespace] = append(set.in[p.namespace], p)
	default:
		set.cluster = append(set.cluster, p) // its subject is one namespace
	}
}

// unclear gives a policy that may cover more of the namespace than can be told, or nil.
func (set *policies) unclear(ns string) *policy {
	if p := set.unknown[ns]; p != nil {
		return p
	}
	return set.unknown[""]
}

// inNamespace is the subject of a policy that selects pods of its own namespace.
func inNamespace(namespace string, sel labels.Selector) func(string, labels.Set) (labels.Selector, bool) {
	return func(ns string, _ labels.Set) (labels.Selector, bool) { return sel, ns == namespace }
}

// core reads a NetworkPolicy of Kubernetes.
func core(o *snapshot.Object, np *networkingv1.NetworkPolicy) *policy {
	p := &policy{object: o, namespace: o.EffectiveNamespace(), path: "spec.podSelector"}
	sel, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector)
	if err != nil {
		p.err = err
		return p
	}
	p.subject = inNamespace(p.namespace, sel)
	ingress, egress := len(np.Spec.PolicyTypes) == 0, len(np.Spec.PolicyTypes) == 0 && len(np.Spec.Egress) > 0
	for _, t := range np.Spec.PolicyTypes {
		ingress = ingress || t == networkingv1.PolicyTypeIngress
		egress = egress || t == networkingv1.PolicyTypeEgress
	}
	p.ingress = direction{restricts: ingress, denies: ingress}
	p.egress = direction{restricts: egress, denies: egress}
	for _, r := range np.Spec.Ingress {
		p.ingress.open = p.ingress.open || ingress && len(r.Ports) == 0 && everyone(r.From)
	}
	for _, r := range np.Spec.Egress {
		p.egress.open = p.egress.open || egress && len(r.Ports) == 0 && everyone(r.To)
	}
	return p
}

// everyone tells whether the peers of a rule are all there are, at least in the cluster.
func everyone(peers []networkingv1.NetworkPolicyPeer) bool {
	for _, p := range peers {
		switch {
		case p.IPBlock != nil:
			if len(p.IPBlock.Except) == 0 && wholeNet(p.IPBlock.CIDR) {
				return true
			}
		case p.NamespaceSelector != nil && emptySelector(p.NamespaceSelector) && (p.PodSelector == nil || emptySelector(p.PodSelector)):
			return true
		}
	}
	return len(peers) == 0
}

func emptySelector(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

func wholeNet(cidr string) bool { return cidr == "0.0.0.0/0" || cidr == "::/0" }

// coverage tells which pods the policies are about.
type coverage struct {
	workloads map[*snapshot.Workload]covered
	spaces    map[string]covered // what covers every pod of a namespace
	// wholePolicies are the policies that are about every pod of a namespace.
	wholePolicies map[string][]*policy
}

type covered struct{ selected, ingress, egress bool }

func (c covered) with(p *policy) covered {
	return covered{
		c.selected || !p.external,
		c.ingress || p.ingress.restricts,
		c.egress || p.egress.restricts,
	}
}

func (c *coverage) of(w *snapshot.Workload, ns string) covered {
	own, space := c.workloads[w], c.spaces[ns]
	return covered{own.selected || space.selected, own.ingress || space.ingress, own.egress || space.egress}
}

// whole tells whether some policy is about every pod of a namespace.
func (c *coverage) whole(ns string) bool {
	return slices.ContainsFunc(c.wholePolicies[ns], func(p *policy) bool { return !p.external })
}

// cover works out the coverage of each namespace. Policies with the same selector are
// taken together, so that many of them cost one look-up; where the input holds twins,
// each is matched with the workloads that it can be in a cluster with.
func (set *policies) cover(s *snapshot.Snapshot, pods *snapshot.Pods) *coverage {
	c := &coverage{
		workloads: map[*snapshot.Workload]covered{}, spaces: map[string]covered{},
		wholePolicies: map[string][]*policy{},
	}
	twins := s.Twins()
	for _, ns := range s.Namespaces() {
		same := map[string]covered{}
		selectors := map[string]labels.Selector{}
		nsLabels := s.NamespaceLabels(ns)
		for _, list := range [][]*policy{set.in[ns], set.cluster} {
			for _, p := range list {
				sel, ok := p.subject(ns, nsLabels)
				if !ok {
					continue
				}
				if sel.Empty() {
					c.wholePolicies[ns] = append(c.wholePolicies[ns], p)
				}
				switch {
				case twins:
					c.add(pods.SelectFor(p.object, ns, sel), covered{}.with(p))
				case sel.Empty():
					c.spaces[ns] = c.spaces[ns].with(p)
				default:
					key := sel.String()
					same[key], selectors[key] = same[key].with(p), sel
				}
			}
		}
		for key, what := range same {
			c.add(pods.Select(ns, selectors[key]), what)
		}
	}
	return c
}

func (c *coverage) add(ws []*snapshot.Workload, what covered) {
	for _, w := range ws {
		had := c.workloads[w]
		c.workloads[w] = covered{had.selected || what.selected, had.ingress || what.ingress, had.egress || what.egress}
	}
}

// mayMatch tells whether some pod of the namespace may match. Selectors that are no
// lists of requirements (Calico's) are matched against the workloads as they are.
func (j *judge) mayMatch(p *policy, sel labels.Selector) bool {
	if _, ok := sel.(*expression); ok {
		return len(j.pods.SelectFor(p.object, p.namespace, sel)) > 0
	}
	return j.pods.MayMatch(p.object, p.namespace, sel)
}

// finished tells whether a pod has ended and will not run again.
func finished(w *snapshot.Workload) bool {
	if w.Kind != "Pod" {
		return false
	}
	pod, ok := w.View().(*corev1.Pod)
	return ok && (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed)
}
