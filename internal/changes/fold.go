// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Owner is what is known of an object that makes others, by a controller.
type Owner struct {
	seaworthy.Object
	UID string `json:"uid"`
	// Templates are the digests of the pod templates that it has had, as [Template] makes
	// them, the newest first.
	Templates []string `json:"templates,omitempty"`
	// Above is what controls it in turn, as a Deployment does a ReplicaSet.
	Above *seaworthy.Owned `json:"above,omitempty"`
	// Gone: it was deleted.
	Gone bool `json:"gone,omitempty"`
}

// Known is what is known around an object when a write to it is judged.
type Known struct {
	Owner *Owner // that controls it; nil: not known
	// Cause tells that a change from which the write may follow is on record: of an owner,
	// or the deletion of the namespace.
	Cause bool
	// Intent is what people meant by the object before, where something on record tells.
	Intent string
	// Edits are those of the change that it is, as another place tells of them.
	Edits []seaworthy.Edit
	// Again: somebody tries again what was denied and is on record already.
	Again bool
	// Own: the object is of what makes up the trail. Agent: it is the agent's own work on
	// that, again and again.
	Own, Agent bool
}

// Verdict says what a write is, as far as the cluster's own work goes.
type Verdict int

// What a write may be.
const (
	Ordinary  Verdict = iota // somebody's change
	Undecided                // a controller's by its name; whether its owner says so is not known yet
	Follows                  // on record, and by all that is known a consequence of another change
	Folds                    // provably the cluster's own work: counted
)

// Weigh says whether an observation is the cluster's own work that follows from something
// else and writes neither a spec of its own nor RBAC.
//
// Who wrote it is not enough: a pod is folded when it runs what its owner says, whoever
// made it under a controller's name, and an edit when it moves only what controllers keep.
// Nor is what was written, where nobody names the writer: then only what nobody else could
// have written, or what comes to the same whoever did, is folded.
func Weigh(o *Observation, k Known) Verdict {
	proven, named := Controls(&o.Actor), o.Actor.Username != ""
	switch {
	case k.Agent, k.Again:
		return Folds
	case o.Verb == seaworthy.VerbRead:
		return foldIf(proven)
	case o.Object.Subresource == "token":
		return foldIf(issues(o))
	case named && !proven && !(Account(o.Actor.Username) && o.Actor.Impersonator == "" && booked(&o.Object.Object) && !k.Own):
		return Ordinary
	case sensitive(&o.Object):
		if proven && k.Cause && o.Verb == seaworthy.VerbDelete && as(&o.Actor, "namespace-controller", "generic-garbage-collector") {
			return Follows
		}
		return Ordinary
	case o.Outcome == seaworthy.OutcomeDenied: // a refusal is for people to see
		return Ordinary
	case proven && o.Outcome == seaworthy.OutcomeFailed: // it wrote nothing, and is tried again
		return Folds
	case o.Object.Subresource != "" && o.Object.Subresource != "finalize":
		return Ordinary
	case booked(&o.Object.Object) && (proven || !k.Own), proven && plumbing[o.Object.Kind]:
		return Folds
	}
	if boots(o) {
		return Follows
	}
	switch o.Verb {
	case seaworthy.VerbCreate:
		return weighCreate(o, k, proven)
	case seaworthy.VerbUpdate:
		return weighUpdate(o, k, proven)
	case seaworthy.VerbDelete:
		return weighDelete(o, k, proven)
	}
	return Ordinary
}

// provided are objects that every API server makes and keeps as they are.
var provided = map[string][]string{
	"/Namespace": {"default", "kube-system", "kube-public", "kube-node-lease"}, "/Service": {"kubernetes"},
	"/ConfigMap":                      {"extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"},
	"scheduling.k8s.io/PriorityClass": {"system-node-critical", "system-cluster-critical"}, "networking.k8s.io/ServiceCIDR": {"kubernetes"},
}

