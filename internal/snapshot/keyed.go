// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// keyFields are the fields by which a keyed path names the elements of a list, in the
// order in which they are tried.
var keyFields = []string{"name", "key", "host", "secretName", "containerPort", "port", "ip", "type", "mountPath"}

// Remark separates an item from words for people about it.
const Remark = " — "

// Item turns an offending item of a check, a keyed path with an optional remark, into an
// item with an index path. The keyed path is the item's identity: it survives
// reordering. Steps that cannot be found are left as they are; an unknown key stands for
// the whole list.
func (o *Object) Item(keyed, title string) seaworthy.Item {
	keyed, remark, _ := strings.Cut(keyed, Remark)
	item := seaworthy.Item{Key: keyed, Message: title}
	if remark != "" {
		item.Message = remark
	}
	var path strings.Builder
	var at any = o.Written
	if o.Written == nil {
		at = o.Content()
	}
	list := ""
	for _, step := range keyedSteps(keyed) {
		key, isKey := strings.CutPrefix(step, "[")
		if !isKey {
			list = step
			path.WriteString(field(step, path.Len() == 0))
			m, _ := at.(map[string]any)
			at = m[step]
			continue
		}
		key = strings.TrimSuffix(key, "]")
		if m, ok := at.(map[string]any); ok { // a key of a mapping: labels[app.kubernetes.io/name]
			path.WriteString(field(key, false))
			at = m[key]
			continue
		}
		if strings.HasSuffix(strings.ToLower(list), "containers") && item.Container == "" {
			item.Container = key
		}
		l, _ := at.([]any)
		i := find(l, key)
		if i < 0 {
			break
		}
		fmt.Fprintf(&path, "[%d]", i)
		at = l[i]
	}
	item.Path = path.String()
	return item
}

func field(name string, first bool) string {
	switch {
	case strings.ContainsAny(name, `.["/`):
		return `["` + name + `"]`
	case first:
		return name
	}
	return "." + name
}

// keyedSteps splits a keyed path. A key in brackets may hold anything but an unbalanced
// bracket.
func keyedSteps(path string) []string {
	var out []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			end, depth := 0, 0
			for end = range len(path) {
				if path[end] == '[' {
					depth++
				} else if path[end] == ']' {
					if depth--; depth == 0 {
						break
					}
				}
			}
			out, path = append(out, path[:end+1]), path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out, path = append(out, path[:end]), path[end:]
		}
	}
	return out
}

// find gives the index of the list element that a key names, or -1.
func find(l []any, key string) int {
	for _, f := range keyFields {
		for i, e := range l {
			if m, ok := e.(map[string]any); ok && m[f] != nil && scalar(m[f]) == key {
				return i
			}
		}
	}
	for i, e := range l {
		if scalar(e) == key || contentKey(e, key) {
			return i
		}
	}
	for i, e := range l {
		if m, ok := e.(map[string]any); ok && m["verbs"] != nil && shortRuleKey(m) == key {
			return i
		}
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(l) {
		return i
	}
	return -1
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// contentKey tells whether the key names an element that has no key field of its own by
// what it says: a rule or subject of RBAC, or a source of environment variables.
func contentKey(v any, key string) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	switch {
	case m["verbs"] != nil:
		return key == ruleKey(m)
	case m["kind"] != nil && m["name"] != nil:
		return key == subjectKey(m)
	}
	for _, ref := range []string{"secretRef", "configMapRef"} {
		if source, ok := m[ref].(map[string]any); ok && scalar(source["name"]) == key {
			return true
		}
	}
	return false
}

// shortRuleKey names an RBAC rule by its verbs and resources: "get,list secrets".
func shortRuleKey(m map[string]any) string {
	return joined(m["verbs"]) + " " + cmp.Or(joined(m["resources"]), joined(m["nonResourceURLs"]))
}

// ruleKey names an RBAC rule by all that it says: "get,list deployments in apps named
// web". The core group goes without saying where it is the only one.
func ruleKey(m map[string]any) string {
	key := shortRuleKey(m)
	if groups, _ := m["apiGroups"].([]any); len(groups) > 1 || len(groups) == 1 && scalar(groups[0]) != "" {
		words := make([]string, len(groups))
		for i, g := range groups {
			words[i] = cmp.Or(scalar(g), "core")
		}
		key += " in " + strings.Join(words, ",")
	}
	if names := joined(m["resourceNames"]); names != "" {
		key += " named " + names
	}
	return key
}

// subjectKey names whom a binding binds: "User jane", "ServiceAccount shop/cart".
func subjectKey(m map[string]any) string {
	if ns := scalar(m["namespace"]); ns != "" {
		return scalar(m["kind"]) + " " + ns + "/" + scalar(m["name"])
	}
	return scalar(m["kind"]) + " " + scalar(m["name"])
}

func joined(v any) string {
	l, _ := v.([]any)
	words := make([]string, len(l))
	for i, e := range l {
		words[i] = scalar(e)
	}
	return strings.Join(words, ",")
}
