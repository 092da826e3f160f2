// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// The limits of what a change keeps of its differences: what is beyond is counted.
const (
	MaxEdits = 200
	MaxValue = 2000 // bytes of JSON on each side
)

// passing are fields of metadata that every write moves and that say nothing.
var passing = map[string]bool{"resourceVersion": true, "generation": true, "managedFields": true, "selfLink": true}

// Diff lists how two redacted objects differ, in the order of their paths, and how many
// differences are beyond [MaxEdits]. The status is not looked at: it is what controllers
// observe, and nobody's intent. An object that comes or goes is one edit per field at its
// top.
func Diff(before, after map[string]any) (edits []seaworthy.Edit, leftOut int) {
	d := differ{}
	for _, field := range union(before, after) {
		switch field {
		case "status", "apiVersion", "kind":
		case "metadata":
			d.metadata(before[field], after[field])
		default:
			d.value(field, before[field], after[field])
		}
	}
	if len(d.edits) > MaxEdits {
		return d.edits[:MaxEdits], len(d.edits) - MaxEdits
	}
	return d.edits, 0
}

type differ struct{ edits []seaworthy.Edit }

func (d *differ) metadata(before, after any) {
	b, _ := before.(map[string]any)
	a, _ := after.(map[string]any)
	for _, field := range union(b, a) {
		if passing[field] {
			continue
		}
		before, after := b[field], a[field]
		if field == "labels" || field == "annotations" { // each for itself, also the first
			before, after = mapping(before), mapping(after)
		}
		d.value("metadata."+field, before, after)
	}
}

func mapping(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func (d *differ) value(path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	b, isMap := before.(map[string]any)
	a, both := after.(map[string]any)
	if isMap && both {
		for _, field := range union(b, a) {
			d.value(path+step(field), b[field], a[field])
		}
		return
	}
	bl, isList := before.([]any)
	al, both := after.([]any)
	if isList && both && d.list(path, bl, al) {
		return
	}
	d.edits = append(d.edits, seaworthy.Edit{Path: path, Before: shown(before), After: shown(after)})
}

// list compares two lists whose elements have names of their own, element by element; it
// gives false for others, which are shown whole.
func (d *differ) list(path string, before, after []any) bool {
	for _, key := range keys {
		b, ok := namedBy(before, key)
		a, alike := namedBy(after, key)
		if !ok || !alike {
			continue
		}
		n := len(d.edits)
		for _, name := range union(b, a) {
			d.value(path+"["+name+"]", b[name], a[name])
		}
		if n == len(d.edits) { // in another order, which counts for containers and variables
			d.edits = append(d.edits, seaworthy.Edit{Path: path, Before: shown(names(before, key)), After: shown(names(after, key))})
		}
		return true
	}
	return false
}

// keys are the fields that name the elements of a list, in the order in which they are
// tried; checks name them in the same way.
var keys = []string{"name", "key", "host", "secretName", "containerPort", "port", "ip", "type", "mountPath"}

// namedBy indexes a list by what a field of its elements says; ok is false where one lacks
// it or two say the same.
func namedBy(list []any, key string) (index map[string]any, ok bool) {
	index = make(map[string]any, len(list))
	for _, e := range list {
		m, isMap := e.(map[string]any)
		if !isMap || m[key] == nil {
			return nil, false
		}
		name := fmt.Sprint(m[key])
		if _, twice := index[name]; twice {
			return nil, false
		}
		index[name] = e
	}
	return index, true
}

func names(list []any, key string) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e.(map[string]any)[key]
	}
	return out
}

func union(a, b map[string]any) []string {
	all := make(map[string]bool, len(a)+len(b))
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// step is how a field follows in a path.
func step(field string) string {
	if strings.ContainsAny(field, "./[]") {
		return "[" + field + "]"
	}
	return "." + field
}

// shown is a value as JSON, cut to [MaxValue]; empty for one that is not there.
func shown(v any) string {
	if v == nil {
		return ""
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if len(text) > MaxValue {
		text = strings.ToValidUTF8(text[:MaxValue], "") + "…"
	}
	return text
}
