// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// expression is a selector in Calico's language: label == 'value', !=, in {…}, not in
// {…}, contains, starts with, ends with, has(label), all(), global(), &&, ||, ! and
// parentheses. It is a [labels.Selector] without requirements.
type expression struct {
	text      string
	matches   func(lookup func(string) (string, bool)) bool
	namespace string // what projectcalico.org/namespace means, or empty
}

var _ labels.Selector = (*expression)(nil)

// parseExpression reads a selector; an empty one matches everything.
func parseExpression(text string) (*expression, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		text = "all()"
	}
	p := &expressionParser{rest: text}
	m, err := p.or(0)
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("read selector %q: %w", text, err)
	}
	return &expression{text: text, matches: m}, nil
}

// within binds the label that names the namespace.
func (e *expression) within(namespace string) *expression {
	bound := *e
	bound.namespace = namespace
	return &bound
}

// Matches implements labels.Selector.
func (e *expression) Matches(set labels.Labels) bool {
	return e.matches(func(key string) (string, bool) {
		if key == calicoNamespace && e.namespace != "" {
			return e.namespace, true
		}
		return set.Get(key), set.Has(key)
	})
}

// Empty tells whether it matches everything.
func (e *expression) Empty() bool { return e.text == "all()" }

// String is the selector as written.
func (e *expression) String() string { return e.text }

// Add is not supported; the expression stays as it is.
func (e *expression) Add(...labels.Requirement) labels.Selector { return e }

// Requirements has none to give.
func (e *expression) Requirements() (labels.Requirements, bool) { return nil, true }

// DeepCopySelector implements labels.Selector.
func (e *expression) DeepCopySelector() labels.Selector { return e.within(e.namespace) }

// RequiresExactMatch implements labels.Selector.
func (e *expression) RequiresExactMatch(string) (string, bool) { return "", false }

type matcher = func(lookup func(string) (string, bool)) bool

type expressionParser struct{ rest string }

// maxDepth bounds the nesting of parentheses and negations.
const maxDepth = 100

func (p *expressionParser) or(depth int) (matcher, error) {
	m, err := p.and(depth)
	for err == nil && p.take("||") {
		left := m
		var right matcher
		right, err = p.and(depth)
		m = func(l func(string) (string, bool)) bool { return left(l) || right(l) }
	}
	return m, err
}

func (p *expressionParser) and(depth int) (matcher, error) {
	m, err := p.unary(depth)
	for err == nil && p.take("&&") {
		left := m
		var right matcher
		right, err = p.unary(depth)
		m = func(l func(string) (string, bool)) bool { return left(l) && right(l) }
	}
	return m, err
}

func (p *expressionParser) unary(depth int) (matcher, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested too deeply")
	}
	switch {
	case p.take("!"):
		m, err := p.unary(depth + 1)
		return func(l func(string) (string, bool)) bool { return !m(l) }, err
	case p.take("("):
		m, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return m, err
	}
	return p.term()
}

func (p *expressionParser) term() (matcher, error) {
	name := p.word()
	switch {
	case name == "":
		return nil, fmt.Errorf("a label is missing before %q", p.rest)
	case name == "all" && p.take("("):
		return func(func(string) (string, bool)) bool { return true }, p.want(")")
	case name == "global" && p.take("("):
		return func(func(string) (string, bool)) bool { return false }, p.want(")")
	case name == "has" && p.take("("):
		label := p.word()
		return func(l func(string) (string, bool)) bool { _, ok := l(label); return ok }, p.want(")")
	case p.take("=="):
		v, err := p.quoted()
		return func(l func(string) (string, bool)) bool { got, ok := l(name); return ok && got == v }, err
	case p.take("!="):
		v, err := p.quoted()
		return func(l func(string) (string, bool)) bool { got, ok := l(name); return !ok || got != v }, err
	}
	return p.wordOperator(name)
}

func (p *expressionParser) wordOperator(name string) (matcher, error) {
	text := func(test func(s, part string) bool) (matcher, error) {
		v, err := p.quoted()
		return func(l func(string) (string, bool)) bool { got, ok := l(name); return ok && test(got, v) }, err
	}
	switch op := p.word(); {
	case op == "in":
		vs, err := p.set()
		return func(l func(string) (string, bool)) bool { got, ok := l(name); return ok && slices.Contains(vs, got) }, err
	case op == "not" && p.word() == "in":
		vs, err := p.set()
		return func(l func(string) (string, bool)) bool { got, ok := l(name); return !ok || !slices.Contains(vs, got) }, err
	case op == "contains":
		return text(strings.Contains)
	case op == "starts" && p.word() == "with":
		return text(strings.HasPrefix)
	case op == "ends" && p.word() == "with":
		return text(strings.HasSuffix)
	}
	return nil, fmt.Errorf("no operator follows %s", name)
}

func (p *expressionParser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return p.rest
}

func (p *expressionParser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.peek(), token)
	// "!=" is no negation.
	if !ok || token == "!" && strings.HasPrefix(rest, "=") {
		return false
	}
	p.rest = rest
	return true
}

func (p *expressionParser) want(token string) error {
	if !p.take(token) {
		return fmt.Errorf("%q is missing before %q", token, p.rest)
	}
	return nil
}

// word takes a label's key or an operator.
func (p *expressionParser) word() string {
	text := p.peek()
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_./-", r)
	})
	if end < 0 {
		end = len(text)
	}
	p.rest = text[end:]
	return text[:end]
}

// quoted takes a value in single or double quotes.
func (p *expressionParser) quoted() (string, error) {
	text := p.peek()
	if text == "" || text[0] != '\'' && text[0] != '"' {
		return "", fmt.Errorf("a quoted value is missing before %q", text)
	}
	end := strings.IndexByte(text[1:], text[0])
	if end < 0 {
		return "", fmt.Errorf("a quote is not closed")
	}
	p.rest = text[end+2:]
	return text[1 : end+1], nil
}

// set takes values in braces.
func (p *expressionParser) set() ([]string, error) {
	if err := p.want("{"); err != nil {
		return nil, err
	}
	var out []string
	for !p.take("}") {
		if len(out) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		v, err := p.quoted()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
