// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// align finds, for each line of a rendered text, the line of the template that it most
// likely comes from; index 0 is not used. Rendering keeps the order of lines, but drops
// some, repeats some (range) and takes some from elsewhere (include, toYaml). So a line
// is looked for by its whole text or, where the template computes the value, by its
// key, and the match nearest to the previous one counts, forward rather than back. A
// line without a match belongs to what precedes it, where the include stands.
func align(text, template string) []int {
	index := map[string][]int{}
	for i, line := range strings.Split(template, "\n") {
		line = strings.TrimSpace(line)
		if before, _, templated := strings.Cut(line, "{{"); templated {
			line, _, _ = strings.Cut(before, ":")
			if line == before {
				continue // no key before the action
			}
			line += ":"
		}
		if line != "" {
			index[line] = append(index[line], i+1)
		}
	}
	lines := strings.Split(text, "\n")
	out := make([]int, len(lines)+1)
	at := 0
	for i, line := range lines {
		line = strings.TrimSpace(line)
		key, _, found := strings.Cut(line, ":")
		best := nearest(index[line], at)
		if found && best == 0 {
			best = nearest(index[key+":"], at)
		}
		if best > 0 {
			at = best
		}
		out[i+1] = max(at, 1)
	}
	return out
}

// nearest gives the candidate nearest to after, of which those that follow count twice
// as near; 0 when there is none.
func nearest(candidates []int, after int) int {
	i := sort.SearchInts(candidates, after+1)
	switch {
	case len(candidates) == 0:
		return 0
	case i == len(candidates):
		return candidates[i-1]
	case i == 0:
		return candidates[0]
	}
	back, forward := after-candidates[i-1], candidates[i]-after
	if 2*back < forward {
		return candidates[i-1]
	}
	return candidates[i]
}

// relocate moves the lines of a node tree to those of the source.
func relocate(n *yaml.Node, lines []int) {
	if n.Line > 0 && n.Line < len(lines) {
		n.Line = lines[n.Line]
	}
	for _, c := range n.Content {
		relocate(c, lines)
	}
}
