// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the text of one YAML document with its nodes.
type source struct {
	text  []byte
	lines []int // where each line begins
	root  *yaml.Node
	// shared are the nodes that an alias names: a change of them would show elsewhere.
	shared map[*yaml.Node]bool
	style  style
}

const errYAML = refusal("the document is not read the same way by every YAML library")

// parse reads a document.
func parse(text []byte) (s *source, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, errYAML // the library's own mistake
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, errYAML
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errYAML
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errYAML
	}
	s = &source{text: text, lines: []int{0}, root: doc.Content[0], shared: map[*yaml.Node]bool{}}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.aliases(s.root)
	s.style = styleOf(s.root)
	return s, nil
}

func (s *source) aliases(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		s.shared[n.Alias] = true
	}
	for _, c := range n.Content {
		s.aliases(c)
	}
}

// offset is where a node begins in the text; columns count characters.
func (s *source) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(s.lines) || n.Column < 1 {
		return 0, lost(n)
	}
	at := s.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(s.text[at:])
		if size == 0 {
			return 0, lost(n)
		}
		at += size
	}
	return at, nil
}

// lost is the error of a node that is not where the library says. It is no refusal: it
// should not happen.
func lost(n *yaml.Node) error {
	return fmt.Errorf("find line %d, column %d: the text there is not the node", n.Line, n.Column)
}

// lineAfter is where the line after the one at off begins.
func (s *source) lineAfter(off int) int {
	if i := bytes.IndexByte(s.text[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(s.text)
}

// idle tells whether the rest of the line at off has nothing but space and a comment.
func (s *source) idle(off int) bool {
	rest := s.text[off:s.lineAfter(off)]
	in := bytes.TrimLeft(rest, " \t\r\n")
	return len(in) == 0 || in[0] == '#' && len(in) < len(rest)
}

// style is how the document indents.
type style struct {
	step int // a mapping in a mapping
	list int // a list in a mapping; 0 where the dashes stand below the key
}

// styleOf finds the most frequent indentation.
func styleOf(root *yaml.Node) style {
	steps, lists := map[int]int{}, map[int]int{}
	count(root, steps, lists)
	return style{most(steps, 2), most(lists, 2)}
}

func count(n *yaml.Node, steps, lists map[int]int) {
	if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, v := n.Content[i], n.Content[i+1]
			if v.Style&yaml.FlowStyle != 0 || v.Anchor != "" || len(v.Content) == 0 || v.Line == key.Line {
				continue
			}
			switch d := v.Column - key.Column; {
			case v.Kind == yaml.MappingNode && d > 0:
				steps[d]++
			case v.Kind == yaml.SequenceNode && d >= 0:
				lists[d]++
			}
		}
	}
	for _, c := range n.Content {
		count(c, steps, lists)
	}
}

func most(counts map[int]int, otherwise int) int {
	best := otherwise
	for d, n := range counts {
		if n > counts[best] || n == counts[best] && d < best {
			best = d
		}
	}
	return best
}
