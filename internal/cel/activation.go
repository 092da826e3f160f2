// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"errors"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apiserver/pkg/cel/library"
)

// activation binds the names that a policy may use to one request.
type activation struct {
	object, oldObject, namespace, params any
	variables                            *variables
	from                                 *Request
	request                              any
}

func (a *activation) bind(r *Request) {
	*a = activation{variables: a.variables, from: r, object: value(r.Object), oldObject: value(r.OldObject), namespace: value(r.NamespaceObject)}
}

// value keeps a nil mapping from becoming an empty one.
func value(m map[string]any) any {
	if m == nil {
		return nil
	}
	return types.DefaultTypeAdapter.NativeToValue(m)
}

// ResolveName gives the value of a top-level name.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "variables":
		return a.variables, true
	case "object":
		return a.object, true
	case "oldObject":
		return a.oldObject, true
	case "params":
		return a.params, true
	case "namespaceObject":
		return a.namespace, true
	case "request":
		if a.request == nil {
			a.request = a.from.request()
		}
		return a.request, true
	case "authorizer":
		return library.NewAuthorizerVal(requester{a.from}, undecided{}), true
	}
	return nil, false
}

// Parent is nil: there is no outer scope.
func (a *activation) Parent() interpreter.Activation { return nil }

// variables is the value of `variables`: it evaluates a variable when it is first read
// and shares the result between policies that define it in the same words.
type variables struct {
	ev     *Evaluator
	policy *compiled
}

var variablesType = types.NewObjectType("kubernetes.variables")

// Find gives the value of a variable.
func (v *variables) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key), true
	}
	def := v.policy.variables[string(name)]
	if def == nil {
		return nil, false
	}
	return v.ev.variable(def), true
}

// variable evaluates a variable once for each object. Its cost counts in every policy
// that reads it, as if each had evaluated it.
func (ev *Evaluator) variable(def *variable) ref.Val {
	for def.slot >= len(ev.slots) {
		ev.slots = append(ev.slots, slot{})
	}
	if s := &ev.slots[def.slot]; s.epoch != ev.epoch || s.value == nil {
		val, cost := ev.evaluate(def)
		// The slice may have grown meanwhile.
		ev.slots[def.slot] = slot{epoch: ev.epoch, value: val, cost: cost}
	}
	s := &ev.slots[def.slot]
	if s.serial != ev.serial {
		s.serial = ev.serial
		if err := ev.charge(s.cost); err != nil {
			return types.WrapErr(err)
		}
	}
	return s.value
}

func (ev *Evaluator) evaluate(def *variable) (ref.Val, uint64) {
	if def.err != nil {
		return types.NewErr("composited variable %q fails to compile: %v", def.name, def.err), 0
	}
	out, cost, err := ev.execute(&def.program)
	if err != nil {
		return types.NewErr("composited variable %q fails to evaluate: %v", def.name, err), cost
	}
	return out, cost
}

// Get is Find for the index operator.
func (v *variables) Get(key ref.Val) ref.Val {
	if val, ok := v.Find(key); ok {
		return val
	}
	return types.NewErr("no such key: %v", key)
}

// Contains tells whether the variable is there.
func (v *variables) Contains(key ref.Val) ref.Val {
	_, ok := v.Find(key)
	return types.Bool(ok)
}

// Size is the number of variables.
func (v *variables) Size() ref.Val { return types.Int(len(v.policy.variables)) }

// Iterator is not supported: the type checker lets nobody iterate over variables.
func (v *variables) Iterator() traits.Iterator { return nil }

// ConvertToNative is refused.
func (v *variables) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("variables cannot be converted")
}

// ConvertToType is refused.
func (v *variables) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("variables cannot be converted to %s", t.TypeName())
}

// Equal compares identity.
func (v *variables) Equal(other ref.Val) ref.Val {
	o, ok := other.(*variables)
	return types.Bool(ok && o == v)
}

// Type is the type that the environment declares.
func (v *variables) Type() ref.Type { return variablesType }

// Value is itself.
func (v *variables) Value() any { return v }

// stringList reads a CEL list of strings, each once; other elements are left out. An
// item that is listed twice is one item: the expressions have no way to drop repeats.
func stringList(v ref.Val) []string {
	l, ok := v.(traits.Lister)
	if !ok {
		return nil
	}
	n, _ := l.Size().(types.Int)
	out, seen := make([]string, 0, int(n)), make(map[string]bool, int(n))
	for i := range n {
		if s, ok := l.Get(i).Value().(string); ok && !seen[s] {
			out, seen[s] = append(out, s), true
		}
	}
	return out
}
