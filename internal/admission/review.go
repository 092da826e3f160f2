// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"slices"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seaworthy-dev/seaworthy"
)

// The limits of what is read. The API server itself takes 3 MB of one object, and a
// review may hold two, in a longer form.
const (
	maxBody  = 16 << 20
	maxDepth = 1000
)

const reviewVersion, reviewKind = "admission.k8s.io/v1", "AdmissionReview"

// Review is a request of the API server to judge something.
type Review struct {
	UID         string           `json:"uid"`
	Kind        groupVersionKind `json:"kind"`
	Resource    groupResource    `json:"resource"`
	Subresource string           `json:"subResource"`
	Name        string           `json:"name"`
	Namespace   string           `json:"namespace"`
	Operation   string           `json:"operation"`
	User        User             `json:"userInfo"`
	Object      map[string]any   `json:"object"`
	OldObject   map[string]any   `json:"oldObject"`
	DryRun      bool             `json:"dryRun"`
}

// User is who asks.
type User struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// info is the user as Rego sees it.
func (u User) info() map[string]any {
	groups := make([]any, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = g
	}
	return map[string]any{"username": u.Username, "uid": u.UID, "groups": groups}
}

type groupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

type groupResource struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}

func (r groupResource) schema() kschema.GroupVersionResource {
	return kschema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}
}

// String names the resource as the API server does: "deployments.apps".
func (r groupResource) String() string { return r.schema().GroupResource().String() }

// The operations of a request.
const (
	opCreate  = "CREATE"
	opUpdate  = "UPDATE"
	opDelete  = "DELETE"
	opConnect = "CONNECT"
)

var operations = []string{opCreate, opUpdate, opDelete, opConnect}

// ReadReview reads an AdmissionReview of version v1, and writes over the text as it goes.
// What it says of a malformed one is for whoever set the webhook up.
func ReadReview(body []byte) (*Review, error) {
	body, deep := lean(body)
	if deep {
		return nil, seaworthy.Invalid("the review is nested deeper than %d levels", maxDepth)
	}
	var in struct {
		APIVersion string  `json:"apiVersion"`
		Kind       string  `json:"kind"`
		Request    *Review `json:"request"`
	}
	if err := kjson.Unmarshal(body, &in); err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "the review is not valid JSON", Err: err}
	}
	r := in.Request
	switch {
	case in.APIVersion != reviewVersion || in.Kind != reviewKind:
		return nil, seaworthy.Invalid("this is %q %q, not %s %s: set admissionReviewVersions to [v1]", in.APIVersion, in.Kind, reviewVersion, reviewKind)
	case r == nil:
		return nil, seaworthy.Invalid("the review holds no request")
	case r.UID == "":
		return nil, seaworthy.Invalid("the request has no uid")
	case r.Resource.Resource == "" || r.Kind.Kind == "":
		return nil, seaworthy.Invalid("the request %s names no resource or no kind", r.UID)
	case !slices.Contains(operations, r.Operation):
		return nil, seaworthy.Invalid("the operation %q of request %s is not one of CREATE, UPDATE, DELETE, CONNECT", r.Operation, r.UID)
	case r.Object == nil && (r.Operation == opCreate || r.Operation == opUpdate):
		return nil, seaworthy.Invalid("the request %s is a %s without an object", r.UID, r.Operation)
	case r.OldObject == nil && r.Operation == opUpdate:
		return nil, seaworthy.Invalid("the request %s is an UPDATE without an oldObject", r.UID)
	}
	return r, nil
}

// maxUID is what fits, with [changes.ReviewNote], into the name of an annotation.
const maxUID = 40

// named tells whether the audit event of the request names the review. That of a deletion
// does not: a whole collection is deleted in one request, with a review of each object.
func (r *Review) named() bool { return r.Operation != opDelete && !r.DryRun && len(r.UID) <= maxUID }

// text gives the length of a text in JSON without its closing quote, or -1.
func text(b []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		end, slashes := at+n, 0
		for end-slashes > at && b[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		at = end + 1
	}
}

// String names what is asked for in a log.
func (r *Review) String() string {
	what := r.Resource.String()
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Namespace != "" {
		return fmt.Sprintf("%s %s %s/%s", r.Operation, what, r.Namespace, r.Name)
	}
	return fmt.Sprintf("%s %s %s", r.Operation, what, r.Name)
}
