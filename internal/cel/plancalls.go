// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"regexp"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// call plans an operator or a function.
func (s *planning) call(e ast.Expr) node {
	c := e.AsCall()
	name := c.FunctionName()
	switch name {
	case operators.Index:
		return s.path(e)
	case "orValue", "hasValue":
		return s.unwrap(c)
	case operators.Add:
		return s.sum(e)
	}
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	planned, ok := s.nodes(args)
	if !ok || len(planned) == 0 {
		return nil
	}
	switch name {
	case operators.LogicalAnd:
		return &junction{planned, false}
	case operators.LogicalOr:
		return &junction{planned, true}
	case operators.Conditional:
		return &conditional{planned[0], planned[1], planned[2]}
	case operators.LogicalNot:
		return &not{planned[0]}
	case operators.Equals:
		return &same{planned[0], planned[1], s.convert, true}
	case operators.NotEquals:
		return &same{planned[0], planned[1], s.convert, false}
	case operators.In:
		return &member{planned[0], planned[1], s.convert}
	case "dyn":
		return planned[0]
	case "matches":
		return matches(planned)
	}
	return function(name, planned, s.overload(e, name))
}

// function plans a call of a function, with the quick form that it may have for the usual
// types of its arguments.
func function(name string, args []node, slow *overload) node {
	switch len(args) {
	case 1:
		return &unary{args[0], quick1[name], slow}
	case 2:
		return &binary{args[0], args[1], quick2[name], slow}
	case 3:
		return &call{args, quick3[name], slow}
	}
	return &call{args, nil, slow}
}

// words is a pattern that is nothing but words, one of which the text must hold: looking
// for them is much faster than an automaton.
var words = regexp.MustCompile(`^[A-Za-z0-9_-]+(\|[A-Za-z0-9_-]+)*$`)

// matches plans a regular expression, compiled now if it is constant.
func matches(args []node) node {
	if len(args) != 2 {
		return nil
	}
	if c, ok := args[1].(*constant); ok {
		pattern, ok := c.value.(string)
		if !ok {
			return nil
		}
		if words.MatchString(pattern) {
			return &match{of: args[0], words: strings.Split(pattern, "|")}
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil
		}
		return &match{of: args[0], re: re}
	}
	return &match{of: args[0], pattern: args[1]}
}

// unwrap plans x.orValue(y) and x.hasValue().
func (s *planning) unwrap(c ast.CallExpr) node {
	if !c.IsMemberFunction() {
		return nil
	}
	of := s.finder(c.Target())
	if of == nil {
		return nil
	}
	if len(c.Args()) == 0 {
		return &found{of}
	}
	other := s.node(c.Args()[0])
	if other == nil {
		return nil
	}
	return &otherwise{of, other}
}

// sum plans a + b + c as one node.
func (s *planning) sum(e ast.Expr) node {
	var terms []ast.Expr // last first
	slow := s.overload(e, operators.Add)
	for e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Add {
		args := e.AsCall().Args()
		terms, e = append(terms, args[1]), args[0]
	}
	terms = append(terms, e)
	out := &sum{slow: slow}
	if len(terms) > 2 {
		slow.id, slow.bound = "", nil // the types of the terms in between are not known
		slow.bound, _ = s.dispatcher.FindOverload(operators.Add)
	}
	for i := len(terms) - 1; i >= 0; i-- {
		n := s.node(terms[i])
		if n == nil {
			return nil
		}
		out.terms = append(out.terms, n)
	}
	if values, ok := constants(out.terms); ok {
		if text, ok := concat(values); ok {
			return &constant{text}
		}
	}
	return out
}

// macro plans all, exists, map and filter, which the parser has written out as loops.
func (s *planning) macro(c ast.ComprehensionExpr) node {
	over := s.node(c.IterRange())
	if over == nil || c.HasIterVar2() {
		return nil
	}
	s.locals = append(s.locals, c.IterVar())
	s.most = max(s.most, len(s.locals))
	defer func() { s.locals = s.locals[:len(s.locals)-1] }()
	at := len(s.locals) - 1
	if !isName(c.Result(), c.AccuVar()) || c.LoopStep().Kind() != ast.CallKind {
		return nil
	}
	step, args := c.LoopStep().AsCall().FunctionName(), c.LoopStep().AsCall().Args()
	switch init := c.AccuInit(); {
	case init.Kind() == ast.LiteralKind && (step == operators.LogicalAnd || step == operators.LogicalOr):
		start, ok := native(init.AsLiteral()).(bool)
		if !ok || start != (step == operators.LogicalAnd) || len(args) != 2 || !isName(args[0], c.AccuVar()) {
			return nil
		}
		if test := s.node(args[1]); test != nil {
			return &quantifier{over, test, at, !start}
		}
	case init.Kind() == ast.ListKind && init.AsList().Size() == 0:
		return s.transform(c, over, at)
	}
	return nil
}

// transform plans map and filter.
func (s *planning) transform(c ast.ComprehensionExpr, over node, at int) node {
	out := &transform{over: over, at: at}
	step := c.LoopStep()
	if cond := c.LoopCondition(); cond.Kind() != ast.LiteralKind || native(cond.AsLiteral()) != true {
		return nil
	}
	if step.AsCall().FunctionName() == operators.Conditional {
		args := step.AsCall().Args()
		if out.test = s.node(args[0]); out.test == nil || !isName(args[2], c.AccuVar()) || args[1].Kind() != ast.CallKind {
			return nil
		}
		step = args[1]
	}
	args := step.AsCall().Args()
	if step.AsCall().FunctionName() != operators.Add || !isName(args[0], c.AccuVar()) || args[1].Kind() != ast.ListKind {
		return nil
	}
	elements := args[1].AsList()
	if elements.Size() != 1 || len(elements.OptionalIndices()) > 0 {
		return nil
	}
	out.to = s.node(elements.Elements()[0])
	switch n := out.to.(type) {
	case nil:
		return nil
	case local:
		if int(n) == at {
			out.to = nil // the element itself
		}
	}
	return out
}

func isName(e ast.Expr, name string) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == name
}