// boots tells of what an API server provides for itself when it starts. An APIService that
// leads to somebody else's server is none of it.
func boots(o *Observation) bool {
	if o.Actor.Username != "system:apiserver" || o.Actor.Impersonator != "" || o.Verb == seaworthy.VerbDelete {
		return false
	}
	switch kind := kindOf(&o.Object.Object); kind {
	case "apiregistration.k8s.io/APIService":
		spec, ok := o.After["spec"].(map[string]any)
		return ok && spec["service"] == nil
	case "flowcontrol.apiserver.k8s.io/FlowSchema", "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration":
		return true
	default:
		return slices.Contains(provided[kind], o.Object.Name)
	}
}

func foldIf(yes bool) Verdict {
	if yes {
		return Folds
	}
	return Ordinary
}

// sensitive are groups of which nothing is ever noise.
func sensitive(o *seaworthy.ChangedObject) bool {
	return o.Group() == "rbac.authorization.k8s.io" || o.Group() == "admissionregistration.k8s.io"
}

// issues tells whether a token was issued as the cluster does it by itself: to a node for a
// pod on it, which the API server sees to, and to the controllers for themselves.
func issues(o *Observation) bool {
	return o.Verb == seaworthy.VerbCreate && (kubelet(&o.Actor) || as(&o.Actor) && o.Object.Namespace == "kube-system" && slices.Contains(managers, o.Object.Name))
}

// books are kinds in which whatever runs in a cluster keeps its own books, under a service
// account of its own: nothing that people mean is in them.
var books = map[string]bool{"Lease": true, "LeaseCandidate": true, "Event": true, "CSIStorageCapacity": true, "CSINode": true, "VolumeAttachment": true}

// reports are the groups in which tools in a cluster say what they found.
var reports = []string{"openreports.io", "wgpolicyk8s.io", "aquasecurity.github.io", "reports.kyverno.io"}

// Reported tells whether an object is a tool's report.
func Reported(o *seaworthy.Object) bool { return slices.Contains(reports, o.Group()) }

// booked tells whether an object is of those in which programs keep their own books.
func booked(o *seaworthy.Object) bool { return books[o.Kind] || Reported(o) }

// plumbing are kinds that the cluster's controllers fill.
var plumbing = map[string]bool{"EndpointSlice": true, "Endpoints": true, "ControllerRevision": true, "IPAddress": true, "StorageVersion": true}

// byManager tells of a write of which nobody names the writer that the program of the
// controllers made it, as that says itself: which proves nothing, and another's name would
// disprove it.
func byManager(o *Observation) bool {
	return o.Actor.Username == "" && o.Actor.Manager == "kube-controller-manager"
}

func weighCreate(o *Observation, k Known, proven bool) Verdict {
	kind := kindOf(&o.Object.Object)
	by := o.Object.OwnedBy
	switch {
	case templated[kind] && by != nil:
		owner := seaworthy.Object{APIVersion: by.APIVersion, Kind: by.Kind}
		if proven && !as(&o.Actor, makers[kindOf(&owner)]) || !proven && !byManager(o) {
			return Ordinary
		}
		if k.Owner == nil || len(k.Owner.Templates) == 0 {
			if proven {
				return Undecided
			}
			return Ordinary
		}
		return foldIf(o.Object.Template != "" && slices.Contains(k.Owner.Templates, o.Object.Template))
	case kind == "/ServiceAccount" && o.Object.Name == "default" && bare(o.After, "secrets", "imagePullSecrets"):
		return foldIf(as(&o.Actor, "service-account-controller") || byManager(o))
	case kind == "/ConfigMap" && o.Object.Name == "kube-root-ca.crt":
		return foldIf(as(&o.Actor, "root-ca-cert-publisher"))
	case kind == "/Node":
		return foldIf(o.Actor.Username == nodeUser+o.Object.Name && proven)
	case kind == "/PersistentVolumeClaim":
		return foldIf(as(&o.Actor, "statefulset-controller", "ephemeral-volume-controller"))
	}
	return Ordinary
}

// bare tells whether an object has none of the fields, and no annotation.
func bare(object map[string]any, fields ...string) bool {
	meta, _ := object["metadata"].(map[string]any)
	return object != nil && meta["annotations"] == nil && !slices.ContainsFunc(fields, func(f string) bool { return object[f] != nil })
}

