// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// Pods finds workloads by the labels of their pods. Each analyzer makes its own: it
// remembers answers and is not safe for concurrent use. The lists that it returns must
// not be changed.
type Pods struct {
	s          *Snapshot
	namespaces map[string]*labelled
	// running are the labels of pods that a controller made, so that a selector which only a
	// running pod matches is not taken for one that matches nothing. Neighbours of one
	// controller mostly bear the same ones, which are held once.
	running map[string][]labels.Set
	// operated are the labels known of pods that operators will make.
	operated map[string][]labels.Set
}

// labelled indexes the workloads of one namespace by label.
type labelled struct {
	all     []*Workload
	sets    []labels.Set
	byKey   map[string][]int
	byValue map[[2]string][]int
	memo    map[string][]*Workload
}

// IndexPods indexes the workloads of a snapshot.
func IndexPods(s *Snapshot) *Pods {
	p := &Pods{s: s, namespaces: make(map[string]*labelled, len(s.podsIn)), running: map[string][]labels.Set{}, operated: map[string][]labels.Set{}}
	for ns, ws := range s.podsIn {
		in := &labelled{
			all: ws, sets: make([]labels.Set, len(ws)),
			byKey: map[string][]int{}, byValue: map[[2]string][]int{}, memo: map[string][]*Workload{},
		}
		for i, w := range ws {
			set := podLabels(w)
			in.sets[i] = set
			for k, v := range set {
				in.byKey[k] = append(in.byKey[k], i)
				in.byValue[[2]string{k, v}] = append(in.byValue[[2]string{k, v}], i)
			}
		}
		p.namespaces[ns] = in
	}
	for o, pod := range All[*corev1.Pod](s, "Pod") {
		if o.Owner != nil {
			ns := o.EffectiveNamespace()
			if sets := p.running[ns]; len(sets) == 0 || !maps.Equal(sets[len(sets)-1], pod.Labels) {
				p.running[ns] = append(sets, pod.Labels)
			}
		}
	}
	for _, o := range s.objects {
		if set := operatedLabels(o); set != nil {
			ns := o.EffectiveNamespace()
			p.operated[ns] = append(p.operated[ns], set)
		}
	}
	return p
}

// podLabels are the labels that every pod of the workload bears. The job controller
// adds the name of the Job.
func podLabels(w *Workload) labels.Set {
	if w.Kind != "Job" || w.Group() != "batch" {
		return w.PodMeta.Labels
	}
	return labels.Merge(labels.Set{"job-name": w.Name, "batch.kubernetes.io/job-name": w.Name}, w.PodMeta.Labels)
}

// Select lists the workloads of an effective namespace whose pods match, in the order
// of the snapshot.
func (p *Pods) Select(namespace string, sel labels.Selector) []*Workload {
	in := p.namespaces[namespace]
	if in == nil {
		return nil
	}
	if sel.Empty() {
		return in.all
	}
	key := sel.String()
	if ws, ok := in.memo[key]; ok {
		return ws
	}
	ws := in.match(sel)
	in.memo[key] = ws
	return ws
}

// SelectFor is [Pods.Select] for the selector of an object: it leaves out workloads that
// are never in one cluster with it.
func (p *Pods) SelectFor(o *Object, namespace string, sel labels.Selector) []*Workload {
	ws := p.Select(namespace, sel)
	if len(p.s.twins) == 0 {
		return ws
	}
	var out []*Workload
	for _, w := range ws {
		if p.s.Together(o, w.Object) {
			out = append(out, w)
		}
	}
	return out
}

// SelectedFor is [Pods.SelectFor] in the object's namespace; no selector selects nothing.
func (p *Pods) SelectedFor(o *Object, sel *metav1.LabelSelector) ([]*Workload, error) {
	s, err := metav1.LabelSelectorAsSelector(sel)
	if err != nil {
		return nil, err
	}
	return p.SelectFor(o, o.EffectiveNamespace(), s), nil
}

// match goes through the shortest list of candidates that the selector allows.
func (in *labelled) match(sel labels.Selector) []*Workload {
	reqs, selectable := sel.Requirements()
	if !selectable {
		return nil
	}
	var candidates []int
	found := false
	for _, r := range reqs {
		list, ok := in.candidates(r)
		if ok && (!found || len(list) < len(candidates)) {
			candidates, found = list, true
		}
	}
	var out []*Workload
	if !found {
		for i, set := range in.sets {
			if sel.Matches(set) {
				out = append(out, in.all[i])
			}
		}
		return out
	}
	for _, i := range candidates {
		if sel.Matches(in.sets[i]) {
			out = append(out, in.all[i])
		}
	}
	return out
}

// candidates are the workloads that can meet a requirement, in order, or false where it
// narrows nothing down.
func (in *labelled) candidates(r labels.Requirement) ([]int, bool) {
	switch r.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		values := r.Values().UnsortedList()
		if len(values) == 1 {
			return in.byValue[[2]string{r.Key(), values[0]}], true
		}
		var list []int
		for _, v := range values {
			list = append(list, in.byValue[[2]string{r.Key(), v}]...)
		}
		slices.Sort(list)
		return list, true
	case selection.Exists, selection.GreaterThan, selection.LessThan:
		return in.byKey[r.Key()], true
	}
	return nil, false
}

// MayMatch tells whether the selector of an object matches some pod of the namespace, or
// may match once it runs: labels that controllers set on running pods are taken to
// match, and pods that some controller made count too. It is the question of what
// dangles, not of what is covered.
func (p *Pods) MayMatch(o *Object, namespace string, sel labels.Selector) bool {
	reqs, selectable := sel.Requirements()
	if !selectable {
		return false
	}
	static := labels.NewSelector()
	for _, r := range reqs {
		if !setAtRuntime(r) {
			static = static.Add(r)
		}
	}
	if len(p.SelectFor(o, namespace, static)) > 0 {
		return true
	}
	for _, set := range p.running[namespace] {
		if sel.Matches(set) {
			return true
		}
	}
	for _, known := range p.operated[namespace] {
		if mayOperate(known, reqs) {
			return true
		}
	}
	return false
}

// setAtRuntime tells whether a label comes from a controller or from the program in the
// pod (a database that labels its leader) and so stands in no template.
func setAtRuntime(r labels.Requirement) bool {
	switch r.Key() {
	case "pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid",
		"batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name",
		"batch.kubernetes.io/job-completion-index", "statefulset.kubernetes.io/pod-name",
		"apps.kubernetes.io/pod-index", "rollouts-pod-template-hash", "deploymentconfig", "deployment",
		"vault-active", "vault-initialized", "vault-sealed", "vault-perf-standby", "vault-version",
		"spilo-role", "redis-role", "redis-failover", "cnpg.io/instanceRole":
		return true
	case "role": // Patroni and its like
		for v := range r.Values() {
			switch v {
			case "master", "primary", "leader", "replica", "standby":
				return true
			}
		}
	}
	return false
}
