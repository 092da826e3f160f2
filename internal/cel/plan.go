// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// LinearCost is what an expression of a linear policy may cost, in the API server's
// units, for each unit of the size of its object (see size).
const LinearCost = 12

// ordinary is the largest object for which the cost of linear policies is not counted:
// below it no expression comes near the limit of one call (1,000,000).
const ordinary = 60_000

// planner plans programs without counting their cost. It does what cel.Env.Program does
// with the options of the API server's environment, less cost tracking: optimised, with
// constant regular expressions compiled. The dispatcher is made once, not for each
// program.
type planner struct {
	interpreter interpreter.Interpreter
}

func newPlanner(env *cel.Env) (*planner, error) {
	dispatcher := interpreter.NewDispatcher()
	for name, f := range env.Functions() {
		bindings, err := f.Bindings()
		if err != nil {
			return nil, fmt.Errorf("bind the CEL function %s: %w", name, err)
		}
		if err := dispatcher.Add(bindings...); err != nil {
			return nil, fmt.Errorf("bind the CEL function %s: %w", name, err)
		}
	}
	adapter, provider := env.CELTypeAdapter(), env.CELTypeProvider()
	attributes := interpreter.NewAttributeFactory(env.Container, adapter, provider)
	return &planner{interpreter.NewInterpreter(dispatcher, env.Container, provider, adapter, attributes)}, nil
}

func (p *planner) program(ast *cel.Ast) (interpreter.Interpretable, error) {
	return p.interpreter.NewInterpretable(ast.NativeRep(), interpreter.CustomDecorator(optionals), interpreter.Optimize(),
		interpreter.CompileRegexConstants(interpreter.MatchesRegexOptimization))
}

// optionals plans the calls or and orValue, which cel-go's optional types leave to the
// planner because they evaluate their argument only where the optional is empty.
func optionals(i interpreter.Interpretable) (interpreter.Interpretable, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	alternative := &otherwise{call: call.ID(), optional: call.Args()[0], other: call.Args()[1]}
	switch id := call.OverloadID(); {
	case call.Function() == "or" && (id == "" || id == "optional_or_optional"):
		return alternative, nil
	case call.Function() == "orValue" && (id == "" || id == "optional_orValue_value"):
		alternative.unwrap = true
		return alternative, nil
	}
	return i, nil
}

// otherwise is x.or(y), or x.orValue(y) with unwrap.
type otherwise struct {
	call            int64
	optional, other interpreter.Interpretable
	unwrap          bool
}

// ID is that of the call.
func (o *otherwise) ID() int64 { return o.call }

// Eval gives the optional or what it holds, else the alternative.
func (o *otherwise) Eval(a interpreter.Activation) ref.Val {
	v := o.optional.Eval(a)
	switch optional, ok := v.(*types.Optional); {
	case !ok: // an error
		return v
	case !optional.HasValue():
		return o.other.Eval(a)
	case o.unwrap:
		return optional.GetValue()
	}
	return v
}

// size measures an object: its values and the bytes of its strings and keys.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return 1 + len(v)
	case []any:
		n := 1
		for _, e := range v {
			n += size(e)
		}
		return n
	case map[string]any:
		n := 1
		for k, e := range v {
			n += len(k) + size(e)
		}
		return n
	}
	return 1
}

// Size is the size of an object by which [LinearCost] is measured.
func Size(object map[string]any) int { return size(object) }
