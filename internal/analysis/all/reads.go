// SPDX-License-Identifier: Apache-2.0

package all

import (
	"slices"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Reads says which objects an analyzer looks at, so that who keeps verdicts current knows
// when it has to run again, and over what.
type Reads struct {
	// Kinds are built-in kinds. Workloads are whatever runs pods and is judged by itself,
	// Running the pods that controllers made, of which the labels count, and Custom the
	// custom resources. Everything stands for all objects.
	Kinds                                  []string
	Workloads, Running, Custom, Everything bool
	// Each: the verdict about an object depends on nothing but the object.
	Each bool
	// Local: the verdicts about the objects of a namespace, and about the Namespace,
	// depend on nothing but these and what is outside of namespaces.
	Local bool
}

// declared are the analyzers by name. One that is not here reads everything.
var declared = map[string]Reads{
	"availability":  {Kinds: []string{"PodDisruptionBudget", "HorizontalPodAutoscaler"}, Workloads: true, Custom: true},
	"backup":        {Kinds: []string{"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Namespace"}, Workloads: true, Custom: true},
	"capacity":      {Kinds: []string{"LimitRange", "ResourceQuota", "Namespace"}, Workloads: true, Local: true},
	"cis":           {Kinds: []string{"Node"}, Workloads: true, Custom: true},
	"controlplane":  {Kinds: []string{"Node", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}, Workloads: true, Custom: true},
	"deprecation":   {Everything: true, Each: true},
	"exposure":      {Kinds: []string{"Service", "Ingress", "IngressClass", "Namespace"}, Workloads: true, Custom: true},
	"netpol":        {Kinds: []string{"NetworkPolicy", "Namespace"}, Workloads: true, Running: true, Custom: true, Local: true},
	"observability": {Kinds: []string{"ConfigMap", "Secret", "Service", "Node", "Namespace"}, Workloads: true, Running: true, Custom: true},
	"rbac":          {Kinds: []string{"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"}, Workloads: true},
	"references":    {Kinds: []string{"ConfigMap", "Secret", "Service", "Ingress", "ServiceAccount"}, Workloads: true, Running: true, Custom: true},
	"storage":       {Kinds: []string{"StorageClass", "PersistentVolume"}},
}

// ReadsOf tells what an analyzer looks at.
func ReadsOf(a *analysis.Analyzer) Reads {
	if r, ok := declared[a.Name]; ok {
		return r
	}
	return Reads{Everything: true}
}

// Object tells whether the analyzer may look at the object.
func (r Reads) Object(o *snapshot.Object) bool {
	switch {
	case r.Everything:
		return true
	case !o.BuiltIn():
		return r.Custom || r.Workloads // it may have a pod template
	case slices.Contains(r.Kinds, o.Kind):
		return true
	case o.Owner != nil:
		return r.Running && o.Kind == "Pod"
	}
	return r.Workloads && workloads[o.Kind]
}

// workloads are the built-in kinds that run pods.
var workloads = map[string]bool{
	"Pod": true, "ReplicationController": true, "Deployment": true, "ReplicaSet": true, "StatefulSet": true, "DaemonSet": true,
	"Job": true, "CronJob": true,
}
