// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"slices"
	"strconv"
	"strings"
)

// edit is one change of an object: a value at a path, in place of what is there or, for
// a list, after its last element.
type edit struct {
	path  []string // as of snapshot.Steps
	value any      // string or bool
	add   bool     // to the list at the path
}

// get gives the value at a path; null counts as absent.
func get(v any, path ...string) (any, bool) {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, ok := index(step)
			if !ok || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// index reads a step "[3]".
func index(step string) (int, bool) {
	digits, ok := strings.CutPrefix(step, "[")
	if !ok || !strings.HasSuffix(digits, "]") {
		return 0, false
	}
	i, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
	return i, err == nil && i >= 0
}

// holds tells whether the edit would change nothing.
func (e edit) holds(object map[string]any) bool {
	v, _ := get(object, e.path...)
	if !e.add {
		return v == e.value
	}
	list, _ := v.([]any)
	return slices.Contains(list, e.value)
}

const errShape = refusal("the field stands where the file holds something else")

// apply makes the edit in a decoded object, which is changed in place.
func (e edit) apply(object map[string]any) error {
	var at any = object
	last := len(e.path) - 1
	for _, step := range e.path[:last] {
		switch parent := at.(type) {
		case map[string]any:
			if parent[step] == nil {
				parent[step] = map[string]any{}
			}
			at = parent[step]
		case []any:
			i, ok := index(step)
			if !ok || i >= len(parent) {
				return errShape
			}
			at = parent[i]
		default:
			return errShape
		}
	}
	parent, ok := at.(map[string]any)
	if !ok {
		return errShape
	}
	if !e.add {
		parent[e.path[last]] = e.value
		return nil
	}
	list, ok := parent[e.path[last]].([]any)
	if !ok && parent[e.path[last]] != nil {
		return errShape
	}
	parent[e.path[last]] = append(slices.Clone(list), e.value)
	return nil
}
