// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// codeLine is a line of an excerpt; Hit marks what the finding points at.
type codeLine struct {
	Text string
	Hit  bool
}

// excerpt splits YAML into lines and marks those of a JSON path such as
// spec.containers[0].image. Of a path that is not there, as when something is missing,
// the nearest that is above it is marked.
func excerpt(text, path string) []codeLine {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	var out []codeLine
	for _, l := range strings.Split(text, "\n") {
		out = append(out, codeLine{Text: l})
	}
	var doc yaml.Node
	if path == "" || yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
		return out
	}
	from, to := extentOf(doc.Content[0], steps(path))
	for i := from; i <= to && i > 0 && i <= len(out); i++ {
		out[i-1].Hit = true
	}
	return out
}

// extentOf gives the first and last line of what a path names, or of the key of the
// nearest that is there.
func extentOf(n *yaml.Node, path []string) (from, to int) {
	whole := true
	for _, step := range path {
		key, next := child(n, step)
		if next == nil {
			whole = false
			break
		}
		if from = next.Line; key != nil {
			from = key.Line
		}
		n = next
	}
	if from == 0 || !whole {
		return from, from
	}
	return from, lastLine(n)
}

func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return nil, n.Content[i]
		}
	}
	return nil, nil
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last += strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// steps splits a JSON path: keys that hold dots stand in brackets and quotes.
func steps(path string) []string {
	var out []string
	for path != "" {
		switch {
		case path[0] == '.':
			path = path[1:]
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return out
			}
			out = append(out, strings.Trim(path[1:end], `"'`))
			path = path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out = append(out, path[:end])
			path = path[end:]
		}
	}
	return out
}
