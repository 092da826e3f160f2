// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"regexp"
)

// node is a step of a light program. It gives a plain value (nil, bool, int64, float64,
// string, []any, map[string]any, *record, *asked), a CEL value of another kind, or [bail].
type node interface {
	eval(f *frame) any
}

// bailed is the type of [bail].
type bailed struct{ _ int }

// bail says that a light program does not know: the API server's programs must judge.
var bail any = &bailed{}

// frame is what light programs run on: one request and the names that macros bind.
type frame struct {
	request *Request
	params  any
	asked   *asked // `request`, once it was asked for

	epoch  uint32
	values []lightValue // of variables, by slot

	stack     []any
	base, top int

	patterns map[string]*regexp.Regexp // those that are not constant
}

type lightValue struct {
	epoch uint32
	value any
}

// run evaluates a program.
func (f *frame) run(p *light) any {
	base, top := f.base, f.top
	f.base, f.top = top, top+p.locals
	for len(f.stack) < f.top {
		f.stack = append(f.stack, nil)
	}
	v := p.node.eval(f)
	f.base, f.top = base, top
	return v
}

// variable evaluates a variable once for each object.
func (f *frame) variable(def *variable) any {
	for def.slot >= len(f.values) {
		f.values = append(f.values, lightValue{})
	}
	if v := &f.values[def.slot]; v.epoch == f.epoch {
		return v.value
	}
	value := f.run(&def.light) // may make f.values grow
	f.values[def.slot] = lightValue{f.epoch, value}
	return value
}

// maxPatterns bounds the regular expressions that a frame remembers.
const maxPatterns = 500

// pattern compiles a regular expression; nil means that it is none.
func (f *frame) pattern(text string) *regexp.Regexp {
	re, known := f.patterns[text]
	if !known {
		re, _ = regexp.Compile(text)
		if f.patterns == nil || len(f.patterns) >= maxPatterns {
			f.patterns = map[string]*regexp.Regexp{}
		}
		f.patterns[text] = re
	}
	return re
}

type constant struct{ value any }

func (n *constant) eval(*frame) any { return n.value }

// local is a name that a macro binds.
type local int

func (n local) eval(f *frame) any { return f.stack[f.base+int(n)] }

// read is variables.x.
type read struct{ def *variable }

func (n *read) eval(f *frame) any { return f.variable(n.def) }

// root is a name that the request binds.
type root func(f *frame) any

func (n root) eval(f *frame) any { return n(f) }

var roots = map[string]root{
	"object":          func(f *frame) any { return mappingOrNull(f.request.Object) },
	"oldObject":       func(f *frame) any { return mappingOrNull(f.request.OldObject) },
	"namespaceObject": func(f *frame) any { return mappingOrNull(f.request.NamespaceObject) },
	"params":          func(f *frame) any { return f.params },
	"request": func(f *frame) any {
		if f.asked == nil {
			f.asked = &asked{of: f.request}
		}
		return f.asked
	},
}

// asked is `request`: what is asked of it most often takes no mapping.
type asked struct {
	of  *Request
	all map[string]any
}

func (a *asked) get(key string) (any, bool) {
	switch key {
	case "namespace":
		return a.of.Namespace, a.of.Namespace != ""
	case "operation":
		return a.of.Operation, true
	}
	v, ok := a.mapping()[key]
	return v, ok
}

func (a *asked) mapping() map[string]any {
	if a.all == nil {
		a.all = a.of.request()
	}
	return a.all
}

