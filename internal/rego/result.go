// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// maxMessage bounds what a policy may say of one item.
const maxMessage = 4096

// items makes one item of each result of a rule. A rule's value may be a set or list of
// texts or objects, a single one, a mapping of them, or true; what is undefined, false or
// empty is a pass. Objects may carry msg, path (or field), container and key, there or in
// details.
func items(value any, object map[string]any, title string) []seaworthy.Item {
	c := collector{object: object, title: title}
	c.top(value)
	count := map[string]int{}
	for _, it := range c.out {
		count[it.Key]++
	}
	for i, it := range c.out {
		if count[it.Key] > 1 && it.Key != it.Message {
			c.out[i].Key += " " + it.Message
		}
	}
	slices.SortFunc(c.out, func(a, b seaworthy.Item) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(c.out, func(a, b seaworthy.Item) bool { return a.Key == b.Key && a.Message == b.Message })
}

type collector struct {
	object map[string]any
	title  string
	out    []seaworthy.Item
}

func (c *collector) top(value any) {
	switch v := value.(type) {
	case nil:
	case bool:
		if v {
			c.add(seaworthy.Item{Message: c.title})
		}
	case []any:
		for _, e := range v {
			c.result(e)
		}
	case map[string]any:
		if message(v) != "" {
			c.result(v)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if v[k] == true {
				c.result(k)
			} else {
				c.top(v[k])
			}
		}
	default:
		c.result(v)
	}
}

// result takes one element, which is always a finding.
func (c *collector) result(value any) {
	switch v := value.(type) {
	case string:
		c.add(seaworthy.Item{Message: v})
	case map[string]any:
		details, _ := v["details"].(map[string]any)
		field := func(names ...string) any {
			for _, m := range []map[string]any{v, details} {
				for _, n := range names {
					if m[n] != nil {
						return m[n]
					}
				}
			}
			return nil
		}
		it := seaworthy.Item{Message: message(v)}
		if it.Message == "" {
			it.Message = asJSON(v)
		}
		it.Container, _ = field("container").(string)
		it.Key, _ = field("key").(string)
		c.place(&it, pathSteps(field("path", "field")))
		c.add(it)
	default:
		c.add(seaworthy.Item{Message: asJSON(v)})
	}
}

// place fills in where an item is: its path in the object as it is, and its key, which
// names list elements instead of counting them.
func (c *collector) place(it *seaworthy.Item, steps []string) {
	if len(steps) == 0 && it.Container != "" {
		steps = containerSteps(c.object, it.Container)
	}
	path, key, container := locate(c.object, steps)
	it.Path = path
	it.Container = cmp.Or(it.Container, container)
	if it.Key == "" {
		it.Key = key
		if key == "" && it.Container != "" {
			it.Key = "containers[" + it.Container + "]"
		}
	}
}

func (c *collector) add(it seaworthy.Item) {
	it.Message = strings.TrimSpace(it.Message)
	if it.Message == "" {
		it.Message = c.title
	}
	if len(it.Message) > maxMessage {
		it.Message = strings.ToValidUTF8(it.Message[:maxMessage], "") + "…"
	}
	if it.Key == "" {
		it.Key = it.Message
	}
	c.out = append(c.out, it)
}

func message(m map[string]any) string {
	for _, k := range []string{"msg", "message"} {
		switch v := m[k].(type) {
		case nil:
		case string:
			return v
		default:
			return asJSON(v)
		}
	}
	return ""
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// exempt tells whether the values of conftest's exception rule name the check.
func exempt(exceptions any, suffix string) bool {
	lists, _ := exceptions.([]any)
	for _, l := range lists {
		if names, ok := l.([]any); ok && slices.Contains(names, any(suffix)) {
			return true
		}
	}
	return false
}
