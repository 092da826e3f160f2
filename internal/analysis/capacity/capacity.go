// SPDX-License-Identifier: Apache-2.0

// Package capacity tells which namespaces bound neither what they may take of the
// cluster nor what a container takes that says nothing.
package capacity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	limitRange = "limit-range-missing"
	quota      = "resource-quota-missing"
)

// Analyzer judges namespaces that hold workloads. One that has a quota or limits which
// leave something out is judged by that object, where the fix belongs.
var Analyzer = &analysis.Analyzer{
	Name: "capacity",
	Doc:  "Namespaces without bounds on what they use.",
	Checks: []seaworthy.Check{
		{
			ID: limitRange, Title: "Namespace LimitRange is absent or incomplete",
			Severity: seaworthy.Low, Category: "Efficiency", Scope: seaworthy.ScopeCross,
			Rationale: "A container that states no requests and no memory limit is scheduled blindly and may take all memory of its node. " +
				"A LimitRange gives it defaults, so that a forgotten field harms nobody else.",
			Remediation: "Add a LimitRange of type Container with defaultRequest for cpu and memory and default for memory.",
			Snippet: `apiVersion: v1
kind: LimitRange
metadata:
  name: defaults
spec:
  limits:
  - type: Container
    defaultRequest:
      cpu: 100m
      memory: 128Mi
    default:
      memory: 256Mi
`,
			Controls: []string{"capacity-management"},
		},
		{
			ID: quota, Title: "Namespace ResourceQuota is absent or incomplete",
			Severity: seaworthy.Low, Category: "Efficiency", Scope: seaworthy.ScopeCross,
			Rationale: "Without a quota one namespace, by mistake or on purpose, can take the capacity of the whole cluster. " +
				"The workloads of all others are then evicted or cannot start.",
			Remediation: "Add a ResourceQuota to the namespace that bounds requests and limits of cpu and memory.",
			Snippet: `apiVersion: v1
kind: ResourceQuota
metadata:
  name: compute
spec:
  hard:
    requests.cpu: "10"
    requests.memory: 20Gi
    limits.cpu: "20"
    limits.memory: 40Gi
`,
			Controls: []string{"capacity-management"},
		},
	},
	Run: run,
}

func run(_ context.Context, p *analysis.Pass) error {
	if p.Enabled(limitRange) {
		judge(p, limitRange, "LimitRange", limitRangeGaps)
	}
	if p.Enabled(quota) {
		judge(p, quota, "ResourceQuota", quotaGaps)
	}
	return nil
}

// judge wants, in each namespace that holds workloads, objects of the kind that
// together leave no gap.
func judge(p *analysis.Pass, check, kind string, gaps func([]*snapshot.Object) []string) {
	if reason := p.Snapshot.Unlisted[kind]; reason != "" {
		p.Report.NotEvaluated(check, kind+" objects could not be listed: "+reason)
		return
	}
	byNamespace := map[string][]*snapshot.Object{}
	for _, o := range p.Snapshot.Kind(kind) {
		if o.Group() == "" {
			byNamespace[o.EffectiveNamespace()] = append(byNamespace[o.EffectiveNamespace()], o)
		}
	}
	// A manifest that names no namespace lands in one that nobody knows yet.
	shown, unnamed := p.Snapshot.NamespacesShown(), false
	for _, ns := range p.Snapshot.Namespaces() {
		objects := byNamespace[ns]
		switch {
		case len(objects) > 0:
			if missing := gaps(objects); len(missing) > 0 {
				p.Report.Judge(check, objects[0], items(missing)...)
			} else {
				p.Report.Judge(check, objects[0])
			}
		case systemNamespace(ns) || len(p.Snapshot.WorkloadsIn(ns)) == 0:
		case !isShown(shown, ns):
			unnamed = true
		default:
			p.Report.Judge(check, p.Snapshot.Namespace(ns), seaworthy.Item{
				Message: fmt.Sprintf("namespace %s holds %s and no %s", ns, count(len(p.Snapshot.WorkloadsIn(ns))), kind),
			})
		}
	}
	if unnamed {
		p.Report.NotEvaluated(check, "manifests name no namespace; a cluster scan shows it")
	}
}

func count(workloads int) string {
	if workloads == 1 {
		return "1 workload"
	}
	return fmt.Sprintf("%d workloads", workloads)
}

// systemNamespace tells whether the namespace is the control plane's own, where a quota
// would keep it from running.
func systemNamespace(ns string) bool {
	return ns == "kube-system" || ns == "kube-public" || ns == "kube-node-lease"
}

func isShown(sorted []string, ns string) bool {
	_, ok := slices.BinarySearch(sorted, ns)
	return ok
}

func items(missing []string) []seaworthy.Item {
	var out []seaworthy.Item
	for _, m := range missing {
		key, what, _ := strings.Cut(m, ": ")
		out = append(out, seaworthy.Item{Key: key, Path: pathOf(key), Message: what})
	}
	return out
}

// pathOf is the field that lacks what the key names.
func pathOf(key string) string {
	field, _, _ := strings.Cut(key, "[")
	return field
}

// limitRangeGaps says which defaults a container gets from no LimitRange. A maximum
// stands in for a default limit, and a default limit for a default request.
func limitRangeGaps(objects []*snapshot.Object) []string {
	requests, limits := map[corev1.ResourceName]bool{}, map[corev1.ResourceName]bool{}
	for _, o := range objects {
		lr, ok := o.View().(*corev1.LimitRange)
		if !ok {
			continue
		}
		for _, item := range lr.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for _, from := range []corev1.ResourceList{item.Default, item.Max} {
				for name := range from {
					limits[name], requests[name] = true, true
				}
			}
			for _, from := range []corev1.ResourceList{item.DefaultRequest, item.Min} {
				for name := range from {
					requests[name] = true
				}
			}
		}
	}
	var out []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if !requests[name] {
			out = append(out, fmt.Sprintf("spec.limits[Container defaultRequest %s]: containers get no default request for %s", name, name))
		}
	}
	if !limits[corev1.ResourceMemory] {
		out = append(out, "spec.limits[Container default memory]: containers get no default limit for memory")
	}
	return out
}

// quotaGaps says what no quota bounds. A quota for some pods only (by scope) bounds
// nothing for the others; cpu and memory are short for their requests.
func quotaGaps(objects []*snapshot.Object) []string {
	bound := map[corev1.ResourceName]bool{}
	for _, o := range objects {
		q, ok := o.View().(*corev1.ResourceQuota)
		if !ok || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil && len(q.Spec.ScopeSelector.MatchExpressions) > 0 {
			continue
		}
		for name := range q.Spec.Hard {
			bound[name] = true
		}
	}
	bound[corev1.ResourceRequestsCPU] = bound[corev1.ResourceRequestsCPU] || bound[corev1.ResourceCPU]
	bound[corev1.ResourceRequestsMemory] = bound[corev1.ResourceRequestsMemory] || bound[corev1.ResourceMemory]
	var out []string
	for _, name := range []corev1.ResourceName{
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
	} {
		if !bound[name] {
			out = append(out, fmt.Sprintf("spec.hard[%s]: the namespace's quota does not bound %s", name, name))
		}
	}
	return out
}
