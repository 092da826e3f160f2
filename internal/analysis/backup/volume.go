// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// defaultPresets: none is a decision, and Kasten's policies live in its own namespace.
const defaultPresets = "none, kasten-*, k10-*"

// The labels by which workloads ask for a backup, as Kasten's examples use them.
const (
	purposeLabel = "purpose"
	presetLabel  = "dataprotection"
)

func presets(param string) []string {
	if param == "" {
		param = defaultPresets
	}
	var out []string
	for p := range strings.SplitSeq(param, ",") {
		out = append(out, strings.TrimSpace(p))
	}
	return out
}

// workloads judges StatefulSets by the claims that they make, and production workloads
// by the backup that their label names.
func (j *judge) workloads() {
	for _, w := range j.Snapshot.Workloads() {
		view := w.View()
		meta, ok := view.(metav1.Object)
		if !ok {
			continue
		}
		items, judged := j.preset(w, meta.GetLabels())
		if set, ok := view.(*appsv1.StatefulSet); ok && len(set.Spec.VolumeClaimTemplates) > 0 && j.applies() {
			judged = true
			for i := range set.Spec.VolumeClaimTemplates {
				items = append(items, j.claimTemplate(w, set, i)...)
			}
		}
		if judged {
			j.Report.Judge(missing, w.Object, items...)
		}
	}
}

// preset judges a production workload that says by label which backup it has; a
// production StatefulSet has to say so.
func (j *judge) preset(w *snapshot.Workload, labels map[string]string) (items []seaworthy.Item, judged bool) {
	if labels[purposeLabel] != "production" || w.Kind != "Deployment" && w.Kind != "StatefulSet" {
		return nil, false
	}
	const where = "metadata.labels"
	name, named := labels[presetLabel]
	switch {
	case !named && w.Kind == "Deployment":
		return nil, false
	case !named:
		if j.books.covered(&volume{namespace: w.EffectiveNamespace(), labels: w.PodMeta.Labels, users: []*snapshot.Workload{w}}) {
			return nil, true
		}
		return []seaworthy.Item{{Key: where + "[" + presetLabel + "]", Path: where, Message: "the production StatefulSet names no backup by the label " + presetLabel + " and no schedule covers it"}}, true
	case j.books.names[name]:
		return nil, true
	}
	for _, p := range j.presets {
		if ok, err := path.Match(p, name); err == nil && ok {
			return nil, true
		}
	}
	at := where + "." + presetLabel
	return []seaworthy.Item{{Key: at, Path: at, Message: fmt.Sprintf("the label %s names %s, and there is no backup policy or preset of that name", presetLabel, name)}}, true
}

// claimTemplate judges the claims of all pods of a set.
func (j *judge) claimTemplate(w *snapshot.Workload, set *appsv1.StatefulSet, i int) []seaworthy.Item {
	t := &set.Spec.VolumeClaimTemplates[i]
	open := 0
	for n := range max(w.Replicas, 1) {
		name := fmt.Sprintf("%s-%s-%d", t.Name, w.Name, n)
		v := newVolume(w.EffectiveNamespace(), name, t)
		if o := j.Snapshot.Lookup("", "PersistentVolumeClaim", v.namespace, name); o != nil {
			if claim, ok := o.View().(*corev1.PersistentVolumeClaim); ok {
				v = newVolume(v.namespace, name, claim)
			}
		}
		v.users = []*snapshot.Workload{w}
		if !j.books.covered(v) {
			open++
		}
	}
	if open == 0 {
		return nil
	}
	return []seaworthy.Item{{
		Key: "spec.volumeClaimTemplates[" + t.Name + "]", Path: fmt.Sprintf("spec.volumeClaimTemplates[%d]", i),
		Message: fmt.Sprintf("no backup schedule covers the volumes %s (%d of %d)", t.Name, open, max(w.Replicas, 1)),
	}}
}

func newVolume(namespace, name string, claim *corev1.PersistentVolumeClaim) *volume {
	v := &volume{namespace: namespace, name: name, labels: claim.Labels, annotations: claim.Annotations}
	if c := claim.Spec.StorageClassName; c != nil {
		v.class = *c
	}
	return v
}

// claims judges the claims that no StatefulSet and no judged database made.
func (j *judge) claims() {
	users := j.users()
	for o, claim := range snapshot.All[*corev1.PersistentVolumeClaim](j.Snapshot, "PersistentVolumeClaim") {
		ns := o.EffectiveNamespace()
		if j.ofSet(ns, o.Name) || j.ofDatabase(ns, claim.Labels) || !j.applies() {
			continue
		}
		v := newVolume(ns, o.Name, claim)
		v.users = users[[2]string{ns, o.Name}]
		var items []seaworthy.Item
		if !j.books.covered(v) {
			items = append(items, seaworthy.Item{Message: fmt.Sprintf("no backup schedule covers the volume claim %s of namespace %s", o.Name, ns)})
		}
		j.Report.Judge(missing, o, items...)
	}
}

// users tells which workloads mount each claim.
func (j *judge) users() map[[2]string][]*snapshot.Workload {
	out := map[[2]string][]*snapshot.Workload{}
	for _, w := range j.Snapshot.Workloads() {
		volumes := w.Pod().Volumes
		for i := range volumes {
			if c := volumes[i].PersistentVolumeClaim; c != nil {
				key := [2]string{w.EffectiveNamespace(), c.ClaimName}
				out[key] = append(out[key], w)
			}
		}
	}
	return out
}

// ofSet tells whether a claim is called as the claims of a StatefulSet are: template,
// set and number.
func (j *judge) ofSet(namespace, name string) bool {
	head, n, ok := cutLast(name)
	if _, err := strconv.Atoi(n); !ok || err != nil {
		return false
	}
	for i := range len(head) {
		if head[i] != '-' {
			continue
		}
		o := j.Snapshot.Lookup("apps", "StatefulSet", namespace, head[i+1:])
		if o == nil {
			continue
		}
		set, ok := o.View().(*appsv1.StatefulSet)
		if !ok {
			continue
		}
		for _, t := range set.Spec.VolumeClaimTemplates {
			if t.Name == head[:i] {
				return true
			}
		}
	}
	return false
}

func cutLast(name string) (head, tail string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}
