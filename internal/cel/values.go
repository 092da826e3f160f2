// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// converter makes CEL values of plain ones; types.Adapter.
type converter struct{ base types.Adapter }

// NativeToValue converts a value and, when they are read, those within it.
func (c converter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case *record:
		m := make(map[string]any, len(v.keys))
		for i, k := range v.keys {
			m[k] = v.values[i]
		}
		return types.NewStringInterfaceMap(c, m)
	case map[string]any:
		return types.NewStringInterfaceMap(c, v)
	case []any:
		return types.NewDynamicList(c, v)
	}
	return c.base.NativeToValue(v)
}

// native makes a plain value of a CEL one, or gives [bail] for errors and optionals. What
// has no plain form stays as it is.
func native(v ref.Val) any {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case types.Bool:
		return bool(v)
	case types.Int:
		return int64(v)
	case types.Double:
		return float64(v)
	case types.Null:
		return nil
	case *types.Err, *types.Unknown, *types.Optional, nil:
		return bail
	case traits.Mapper:
		return nativeMap(v)
	case traits.Lister:
		n, ok := v.Size().(types.Int)
		if !ok {
			return bail
		}
		out := make([]any, n)
		for i := range n {
			if out[i] = native(v.Get(i)); out[i] == bail {
				return bail
			}
		}
		return out
	}
	return v
}

func nativeMap(v traits.Mapper) any {
	if m, ok := v.Value().(map[string]any); ok {
		return m
	}
	out := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return bail
		}
		value := native(v.Get(key))
		if value == bail {
			return bail
		}
		out[string(key)] = value
	}
	return out
}

// equal compares two values; ok is false where it cannot.
func equal(a, b any, c converter) (eq, ok bool) {
	if a == nil || b == nil {
		return a == nil && b == nil, true
	}
	switch x := a.(type) {
	case string:
		if y, is := b.(string); is {
			return x == y, true
		}
	case bool:
		if y, is := b.(bool); is {
			return x == y, true
		}
	case int64:
		if y, is := b.(int64); is {
			return x == y, true
		}
	case map[string]any:
		if y, is := b.(map[string]any); is && (len(x) == 0 || len(y) == 0) {
			return len(x) == len(y), true
		}
	case []any:
		if y, is := b.([]any); is && (len(x) == 0 || len(y) == 0) {
			return len(x) == len(y), true
		}
	}
	out, is := types.Equal(c.NativeToValue(a), c.NativeToValue(b)).(types.Bool)
	return bool(out), is
}

// overload is a function of the API server's environment. A call follows cel-go: the
// bound function where the first argument has the trait that it asks for, else a method
// of that argument.
type overload struct {
	function, id string
	bound        *functions.Overload // nil: none
	convert      converter
}

func (o *overload) call(args ...any) any {
	values := make([]ref.Val, len(args))
	for i, a := range args {
		values[i] = o.convert.NativeToValue(a)
		if types.IsUnknownOrError(values[i]) {
			return bail
		}
	}
	of := values[0]
	if b := o.bound; b != nil && (b.OperandTrait == 0 || of.Type().HasTrait(b.OperandTrait)) {
		switch {
		case len(values) == 1 && b.Unary != nil:
			return native(b.Unary(of))
		case len(values) == 2 && b.Binary != nil:
			return native(b.Binary(of, values[1]))
		case b.Function != nil:
			return native(b.Function(values...))
		}
		return bail
	}
	if r, ok := of.(traits.Receiver); ok && of.Type().HasTrait(traits.ReceiverType) {
		return native(r.Receive(o.function, o.id, values[1:]))
	}
	return bail
}

// quick1 and quick2 hold functions for plain arguments of the usual types; they give
// false for others.
var quick1 = map[string]func(any) (any, bool){
	"size": size1, "string": asText, "trim": text1(strings.TrimSpace),
	"lowerAscii": ascii(strings.ToLower), "upperAscii": ascii(strings.ToUpper),
	"join": func(v any) (any, bool) { return joined(v, "") },
}

var quick2 = map[string]func(a, b any) (any, bool){
	"contains": test2(strings.Contains), "startsWith": test2(strings.HasPrefix), "endsWith": test2(strings.HasSuffix),
	"split": split, "join": joined,
	"_<_": less(func(c int) bool { return c < 0 }), "_<=_": less(func(c int) bool { return c <= 0 }),
	"_>_": less(func(c int) bool { return c > 0 }), "_>=_": less(func(c int) bool { return c >= 0 }),
}

func size1(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), true
	case []any:
		return int64(len(v)), true
	case map[string]any:
		return int64(len(v)), true
	}
	return nil, false
}

func asText(v any) (any, bool) {
	_, ok := v.(string)
	return v, ok
}

func text1(f func(string) string) func(any) (any, bool) {
	return func(v any) (any, bool) {
		s, ok := v.(string)
		if !ok {
			return nil, false
		}
		out := f(s)
		if len(out) == len(s) && out == s {
			return v, true // keep the value that is there
		}
		return out, true
	}
}

// ascii is text1 for text that is ASCII.
func ascii(f func(string) string) func(any) (any, bool) {
	change := text1(f)
	return func(v any) (any, bool) {
		s, _ := v.(string)
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				return nil, false
			}
		}
		return change(v)
	}
}

func test2(f func(a, b string) bool) func(a, b any) (any, bool) {
	return func(a, b any) (any, bool) {
		x, okX := a.(string)
		y, okY := b.(string)
		if !okX || !okY {
			return nil, false
		}
		return f(x, y), true
	}
}

func less(is func(c int) bool) func(a, b any) (any, bool) {
	return func(a, b any) (any, bool) {
		x, okX := a.(int64)
		y, okY := b.(int64)
		switch {
		case !okX || !okY:
			return nil, false
		case x < y:
			return is(-1), true
		case x > y:
			return is(1), true
		}
		return is(0), true
	}
}

func split(a, b any) (any, bool) {
	text, ok := a.(string)
	by, is := b.(string)
	if !ok || !is {
		return nil, false
	}
	if by != "" && !strings.Contains(text, by) {
		return []any{a}, true
	}
	parts := strings.Split(text, by)
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, true
}

func joined(a, b any) (any, bool) {
	l, ok := a.([]any)
	by, is := b.(string)
	if !ok || !is {
		return nil, false
	}
	n := 0
	for _, e := range l {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		n += len(s) + len(by)
	}
	switch {
	case n == 0:
		return "", true
	case len(l) == 1:
		return l[0], true
	}
	var out strings.Builder
	out.Grow(n)
	for i, e := range l {
		if i > 0 {
			out.WriteString(by)
		}
		out.WriteString(e.(string))
	}
	return out.String(), true
}

// concat joins values that are all text.
func concat(values []any) (string, bool) {
	n := 0
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return "", false
		}
		n += len(s)
	}
	var out strings.Builder
	out.Grow(n)
	for _, v := range values {
		out.WriteString(v.(string))
	}
	return out.String(), true
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
