// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splice replaces a piece of the text.
type splice struct {
	start, end int
	text       string
	// rank orders what is put in at the same place: the deeper first.
	rank int
}

// apply puts the splices into the text.
func apply(text []byte, splices []splice) []byte {
	slices.SortStableFunc(splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.rank, a.rank))
	})
	var out bytes.Buffer
	at := 0
	for _, sp := range splices {
		out.Write(text[at:sp.start])
		out.WriteString(sp.text)
		at = sp.end
	}
	out.Write(text[at:])
	return out.Bytes()
}

// The reasons against an edit that lie in how the file is written.
const (
	errAlias = refusal("the field is shared through an anchor and alias (&, *, <<); change it where it is written")
	errTwice = refusal("the field is written twice")
	errTag   = refusal("the field is written with a tag or anchor or in a block")
	errBlock = refusal("the lines around the place are laid out in an unusual way")
)

// spot is the place of an edit in the node tree.
type spot struct {
	node   *yaml.Node // the deepest node on the path that is there
	key    *yaml.Node // the key that it is the value of, or nil
	keyCol int        // the column of that key, from 0
	rest   []string   // the steps that are not there
	flow   bool       // the node lies in a flow collection
}

// find follows a path as far as it is there.
func (s *source) find(path []string) (spot, error) {
	at := spot{node: s.root}
	for i, step := range path {
		n := at.node
		if n.Kind == yaml.AliasNode || s.shared[n] {
			return at, errAlias
		}
		at.flow = at.flow || n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0
		at.rest = path[i:]
		switch n.Kind {
		case yaml.SequenceNode:
			j, ok := index(step)
			if !ok || j >= len(n.Content) {
				return at, errShape
			}
			at.node, at.key = n.Content[j], nil
		case yaml.MappingNode:
			key, value, err := entry(n, step)
			if err != nil || key == nil {
				return at, err
			}
			at.node, at.key, at.keyCol = value, key, key.Column-1
		default:
			return at, s.empty(n)
		}
	}
	at.rest = nil
	if at.node.Kind == yaml.AliasNode || s.shared[at.node] {
		return at, errAlias
	}
	return at, nil
}

// empty gives an error unless the scalar is null, which fields can take the place of.
func (s *source) empty(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!null" {
		return errShape
	}
	return nil
}

// entry gives the entry of a mapping, or nils.
func entry(n *yaml.Node, name string) (key, value *yaml.Node, err error) {
	merged := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode:
			return nil, nil, errAlias
		case k.Tag == "!!merge":
			merged = merged || provides(n.Content[i+1], name, 0)
		case k.Value == name && key != nil:
			return nil, nil, errTwice
		case k.Value == name:
			key, value = k, n.Content[i+1]
		}
	}
	if merged {
		return nil, nil, errAlias
	}
	return key, value, nil
}

