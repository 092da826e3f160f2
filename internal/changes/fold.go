// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// controllers name what the cluster's own controllers run as. A name alone folds nothing:
// who has their credentials has their name.
var controllers = []string{
	"system:kube-controller-manager", "system:kube-scheduler", "system:cloud-controller-manager", "system:apiserver",
	"system:node:", "system:serviceaccount:kube-system:",
}

// byController tells whether the request came under the name of a controller.
func byController(a *seaworthy.Actor) bool {
	for _, name := range controllers {
		if a.Username == name || strings.HasSuffix(name, ":") && strings.HasPrefix(a.Username, name) {
			return a.Impersonator == ""
		}
	}
	return false
}

// Owner is what a cluster's index knows of the object that controls another.
type Owner struct {
	UID string
	// Template is the digest of the pod template that its pods and sets are made from, as
	// [Template] makes it; empty for none.
	Template string
}

// Template is the digest of the pod that an object makes: that of its template, or of its
// own spec for a Pod, without what the cluster adds when it makes and places pods. Two
// objects with the same one run the same. Empty for an object that makes none.
func Template(object map[string]any) string {
	spec := podSpec(object)
	if spec == nil {
		return ""
	}
	return digest(map[string]any{"containers": essence(spec["containers"]), "initContainers": essence(spec["initContainers"]), "rest": rest(spec)}, nil)
}

// placed are fields of a pod's spec that the cluster fills in when it makes the pod.
var placed = map[string]bool{
	"containers": true, "initContainers": true, "ephemeralContainers": true, "nodeName": true, "tolerations": true, "volumes": true,
	"serviceAccount": true, "serviceAccountName": true, "priority": true, "priorityClassName": true, "preemptionPolicy": true,
	"enableServiceLinks": true, "imagePullSecrets": true, "hostname": true, "subdomain": true, "affinity": true, "overhead": true,
}

func rest(spec map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range spec {
		if !placed[k] {
			out[k] = v
		}
	}
	// Of whom a pod runs as, the default is written only in the pod.
	if name, _ := spec["serviceAccountName"].(string); name != "" && name != "default" {
		out["serviceAccountName"] = name
	}
	out["volumes"] = volumes(spec["volumes"])
	return out
}

// volumes leaves out those in which the cluster hands tokens to pods.
func volumes(v any) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		if name, _ := m["name"].(string); !strings.HasPrefix(name, "kube-api-access-") || m["projected"] == nil {
			out = append(out, e)
		}
	}
	return out
}

// essence are containers without the mounts of those volumes.
func essence(v any) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			out = append(out, e)
			continue
		}
		container := make(map[string]any, len(m))
		for k, x := range m {
			container[k] = x
		}
		mounts, _ := m["volumeMounts"].([]any)
		kept := []any{}
		for _, x := range mounts {
			mount, _ := x.(map[string]any)
			if name, _ := mount["name"].(string); !strings.HasPrefix(name, "kube-api-access-") {
				kept = append(kept, x)
			}
		}
		container["volumeMounts"] = kept
		out = append(out, container)
	}
	return out
}

// plumbing are kinds in which a cluster keeps its own books, when its controllers write
// them: nothing that people mean is in them.
var plumbing = map[string]bool{
	"Lease": true, "Event": true, "EndpointSlice": true, "Endpoints": true, "ControllerRevision": true, "CSIStorageCapacity": true, "CSINode": true,
}

// Folds tells whether an observation is the cluster's own work that follows from something
// else and writes neither a spec nor RBAC: then it is counted under its cause and is no
// change of its own. owner is what controls the object, nil where it is not known.
//
// Who wrote it is not enough: a pod is folded when it runs what its owner says, whoever
// made it under a controller's name, and an edit when it leaves intent as it was.
func Folds(o *Observation, owner *Owner) bool {
	if o.Actor.Username != "" && !byController(&o.Actor) {
		return false
	}
	if strings.HasSuffix(o.Object.APIVersion, "rbac.authorization.k8s.io/v1") || o.Object.Group() == "admissionregistration.k8s.io" {
		return false
	}
	if plumbing[o.Object.Kind] {
		return o.Actor.Username != "" || o.Actor.Manager == "kube-controller-manager" || o.Object.Kind == "Lease" || o.Object.Kind == "Event"
	}
	switch o.Verb {
	case seaworthy.VerbCreate:
		return owner != nil && owner.Template != "" && owner.Template == Template(o.After)
	case seaworthy.VerbUpdate:
		return o.Before != nil && o.After != nil && (counts(o) || scales(o, owner))
	case seaworthy.VerbDelete:
		// What goes with its owner, or is one of many that an owner makes again.
		return owner != nil && (o.Object.Kind == "Pod" || o.Object.Kind == "ReplicaSet" || o.Object.Kind == "Job")
	}
	return false
}

// bookkeeping are fields of metadata that controllers keep.
var bookkeeping = map[string]bool{
	"metadata.finalizers": true, "metadata.deletionTimestamp": true, "metadata.deletionGracePeriodSeconds": true, "metadata.ownerReferences": true,
}

// counts tells whether an edit moved only what controllers keep in metadata, or where a
// pod was placed.
func counts(o *Observation) bool {
	edits, left := Diff(o.Before, o.After)
	for _, e := range edits {
		annotation := strings.HasPrefix(e.Path, "metadata.annotations[") && strings.Contains(e.Path, ".kubernetes.io/")
		node := o.Object.Kind == "Pod" && (e.Path == "spec.nodeName" || strings.HasPrefix(e.Path, "spec.tolerations"))
		if !annotation && !node && !bookkeeping[e.Path] {
			return false
		}
	}
	return left == 0
}

// scales tells whether a set that a controller owns got another number of pods of the same
// template: a rollout.
func scales(o *Observation, owner *Owner) bool {
	if owner == nil || o.Object.Kind != "ReplicaSet" || Template(o.Before) != Template(o.After) {
		return false
	}
	edits, left := Diff(o.Before, o.After)
	for _, e := range edits {
		if e.Path != "spec.replicas" && !strings.HasPrefix(e.Path, "metadata.annotations") {
			return false
		}
	}
	return left == 0
}