func mappingOrNull(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// step is one selection: .key, [index], or with a question mark.
type step struct {
	key      string
	index    node // nil: key
	optional bool
}

// finder is an optional: it gives its value and whether there is one. The value is
// [bail] where it does not know.
type finder interface {
	find(f *frame) (any, bool)
}

// path is a chain of selections, from a value or from an optional.
type path struct {
	from  node
	maybe finder
	steps []step
}

func (n *path) eval(f *frame) any {
	v, ok := n.find(f)
	if !ok {
		return bail
	}
	return v
}

// find follows the steps. From the first optional step on, what is not there makes the
// whole absent; before it, it is an error.
func (n *path) find(f *frame) (any, bool) {
	var v any
	optional := n.maybe != nil
	if optional {
		ok := false
		if v, ok = n.maybe.find(f); !ok {
			return v, false
		}
	} else {
		v = n.from.eval(f)
	}
	for i := range n.steps {
		s := &n.steps[i]
		optional = optional || s.optional
		next, ok := any(nil), false
		if s.index == nil {
			next, ok = field(v, s.key)
		} else {
			next, ok = element(v, s.index.eval(f))
		}
		switch {
		case ok:
			v = next
		case next == bail || !optional:
			return bail, false
		default:
			return nil, false
		}
	}
	return v, v != bail
}

// field looks a key up. What is no container has no fields; a list is asked for an index.
func field(v any, key string) (any, bool) {
	switch m := v.(type) {
	case map[string]any:
		x, ok := m[key]
		return x, ok
	case *record:
		return m.get(key)
	case *asked:
		return m.get(key)
	case nil, string, bool, int64, float64:
		return nil, false
	}
	return bail, false
}

// element looks an index up.
func element(v, index any) (any, bool) {
	switch i := index.(type) {
	case string:
		return field(v, i)
	case int64:
		if l, ok := v.([]any); ok {
			if i >= 0 && i < int64(len(l)) {
				return l[i], true
			}
			return nil, false
		}
	}
	return bail, false
}

// either is a.or(b).
type either struct{ first, second finder }

func (n *either) find(f *frame) (any, bool) {
	v, ok := n.first.find(f)
	if ok || v == bail {
		return v, ok
	}
	return n.second.find(f)
}

// otherwise is x.orValue(y).
type otherwise struct {
	optional finder
	other    node
}

func (n *otherwise) eval(f *frame) any {
	v, ok := n.optional.find(f)
	if ok || v == bail {
		return v
	}
	return n.other.eval(f)
}

// found is x.hasValue().
type found struct{ optional finder }

func (n *found) eval(f *frame) any {
	v, ok := n.optional.find(f)
	if v == bail {
		return bail
	}
	return ok
}

// presence is has(x.key).
type presence struct {
	of  node
	key string
}

func (n *presence) eval(f *frame) any {
	v, ok := field(n.of.eval(f), n.key)
	if v == bail && !ok {
		return bail
	}
	return ok
}

type list struct{ elements []node }

func (n *list) eval(f *frame) any {
	out := make([]any, len(n.elements))
	for i, e := range n.elements {
		if out[i] = e.eval(f); out[i] == bail {
			return bail
		}
	}
	return out
}

// mapping writes a mapping out, as {'a': x, 'b': y}.
type mapping struct {
	keys   []string
	values []node
}

func (n *mapping) eval(f *frame) any {
	out := &record{n.keys, make([]any, len(n.values))}
	for i, v := range n.values {
		if out.values[i] = v.eval(f); out.values[i] == bail {
			return bail
		}
	}
	return out
}

// record is a mapping with few keys.
type record struct {
	keys   []string
	values []any
}

func (r *record) get(key string) (any, bool) {
	for i, k := range r.keys {
		if k == key {
			return r.values[i], true
		}
	}
	return nil, false
}

// junction is a && b, or a || b where stop is true.
type junction struct {
	terms []node
	stop  bool
}

func (n *junction) eval(f *frame) any {
	for _, t := range n.terms {
		b, ok := t.eval(f).(bool)
		if !ok {
			return bail
		}
		if b == n.stop {
			return b
		}
	}
	return !n.stop
}

type conditional struct{ test, yes, no node }

func (n *conditional) eval(f *frame) any {
	b, ok := n.test.eval(f).(bool)
	switch {
	case !ok:
		return bail
	case b:
		return n.yes.eval(f)
	}
	return n.no.eval(f)
}

type not struct{ of node }

func (n *not) eval(f *frame) any {
	if b, ok := n.of.eval(f).(bool); ok {
		return !b
	}
	return bail
}
