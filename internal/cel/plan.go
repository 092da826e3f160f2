// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"
)

// LinearCost is what an expression of a linear policy may cost, in the API server's
// units, for each unit of the size of its object (see size).
const LinearCost = 12

// ordinary is the largest object for which the cost of linear policies is not counted:
// below it no expression comes near the limit of one call (1,000,000).
const ordinary = 60_000

// planner plans light programs: trees of nodes that work on the plain Go values of an
// object, so that nothing is wrapped or copied on the way. They do not count cost.
//
// A light program never has to be complete to be right. What the planner does not know
// has no light program, and a node that meets anything out of the ordinary, an error
// above all, gives [bail]: the policy is then judged by the API server's own programs. So
// a node must be right only where it gives a value.
type planner struct {
	dispatcher interpreter.Dispatcher
	convert    converter
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
	return &planner{dispatcher, converter{env.CELTypeAdapter()}}, nil
}

// light is a planned program: a tree, and how many names its macros bind at once.
type light struct {
	node   node // nil: there is none
	locals int
}

// program plans an expression that refers to the variables of its policy.
func (p *planner) program(a *cel.Ast, variables map[string]*variable) light {
	s := &planning{planner: p, ast: a.NativeRep(), variables: variables}
	return light{s.node(s.ast.Expr()), s.most}
}

// planning is the work on one expression.
type planning struct {
	*planner
	ast       *ast.AST
	variables map[string]*variable
	locals    []string // the names that are bound where the work is, outermost first
	most      int      // the most that were bound at once
}

// node plans an expression; nil means that it cannot.
func (s *planning) node(e ast.Expr) node {
	if s.optional(e) {
		return nil // optionals are no values here: see finder
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return constantOf(native(e.AsLiteral()))
	case ast.IdentKind:
		return s.ident(e)
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return s.has(e)
		}
		return s.path(e)
	case ast.ListKind:
		return s.list(e.AsList())
	case ast.MapKind:
		return s.record(e.AsMap())
	case ast.ComprehensionKind:
		return s.macro(e.AsComprehension())
	case ast.CallKind:
		return s.call(e)
	}
	return nil
}

// nodes plans several expressions, or gives false.
func (s *planning) nodes(list []ast.Expr) ([]node, bool) {
	out := make([]node, len(list))
	for i, e := range list {
		if out[i] = s.node(e); out[i] == nil {
			return nil, false
		}
	}
	return out, true
}

func constantOf(v any) node {
	if v == bail {
		return nil
	}
	return &constant{v}
}

// optional tells whether an expression is an optional: by its type or, where the checker
// could not tell the type, by its last steps.
func (s *planning) optional(e ast.Expr) bool {
	if t := s.ast.TypeMap()[e.ID()]; t != nil && t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" {
		return true
	}
	switch e.Kind() {
	case ast.SelectKind:
		return !e.AsSelect().IsTestOnly() && s.optional(e.AsSelect().Operand())
	case ast.CallKind:
		switch c := e.AsCall(); c.FunctionName() {
		case operators.OptIndex, operators.OptSelect:
			return true
		case operators.Index:
			return s.optional(c.Args()[0])
		}
	}
	return false
}

// local is the index of a name that a macro binds, or -1.
func (s *planning) local(name string) int {
	for i := len(s.locals) - 1; i >= 0; i-- {
		if s.locals[i] == name {
			return i
		}
	}
	return -1
}

func (s *planning) ident(e ast.Expr) node {
	if i := s.local(e.AsIdent()); i >= 0 {
		return local(i)
	}
	known := s.ast.ReferenceMap()[e.ID()]
	if known == nil {
		return nil
	}
	if known.Value != nil {
		return constantOf(native(known.Value))
	}
	if root, ok := roots[known.Name]; ok {
		return root
	}
	return nil
}

// variable plans variables.x, if that is what it is.
func (s *planning) variable(e ast.Expr) (node, bool) {
	if e.Kind() != ast.SelectKind {
		return nil, false
	}
	sel := e.AsSelect()
	if of := sel.Operand(); of.Kind() != ast.IdentKind || of.AsIdent() != "variables" || s.local("variables") >= 0 {
		return nil, false
	}
	def := s.variables[sel.FieldName()]
	if def == nil || def.light.node == nil || sel.IsTestOnly() {
		return nil, true
	}
	if c, ok := def.light.node.(*constant); ok {
		return c, true
	}
	return &read{def}, true
}

