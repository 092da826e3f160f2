// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"context"
)

// Cross judges what needs other objects (data.inventory): add every object, then
// evaluate. It keeps the objects that the policies read or judge, so their maps must not
// be changed before the end. It is used by one goroutine.
type Cross struct {
	bundle      *Bundle
	rules       []*ruleSet
	constraints []*constraint
	needs       *needs
	requests    []*Request
	inventory   map[string]any
}

// Cross begins to gather objects. It is nil where no check of the bundle needs others.
func (b *Bundle) Cross() *Cross {
	c := &Cross{bundle: b, inventory: map[string]any{"cluster": map[string]any{}, "namespace": map[string]any{}}}
	for _, set := range b.rules {
		if !set.cross {
			continue
		}
		c.rules = append(c.rules, set)
		for _, check := range set.checks {
			c.needs = c.needs.and(check.needs)
		}
	}
	for _, con := range b.constraints {
		if con.template.needs != nil {
			c.constraints = append(c.constraints, con)
			c.needs = c.needs.and(con.template.needs)
		}
	}
	if c.needs == nil {
		return nil
	}
	return c
}

// Crossing lists the checks that need other objects, which [Bundle.Evaluate] leaves out.
func (b *Bundle) Crossing() []string {
	c := b.Cross()
	if c == nil {
		return nil
	}
	var out []string
	for _, set := range c.rules {
		for _, check := range set.checks {
			out = append(out, check.ID)
		}
	}
	for _, con := range c.constraints {
		out = append(out, con.ID)
	}
	return out
}

// Add takes an object in.
func (c *Cross) Add(req *Request) {
	if c.judged(req) {
		kept := *req
		c.requests = append(c.requests, &kept)
	}
	if !c.needs.has(req.Kind) {
		return
	}
	root, _ := c.inventory["cluster"].(map[string]any)
	if req.Namespace != "" && !req.isNamespace() {
		namespaces, _ := c.inventory["namespace"].(map[string]any)
		root = child(namespaces, req.Namespace)
	}
	byName := child(child(root, req.apiVersion()), req.Kind)
	if _, ok := byName[req.Name]; !ok {
		byName[req.Name] = req.object()
	}
}

func (c *Cross) judged(req *Request) bool {
	if len(c.rules) > 0 {
		return true
	}
	for _, con := range c.constraints {
		if con.match.matches(req) {
			return true
		}
	}
	return false
}

func child(m map[string]any, key string) map[string]any {
	if c, ok := m[key].(map[string]any); ok {
		return c
	}
	c := map[string]any{}
	m[key] = c
	return c
}

// Evaluate judges every object added, in that order. Kinds in unlisted could not be read:
// a check that needs them is reported once, without request, as not evaluated. An error
// is that of the context.
func (c *Cross) Evaluate(ctx context.Context, unlisted map[string]string, report func(*Request, Verdict)) error {
	var run []func(*input) error
	skip := func(check string, n *needs) bool {
		missing := n.missing(unlisted)
		if missing != "" {
			report(nil, Verdict{Check: check, NotEvaluated: "it reads what could not be listed: " + missing})
		}
		return missing != ""
	}
	for _, set := range c.rules {
		var checks []*ruleCheck
		for _, check := range set.checks {
			if !skip(check.ID, check.needs) {
				checks = append(checks, check)
			}
		}
		left := *set
		left.checks = checks
		p := newPrograms(set.modules.compiler, newStore(set.modules.data, c.inventory), checks)
		run = append(run, func(in *input) error {
			return left.judge(ctx, c.bundle.timeout, p, in, func(v Verdict) { report(in.req, v) })
		})
	}
	store := newStore(nil, c.inventory)
	for _, con := range c.constraints {
		if skip(con.ID, con.template.needs) {
			continue
		}
		p, err := prepare(ctx, con.template.compiler, store, con.template.ref)
		run = append(run, func(in *input) error {
			switch {
			case !con.match.matches(in.req):
				return nil
			case err != nil:
				report(in.req, Verdict{Check: con.ID, Err: err})
				return nil
			}
			return con.judge(ctx, c.bundle.timeout, p, in, func(v Verdict) { report(in.req, v) })
		})
	}
	for _, req := range c.requests {
		in := &input{req: req}
		for _, judge := range run {
			if err := judge(in); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
