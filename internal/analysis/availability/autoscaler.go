// SPDX-License-Identifier: Apache-2.0

package availability

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// autoscalers judges whether the target of every HorizontalPodAutoscaler is there.
func autoscalers(p *analysis.Pass) {
	there := map[target][]string{} // groups
	for _, hpa := range snapshot.All[*autoscalingv2.HorizontalPodAutoscaler](p.Snapshot, "HorizontalPodAutoscaler") {
		kind := hpa.Spec.ScaleTargetRef.Kind
		if _, ok := there[target{kind: kind}]; ok {
			continue
		}
		there[target{kind: kind}] = nil // the kind is indexed
		for _, o := range p.Snapshot.Kind(kind) {
			t := target{o.EffectiveNamespace(), kind, o.Name}
			there[t] = append(there[t], o.Group())
		}
	}
	for o, hpa := range snapshot.All[*autoscalingv2.HorizontalPodAutoscaler](p.Snapshot, "HorizontalPodAutoscaler") {
		ref := hpa.Spec.ScaleTargetRef
		if reason := p.Snapshot.Unlisted[ref.Kind]; reason != "" {
			p.Report.NotEvaluated(danglingHPA, fmt.Sprintf("%s objects could not be listed: %s", ref.Kind, reason))
			continue
		}
		gv, err := schema.ParseGroupVersion(ref.APIVersion)
		if err != nil {
			p.Report.Error(danglingHPA, o, fmt.Errorf("read spec.scaleTargetRef.apiVersion: %w", err))
			continue
		}
		if p.Snapshot.Cluster() && !builtIn(gv.Group) && len(p.Snapshot.Kind(ref.Kind)) == 0 {
			p.Report.NotEvaluated(danglingHPA, fmt.Sprintf("no %s objects of group %s were read", ref.Kind, gv.Group))
			continue
		}
		p.Report.Judge(danglingHPA, o, danglingItems(o, ref, gv.Group, there)...)
	}
}

func danglingItems(o *snapshot.Object, ref autoscalingv2.CrossVersionObjectReference, group string, there map[target][]string) []seaworthy.Item {
	const path = "spec.scaleTargetRef"
	ns := o.EffectiveNamespace()
	switch ref.Kind {
	case "Pod", "DaemonSet", "Job", "CronJob":
		return []seaworthy.Item{{Key: path, Path: path, Message: fmt.Sprintf("a %s cannot be scaled", ref.Kind)}}
	}
	for _, g := range there[target{ns, ref.Kind, ref.Name}] {
		// An empty apiVersion means the group in which the kind is known.
		if g == group || builtIn(g) && builtIn(group) {
			return nil
		}
	}
	return []seaworthy.Item{{
		Key: path, Path: path,
		Message: fmt.Sprintf("namespace %s has no %s %s of %s", ns, ref.Kind, ref.Name, ref.APIVersion),
	}}
}

// builtIn tells whether Kubernetes' own workloads are, or were, of the group.
func builtIn(group string) bool { return group == "" || group == "apps" || group == "extensions" }
