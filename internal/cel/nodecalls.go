// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"regexp"
	"slices"
	"strings"
)

// same is a == b, or a != b.
type same struct {
	a, b    node
	convert converter
	want    bool
}

func (n *same) eval(f *frame) any {
	a, b := n.a.eval(f), n.b.eval(f)
	if a == bail || b == bail {
		return bail
	}
	eq, ok := equal(a, b, n.convert)
	if !ok {
		return bail
	}
	return eq == n.want
}

// member is a in b.
type member struct {
	of, in  node
	convert converter
}

func (n *member) eval(f *frame) any {
	v, in := n.of.eval(f), n.in.eval(f)
	if v == bail {
		return bail
	}
	switch in := in.(type) {
	case []any:
		for _, e := range in {
			if eq, ok := equal(v, e, n.convert); !ok {
				return bail
			} else if eq {
				return true
			}
		}
		return false
	case map[string]any, *record:
		if key, ok := v.(string); ok {
			_, has := field(in, key)
			return has
		}
	}
	return bail
}

// match is text.matches(pattern).
type match struct {
	of      node
	pattern node           // nil: constant
	re      *regexp.Regexp // of a constant pattern
	words   []string       // of a constant pattern that is nothing but words: a|b|c
}

func (n *match) eval(f *frame) any {
	text, ok := n.of.eval(f).(string)
	if !ok {
		return bail
	}
	if n.words != nil {
		return slices.ContainsFunc(n.words, func(w string) bool { return strings.Contains(text, w) })
	}
	re := n.re
	if re == nil {
		pattern, ok := n.pattern.eval(f).(string)
		if !ok {
			return bail
		}
		if re = f.pattern(pattern); re == nil {
			return bail
		}
	}
	return re.MatchString(text)
}

// sum is a + b + c: text, lists, or what the API server's functions add.
type sum struct {
	terms []node
	slow  *overload
}

func (n *sum) eval(f *frame) any {
	var room [8]any
	values := room[:0]
	lists := true
	for _, t := range n.terms {
		v := t.eval(f)
		if v == bail {
			return bail
		}
		_, is := v.([]any)
		lists = lists && is
		values = append(values, v)
	}
	if lists {
		return appended(values)
	}
	if text, ok := concat(values); ok {
		return text
	}
	out := values[0]
	for _, v := range values[1:] {
		if out = n.slow.call(out, v); out == bail {
			return bail
		}
	}
	return out
}

// appended makes one list of several.
func appended(lists []any) any {
	n, only := 0, any(nil)
	for _, l := range lists {
		if size := len(l.([]any)); size > 0 {
			n, only = n+size, l
		}
	}
	if n == 0 {
		return lists[0]
	}
	if n == len(only.([]any)) {
		return only
	}
	out := make([]any, 0, n)
	for _, l := range lists {
		out = append(out, l.([]any)...)
	}
	return out
}

// unary is f(x) or x.f().
type unary struct {
	of    node
	quick func(any) (any, bool) // or nil
	slow  *overload
}

func (n *unary) eval(f *frame) any {
	v := n.of.eval(f)
	if v == bail {
		return bail
	}
	if n.quick != nil {
		if out, ok := n.quick(v); ok {
			return out
		}
	}
	return n.slow.call(v)
}

// binary is f(a, b), a.f(b) or an operator.
type binary struct {
	a, b  node
	quick func(a, b any) (any, bool) // or nil
	slow  *overload
}

func (n *binary) eval(f *frame) any {
	a, b := n.a.eval(f), n.b.eval(f)
	if a == bail || b == bail {
		return bail
	}
	if n.quick != nil {
		if out, ok := n.quick(a, b); ok {
			return out
		}
	}
	return n.slow.call(a, b)
}

// call is a function of any number of arguments.
type call struct {
	args  []node
	quick func(a, b, c any) (any, bool) // or nil; else there are three arguments
	slow  *overload
}

func (n *call) eval(f *frame) any {
	var room [4]any
	values := room[:0]
	for _, a := range n.args {
		v := a.eval(f)
		if v == bail {
			return bail
		}
		values = append(values, v)
	}
	if n.quick != nil {
		if out, ok := n.quick(values[0], values[1], values[2]); ok {
			return out
		}
	}
	return n.slow.call(values...)
}

// each calls yes for every element of a list or key of a mapping until it gives false.
// It gives false itself for what cannot be gone through.
func each(over any, yes func(v any) bool) bool {
	switch over := over.(type) {
	case []any:
		for _, v := range over {
			if !yes(v) {
				break
			}
		}
	case map[string]any:
		for k := range over {
			if !yes(k) {
				break
			}
		}
	case *record:
		for _, k := range over.keys {
			if !yes(k) {
				break
			}
		}
	default:
		return false
	}
	return true
}

// quantifier is all, or exists where stop is true.
type quantifier struct {
	over, test node
	at         int
	stop       bool
}

func (n *quantifier) eval(f *frame) any {
	var out any = !n.stop
	at := f.base + n.at
	if !each(n.over.eval(f), func(v any) bool {
		f.stack[at] = v
		b, ok := n.test.eval(f).(bool)
		switch {
		case !ok:
			out = bail
		case b == n.stop:
			out = b
		default:
			return true
		}
		return false
	}) {
		return bail
	}
	return out
}

// transform is filter and map.
type transform struct {
	over node
	at   int
	test node // nil: every element
	to   node // nil: the element itself
}

// nothing is the empty list; nobody changes a list.
var nothing any = []any{}

func (n *transform) eval(f *frame) any {
	over := n.over.eval(f)
	var out []any
	if l, ok := over.([]any); ok && n.test == nil {
		if len(l) == 0 {
			return nothing
		}
		out = make([]any, 0, len(l))
	}
	at, done := f.base+n.at, true
	if !each(over, func(v any) bool {
		f.stack[at] = v
		if n.test != nil {
			b, ok := n.test.eval(f).(bool)
			if done = ok; !ok || !b {
				return ok
			}
		}
		if n.to != nil {
			v = n.to.eval(f)
		}
		if v == bail {
			done = false
			return false
		}
		out = append(out, v)
		return true
	}) || !done {
		return bail
	}
	if len(out) == 0 {
		return nothing
	}
	return out
}
