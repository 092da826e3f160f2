// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// pathSteps reads a path in any of the forms in which policies give them: a list of names
// and numbers, a JSON pointer, or names with dots and brackets.
func pathSteps(v any) []string {
	switch v := v.(type) {
	case []any:
		steps := make([]string, len(v))
		for i, e := range v {
			if n, ok := e.(json.Number); ok {
				steps[i] = "[" + n.String() + "]"
			} else {
				steps[i] = fmt.Sprint(e)
			}
		}
		return steps
	case string:
		if strings.HasPrefix(v, "/") {
			return pointerSteps(v)
		}
		return dottedSteps(v)
	}
	return nil
}

func pointerSteps(p string) []string {
	var steps []string
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, s := range strings.Split(p[1:], "/") {
		if _, err := strconv.ParseUint(s, 10, 31); err == nil {
			s = "[" + s + "]"
		}
		steps = append(steps, unescape.Replace(s))
	}
	return steps
}

// dottedSteps splits spec.containers[0].image; a name in brackets and quotes may hold
// dots, one in brackets alone names a list element.
func dottedSteps(p string) []string {
	p = strings.TrimPrefix(strings.TrimPrefix(p, "$"), ".")
	p = strings.TrimPrefix(p, "input.review.object.")
	p = strings.TrimPrefix(p, "input.")
	var steps []string
	for p != "" {
		switch {
		case p[0] == '.':
			p = p[1:]
		case p[0] == '[':
			end := strings.IndexByte(p, ']')
			if end < 0 {
				return append(steps, p)
			}
			step := p[:end+1]
			if inner := p[1:end]; len(inner) > 1 && (inner[0] == '"' || inner[0] == '\'') && inner[len(inner)-1] == inner[0] {
				step = inner[1 : len(inner)-1]
			}
			steps, p = append(steps, step), p[end+1:]
		default:
			end := strings.IndexAny(p, ".[")
			if end < 0 {
				end = len(p)
			}
			steps, p = append(steps, p[:end]), p[end:]
		}
	}
	return steps
}

// locate follows steps through the object and gives the path with indices, the key with
// names, and the container that it leads through. Steps that the object does not have
// stay as they are: a path may name a field that is missing.
func locate(object map[string]any, steps []string) (path, key, container string) {
	var v any = object
	for i, step := range steps {
		list, isList := v.([]any)
		if !isList || len(step) < 2 || step[0] != '[' {
			v = dig(v, step)
			path, key = path+dotted(step), key+dotted(step)
			continue
		}
		name := step[1 : len(step)-1]
		index, err := strconv.Atoi(name)
		if err != nil || index < 0 || index >= len(list) {
			index = indexOf(list, name)
		}
		if index < 0 {
			v = nil
			path, key = path+step, key+step
			continue
		}
		v = list[index]
		if n := nameOf(v); n != "" {
			name = n
			if i > 0 && containerLists[steps[i-1]] {
				container = n
			}
		}
		path += "[" + strconv.Itoa(index) + "]"
		key += "[" + name + "]"
	}
	return strings.TrimPrefix(path, "."), strings.TrimPrefix(key, "."), container
}

var containerLists = map[string]bool{"containers": true, "initContainers": true, "ephemeralContainers": true}

func dotted(step string) string {
	if strings.HasPrefix(step, "[") {
		return step
	}
	if strings.ContainsAny(step, ".[]") {
		return `["` + step + `"]`
	}
	return "." + step
}

// nameOf is what tells a list element from its siblings.
func nameOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"name", "key", "host", "secretName", "containerPort", "port", "ip", "type", "mountPath"} {
			switch n := v[k].(type) {
			case string:
				if n != "" {
					return n
				}
			case int64, json.Number:
				return fmt.Sprint(n)
			}
		}
	case string:
		return v
	}
	return ""
}

func indexOf(list []any, name string) int {
	for i, e := range list {
		if nameOf(e) == name {
			return i
		}
	}
	return -1
}

// containerSteps finds a container of that name in the pod spec of an object.
func containerSteps(object map[string]any, name string) []string {
	for _, prefix := range [][]string{{"spec"}, {"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}, {"template", "spec"}} {
		pod, _ := dig(object, prefix...).(map[string]any)
		for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
			if containers, ok := pod[list].([]any); ok && indexOf(containers, name) >= 0 {
				return append(append([]string{}, prefix...), list, "["+name+"]")
			}
		}
	}
	return nil
}
