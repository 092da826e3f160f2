// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// judge reports what each check of the set says of the object. An error is that of the
// context.
func (s *ruleSet) judge(ctx context.Context, timeout time.Duration, p *programs, in *input, report func(Verdict)) error {
	if !slices.ContainsFunc(s.checks, func(c *ruleCheck) bool { return c.concerns(in.req) }) {
		return ctx.Err()
	}
	value, object, err := s.input(in)
	var out []outcome
	if err == nil {
		if out, err = p.eval(ctx, timeout, value); err != nil {
			return err
		}
	}
	for i, c := range s.checks {
		if !c.concerns(in.req) {
			continue
		}
		v := Verdict{Check: c.ID, Err: err}
		if err == nil {
			v = c.verdict(out[i], object)
		}
		report(v)
	}
	return nil
}

func (s *ruleSet) input(in *input) (ast.Value, map[string]any, error) {
	if s.review {
		v, err := in.forReview(s.params)
		return v, in.req.object(), err
	}
	v, err := in.forDocument()
	return v, in.req.Written, err
}

// concerns tells whether the object is of the kinds that METADATA limits the check to.
func (c *ruleCheck) concerns(r *Request) bool {
	return len(c.kinds) == 0 || slices.Contains(c.kinds, r.Kind) || slices.Contains(c.kinds, r.Group+"/"+r.Kind)
}

func (c *ruleCheck) verdict(o outcome, object map[string]any) Verdict {
	v := Verdict{Check: c.ID, Err: o.err}
	if o.err != nil {
		return v
	}
	if exempt(o.exceptions, c.suffix) {
		v.Exempt = true
		return v
	}
	v.Items = items(o.value, object, c.Title)
	if len(v.Items) == 0 && c.incomplete != "" {
		v.Err = errors.New(c.incomplete)
	}
	return v
}

// judge reports what the constraint says of an object that it matches.
func (c *constraint) judge(ctx context.Context, timeout time.Duration, p *program, in *input, report func(Verdict)) error {
	v := Verdict{Check: c.ID}
	value, err := in.forReview(c.params)
	if err == nil {
		var values []any
		values, err = c.breaker.run(func() ([]any, error) { return p.eval(ctx, timeout, value) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			v.Items = items(values[0], in.req.object(), c.Title)
		}
	}
	v.Err = err
	report(v)
	return nil
}
