// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Workload is an object that runs pods, seen through its pod template.
type Workload struct {
	*Object
	PodMeta PodMeta
	Pod     *corev1.PodSpec
	// PodPath is the JSON path of the pod spec: "spec" or "spec.template.spec".
	PodPath string
	// Replicas is how many pods it asks for; 1 for Pods and Jobs, -1 for a DaemonSet.
	Replicas int32
}

// PodMeta is what selectors and annotations look at on the pods.
type PodMeta struct {
	Labels, Annotations map[string]string
}

// LongRunning tells whether the pods are meant to stay: Jobs and CronJobs are not.
func (w *Workload) LongRunning() bool { return w.Kind != "Job" && w.Kind != "CronJob" }

// workload gives the pod template of an object, or nil where it has none or where a
// controller owns it (it is judged through its owner).
func workload(o *Object) *Workload {
	if o.Owner != nil {
		return nil
	}
	const template = "spec.template.spec"
	of := func(t corev1.PodTemplateSpec, path string, replicas *int32) *Workload {
		n := int32(1)
		if replicas != nil {
			n = *replicas
		}
		return &Workload{Object: o, PodMeta: PodMeta{t.Labels, t.Annotations}, Pod: &t.Spec, PodPath: path, Replicas: n}
	}
	switch t := o.Typed.(type) {
	case *corev1.Pod:
		return &Workload{Object: o, PodMeta: PodMeta{t.Labels, t.Annotations}, Pod: &t.Spec, PodPath: "spec", Replicas: 1}
	case *appsv1.Deployment:
		return of(t.Spec.Template, template, t.Spec.Replicas)
	case *appsv1.StatefulSet:
		return of(t.Spec.Template, template, t.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return of(t.Spec.Template, template, t.Spec.Replicas)
	case *appsv1.DaemonSet:
		n := int32(-1)
		return of(t.Spec.Template, template, &n)
	case *batchv1.Job:
		return of(t.Spec.Template, template, nil)
	case *batchv1.CronJob:
		return of(t.Spec.JobTemplate.Spec.Template, "spec.jobTemplate."+template, nil)
	case *corev1.ReplicationController:
		if t.Spec.Template == nil {
			return nil
		}
		return of(*t.Spec.Template, template, t.Spec.Replicas)
	case nil:
		return customWorkload(o)
	}
	return nil
}

// customWorkload reads the pod template of a custom resource. What does not fit the
// type is left out of the typed view; the policies still see it as written.
func customWorkload(o *Object) *Workload {
	if o.Template == nil {
		return nil
	}
	var t corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Template, &t); err != nil && len(t.Spec.Containers) == 0 {
		return nil
	}
	w := &Workload{Object: o, PodMeta: PodMeta{t.Labels, t.Annotations}, Pod: &t.Spec, PodPath: "spec.template.spec", Replicas: 1}
	if spec, ok := o.Canonical["spec"].(map[string]any); ok {
		if n, ok := spec["replicas"].(int64); ok {
			w.Replicas = int32(n)
		}
		if _, ok := spec["jobTemplate"]; ok {
			w.PodPath = "spec.jobTemplate.spec.template.spec"
		}
	}
	return w
}
