// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"context"
	"fmt"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/seaworthy-dev/seaworthy"
)

// Request is one object to judge. Values are those of decoded JSON, with int64 for whole
// numbers; they are only read.
type Request struct {
	// Written is the object as it was read; the input of deny, violation and warn rules.
	Written map[string]any
	// Canonical is the object as the API server shows it; the input.review.object of
	// Gatekeeper's policies. Nil: Written.
	Canonical map[string]any
	// Old is the object before the change, or nil.
	Old map[string]any

	Group, Version, Kind string
	Resource             string // "deployments"; may be empty
	Name                 string
	Namespaced           bool
	// Namespace is where the object lands, empty for a cluster-scoped one.
	Namespace string
	// NamespaceObject is that Namespace. Where it is nil, one that has only the label
	// that every namespace has stands in for it.
	NamespaceObject map[string]any
	Operation       string         // empty: CREATE
	User            map[string]any // userInfo of an admission request, or nil
	// Ref is the caller's own, to find the object again.
	Ref any
}

// Verdict is what one check says of one object. Without items and error it passed.
type Verdict struct {
	Check string
	Items []seaworthy.Item
	// Exempt: the policy's own exception rule says that the check does not concern this
	// object. That is no pass.
	Exempt bool
	// NotEvaluated says which data the check lacks; it then concerns every object.
	NotEvaluated string
	// Err says why the check could not judge the object.
	Err error
}

// apiVersion is the group and version as objects write them.
func (r *Request) apiVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// object is what Gatekeeper's policies see, with the namespace that the API server would
// have filled in.
func (r *Request) object() map[string]any {
	o := r.Canonical
	if o == nil {
		o = r.Written
	}
	if !r.Namespaced || r.Namespace == "" || dig(o, "metadata", "namespace") != nil {
		return o
	}
	meta, _ := o["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]any{}
	}
	meta["namespace"] = r.Namespace
	o = maps.Clone(o)
	o["metadata"] = meta
	return o
}

// namespace gives the labels of the object's namespace; false for a cluster-scoped object
// that is no Namespace.
func (r *Request) namespaceLabels() (map[string]any, bool) {
	switch {
	case r.isNamespace():
		labels, _ := dig(r.object(), "metadata", "labels").(map[string]any)
		return labels, true
	case r.Namespace == "":
		return nil, false
	case r.NamespaceObject != nil:
		labels, _ := dig(r.NamespaceObject, "metadata", "labels").(map[string]any)
		return labels, true
	}
	return map[string]any{"kubernetes.io/metadata.name": r.Namespace}, true
}

func (r *Request) isNamespace() bool { return r.Group == "" && r.Kind == "Namespace" }

// input holds the forms of a request that were converted so far. It belongs to one
// goroutine.
type input struct {
	req      *Request
	document ast.Value
	review   *ast.Term
}

// forDocument is conftest's input: the object itself.
func (in *input) forDocument() (ast.Value, error) {
	if in.document == nil {
		v, err := ast.InterfaceToValue(in.req.Written)
		if err != nil {
			return nil, fmt.Errorf("convert the object: %w", err)
		}
		in.document = v
	}
	return in.document, nil
}

// forReview is Gatekeeper's input.
func (in *input) forReview(params ast.Value) (ast.Value, error) {
	if in.review == nil {
		v, err := ast.InterfaceToValue(in.req.review())
		if err != nil {
			return nil, fmt.Errorf("convert the object: %w", err)
		}
		in.review = ast.NewTerm(v)
	}
	if params == nil {
		params = ast.NewObject()
	}
	return ast.NewObject(
		[2]*ast.Term{ast.StringTerm("review"), in.review},
		[2]*ast.Term{ast.StringTerm("parameters"), ast.NewTerm(params)},
	), nil
}

// review is the admission request in the form in which Gatekeeper passes it on.
func (r *Request) review() map[string]any {
	operation := r.Operation
	if operation == "" {
		operation = "CREATE"
	}
	user := r.User
	if user == nil {
		user = map[string]any{}
	}
	review := map[string]any{
		"kind":      map[string]any{"group": r.Group, "version": r.Version, "kind": r.Kind},
		"resource":  map[string]any{"group": r.Group, "version": r.Version, "resource": r.Resource},
		"name":      r.Name,
		"operation": operation,
		"userInfo":  user,
		"object":    r.object(),
		"oldObject": nil,
	}
	if r.Old != nil {
		review["oldObject"] = r.Old
	}
	if r.Namespace != "" {
		review["namespace"] = r.Namespace
		if r.NamespaceObject != nil {
			review["_unstable"] = map[string]any{"namespace": r.NamespaceObject}
		}
	}
	return review
}

// Evaluate judges one object by every check that needs no other object, and reports a
// verdict for each check in whose scope it is. An error is that of the context.
func (b *Bundle) Evaluate(ctx context.Context, req *Request, report func(Verdict)) error {
	in := &input{req: req}
	for _, set := range b.rules {
		if set.cross {
			continue
		}
		if err := set.judge(ctx, b.timeout, set.programs, in, report); err != nil {
			return err
		}
	}
	for _, c := range b.constraints {
		if c.template.needs != nil || !c.match.matches(req) {
			continue
		}
		if err := c.judge(ctx, b.timeout, c.template.program, in, report); err != nil {
			return err
		}
	}
	return nil
}
