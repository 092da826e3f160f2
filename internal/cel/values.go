// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"

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
	case *asked:
		return types.NewStringInterfaceMap(c, v.mapping())
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