// provides tells whether a merge brings the key, or may do so.
func provides(n *yaml.Node, name string, depth int) bool {
	if depth > 16 {
		return true
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for i, c := range n.Content {
		if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Tag == "!!merge" {
			if provides(c, name, depth+1) {
				return true
			}
		} else if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == name {
			return true
		}
	}
	return false
}

// claim is what an edit takes hold of: no other edit may do so on the same nodes.
type claim struct {
	node *yaml.Node
	key  string
}

// edit finds the splices of an edit.
func (s *source) edit(e edit) ([]splice, claim, error) {
	at, err := s.find(e.path)
	if err != nil {
		return nil, claim{}, err
	}
	if slices.ContainsFunc(at.rest, func(step string) bool { _, ok := index(step); return ok }) {
		return nil, claim{}, errShape
	}
	var splices []splice
	taken := claim{node: at.node}
	value := any(e.value)
	if e.add {
		value = []any{e.value}
	}
	switch n := at.node; {
	case len(at.rest) > 0 && n.Kind == yaml.MappingNode && len(n.Content) > 0:
		taken.key = at.rest[0]
		splices, err = s.insert(n, at.rest[0], nest(at.rest[1:], value))
	case len(at.rest) > 0:
		splices, err = s.fill(at, nest(at.rest, value))
	case !e.add:
		splices, err = s.replace(at, scalar(e.value))
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		taken.key = "-"
		splices, err = s.extend(n, scalar(e.value))
	case n.Kind == yaml.SequenceNode || s.empty(n) == nil:
		splices, err = s.fill(at, value)
	default:
		err = errShape
	}
	return splices, taken, err
}

// insert adds an entry to a mapping that has some.
func (s *source) insert(n *yaml.Node, key string, value any) ([]splice, error) {
	if n.Style&yaml.FlowStyle != 0 {
		return s.addFlow(n, n.Content[len(n.Content)-2], key+": "+flow(value))
	}
	col, err := s.column(n)
	if err != nil {
		return nil, err
	}
	for i := len(n.Content) - 1; i > 0; i -= 2 {
		end, err := s.entryEnd(n.Content[i-1], n.Content[i], col)
		if err != nil {
			return nil, err
		}
		// A block scalar at the very end would take in the line break that it lacks.
		if s.lineAfter(end) == len(s.text) && !bytes.HasSuffix(s.text, []byte{'\n'}) && inBlock(n.Content[i]) {
			continue
		}
		return s.addLines(end, col, s.style.block(col, key, value), 2*col)
	}
	return nil, errBlock
}

func (s *source) entryEnd(key, value *yaml.Node, col int) (int, error) {
	end, err := s.end(value, col)
	if err != nil {
		return 0, err
	}
	before, err := s.end(key, col)
	return max(end, before), err
}

// inBlock tells whether a node ends with a literal or folded scalar.
func inBlock(n *yaml.Node) bool {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// extend adds an element to a list that has some.
func (s *source) extend(n *yaml.Node, value string) ([]splice, error) {
	last := n.Content[len(n.Content)-1]
	if n.Style&yaml.FlowStyle != 0 {
		return s.addFlow(n, last, value)
	}
	col, err := s.column(n)
	if err != nil {
		return nil, err
	}
	end, err := s.end(last, col)
	if err != nil {
		return nil, err
	}
	return s.addLines(end, col, []string{strings.Repeat(" ", col) + "- " + value}, 2*col+1)
}

// addLines puts lines in after the line that a node ends on.
func (s *source) addLines(end, col int, lines []string, rank int) ([]splice, error) {
	if !s.idle(end) {
		return nil, errBlock
	}
	at := s.lineAfter(end)
	eol := "\n"
	if i := bytes.IndexByte(s.text[end:], '\n'); i > 0 && s.text[end+i-1] == '\r' || i < 0 && bytes.Contains(s.text, []byte("\r\n")) {
		eol = "\r\n"
	}
	text := strings.Join(lines, eol)
	if at == len(s.text) && !bytes.HasSuffix(s.text, []byte{'\n'}) {
		text = eol + text
	} else {
		text += eol
	}
	return []splice{{at, at, text, rank}}, nil
}

// addFlow adds an entry after the last one of a flow collection, which begins with the
// node first, on a line of its own where that has one.
func (s *source) addFlow(n, first *yaml.Node, text string) ([]splice, error) {
	end, err := s.end(n.Content[len(n.Content)-1], -1)
	if err != nil {
		return nil, err
	}
	start, err := s.offset(first)
	if err != nil {
		return nil, err
	}
	line := s.text[s.lines[first.Line-1]:start]
	sep := " "
	if first.Line > n.Line && len(bytes.TrimLeft(line, " ")) == 0 {
		sep = "\n" + string(line)
		if bytes.Contains(s.text, []byte("\r\n")) {
			sep = "\r" + sep
		}
	}
	return []splice{{end, end, "," + sep + text, -1}}, nil
}

// fill gives a value to a key that has none, or an empty one.
func (s *source) fill(at spot, value any) ([]splice, error) {
	n := at.node
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || at.key == nil {
		return nil, errTag
	}
	colon, err := s.colon(at)
	if err != nil {
		return nil, err
	}
	end := colon
	if n.Kind != yaml.ScalarNode || n.Value != "" {
		if end, err = s.end(n, at.keyCol); err != nil {
			return nil, err
		}
	}
	if bytes.ContainsAny(s.text[colon:end], "#\n") {
		return nil, errBlock
	}
	if at.flow {
		return []splice{{colon, end, " " + flow(value), -1}}, nil
	}
	added, err := s.addLines(end, at.keyCol, s.style.below(at.keyCol, value), 2*at.keyCol+1)
	return append([]splice{{colon, end, "", -1}}, added...), err
}

// colon is the place after the colon of a spot's key.
func (s *source) colon(at spot) (int, error) {
	end, err := s.end(at.key, at.keyCol)
	if err != nil {
		return 0, err
	}
	for end < len(s.text) && s.text[end] == ' ' {
		end++
	}
	if end >= len(s.text) || s.text[end] != ':' {
		return 0, errBlock
	}
	return end + 1, nil
}

// replace writes another scalar in the place of one, in its quotes.
func (s *source) replace(at spot, text string) ([]splice, error) {
	n := at.node
	switch {
	case n.Kind != yaml.ScalarNode:
		return nil, errShape
	case n.Anchor != "" || n.Style&^(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 || at.key == nil:
		return nil, errTag
	}
	if n.Value == "" && n.Style == 0 {
		colon, err := s.colon(at)
		return []splice{{colon, colon, " " + text, -1}}, err
	}
	start, err := s.offset(n)
	if err != nil {
		return nil, err
	}
	end, err := s.end(n, at.keyCol)
	if err != nil {
		return nil, err
	}
	if quote := s.text[start]; n.Style != 0 && text != "true" && text != "false" {
		text = string(quote) + strings.Trim(text, `"`) + string(quote)
	}
	return []splice{{start, end, text, -1}}, nil
}
