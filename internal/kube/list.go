// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Result says what a listing saw and what it could not see.
type Result struct {
	Objects int
	// Asked lists the resources that were listed, as kubectl names them.
	Asked []string
	// Unlisted gives the reason for each kind that could not be listed, or not to its end.
	// A custom kind that is called like a built-in one carries its group.
	Unlisted map[string]string
	// Errors are what a report must show: what checks need and the rights or the API
	// server did not give.
	Errors []seaworthy.Problem
	// Skipped are resources that the rights may leave out. A report names them too: that
	// nothing is found there says nothing.
	Skipped []seaworthy.Problem
}

// Batch decodes a part of the objects and emits them; problems are of objects that could
// not be understood. It is called once, perhaps beside others.
type Batch func(emit func(*snapshot.Object) error) ([]seaworthy.Problem, error)

// SecretsNotAsked is the reason why Secrets are unlisted by default.
const SecretsNotAsked = "not asked: whoever may list Secrets receives their values; --secrets lists them and keeps the names of their keys only"

// List reads all objects and emits them one by one, in batches' order.
func (c *Cluster) List(ctx context.Context, dec *snapshot.Decoder, emit func(*snapshot.Object) error) (*Result, error) {
	var problems []seaworthy.Problem
	result, err := c.Batches(ctx, dec, func(b Batch) error {
		p, err := b(emit)
		problems = append(problems, p...)
		return err
	})
	if result != nil {
		result.Errors = append(result.Errors, problems...)
	}
	return result, err
}

// Batches lists the objects page by page and hands each page on; at most one page is held
// beside those that were handed on. An error is that of next, of the context, or means
// that the cluster does not answer; what is in the way of one resource is in the result.
func (c *Cluster) Batches(ctx context.Context, dec *snapshot.Decoder, next func(Batch) error) (*Result, error) {
	served, err := c.discover()
	if err != nil {
		return nil, err
	}
	l := &listing{
		Cluster: c, dec: dec, next: next, owners: owners{covers: map[string]bool{}, complete: map[string]bool{}},
		result: &Result{Unlisted: map[string]string{}},
	}
	l.undiscovered(served)
	if !c.secrets {
		l.result.Unlisted["Secret"] = SecretsNotAsked
	}
	for _, r := range served.plan(c.secrets) {
		if l.silent >= silentLimit {
			l.unlisted(r, placeID{}, errSilent)
			continue
		}
		if r.optional && l.crds != nil && !l.crds[r.GroupResource()] {
			continue // an aggregated API of its own, not a custom resource
		}
		if err := l.list(ctx, r); err != nil {
			return l.result, err
		}
	}
	return l.result, nil
}

// listing is one run over the resources of a cluster.
type listing struct {
	*Cluster
	dec    *snapshot.Decoder
	next   func(Batch) error
	owners owners
	result *Result
	// crds are the custom resources, nil until they are known.
	crds map[kschema.GroupResource]bool
	// silent counts the resources in a row for which no answer came at all.
	silent int
}

// silentLimit is when the rest is not asked for any more: a server that hangs would be
// waited for at every resource.
const silentLimit = 3

var errSilent = errors.New("not asked: the API server did not answer several times before")

// undiscovered notes groups whose resources the API server could not name, as when the
// server behind an APIService is down.
func (l *listing) undiscovered(s *served) {
	for _, gv := range slices.SortedFunc(maps.Keys(s.failed), func(a, b kschema.GroupVersion) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	}) {
		if leftOut[gv.Group] {
			continue
		}
		reason := "its resources could not be discovered: " + s.failed[gv].Error()
		l.result.Unlisted[gv.String()] = reason
		if gv.Group == "projectcalico.org" {
			l.result.Unlisted["GlobalNetworkPolicy"] = reason
		}
		l.result.Errors = append(l.result.Errors, seaworthy.Problem{Object: gv.String(), Message: reason})
	}
}

// list lists one resource. An error is that of the context or of next.
func (l *listing) list(ctx context.Context, r resource) error {
	places := []string{""}
	if len(l.namespaces) > 0 && r.namespaced {
		places = l.namespaces
	}
	l.result.Asked = append(l.result.Asked, r.String())
	if r.rank() == 1 {
		l.crds = map[kschema.GroupResource]bool{}
	}
	complete := true
	for _, namespace := range places {
		var err error
		if len(l.namespaces) > 0 && r.String() == "namespaces" {
			err = l.ownNamespaces(ctx, r)
		} else {
			err = l.pages(ctx, r, namespace)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, new(handedOn)):
			return errors.Unwrap(err)
		case err != nil:
			complete = false
			l.unlisted(r, placeID{namespace: namespace}, err)
		}
		if err == nil || answered(err) {
			l.silent = 0
		} else if l.silent++; l.silent >= silentLimit {
			break
		}
	}
	if complete {
		l.owners.complete[r.Group+"/"+r.kind] = true
	} else if r.rank() == 1 {
		l.crds = nil
	}
	return nil
}