func weighUpdate(o *Observation, k Known, proven bool) Verdict {
	edits, left := k.Edits, 0
	if o.Before != nil && o.After != nil {
		edits, left = Diff(o.Before, o.After)
	} else if len(edits) == 0 { // an audit event tells only what an object was then like
		return foldIf(proven && (k.Intent != "" && k.Intent == o.Object.Intent || rolls(o, k, nil)))
	}
	all := func(f func(*seaworthy.Edit) bool) bool {
		return left == 0 && !slices.ContainsFunc(edits, func(e seaworthy.Edit) bool { return !f(&e) })
	}
	switch {
	case len(edits) == 0 && left == 0:
		return foldIf(proven || o.Actor.Username == "")
	case o.Actor.Username == "" && all(func(e *seaworthy.Edit) bool { return forced(o, e, edits) || trifling(o, e) }):
		return Folds
	case proven && all(func(e *seaworthy.Edit) bool { return forced(o, e, edits) || trifling(o, e) || keeps(o, e) }):
		return Folds
	case proven && rolls(o, k, edits):
		return Folds
	case byManager(o) && k.Cause && rolls(o, k, edits):
		return Follows
	}
	return Ordinary
}

// forced tells of an edit that nobody makes by writing to the object: the API server does
// it where something else was asked for, a deletion or the placing of a pod.
func forced(o *Observation, e *seaworthy.Edit, edits []seaworthy.Edit) bool {
	switch e.Path {
	case "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds":
		return true
	case "metadata.finalizers":
		return slices.ContainsFunc(edits, func(e seaworthy.Edit) bool { return e.Path == "metadata.deletionTimestamp" && e.Before == "" }) &&
			only(e, "foregroundDeletion", "orphan")
	case "spec.nodeName":
		return kindOf(&o.Object.Object) == "/Pod" && e.Before == "" && e.After != ""
	}
	return false
}

// only tells whether lists differ by no more than some values.
func only(e *seaworthy.Edit, values ...string) bool {
	var before, after []string
	if e.Before != "" && json.Unmarshal([]byte(e.Before), &before) != nil || e.After != "" && json.Unmarshal([]byte(e.After), &after) != nil {
		return false
	}
	differs := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(v string) bool { return !slices.Contains(b, v) && !slices.Contains(values, v) })
	}
	return !differs(before, after) && !differs(after, before)
}

// noted are annotations in which a cluster counts and notes, by kind: what they say moves
// nothing that people mean, whoever writes it.
var noted = map[string][]string{
	"apps/Deployment": {"deployment.kubernetes.io/revision"},
	"apps/ReplicaSet": {"deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history", "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"},
	"apps/DaemonSet":  {"deprecated.daemonset.template.generation"},
	"/Pod": {
		"cni.projectcalico.org/containerID", "cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs", "k8s.v1.cni.cncf.io/network-status",
		"k8s.v1.cni.cncf.io/networks-status", "k8s.ovn.org/pod-networks",
	},
	"/Node": {
		"node.alpha.kubernetes.io/ttl", "volumes.kubernetes.io/controller-managed-attach-detach", "csi.volume.kubernetes.io/nodeid",
		"kubeadm.alpha.kubernetes.io/cri-socket", "alpha.kubernetes.io/provided-node-ip",
	},
	"autoscaling/HorizontalPodAutoscaler": {"autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics"},
}

// trifling tells of an edit that comes to nothing, whoever made it.
func trifling(o *Observation, e *seaworthy.Edit) bool {
	return annotates(e, noted[kindOf(&o.Object.Object)])
}

// kept are annotations that only controllers keep and that mean something: they count as
// theirs where it is proven that one wrote them.
var kept = []string{
	"batch.kubernetes.io/job-tracking", "batch.kubernetes.io/cronjob-scheduled-timestamp", "control-plane.alpha.kubernetes.io/leader",
	"endpoints.kubernetes.io/last-change-trigger-time", "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
	"pv.kubernetes.io/migrated-to", "pv.kubernetes.io/provisioned-by", "volume.beta.kubernetes.io/storage-provisioner",
	"volume.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node", "controller.kubernetes.io/pod-deletion-cost",
}

// annotates tells whether an edit is of one of some annotations.
func annotates(e *seaworthy.Edit, names []string) bool {
	at, ok := strings.CutPrefix(e.Path, "metadata.annotations")
	return ok && slices.ContainsFunc(names, func(n string) bool { return at == step(n) })
}

