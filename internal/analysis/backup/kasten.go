// SPDX-License-Identifier: Apache-2.0

package backup

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// kastenApp is the label by which a policy of Kasten names namespaces.
const kastenApp = "k10.kasten.io/appNamespace"

// kasten reads a Policy of Kasten, see https://docs.kasten.io/latest/api/policies/.
func kasten(s *snapshot.Snapshot, o *snapshot.Object) (*schedule, error) {
	r, err := snapshot.As[struct {
		Spec struct {
			Frequency string `json:"frequency"`
			Paused    bool   `json:"paused"`
			PresetRef *struct {
				Name string `json:"name"`
			} `json:"presetRef"`
			Selector *metav1.LabelSelector `json:"selector"`
			Actions  []struct {
				Action           string `json:"action"`
				ImportParameters any    `json:"importParameters"`
			} `json:"actions"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return nil, err
	}
	sched := &schedule{whenPath: "spec.frequency"}
	if r.Spec.Frequency == "@onDemand" {
		return nil, nil // not by the clock
	}
	if r.Spec.Frequency != "" {
		sched.when = []string{r.Spec.Frequency}
	}
	if r.Spec.Paused {
		sched.off = "spec.paused"
	}
	sel, err := metav1.LabelSelectorAsSelector(r.Spec.Selector)
	if err != nil {
		return nil, err
	}
	backs := r.Spec.PresetRef != nil
	for _, a := range r.Spec.Actions {
		if a.Action == "import" && a.ImportParameters != nil {
			return nil, nil // it brings in what another cluster backed up
		}
		backs = backs || a.Action == "backup"
	}
	if !backs {
		sched.useless, sched.uselessPath = "the policy has no backup action, so it backs nothing up", "spec.actions"
	}
	sched.covers = func(v *volume) bool {
		set := labels.Merge(s.NamespaceLabels(v.namespace), labels.Set{kastenApp: v.namespace})
		return sel.Matches(set) || v.matches(sel)
	}
	return sched, nil
}
