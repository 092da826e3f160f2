// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// runsOn tells whether the DaemonSet controller places a pod on the node, see
// https://kubernetes.io/docs/concepts/scheduling-eviction/.
func runsOn(pod *corev1.PodSpec, node *corev1.Node) bool {
	if !selects(pod.NodeSelector, node.Labels) || !affine(pod, node) {
		return false
	}
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		// Those of the node's own condition are tolerated by every DaemonSet.
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || strings.HasPrefix(taint.Key, "node.kubernetes.io/") ||
			strings.HasPrefix(taint.Key, "node.cloudprovider.kubernetes.io/") {
			continue
		}
		if !tolerated(pod.Tolerations, taint) {
			return false
		}
	}
	return true
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func tolerated(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool {
		switch {
		case t.Effect != "" && t.Effect != taint.Effect, t.Key != "" && t.Key != taint.Key:
			return false
		case t.Operator == corev1.TolerationOpExists:
			return true
		}
		return t.Key != "" && (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == taint.Value
	})
}

func requiredTerms(pod *corev1.PodSpec) []corev1.NodeSelectorTerm {
	if pod.Affinity == nil || pod.Affinity.NodeAffinity == nil || pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	return pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
}

// affine tells whether one of the required terms, if there are any, matches the node. An
// empty term matches nothing.
func affine(pod *corev1.PodSpec, node *corev1.Node) bool {
	terms := requiredTerms(pod)
	if len(terms) == 0 {
		return true
	}
	for _, term := range terms {
		if len(term.MatchExpressions)+len(term.MatchFields) > 0 && matchesAll(term.MatchExpressions, node.Labels) &&
			matchesAll(term.MatchFields, map[string]string{"metadata.name": node.Name}) {
			return true
		}
	}
	return false
}

func matchesAll(reqs []corev1.NodeSelectorRequirement, values map[string]string) bool {
	for _, r := range reqs {
		if v, ok := values[r.Key]; !meets(r, v, ok) {
			return false
		}
	}
	return true
}

func meets(r corev1.NodeSelectorRequirement, value string, there bool) bool {
	switch r.Operator {
	case corev1.NodeSelectorOpIn:
		return there && slices.Contains(r.Values, value)
	case corev1.NodeSelectorOpNotIn:
		return !there || !slices.Contains(r.Values, value)
	case corev1.NodeSelectorOpExists:
		return there
	case corev1.NodeSelectorOpDoesNotExist:
		return !there
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if !there || len(r.Values) != 1 {
			return false
		}
		got, err1 := strconv.ParseInt(value, 10, 64)
		want, err2 := strconv.ParseInt(r.Values[0], 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		if r.Operator == corev1.NodeSelectorOpGt {
			return got > want
		}
		return got < want
	}
	return false
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