// finalizers are those that the cluster's own controllers put on objects and take off.
var finalizers = []string{
	"kubernetes", "foregroundDeletion", "orphan", "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection",
	"batch.kubernetes.io/job-tracking", "service.kubernetes.io/load-balancer-cleanup", "external-attacher/cluster.local",
}

// keeps tells of an edit that is a controller's work where one made it.
func keeps(o *Observation, e *seaworthy.Edit) bool {
	switch kind := kindOf(&o.Object.Object); {
	case e.Path == "metadata.ownerReferences":
		return true
	case e.Path == "metadata.finalizers" || kind == "/Namespace" && e.Path == "spec.finalizers":
		return only(e, finalizers...)
	case annotates(e, kept):
		return true
	case kind == "/Node":
		return e.Path == "spec.podCIDR" || e.Path == "spec.podCIDRs" || e.Path == "spec.providerID" || strings.HasPrefix(e.Path, "spec.taints") && conditions(e) ||
			strings.HasPrefix(e.Path, "metadata.labels") && strings.Contains(e.Path, "kubernetes.io/")
	case kind == "/PersistentVolumeClaim":
		return e.Path == "spec.volumeName" && e.Before == "" && as(&o.Actor, "persistent-volume-binder")
	case kind == "/PersistentVolume":
		return strings.HasPrefix(e.Path, "spec.claimRef") && as(&o.Actor, "persistent-volume-binder")
	}
	return false
}

// conditions tells whether taints differ by no more than those that say how a node is.
func conditions(e *seaworthy.Edit) bool {
	if at, ok := strings.CutPrefix(e.Path, "spec.taints["); ok {
		return strings.HasPrefix(at, "node.kubernetes.io/") || strings.HasPrefix(at, "node.cloudprovider.kubernetes.io/")
	}
	var both [2][]struct {
		Key string `json:"key"`
	}
	for i, text := range [...]string{e.Before, e.After} {
		if text != "" && json.Unmarshal([]byte(text), &both[i]) != nil {
			return false
		}
	}
	for _, list := range both {
		for _, t := range list {
			if !strings.HasPrefix(t.Key, "node.kubernetes.io/") && !strings.HasPrefix(t.Key, "node.cloudprovider.kubernetes.io/") {
				return false
			}
		}
	}
	return true
}

// rolls tells whether a set that a Deployment owns got another number of pods of the same
// template: a rollout. Without edits only the template can be looked at.
func rolls(o *Observation, k Known, edits []seaworthy.Edit) bool {
	by := o.Object.OwnedBy
	if kindOf(&o.Object.Object) != "apps/ReplicaSet" || by == nil || by.Kind != "Deployment" || o.Actor.Username != "" && !as(&o.Actor, makers["apps/Deployment"]) {
		return false
	}
	if edits == nil {
		return k.Owner != nil && slices.Contains(k.Owner.Templates, o.Object.Template)
	}
	return !slices.ContainsFunc(edits, func(e seaworthy.Edit) bool {
		return e.Path != "spec.replicas" && !annotates(&e, noted["apps/ReplicaSet"])
	})
}

func weighDelete(o *Observation, k Known, proven bool) Verdict {
	owned := o.Object.OwnedBy != nil || k.Owner != nil
	made := templated[kindOf(&o.Object.Object)]
	switch {
	case proven && made && owned: // one of many that its owner makes again, or is done with
		return Folds
	case proven && kindOf(&o.Object.Object) == "/Pod" && marked(o.Before): // somebody asked for it, and the node says that it is done
		return Folds
	case proven && k.Cause && as(&o.Actor, "namespace-controller", "generic-garbage-collector"):
		return Folds
	case proven && kindOf(&o.Object.Object) == "/Node" && as(&o.Actor, "node-controller", "cloud-node-manager", "cloud-controller-manager"):
		return Follows
	case o.Actor.Username == "" && made && owned && (k.Cause || k.Owner != nil && k.Owner.Gone):
		return Follows
	}
	return Ordinary
}

// marked tells whether the deletion of an object was asked for before.
func marked(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	return meta["deletionTimestamp"] != nil
}
