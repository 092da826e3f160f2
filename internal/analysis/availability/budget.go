// SPDX-License-Identifier: Apache-2.0

package availability

import (
	"fmt"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// judgeBudget reports a budget that lets no pod go when all of them are healthy. A
// budget that says so by itself is the policy's finding, and its passes are the
// policy's too: only what the number of pods shows is told here.
func judgeBudget(p *analysis.Pass, o *snapshot.Object, spec *policyv1.PodDisruptionBudgetSpec, ws []*snapshot.Workload, scalers *scalers) {
	if static(spec) != "" {
		return
	}
	expected, says, ok := expectedPods(ws, scalers)
	if !ok || expected == 0 {
		return
	}
	switch {
	case spec.MinAvailable != nil:
		wanted, err := intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, expected, true)
		if err != nil {
			p.Report.Error(blocks, o, fmt.Errorf("read spec.minAvailable: %w", err))
			return
		}
		if wanted >= expected {
			p.Report.Judge(blocks, o, seaworthy.Item{
				Key: "spec.minAvailable", Path: "spec.minAvailable",
				Message: fmt.Sprintf("minAvailable %s keeps %d of %d pods, so none may be evicted (%s)", spec.MinAvailable.String(), wanted, expected, says),
			})
		}
	case spec.MaxUnavailable != nil:
		allowed, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, expected, true)
		if err != nil {
			p.Report.Error(blocks, o, fmt.Errorf("read spec.maxUnavailable: %w", err))
			return
		}
		if allowed <= 0 {
			p.Report.Judge(blocks, o, seaworthy.Item{
				Key: "spec.maxUnavailable", Path: "spec.maxUnavailable",
				Message: fmt.Sprintf("maxUnavailable %s lets none of %d pods be evicted (%s)", spec.MaxUnavailable.String(), expected, says),
			})
		}
	}
}

// static names the field by which a budget blocks whatever it selects, or nothing.
func static(spec *policyv1.PodDisruptionBudgetSpec) string {
	switch {
	case spec.MaxUnavailable != nil && zero(spec.MaxUnavailable):
		return "spec.maxUnavailable"
	case spec.MinAvailable != nil && spec.MinAvailable.Type == intstr.String && spec.MinAvailable.StrVal == "100%":
		return "spec.minAvailable"
	}
	return ""
}

func zero(v *intstr.IntOrString) bool {
	return v.Type == intstr.Int && v.IntVal == 0 || v.Type == intstr.String && v.StrVal == "0%"
}

// expectedPods counts the pods that a budget is about when all run, and says of which
// workloads. It is unknown where a workload runs a pod on every node or pods that come
// and go.
func expectedPods(ws []*snapshot.Workload, scalers *scalers) (n int, says string, ok bool) {
	var names []string
	for _, w := range ws {
		if w.Replicas < 0 || !w.LongRunning() {
			return 0, "", false
		}
		replicas, name := w.Replicas, w.Kind+" "+w.Name
		if s := scalers.find(w); s != nil {
			replicas, name = s.min, fmt.Sprintf("%s at the minimum of %s %s", name, s.object.Kind, s.object.Name)
		}
		n += int(replicas)
		names = append(names, name)
	}
	if len(names) > 3 {
		names = append(names[:3], "…")
	}
	return n, strings.Join(names, ", "), len(ws) > 0
}

// unknownVersions judges budgets of a version that Kubernetes does not have. No policy
// sees them, and whoever reads them takes them for budgets all the same.
func unknownVersions(p *analysis.Pass) {
	for _, o := range p.Snapshot.Kind("PodDisruptionBudget") {
		if o.BuiltIn() || o.Group() != "policy" && o.Group() != "" {
			continue
		}
		pdb, err := snapshot.As[struct {
			Spec policyv1.PodDisruptionBudgetSpec `json:"spec"`
		}](o)
		if err != nil {
			p.Report.Error(blocks, o, err)
			continue
		}
		var items []seaworthy.Item
		if field := static(&pdb.Spec); field != "" {
			items = append(items, seaworthy.Item{Key: field, Path: field, Message: field + " lets no pod be evicted"})
		}
		p.Report.Judge(blocks, o, items...)
	}
}