// steps takes a chain of selections and indices apart: what it starts from and the steps.
func (s *planning) steps(e ast.Expr) (ast.Expr, []step, bool) {
	var steps []step // innermost last
	for {
		var next step
		of := e
		switch {
		case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
			if _, is := s.variable(e); is {
				return e, steps, true
			}
			if s.ast.ReferenceMap()[e.ID()] != nil {
				return nil, nil, false
			}
			of, next.key = e.AsSelect().Operand(), e.AsSelect().FieldName()
		case e.Kind() == ast.CallKind && indexes(e.AsCall().FunctionName()):
			c := e.AsCall()
			of, next.optional = c.Args()[0], c.FunctionName() != operators.Index
			index := s.node(c.Args()[1])
			if index == nil {
				return nil, nil, false
			}
			next.index = index
			if c, ok := index.(*constant); ok {
				if key, ok := c.value.(string); ok {
					next.key, next.index = key, nil
				}
			}
		default:
			return e, steps, true
		}
		steps, e = append(steps, next), of
	}
}

func indexes(function string) bool {
	return function == operators.Index || function == operators.OptIndex || function == operators.OptSelect
}

// path plans a chain of selections that holds a value.
func (s *planning) path(e ast.Expr) node {
	if v, is := s.variable(e); is {
		return v
	}
	if p := s.chain(e); p != nil && p.maybe == nil {
		return p
	}
	return nil
}

// chain plans a chain of selections, with or without optional ones.
func (s *planning) chain(e ast.Expr) *path {
	from, steps, ok := s.steps(e)
	if !ok || len(steps) == 0 {
		return nil
	}
	p := &path{}
	for i := len(steps) - 1; i >= 0; i-- {
		p.steps = append(p.steps, steps[i])
	}
	switch v, is := s.variable(from); {
	case is:
		p.from = v
	case s.optional(from):
		p.maybe = s.finder(from)
		return onlyIf(p, p.maybe != nil)
	default:
		p.from = s.node(from)
	}
	return onlyIf(p, p.from != nil)
}

func onlyIf(p *path, ok bool) *path {
	if !ok {
		return nil
	}
	return p
}

// finder plans an optional: a chain with optional steps, or a.or(b).
func (s *planning) finder(e ast.Expr) finder {
	if !s.optional(e) {
		return nil
	}
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "or" {
		c := e.AsCall()
		if !c.IsMemberFunction() || len(c.Args()) != 1 {
			return nil
		}
		first, second := s.finder(c.Target()), s.finder(c.Args()[0])
		if first == nil || second == nil {
			return nil
		}
		return &either{first, second}
	}
	if p := s.chain(e); p != nil {
		return p
	}
	return nil
}

func (s *planning) has(e ast.Expr) node {
	sel := e.AsSelect()
	if s.ast.ReferenceMap()[e.ID()] != nil {
		return nil
	}
	if of := s.node(sel.Operand()); of != nil {
		return &presence{of, sel.FieldName()}
	}
	return nil
}

func (s *planning) list(l ast.ListExpr) node {
	elements, ok := s.nodes(l.Elements())
	if !ok || len(l.OptionalIndices()) > 0 {
		return nil
	}
	if values, ok := constants(elements); ok {
		return &constant{values}
	}
	return &list{elements}
}

// constants gives the values of nodes that are all constant.
func constants(nodes []node) ([]any, bool) {
	values := make([]any, len(nodes))
	for i, n := range nodes {
		c, ok := n.(*constant)
		if !ok {
			return nil, false
		}
		values[i] = c.value
	}
	return values, true
}

// record plans a mapping whose keys are written out.
func (s *planning) record(m ast.MapExpr) node {
	if m.Size() == 0 {
		return &constant{map[string]any{}}
	}
	out := &mapping{}
	seen := map[string]bool{}
	for _, e := range m.Entries() {
		entry := e.AsMapEntry()
		key, _ := s.node(entry.Key()).(*constant)
		value := s.node(entry.Value())
		if key == nil || value == nil || entry.IsOptional() {
			return nil
		}
		name, ok := key.value.(string)
		if !ok || seen[name] {
			return nil
		}
		seen[name] = true
		out.keys, out.values = append(out.keys, name), append(out.values, value)
	}
	return out
}

// overload finds the function behind a call as cel-go's own planner does.
func (s *planning) overload(e ast.Expr, name string) *overload {
	out := &overload{function: name, convert: s.convert}
	var found *functions.Overload
	if known := s.ast.ReferenceMap()[e.ID()]; known != nil && len(known.OverloadIDs) == 1 {
		out.id = known.OverloadIDs[0]
		found, _ = s.dispatcher.FindOverload(out.id)
	}
	if found == nil {
		found, _ = s.dispatcher.FindOverload(name)
	}
	out.bound = found
	return out
}