// answered tells whether an error is an answer of the API server.
func answered(err error) bool { return errors.As(err, new(apierrors.APIStatus)) }

// unlisted notes that a resource could not be listed, or one object of it.
func (l *listing) unlisted(r resource, at placeID, err error) {
	reason := l.reason(err)
	switch {
	case at.name != "":
		reason = at.String() + ": " + reason
	case at.namespace != "":
		reason = "in namespace " + at.namespace + ": " + reason
	}
	if have := l.result.Unlisted[r.key()]; have != "" {
		l.result.Unlisted[r.key()] = have + "; " + reason
	} else {
		l.result.Unlisted[r.key()] = reason
	}
	// Without the rights to a whole cluster, what is outside namespaces is often hidden.
	hidden := apierrors.IsForbidden(err) && (r.optional || len(l.namespaces) > 0 && !r.namespaced)
	to := &l.result.Errors
	if hidden {
		to = &l.result.Skipped
	}
	*to = append(*to, seaworthy.Problem{Object: r.String(), Message: "list " + r.Resource + ": " + reason})
}

// ownNamespaces reads the Namespace objects of the namespaces asked for.
func (l *listing) ownNamespaces(ctx context.Context, r resource) error {
	var items []map[string]any
	for _, name := range l.namespaces {
		item, err := l.get(ctx, r.path("")+"/"+name)
		if apierrors.IsForbidden(err) {
			var page *page
			if page, err = l.page(ctx, r, "", query{limit: 1, name: name}); err == nil {
				if len(page.items) == 0 {
					err = apierrors.NewNotFound(r.GroupResource(), name)
				} else {
					item = page.items[0]
				}
			}
		}
		if apierrors.IsNotFound(err) {
			l.result.Errors = append(l.result.Errors, seaworthy.Problem{Object: "namespace " + name, Message: "there is no such namespace"})
			continue
		}
		if err != nil {
			return err
		}
		item["apiVersion"], item["kind"] = r.GroupVersion().String(), r.kind
		items = append(items, item)
	}
	return l.handOn(r, items)
}

// handedOn is an error of the receiver of batches, which ends the listing.
type handedOn struct{ error }

func (h handedOn) Unwrap() error { return h.error }

// handOn gives a page away as a batch.
func (l *listing) handOn(r resource, items []map[string]any) error {
	if len(items) == 0 {
		return nil
	}
	owned := make([]*seaworthy.Object, len(items))
	for i, m := range items {
		tidy(r, m)
		owned[i] = l.owners.of(r, m)
		if r.rank() == 1 {
			l.learn(m)
		}
	}
	l.result.Objects += len(items)
	dec := l.dec
	err := l.next(func(emit func(*snapshot.Object) error) ([]seaworthy.Problem, error) {
		var problems []seaworthy.Problem
		for i, m := range items {
			items[i] = nil // what was emitted is the receiver's to keep or drop
			o, err := r.decode(dec, m, owned[i])
			if err != nil {
				problems = append(problems, r.undecoded(m, err))
				continue
			}
			if err := emit(o); err != nil {
				return problems, err
			}
		}
		return problems, nil
	})
	if err != nil {
		return handedOn{err}
	}
	return nil
}

// decode makes the object of what was listed, once it is tidy.
func (r resource) decode(dec *snapshot.Decoder, m map[string]any, owner *seaworthy.Object) (*snapshot.Object, error) {
	o, err := dec.Decode(m, snapshot.Origin{})
	if err != nil {
		return nil, err
	}
	if o.ReplacedAPI == "" {
		o.Resource = r.GroupVersionResource
	}
	o.Namespaced, o.Owner = r.namespaced, owner
	return o, nil
}

// undecoded is what a report says of an object that could not be understood.
func (r resource) undecoded(m map[string]any, err error) seaworthy.Problem {
	return seaworthy.Problem{Object: r.String() + " " + place(m), Message: fmt.Sprintf("decode: %v", err)}
}

// learn takes in what a CustomResourceDefinition says.
func (l *listing) learn(crd map[string]any) {
	l.dec.Learn(crd)
	l.crds[defined(crd)] = true
}

// defined is the resource that a CustomResourceDefinition defines.
func defined(crd map[string]any) kschema.GroupResource {
	spec, _ := crd["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	plural, _ := names["plural"].(string)
	return kschema.GroupResource{Group: group, Resource: plural}
}
