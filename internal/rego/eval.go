// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// program is a query for the values of some references, prepared.
type program struct {
	query rego.PreparedEvalQuery
	n     int
}

func newStore(data map[string]any, inventory map[string]any) storage.Store {
	all := maps.Clone(data)
	if all == nil {
		all = map[string]any{}
	}
	if inventory != nil {
		all["inventory"] = inventory
	}
	return inmem.NewFromObjectWithOpts(all, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
}

// prepare makes a program. An array comprehension turns an undefined value into an empty
// array, so that one undefined reference does not hide the others.
func prepare(ctx context.Context, c *ast.Compiler, store storage.Store, refs ...string) (*program, error) {
	var q strings.Builder
	for i, ref := range refs {
		fmt.Fprintf(&q, "x%d = [v | v = %s]\n", i, ref)
	}
	query, err := rego.New(rego.Query(q.String()), rego.Compiler(c), rego.Store(store),
		rego.UnsafeBuiltins(reachingOut)).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the query of %s: %w", strings.Join(refs, ", "), err)
	}
	return &program{query, len(refs)}, nil
}

// errTimeout says that an evaluation did not end in time.
var errTimeout = errors.New("did not end in time")

// eval gives the value of each reference, nil where it is undefined.
func (p *program) eval(ctx context.Context, timeout time.Duration, input ast.Value) ([]any, error) {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rs, err := p.query.Eval(within, rego.EvalParsedInput(input), rego.EvalSortSets(true))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && (topdown.IsCancel(err) || within.Err() != nil):
		return nil, fmt.Errorf("evaluation %w (%s)", errTimeout, timeout)
	case err != nil:
		return nil, err
	case len(rs) != 1:
		return nil, fmt.Errorf("evaluation gave %d results, want 1", len(rs))
	}
	out := make([]any, p.n)
	for i := range out {
		values, ok := rs[0].Bindings[fmt.Sprintf("x%d", i)].([]any)
		if !ok {
			return nil, fmt.Errorf("evaluation gave no value for query %d", i)
		}
		if len(values) > 0 {
			out[i] = values[0]
		}
	}
	return out, nil
}

// programs evaluates the checks of a rule set: all at once, and one by one where that
// fails, to tell which of them failed.
type programs struct {
	checks     []*ruleCheck
	all        func() (*program, error)
	each       []func() (*program, error)
	exceptions map[string]int // by reference: their place in all
	slow       atomic.Bool    // one of them does not end in time
}

func newPrograms(c *ast.Compiler, store storage.Store, checks []*ruleCheck) *programs {
	p := &programs{checks: checks, exceptions: map[string]int{}}
	var refs []string
	for _, check := range checks {
		refs = append(refs, check.ref)
	}
	for _, check := range checks {
		own := []string{check.ref}
		if e := check.exception; e != "" {
			own = append(own, e)
			if _, ok := p.exceptions[e]; !ok {
				p.exceptions[e] = len(refs)
				refs = append(refs, e)
			}
		}
		p.each = append(p.each, sync.OnceValues(func() (*program, error) {
			return prepare(context.Background(), c, store, own...)
		}))
	}
	p.all = sync.OnceValues(func() (*program, error) {
		return prepare(context.Background(), c, store, refs...)
	})
	return p
}

// outcome is what an evaluation gave for one check.
type outcome struct {
	value, exceptions any
	err               error
}

// eval evaluates every check on the input. An error is that of the context.
func (p *programs) eval(ctx context.Context, timeout time.Duration, input ast.Value) ([]outcome, error) {
	out := make([]outcome, len(p.checks))
	if !p.slow.Load() {
		values, err := evalWith(ctx, p.all, timeout, input)
		if err == nil {
			for i, c := range p.checks {
				out[i].value = values[i]
				if c.exception != "" {
					out[i].exceptions = values[p.exceptions[c.exception]]
				}
			}
			return out, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, errTimeout) {
			p.slow.Store(true)
		}
	}
	for i, c := range p.checks {
		values, err := c.breaker.run(func() ([]any, error) { return evalWith(ctx, p.each[i], timeout, input) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if out[i].err = err; err == nil {
			out[i].value = values[0]
			if c.exception != "" {
				out[i].exceptions = values[1]
			}
		}
	}
	return out, nil
}

func evalWith(ctx context.Context, get func() (*program, error), timeout time.Duration, input ast.Value) ([]any, error) {
	p, err := get()
	if err != nil {
		return nil, err
	}
	return p.eval(ctx, timeout, input)
}

// breaker stops a check that did not end in time on several objects, so that one endless
// policy does not make the scan endless. Its objects are errors all the same.
type breaker struct{ late atomic.Int32 }

const tooOften = 3

func (b *breaker) run(eval func() ([]any, error)) ([]any, error) {
	if b.late.Load() >= tooOften {
		return nil, fmt.Errorf("not evaluated any more: evaluation %w on %d objects", errTimeout, tooOften)
	}
	values, err := eval()
	if errors.Is(err, errTimeout) {
		b.late.Add(1)
	}
	return values, err
}
