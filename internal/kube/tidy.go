// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// tidy drops what no check reads and what must not be kept, in place.
func tidy(r resource, m map[string]any) {
	meta, _ := m["metadata"].(map[string]any)
	if meta != nil {
		snapshot.KeepChange(meta)
	}
	if notes, ok := meta["annotations"].(map[string]any); ok {
		// It repeats the object, values of Secrets included.
		delete(notes, "kubectl.kubernetes.io/last-applied-configuration")
		if len(notes) == 0 {
			delete(meta, "annotations")
		}
	}
	snapshot.SlimReport(m)
	status, _ := m["status"].(map[string]any)
	switch r.String() {
	case "secrets":
		for _, key := range []string{"data", "stringData"} {
			values, _ := m[key].(map[string]any)
			for k := range values {
				values[k] = ""
			}
		}
	case "customresourcedefinitions.apiextensions.k8s.io":
		dropSchemas(m)
	case "pods":
		keep(m, status, "phase")
	case "nodes":
		delete(status, "images")
		delete(status, "volumesInUse")
		delete(status, "volumesAttached")
	case "deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "replicationcontrollers", "cronjobs.batch":
		delete(m, "status")
	}
}

// dropSchemas drops the schemas of a CustomResourceDefinition, which are most of it.
func dropSchemas(crd map[string]any) {
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, v := range versions {
		if v, ok := v.(map[string]any); ok {
			delete(v, "schema")
		}
	}
}

// keep leaves only one field of the status.
func keep(m, status map[string]any, field string) {
	if v, ok := status[field]; ok {
		m["status"] = map[string]any{field: v}
	} else {
		delete(m, "status")
	}
}

// owners finds out which objects are judged through the one that made them.
type owners struct {
	// covers holds the UIDs of objects with a pod template that were listed.
	covers map[string]bool
	// complete holds the kinds of Kubernetes' own controllers that were listed to their
	// end: what names an owner of these that was not seen was made since then.
	complete map[string]bool
}

// templated are the kinds of Kubernetes that run pods.
var templated = map[string]bool{
	"/Pod": true, "/ReplicationController": true, "apps/Deployment": true, "apps/ReplicaSet": true,
	"apps/StatefulSet": true, "apps/DaemonSet": true, "batch/Job": true, "batch/CronJob": true,
}

// of gives the controller through which an object is judged, or nil: it runs pods, and
// its controller was seen and says which. The Pod of a Node (a static pod) or of a custom
// resource without a pod template is judged by itself, as nothing else shows it.
func (o *owners) of(r resource, m map[string]any) *seaworthy.Object {
	if !templated[r.Group+"/"+r.kind] && !hasTemplate(m) {
		return nil
	}
	meta, _ := m["metadata"].(map[string]any)
	owner, ownerUID := controller(meta)
	covered := owner != nil && (o.covers[ownerUID] || o.madeSince(owner))
	if uid, _ := meta["uid"].(string); uid != "" && r.kind != "Pod" {
		o.covers[uid] = true
	}
	if !covered {
		return nil
	}
	owner.Namespace, _ = meta["namespace"].(string)
	return owner
}

func (o *owners) madeSince(owner *seaworthy.Object) bool {
	kind := owner.Group() + "/" + owner.Kind
	return templated[kind] && o.complete[kind]
}

// controller reads the owner reference that is the controller's.
func controller(meta map[string]any) (*seaworthy.Object, string) {
	refs, _ := meta["ownerReferences"].([]any)
	for _, ref := range refs {
		r, _ := ref.(map[string]any)
		if r["controller"] != true {
			continue
		}
		text := func(k string) string { s, _ := r[k].(string); return s }
		return &seaworthy.Object{APIVersion: text("apiVersion"), Kind: text("kind"), Name: text("name")}, text("uid")
	}
	return nil, ""
}

// hasTemplate tells whether a custom resource has a pod template where workloads have it.
func hasTemplate(m map[string]any) bool {
	spec, _ := m["spec"].(map[string]any)
	if job, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = job["spec"].(map[string]any)
	}
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	return len(containers) > 0
}
