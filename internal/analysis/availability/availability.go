// SPDX-License-Identifier: Apache-2.0

// Package availability tells which workloads no PodDisruptionBudget covers, which
// budgets let no pod be evicted, and which autoscalers scale nothing.
//
// A budget is computed as the eviction API does: percentages round up, and where an
// autoscaler sets the number of pods, its minimum counts, which is 1 unless it says
// otherwise.
package availability

import (
	"context"
	"fmt"
	"strconv"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	missing     = "pdb-missing"
	blocks      = "pdb-blocks-eviction"
	danglingHPA = "dangling-hpa"
)

// Analyzer judges workloads, budgets and autoscalers.
var Analyzer = &analysis.Analyzer{
	Name: "availability",
	Doc:  "Workloads that a node drain takes down, budgets that block it, autoscalers without a target.",
	Checks: []seaworthy.Check{
		{
			ID: missing, Title: "No PodDisruptionBudget covers the workload",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "Without a budget, a node drain or an upgrade of the cluster may evict all pods of the workload at the same moment. " +
				"Its users see an outage that nobody planned.",
			Remediation: "Add a PodDisruptionBudget to the workload's namespace whose selector matches its pods, with more replicas than it wants available.",
			Snippet: `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app: web
`,
			Controls: []string{"workload-availability"},
			Params: []seaworthy.Param{{
				Name: "min-replicas", Default: "1",
				Doc: "Workloads with fewer replicas than this are not judged",
			}},
		},
		// Described by its policy, which judges the budget alone.
		{ID: blocks, Scope: seaworthy.ScopeSingleCross},
		{
			ID: danglingHPA, Title: "HPA target does not exist",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "An autoscaler whose target is not there, or cannot be scaled, does nothing. " +
				"The workload that it was meant for does not grow under load.",
			Remediation: "Correct spec.scaleTargetRef (apiVersion, kind and name) so that it names a workload of the autoscaler's namespace.",
			Snippet:     "spec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: web\n",
			Controls:    []string{"capacity-management", "configuration-management"},
		},
	},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	pods := snapshot.IndexPods(p.Snapshot)
	if p.Enabled(missing) || p.Enabled(blocks) {
		budgets(p, pods)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Enabled(danglingHPA) {
		autoscalers(p)
	}
	return nil
}

// budgets judges workloads by the budgets and budgets by the workloads.
func budgets(p *analysis.Pass, pods *snapshot.Pods) {
	if reason := p.Snapshot.Unlisted["PodDisruptionBudget"]; reason != "" {
		for _, check := range []string{missing, blocks} {
			p.Report.NotEvaluated(check, "PodDisruptionBudget objects could not be listed: "+reason)
		}
		return
	}
	scalers := scalersOf(p.Snapshot)
	covered := map[*snapshot.Workload]bool{}
	for o, pdb := range snapshot.All[*policyv1.PodDisruptionBudget](p.Snapshot, "PodDisruptionBudget") {
		ws, err := pods.SelectedFor(o, pdb.Spec.Selector)
		if err != nil {
			p.Report.Error(missing, o, fmt.Errorf("read spec.selector: %w", err))
			continue
		}
		for _, w := range ws {
			covered[w] = true
		}
		judgeBudget(p, o, &pdb.Spec, ws, scalers)
	}
	unknownVersions(p)
	fewest := 1
	if v := p.Params(missing)["min-replicas"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			p.Report.Error(missing, nil, fmt.Errorf("parameter min-replicas is %q, not a number", v))
			return
		}
		fewest = n
	}
	for _, w := range p.Snapshot.Workloads() {
		if !replicated(w) || int(w.Replicas) < max(fewest, 1) {
			continue
		}
		var items []seaworthy.Item
		if !covered[w] {
			items = append(items, seaworthy.Item{Message: fmt.Sprintf(
				"no PodDisruptionBudget of namespace %s selects the pods (replicas: %d)", w.EffectiveNamespace(), w.Replicas)})
		}
		p.Report.Judge(missing, w.Object, items...)
	}
}

// replicated tells whether a workload runs pods of which some may go while others stay:
// not single Pods, not the pods of each node and not Jobs.
func replicated(w *snapshot.Workload) bool {
	switch w.Kind {
	case "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout", "DeploymentConfig", "CloneSet":
		return true
	}
	return false
}

// target names what an autoscaler scales. The group is left out: one workload is known
// by several (extensions, apps).
type target struct{ namespace, kind, name string }

// scaler is what sets the number of pods of a workload.
type scaler struct {
	object *snapshot.Object
	min    int32
}

type scalers struct {
	s  *snapshot.Snapshot
	of map[target][]scaler
}

// find gives what scales a workload, or nil.
func (x *scalers) find(w *snapshot.Workload) *scaler {
	list := x.of[target{w.EffectiveNamespace(), w.Kind, w.Name}]
	for i := range list {
		if x.s.Together(list[i].object, w.Object) {
			return &list[i]
		}
	}
	return nil
}

func scalersOf(s *snapshot.Snapshot) *scalers {
	out := &scalers{s, map[target][]scaler{}}
	add := func(t target, o *snapshot.Object, fewest int32) { out.of[t] = append(out.of[t], scaler{o, fewest}) }
	for o, hpa := range snapshot.All[*autoscalingv2.HorizontalPodAutoscaler](s, "HorizontalPodAutoscaler") {
		n := int32(1)
		if hpa.Spec.MinReplicas != nil {
			n = *hpa.Spec.MinReplicas
		}
		ref := hpa.Spec.ScaleTargetRef
		add(target{o.EffectiveNamespace(), ref.Kind, ref.Name}, o, n)
	}
	for _, o := range s.Custom("keda.sh", "ScaledObject") {
		keda, err := snapshot.As[struct {
			Spec struct {
				MinReplicaCount int32 `json:"minReplicaCount"`
				ScaleTargetRef  struct {
					Kind string `json:"kind"`
					Name string `json:"name"`
				} `json:"scaleTargetRef"`
			} `json:"spec"`
		}](o)
		if err != nil {
			continue // the budget is then computed from the workload's own replicas
		}
		kind := keda.Spec.ScaleTargetRef.Kind
		if kind == "" {
			kind = "Deployment"
		}
		add(target{o.EffectiveNamespace(), kind, keda.Spec.ScaleTargetRef.Name}, o, max(keda.Spec.MinReplicaCount, 1))
	}
	return out
}
