// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastApplied is the annotation in which kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// alertmanagerKey begins the keys under which a Secret holds where alerts go, the only
// content of Secrets that is judged.
const alertmanagerKey = "alertmanager."

// settings tells whether a variable is a setting that an analyzer judges: whether an
// agent collects logs, and etcd's, which may be set by its flags or so.
func settings(name string) bool {
	return name == "DD_LOGS_ENABLED" || strings.HasPrefix(name, "ETCD_") && !strings.Contains(name, "PASSWORD")
}

// slim drops what no analyzer reads from a typed object: it is most of the memory of a
// large scan. The values of environment variables also have no business in a snapshot.
func (o *Object) slim() {
	if m, ok := o.Typed.(metav1.Object); ok {
		m.SetManagedFields(nil)
		delete(m.GetAnnotations(), lastApplied)
	}
	switch t := o.Typed.(type) {
	case *corev1.Pod:
		slimPod(&t.Spec)
		t.Status = corev1.PodStatus{Phase: t.Status.Phase}
	case *corev1.PodTemplate:
		slimPod(&t.Template.Spec)
	case *corev1.ReplicationController:
		if t.Spec.Template != nil {
			slimPod(&t.Spec.Template.Spec)
		}
	case *appsv1.Deployment:
		slimPod(&t.Spec.Template.Spec)
	case *appsv1.ReplicaSet:
		slimPod(&t.Spec.Template.Spec)
	case *appsv1.StatefulSet:
		slimPod(&t.Spec.Template.Spec)
	case *appsv1.DaemonSet:
		slimPod(&t.Spec.Template.Spec)
	case *batchv1.Job:
		slimPod(&t.Spec.Template.Spec)
	case *batchv1.CronJob:
		slimPod(&t.Spec.JobTemplate.Spec.Template.Spec)
	case *corev1.Secret:
		for k := range t.Data {
			if !strings.HasPrefix(k, alertmanagerKey) {
				t.Data[k] = nil
			}
		}
		t.StringData = nil
	}
}

// slimPod also drops what only checks of a single object look at: they have run.
func slimPod(p *corev1.PodSpec) {
	p.SecurityContext, p.TopologySpreadConstraints, p.DNSConfig = nil, nil, nil
	for _, list := range [][]corev1.Container{p.InitContainers, p.Containers} {
		for i := range list {
			c := &list[i]
			c.Resources = corev1.ResourceRequirements{}
			c.SecurityContext, c.Lifecycle = nil, nil
			c.LivenessProbe, c.ReadinessProbe, c.StartupProbe = nil, nil, nil
			c.Env = slimEnv(c)
		}
	}
}

// slimEnv keeps variables only where one refers to another object, since their indices
// are part of paths, and values only where the command line or an analyzer uses them.
func slimEnv(c *corev1.Container) []corev1.EnvVar {
	for _, words := range [][]string{c.Command, c.Args} {
		for _, w := range words {
			if strings.Contains(w, "$(") {
				return c.Env
			}
		}
	}
	refers := false
	for i := range c.Env {
		kept := settings(c.Env[i].Name)
		if !kept {
			c.Env[i].Value = ""
		}
		refers = refers || kept || c.Env[i].ValueFrom != nil
	}
	if !refers {
		return nil
	}
	return c.Env
}
