// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastApplied is the annotation in which kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// alertmanagerKey begins the keys under which a Secret holds where alerts go, the only
// content of Secrets that is judged.
const alertmanagerKey = "alertmanager."

// HoldsAlerts tells whether a text may be a file of alert rules. It and its like name the
// texts of ConfigMaps that analyzers read; others are dropped.
func HoldsAlerts(text string) bool {
	return strings.Contains(text, "alert:") && strings.Contains(text, "groups:")
}

// HoldsRoutes tells whether a text may be the configuration of an Alertmanager.
func HoldsRoutes(text string) bool {
	return strings.Contains(text, "receivers") && strings.Contains(text, "route")
}

// HoldsDiscovery tells whether a text may be a configuration of Prometheus by which it
// finds what to scrape.
func HoldsDiscovery(text string) bool {
	return strings.Contains(text, "kubernetes_sd_configs") && strings.Contains(text, "scrape_configs")
}

// HoldsBench tells whether a text may be what kube-bench found, as JSON.
func HoldsBench(text string) bool {
	return strings.Contains(text, `"test_number"`) && strings.Contains(text, `"results"`)
}

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
	if _, pod, _ := template(o.Typed); pod != nil {
		slimPod(pod)
	}
	switch t := o.Typed.(type) {
	case *corev1.Pod:
		t.Status = corev1.PodStatus{Phase: t.Status.Phase}
	case *corev1.PodTemplate:
		slimPod(&t.Template.Spec)
	case *corev1.Secret:
		for k := range t.Data {
			if !strings.HasPrefix(k, alertmanagerKey) {
				t.Data[k] = nil
			}
		}
		t.StringData = nil
	case *corev1.ConfigMap:
		for k, text := range t.Data {
			if !HoldsAlerts(text) && !HoldsRoutes(text) && !HoldsDiscovery(text) && !HoldsBench(text) {
				t.Data[k] = ""
			}
		}
		for k := range t.BinaryData {
			t.BinaryData[k] = nil
		}
	case *apiextensionsv1.CustomResourceDefinition:
		t.Spec, t.Status = apiextensionsv1.CustomResourceDefinitionSpec{}, apiextensionsv1.CustomResourceDefinitionStatus{}
	}
}

// slimPod keeps what analyzers look at. Checks of a single object have run.
func slimPod(p *corev1.PodSpec) {
	*p = corev1.PodSpec{
		Volumes: p.Volumes, InitContainers: p.InitContainers, Containers: p.Containers,
		ServiceAccountName: p.ServiceAccountName, DeprecatedServiceAccount: p.DeprecatedServiceAccount,
		AutomountServiceAccountToken: p.AutomountServiceAccountToken, HostNetwork: p.HostNetwork,
		NodeName: p.NodeName, NodeSelector: p.NodeSelector, Affinity: p.Affinity, Tolerations: p.Tolerations,
	}
	for _, list := range [][]corev1.Container{p.InitContainers, p.Containers} {
		for i := range list {
			c := &list[i]
			*c = corev1.Container{
				Name: c.Name, Image: c.Image, Command: c.Command, Args: c.Args, Ports: c.Ports,
				EnvFrom: c.EnvFrom, Env: slimEnv(c),
			}
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
