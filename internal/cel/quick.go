// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"unicode/utf8"
)

// quick1, quick2 and quick3 hold functions by the number of their arguments, methods with
// their object first, for plain arguments of the usual types; they give
// false for others.
var quick1 = map[string]func(any) (any, bool){
	"size": size1, "string": asText, "trim": text1(strings.TrimSpace),
	"lowerAscii": ascii(strings.ToLower), "upperAscii": ascii(strings.ToUpper),
	"join": func(v any) (any, bool) { return joined(v, "") },
}

var quick2 = map[string]func(a, b any) (any, bool){
	"contains": test2(strings.Contains), "startsWith": test2(strings.HasPrefix), "endsWith": test2(strings.HasSuffix),
	"split": split, "join": joined, "substring": func(a, b any) (any, bool) { return substring(a, b, nil) },
	"indexOf": index(strings.Index, false), "lastIndexOf": index(strings.LastIndex, true),
	"_<_": less(func(c int) bool { return c < 0 }), "_<=_": less(func(c int) bool { return c <= 0 }),
	"_>_": less(func(c int) bool { return c > 0 }), "_>=_": less(func(c int) bool { return c >= 0 }),
}

var quick3 = map[string]func(a, b, c any) (any, bool){
	"replace": func(a, b, c any) (any, bool) {
		x, okX := a.(string)
		y, okY := b.(string)
		z, okZ := c.(string)
		if !okX || !okY || !okZ {
			return nil, false
		}
		if !strings.Contains(x, y) {
			return a, true
		}
		return strings.ReplaceAll(x, y, z), true
	},
	"substring": substring,
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
		if s, _ := v.(string); !isASCII(s) {
			return nil, false
		}
		return change(v)
	}
}

// isASCII tells whether the characters of a text are its bytes.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
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

// substring cuts ASCII; an end of nil is that of the text.
func substring(text, from, to any) (any, bool) {
	s, ok := text.(string)
	i, is := from.(int64)
	j := int64(len(s))
	if to != nil {
		end, ok := to.(int64)
		if !ok {
			return nil, false
		}
		j = end
	}
	if !ok || !is || i < 0 || i > j || j > int64(len(s)) || !isASCII(s) {
		return nil, false
	}
	return s[i:j], true
}

// index finds text in ASCII, or in a list, from its end if last.
func index(find func(s, part string) int, last bool) func(a, b any) (any, bool) {
	return func(a, b any) (any, bool) {
		part, ok := b.(string)
		if !ok {
			return nil, false
		}
		switch in := a.(type) {
		case string:
			return int64(find(in, part)), isASCII(in)
		case []any:
			at := -1
			for i, e := range in {
				if s, ok := e.(string); ok && s == part {
					if at = i; !last {
						break
					}
				}
			}
			return int64(at), true
		}
		return nil, false
	}
}
