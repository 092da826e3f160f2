// SPDX-License-Identifier: Apache-2.0

// Package netpol tells which workloads and namespaces network policies isolate, and
// which policies select nothing.
//
// A policy of whatever kind is seen as two things: which pods it is about (its subject)
// and what it does to the traffic of each direction. Pods that some policy restricts in
// a direction are isolated in it; the traffic that policies still let through is not
// judged here. NetworkPolicies follow the API's documentation to the letter; the
// policies of Cilium, Calico, Antrea, OVN-Kubernetes and the Network Policy API count
// for what they do, and where their subject cannot be told from the snapshot, what they
// may be about is left unjudged rather than called open.
package netpol

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	unselected  = "workload-without-network-policy"
	bare        = "namespace-without-network-policy"
	ingressOpen = "workload-ingress-open"
	egressOpen  = "workload-egress-open"
	defaultDeny = "namespace-default-deny-missing"
	dangling    = "dangling-network-policy"
)

// Analyzer judges workloads, namespaces and policies.
var Analyzer = &analysis.Analyzer{
	Name:   "netpol",
	Doc:    "Workloads and namespaces that no network policy isolates. Policies of every common kind count.",
	Checks: checks,
	Run:    run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	s := p.Snapshot
	if kind, reason := unlisted(s); kind != "" {
		for _, c := range checks {
			p.Report.NotEvaluated(c.ID, fmt.Sprintf("%s objects could not be listed: %s", kind, reason))
		}
		return nil
	}
	set := read(s)
	pods := snapshot.IndexPods(s)
	j := &judge{Pass: p, set: set, pods: pods, cover: set.cover(s, pods)}
	for _, step := range []func(){j.workloads, j.namespaces, j.dangling} {
		if err := ctx.Err(); err != nil {
			return err
		}
		step()
	}
	return nil
}

// unlisted names a kind of policy that could not be listed: without it nothing can be
// said of what is open.
func unlisted(s *snapshot.Snapshot) (kind, reason string) {
	if reason := s.Unlisted["NetworkPolicy"]; reason != "" {
		return "NetworkPolicy", reason
	}
	for _, r := range readers {
		if reason := s.Unlisted[r.kind]; reason != "" {
			return r.kind, reason
		}
	}
	return "", ""
}

type judge struct {
	*analysis.Pass
	set   *policies
	pods  *snapshot.Pods
	cover *coverage
}

// workloads judges every workload whose pods have a network of their own: policies do
// nothing to pods on the node's network.
func (j *judge) workloads() {
	var undecided []string
	for _, w := range j.Snapshot.Workloads() {
		if w.HostNetwork || finished(w) {
			continue
		}
		ns := w.EffectiveNamespace()
		c := j.cover.of(w, ns)
		where := fmt.Sprintf("namespace %s has no network policy", ns)
		if n := len(j.set.in[ns]); n == 1 {
			where = fmt.Sprintf("the only network policy of namespace %s does not", ns)
		} else if n > 1 {
			where = fmt.Sprintf("none of the %d network policies of namespace %s does", n, ns)
		}
		unclear := j.set.unclear(ns)
		if unclear != nil && !(c.ingress && c.egress) && !slices.Contains(undecided, unclear.what) {
			undecided = append(undecided, unclear.what)
		}
		j.workload(unselected, w, c.selected, unclear, "no network policy selects the pods: "+where)
		j.workload(ingressOpen, w, c.ingress, unclear, "no network policy restricts traffic into the pods")
		j.workload(egressOpen, w, c.egress, unclear, "no network policy restricts traffic out of the pods")
	}
	for _, check := range []string{unselected, ingressOpen, egressOpen} {
		for _, reason := range undecided {
			j.Report.NotEvaluated(check, reason)
		}
	}
}

func (j *judge) workload(check string, w *snapshot.Workload, covered bool, unclear *policy, message string) {
	switch {
	case covered:
		j.Report.Judge(check, w.Object)
	case unclear == nil:
		j.Report.Judge(check, w.Object, seaworthy.Item{Message: message})
	}
}

