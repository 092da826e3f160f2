// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Workload is an object that runs pods, seen through its pod template.
type Workload struct {
	*Object
	PodMeta PodMeta
	// PodPath is the JSON path of the pod spec: "spec" or "spec.template.spec".
	PodPath string
	// ServiceAccount and HostNetwork are fields of the pod that many look at.
	ServiceAccount string
	HostNetwork    bool
	// Replicas is how many pods it asks for; 1 for Pods and Jobs, -1 for a DaemonSet.
	Replicas int32
}

// PodMeta is what selectors and annotations look at on the pods.
type PodMeta struct {
	Labels, Annotations map[string]string
}

// LongRunning tells whether the pods are meant to stay: Jobs and CronJobs are not.
func (w *Workload) LongRunning() bool { return w.Kind != "Job" && w.Kind != "CronJob" }

// Pod is the spec of the pods. As with [Object.View], who looks at it more than once
// keeps it, but not for longer than needed.
func (w *Workload) Pod() *corev1.PodSpec {
	switch {
	case w.remains != nil:
		pod := &corev1.PodSpec{}
		restore(pod, w.remains.pod)
		return pod
	case w.Typed == nil:
		return &customTemplate(w.Object).Spec
	}
	_, pod, _ := template(w.Typed)
	return pod
}

const templatePath = "spec.template.spec"

// workload gives the pod template of an object, or nil where it has none or where a
// controller owns it (it is judged through its owner).
func workload(o *Object) *Workload {
	if o.Owner != nil {
		return nil
	}
	if o.remains != nil {
		return o.remains.workload
	}
	if o.Typed == nil {
		return customWorkload(o)
	}
	meta, pod, replicas := template(o.Typed)
	if pod == nil {
		return nil
	}
	w := newWorkload(o, meta, pod)
	switch o.Typed.(type) {
	case *corev1.Pod:
		w.PodPath = "spec"
	case *batchv1.CronJob:
		w.PodPath = "spec.jobTemplate." + templatePath
	case *appsv1.DaemonSet:
		w.Replicas = -1
	}
	if replicas != nil {
		w.Replicas = *replicas
	}
	return w
}

func newWorkload(o *Object, meta *metav1.ObjectMeta, pod *corev1.PodSpec) *Workload {
	return &Workload{
		Object: o, PodMeta: PodMeta{meta.Labels, meta.Annotations}, PodPath: templatePath, Replicas: 1,
		ServiceAccount: cmp.Or(pod.ServiceAccountName, pod.DeprecatedServiceAccount), HostNetwork: pod.HostNetwork,
	}
}

// template finds the pods of a built-in type and how many it asks for, where it says so.
func template(o runtime.Object) (*metav1.ObjectMeta, *corev1.PodSpec, *int32) {
	of := func(t *corev1.PodTemplateSpec, replicas *int32) (*metav1.ObjectMeta, *corev1.PodSpec, *int32) {
		return &t.ObjectMeta, &t.Spec, replicas
	}
	switch t := o.(type) {
	case *corev1.Pod:
		return &t.ObjectMeta, &t.Spec, nil
	case *appsv1.Deployment:
		return of(&t.Spec.Template, t.Spec.Replicas)
	case *appsv1.StatefulSet:
		return of(&t.Spec.Template, t.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return of(&t.Spec.Template, t.Spec.Replicas)
	case *appsv1.DaemonSet:
		return of(&t.Spec.Template, nil)
	case *batchv1.Job:
		return of(&t.Spec.Template, nil)
	case *batchv1.CronJob:
		return of(&t.Spec.JobTemplate.Spec.Template, nil)
	case *corev1.ReplicationController:
		if t.Spec.Template != nil {
			return of(t.Spec.Template, t.Spec.Replicas)
		}
	}
	return nil, nil, nil
}

// customWorkload reads the pod template of a custom resource.
func customWorkload(o *Object) *Workload {
	t := customTemplate(o)
	if t == nil {
		return nil
	}
	w := newWorkload(o, &t.ObjectMeta, &t.Spec)
	if spec, ok := o.Canonical["spec"].(map[string]any); ok {
		if n, ok := spec["replicas"].(int64); ok {
			w.Replicas = int32(n)
		}
		if _, ok := spec["jobTemplate"]; ok {
			w.PodPath = "spec.jobTemplate." + templatePath
		}
	}
	return w
}

// customTemplate reads the pod template of a custom resource, or nil where it has none.
// What does not fit the type is left out of the typed view; the policies still see it as
// written.
func customTemplate(o *Object) *corev1.PodTemplateSpec {
	if o.Template == nil {
		return nil
	}
	t := &corev1.PodTemplateSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Template, t); err != nil && len(t.Spec.Containers) == 0 {
		return nil
	}
	return t
}
