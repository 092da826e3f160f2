// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Problem is one thing that strict decoding refuses.
type Problem struct {
	Path    string // JSON path with indices
	Message string
}

// walker rewrites a tree as its type says, remembering what did not fit. What does not
// fit is left out, so that the rest can still be judged.
type walker struct {
	steps    []step
	problems []Problem
	// inside counts the unions around: there, unknown fields are left out silently.
	inside int
	// lenient lets unknown fields pass, as they are written.
	lenient bool
}

// step is one step of a path: a field, a key of a mapping or an index.
type step struct {
	name  string
	index int
	sort  stepSort
}

type stepSort uint8

const (
	ofField stepSort = iota
	ofMapping
	ofList
)

func (w *walker) push(s step) { w.steps = append(w.steps, s) }
func (w *walker) pop()        { w.steps = w.steps[:len(w.steps)-1] }

// path writes the current steps as a JSON path.
func (w *walker) path() string {
	var b strings.Builder
	for _, s := range w.steps {
		switch s.sort {
		case ofField:
			b.WriteString("." + s.name)
		case ofMapping:
			b.WriteString(key(s.name))
		case ofList:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

func (w *walker) complain(message string) {
	w.problems = append(w.problems, Problem{Path: w.path(), Message: message})
}

// walk gives the canonical form of v, and whether v fits its type.
func (w *walker) walk(v any, s *shape) (any, bool) {
	if v == nil && s.kind != anything {
		return s.zero(), true
	}
	switch s.kind {
	case anything:
		return v, true
	case pointer:
		return w.walk(v, s.elem)
	case structure:
		return w.structure(v, s)
	case list:
		return w.list(v, s)
	case mapping:
		return w.mapping(v, s)
	case union:
		return w.union(v, s)
	case leaf:
		out, err := s.leaf(v)
		if err != nil {
			w.complain("invalid value: " + err.Error())
			return nil, false
		}
		return out, true
	}
	return w.scalar(v, s)
}

func (w *walker) structure(v any, s *shape) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		w.complain("invalid value: a mapping is wanted, not " + nameOf(v))
		return nil, false
	}
	out := make(map[string]any, len(m)+len(s.always))
	for k, v := range m {
		f := s.fields[k]
		w.push(step{name: k})
		if f == nil && w.lenient {
			out[k] = v
		} else if f == nil && w.inside == 0 {
			w.complain("unknown field " + strconv.Quote(w.path()) + s.suggest(k))
		} else if f == nil {
			// As in decoding, see union.
		} else if c, ok := w.walk(v, f.shape); ok && !f.drops(v, c) {
			out[k] = c
		}
		w.pop()
	}
	for _, f := range s.always {
		if _, ok := out[f.name]; !ok {
			out[f.name] = f.shape.zero()
		}
	}
	return out, true
}

// drops tells whether encoding the field's decoded value would leave it out.
func (f *field) drops(written, canonical any) bool {
	if f.shape.kind == pointer {
		return written == nil && (f.omitEmpty || f.omitZero)
	}
	if f.omitEmpty && empty(canonical, f.shape) {
		return true
	}
	return f.omitZero && (empty(canonical, f.shape) || written == nil)
}

func empty(v any, s *shape) bool {
	switch v := v.(type) {
	case nil:
		return s.goes.Kind() != reflect.Struct
	case string:
		return v == "" && s.goes.Kind() != reflect.Struct
	case bool:
		return !v
	case int64:
		return v == 0 && s.goes.Kind() != reflect.Struct
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0 && s.kind == mapping
	}
	return false
}

func (w *walker) list(v any, s *shape) (any, bool) {
	l, ok := v.([]any)
	if !ok {
		w.complain("invalid value: a list is wanted, not " + nameOf(v))
		return nil, false
	}
	out := make([]any, 0, len(l))
	for i, v := range l {
		w.push(step{index: i, sort: ofList})
		if c, ok := w.walk(v, s.elem); ok {
			out = append(out, c)
		}
		w.pop()
	}
	return out, true
}

func (w *walker) mapping(v any, s *shape) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		w.complain("invalid value: a mapping is wanted, not " + nameOf(v))
		return nil, false
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		w.push(step{name: k, sort: ofMapping})
		if c, ok := w.walk(v, s.elem); ok {
			out[k] = c
		}
		w.pop()
	}
	return out, true
}

// key is a mapping's key as a step of a path.
func key(k string) string {
	if strings.ContainsAny(k, `.["`) {
		return `["` + k + `"]`
	}
	return "." + k
}

func (w *walker) scalar(v any, s *shape) (any, bool) {
	switch s.kind {
	case text:
		if _, ok := v.(string); ok {
			return v, true
		}
		w.complain("invalid value: a string is wanted, not " + nameOf(v) + quoteHint(v))
	case boolean:
		if _, ok := v.(bool); ok {
			return v, true
		}
		w.complain("invalid value: true or false is wanted, not " + nameOf(v))
	case integer:
		if n, ok := whole(v); ok && n >= s.min && n <= s.max {
			return n, true
		}
		w.complain("invalid value: a whole number is wanted, not " + nameOf(v))
	case float:
		switch n := v.(type) {
		case float64:
			if w.inside > 0 {
				return number(n), true
			}
			return n, true
		case int64:
			if w.inside > 0 {
				return number(float64(n)), true
			}
			return float64(n), true
		}
		w.complain("invalid value: a number is wanted, not " + nameOf(v))
	case bytes:
		if t, ok := v.(string); ok && validBase64(t) {
			return t, true
		}
		w.complain("invalid value: base64 text is wanted")
	}
	return nil, false
}

func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

func quoteHint(v any) string {
	switch v.(type) {
	case bool, int64, float64:
		return "; quote it"
	}
	return ""
}

// suggest names the known field that an unknown one was probably meant to be.
func (s *shape) suggest(unknown string) string {
	best := ""
	for name := range s.fields {
		if strings.EqualFold(name, unknown) {
			return " (did you mean " + strconv.Quote(name) + "?)"
		}
		if near(name, unknown) && (best == "" || name < best) {
			best = name
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + strconv.Quote(best) + "?)"
}

// near tells whether two words differ by one letter added, missing or changed.
func near(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 || len(b) < 3 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i < len(a) && a[i+1:] == b[i+1:]
	}
	return a[i+1:] == b[i:]
}
