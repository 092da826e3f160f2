// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/rego"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// late is an object kept for what can be judged only once everything was read: policies
// that look at the Namespace of an object, and the user's Rego.
type late struct {
	object  *snapshot.Object
	request *cel.Request
}

// judgeLate judges the objects that were kept, and then what needs them together.
func (g *gathering) judgeLate(ctx context.Context) error {
	if len(g.lateness) == 0 {
		return nil
	}
	namespaces := map[string]map[string]any{}
	for _, l := range g.lateness {
		if l.object.Kind == "Namespace" && l.object.Group() == "" {
			namespaces[l.object.Name] = l.request.Object
		}
	}
	j := newJudge(ctx, g.cfg, g.in.Source)
	crosses := make([]*rego.Cross, len(g.cfg.Catalogue.bundles))
	for i, b := range g.cfg.Catalogue.bundles {
		crosses[i] = b.Cross()
	}
	for _, l := range g.lateness {
		req := regoRequest(l)
		if ns := namespaces[l.request.Namespace]; ns != nil {
			l.request.NamespaceObject, req.NamespaceObject = ns, ns
		}
		if err := g.judgeLateOne(ctx, j, l, req); err != nil {
			return err
		}
		for _, c := range crosses {
			if c != nil {
				c.Add(req)
			}
		}
	}
	for _, c := range crosses {
		if c == nil {
			continue
		}
		r := &reporter{ctx: ctx, g: g}
		err := c.Evaluate(ctx, g.snapshot.Unlisted, func(req *rego.Request, v rego.Verdict) { r.rego(req, v) })
		if err != nil || r.err != nil {
			return firstError(err, r.err)
		}
	}
	for _, l := range g.lateness {
		l.object.Release()
	}
	g.lateness = nil
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) judgeLateOne(ctx context.Context, j *judge, l late, req *rego.Request) error {
	var found []verdict
	wants := func(i int) bool {
		n := g.cfg.Catalogue.natives[i]
		return j.later[i] && j.wants(i, l.object) && (n == nil || n.Matches(req))
	}
	j.eval.Judge(l.request, wants, func(i int, v cel.Verdict) {
		found = append(found, j.verdict(j.checkOf[i], l.object, v))
	})
	for i := range found {
		if err := g.verdict(l.object, &found[i]); err != nil {
			return err
		}
	}
	r := &reporter{ctx: ctx, g: g}
	for _, b := range g.cfg.Catalogue.bundles {
		err := b.Evaluate(ctx, req, func(v rego.Verdict) { r.rego(req, v) })
		if err != nil || r.err != nil {
			return firstError(err, r.err)
		}
	}
	return nil
}

// rego takes a verdict of the user's Rego.
func (r *reporter) rego(req *rego.Request, v rego.Verdict) {
	switch {
	case v.NotEvaluated != "":
		r.NotEvaluated(v.Check, v.NotEvaluated)
	case v.Exempt:
		// The policy itself says that it does not concern the object.
	case v.Err != nil:
		r.Error(v.Check, req.Ref.(*snapshot.Object), v.Err)
	default:
		r.Judge(v.Check, req.Ref.(*snapshot.Object), v.Items...)
	}
}

func regoRequest(l late) *rego.Request {
	gvk := l.object.GVK()
	return &rego.Request{
		Written: l.object.Written, Canonical: l.request.Object, Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind,
		Resource: l.request.Resource.Resource, Name: l.object.Name, Namespaced: l.object.Namespaced,
		Namespace: l.request.Namespace, Ref: l.object,
	}
}

// native makes a policy of a Constraint whose template is written in CEL.
func native(n rego.Native) (cel.Policy, error) {
	p := &admissionv1.ValidatingAdmissionPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(n.Policy, p); err != nil {
		return cel.Policy{}, fmt.Errorf("read the CEL of constraint %s: %w", n.Check.ID, err)
	}
	return cel.Policy{ID: n.Check.ID, Spec: &p.Spec, Params: []map[string]any{n.Params}}, nil
}
