// SPDX-License-Identifier: Apache-2.0

package kube

import (
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Kind is a kind of object that is watched, in one version.
type Kind struct {
	kschema.GroupVersionResource
	Kind       string
	Namespaced bool
	// Named is the name of the one object that is followed, where only that is, to tell who
	// touches it: it is not judged. Empty: all of the kind are followed.
	Named string

	resource resource
}

func newKind(r resource) *Kind {
	return &Kind{GroupVersionResource: r.GroupVersionResource, Kind: r.kind, Namespaced: r.namespaced, resource: r}
}

// String names the kind as kubectl does: deployments.apps.
func (k *Kind) String() string { return k.resource.String() }

// Compare orders kinds as a scan lists them.
func (k *Kind) Compare(o *Kind) int { return k.resource.compare(o.resource) }

// Tidy drops from an object, in place, what a scan drops on arrival.
func (k *Kind) Tidy(object map[string]any) { tidy(k.resource, object) }

// Decode makes of a tidy object what a scan judges; the object is used up. owner is the
// controller through which it is judged, or nil.
func (k *Kind) Decode(dec *snapshot.Decoder, object map[string]any, owner *seaworthy.Object) (*snapshot.Object, error) {
	return k.resource.decode(dec, object, owner)
}

// Undecoded is what a report says of an object that could not be understood.
func (k *Kind) Undecoded(object map[string]any, err error) seaworthy.Problem {
	return k.resource.undecoded(object, err)
}

// RunsPods tells whether an object of the kind may be judged through the controller that
// made it: it is one of Kubernetes' own that run pods, or has a pod template.
func (k *Kind) RunsPods(object map[string]any) bool {
	return templated[k.Group+"/"+k.Kind] || hasTemplate(object)
}

// Controller reads who controls an object, and its UID; nil for nobody.
func Controller(object map[string]any) (owner *seaworthy.Object, uid string) {
	meta, _ := object["metadata"].(map[string]any)
	owner, uid = controller(meta)
	if owner != nil {
		owner.Namespace, _ = meta["namespace"].(string)
	}
	return owner, uid
}

// Templated tells whether a controller is of one of Kubernetes' own kinds, all of which a
// complete listing shows: whoever names one that is not there was made by it before.
func Templated(owner *seaworthy.Object) bool { return templated[owner.Group()+"/"+owner.Kind] }

// NewKind makes a kind that no cluster was asked for.
func NewKind(r kschema.GroupVersionResource, kind string, namespaced bool) *Kind {
	return newKind(resource{GroupVersionResource: r, kind: kind, namespaced: namespaced})
}