// namespaces judges the namespaces that the input tells of.
func (j *judge) namespaces() {
	shown := j.Snapshot.NamespacesShown()
	if len(shown) == 0 && len(j.Snapshot.Workloads()) > 0 {
		for _, check := range []string{bare, defaultDeny} {
			j.Report.NotEvaluated(check, "the manifests name no namespace; a cluster scan shows it")
		}
	}
	for _, ns := range shown {
		if ns == "kube-public" || ns == "kube-node-lease" { // they hold no pods
			continue
		}
		o := j.Snapshot.Namespace(ns)
		if unclear := j.set.unclear(ns); unclear != nil {
			j.Report.NotEvaluated(bare, unclear.what)
			j.Report.NotEvaluated(defaultDeny, unclear.what)
			continue
		}
		j.Report.Judge(bare, o, j.bare(ns)...)
		j.Report.Judge(defaultDeny, o, j.defaultDeny(ns)...)
	}
}

// bare tells whether a namespace has no policy: none of its own, and none of the whole
// cluster that is about all of its pods.
func (j *judge) bare(ns string) []seaworthy.Item {
	if len(j.set.in[ns]) > 0 || j.cover.whole(ns) || j.allSelected(ns) {
		return nil
	}
	return []seaworthy.Item{{Message: fmt.Sprintf("namespace %s has no network policy", ns)}}
}

func (j *judge) allSelected(ns string) bool {
	ws := j.Snapshot.WorkloadsIn(ns)
	for _, w := range ws {
		if !w.HostNetwork && !j.cover.of(w, ns).selected {
			return false
		}
	}
	return len(ws) > 0
}

// defaultDeny wants, for each direction, a policy that is about every pod of the
// namespace and lets only listed traffic through, and none that opens it again.
func (j *judge) defaultDeny(ns string) []seaworthy.Item {
	var items []seaworthy.Item
	for _, d := range []struct {
		key string
		of  func(*policy) direction
	}{
		{"ingress", func(p *policy) direction { return p.ingress }},
		{"egress", func(p *policy) direction { return p.egress }},
	} {
		var denies, opens []string
		for _, p := range j.cover.wholePolicies[ns] {
			switch d := d.of(p); {
			case d.open:
				opens = append(opens, p.object.Kind+" "+p.object.Name)
			case d.denies:
				denies = append(denies, p.object.Name)
			}
		}
		switch {
		case len(denies) == 0:
			items = append(items, seaworthy.Item{Key: d.key, Message: fmt.Sprintf("no policy denies %s for every pod of namespace %s by default", d.key, ns)})
		case len(opens) > 0:
			items = append(items, seaworthy.Item{Key: d.key, Message: fmt.Sprintf("the default deny of %s is opened again by %s", d.key, strings.Join(opens, ", "))})
		}
	}
	return items
}

// dangling judges the policies of a namespace that select by label.
func (j *judge) dangling() {
	for _, kind := range []string{"Pod", "Deployment", "StatefulSet", "DaemonSet"} {
		if reason := j.Snapshot.Unlisted[kind]; reason != "" {
			j.Report.NotEvaluated(dangling, fmt.Sprintf("%s objects could not be listed: %s", kind, reason))
			return
		}
	}
	for i := 0; i < len(j.set.all); {
		rules := []*policy{j.set.all[i]} // of one object
		for i++; i < len(j.set.all) && j.set.all[i].object == rules[0].object; i++ {
			rules = append(rules, j.set.all[i])
		}
		j.danglingRules(rules)
	}
}

func (j *judge) danglingRules(rules []*policy) {
	var items []seaworthy.Item
	for _, p := range rules {
		switch {
		case p.err != nil:
			j.Report.Error(dangling, p.object, p.err)
			return
		case p.namespace == "" || p.what != "" || p.external:
			return
		}
		sel, ok := p.subject(p.namespace, nil)
		if !ok || sel.Empty() || j.mayMatch(p, sel) {
			continue
		}
		key := p.path
		if len(rules) > 1 {
			key = "specs[" + sel.String() + "].endpointSelector"
		}
		items = append(items, seaworthy.Item{
			Key: key, Path: p.path,
			Message: fmt.Sprintf("no pod of namespace %s matches the selector %s", p.namespace, sel),
		})
	}
	j.Report.Judge(dangling, rules[0].object, items...)
}
