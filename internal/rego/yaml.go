// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// plain gives the value of a node as kubectl would read it: times stay text, and the
// words that YAML 1.1 takes for booleans are booleans.
func plain(n *yaml.Node) (any, error) {
	retag(n, 0)
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	return stringKeys(v), nil
}

func retag(n *yaml.Node, depth int) {
	if n.Kind == yaml.ScalarNode && n.Style == 0 {
		switch tag := n.ShortTag(); {
		case tag == "!!timestamp":
			n.Tag = "!!str"
		case tag == "!!str":
			switch n.Value {
			case "yes", "Yes", "YES", "on", "On", "ON":
				n.Tag, n.Value = "!!bool", "true"
			case "no", "No", "NO", "off", "Off", "OFF":
				n.Tag, n.Value = "!!bool", "false"
			}
		}
	}
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 { // a key "on" stays text
			retag(c, depth+1)
		}
	}
}

// stringKeys turns mappings with other keys (numbers) into mappings of text, and whole
// numbers into int64.
func stringKeys(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case map[string]any:
		for k, e := range v {
			v[k] = stringKeys(e)
		}
	case []any:
		for i, e := range v {
			v[i] = stringKeys(e)
		}
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			text, _ := yaml.Marshal(k)
			m[strings.TrimSpace(string(text))] = stringKeys(e)
		}
		return m
	}
	return v
}

// at finds the node of a path of keys and indices (int), or nil.
func at(n *yaml.Node, steps ...any) *yaml.Node {
	for _, step := range steps {
		for n != nil && n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if n == nil {
			return nil
		}
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					next = n.Content[i+1]
				}
			}
		}
		n = next
	}
	return n
}

// lineBefore is the line before that of a scalar's first line of text.
func lineBefore(n *yaml.Node) int {
	switch {
	case n == nil:
		return 0
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return n.Line
	}
	return n.Line - 1
}

// dig follows keys through mappings.
func dig(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}
