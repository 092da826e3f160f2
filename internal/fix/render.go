// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"fmt"
	"regexp"
	"strings"
)

// field is a mapping of one key, as it is written where a path is not there yet.
type field struct {
	key   string
	value any // a field, a list of scalars, or a scalar
}

// nest wraps a value in the fields that lead to it.
func nest(path []string, value any) any {
	for i := len(path) - 1; i >= 0; i-- {
		value = field{path[i], value}
	}
	return value
}

// block writes an entry at a column as lines.
func (st style) block(col int, key string, value any) []string {
	in := strings.Repeat(" ", col) + scalar(key) + ":"
	switch value.(type) {
	case field, []any:
		return append([]string{in}, st.below(col, value)...)
	}
	return []string{in + " " + scalar(value)}
}

// below writes the value of a key at a column as lines.
func (st style) below(col int, value any) []string {
	switch v := value.(type) {
	case field:
		return st.block(col+st.step, v.key, v.value)
	case []any:
		lines := make([]string, len(v))
		for i, e := range v {
			lines[i] = strings.Repeat(" ", col+st.list) + "- " + scalar(e)
		}
		return lines
	}
	return []string{strings.Repeat(" ", col+st.step) + scalar(value)}
}

// flow writes a value on one line.
func flow(value any) string {
	switch v := value.(type) {
	case field:
		return "{" + scalar(v.key) + ": " + flow(v.value) + "}"
	case []any:
		words := make([]string, len(v))
		for i, e := range v {
			words[i] = scalar(e)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return scalar(value)
}

// unquoted are texts that no YAML library takes for anything but a text, beside those in
// ambiguous.
var (
	unquoted  = regexp.MustCompile(`^[A-Za-z]+$|^[A-Za-z][A-Za-z0-9]*([./_-][A-Za-z0-9]+)+$`)
	ambiguous = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|null|true|false|nan|inf)$`)
)

// scalar writes a text or truth value.
func scalar(v any) string {
	text := fmt.Sprint(v)
	if _, ok := v.(string); ok && (!unquoted.MatchString(text) || ambiguous.MatchString(text)) {
		return `"` + text + `"`
	}
	return text
}
