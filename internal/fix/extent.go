// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// end is where a node ends in the text: after its last character that is no comment.
// The YAML library knows only where nodes begin. parent is the column, from 0, of the
// block collection that the node lies in, or -1.
func (s *source) end(n *yaml.Node, parent int) (int, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return s.scalarEnd(n, parent)
	case len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0:
		return s.blockEnd(n)
	case n.Kind == yaml.ScalarNode:
		return s.scalarEnd(n, parent)
	}
	return s.flowEnd(n)
}

func (s *source) blockEnd(n *yaml.Node) (int, error) {
	col, err := s.column(n)
	if err != nil {
		return 0, err
	}
	end, err := s.end(n.Content[len(n.Content)-1], col)
	if err == nil && n.Kind == yaml.MappingNode { // a value that is left out has no place of its own
		var key int
		key, err = s.end(n.Content[len(n.Content)-2], col)
		end = max(end, key)
	}
	return end, err
}

// column is the one, from 0, at which the keys or dashes of a block collection stand.
func (s *source) column(n *yaml.Node) (int, error) {
	first := n.Content[0]
	if n.Kind == yaml.MappingNode {
		return first.Column - 1, nil
	}
	if n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		return n.Column - 1, nil
	}
	at, err := s.offset(first)
	if err != nil {
		return 0, err
	}
	before := bytes.TrimRight(s.text[:at], " \t\r\n")
	if !bytes.HasSuffix(before, []byte{'-'}) {
		return 0, lost(n)
	}
	return len(before) - 1 - (bytes.LastIndexByte(before, '\n') + 1), nil
}

// flowEnd finds the closing bracket of a flow collection.
func (s *source) flowEnd(n *yaml.Node) (int, error) {
	at, err := s.content(n)
	if err != nil {
		return 0, err
	}
	open, closing := byte('{'), byte('}')
	if n.Kind == yaml.SequenceNode {
		open, closing = '[', ']'
	}
	if at >= len(s.text) || s.text[at] != open {
		return 0, lost(n)
	}
	at++
	for _, c := range n.Content {
		if at, err = s.end(c, -1); err != nil {
			return 0, err
		}
	}
	// Between the last element and the bracket stand at most spaces, comments, a comma,
	// and the colon of a value that is left out.
	if at = s.skip(at, ",:"); at >= len(s.text) || s.text[at] != closing {
		return 0, lost(n)
	}
	return at + 1, nil
}

// skip passes white space, comments and the other characters.
func (s *source) skip(at int, other string) int {
	for at < len(s.text) {
		switch c := s.text[at]; {
		case c == '#' && (at == 0 || strings.IndexByte(" \t\n", s.text[at-1]) >= 0):
			at = s.lineAfter(at)
		case strings.IndexByte(" \t\r\n"+other, c) >= 0:
			at++
		default:
			return at
		}
	}
	return at
}

// content is where a node's own text begins, after its anchor and tag.
func (s *source) content(n *yaml.Node) (int, error) {
	at, err := s.offset(n)
	if err != nil {
		return 0, err
	}
	for at < len(s.text) && (s.text[at] == '&' && n.Anchor != "" || s.text[at] == '!') {
		for at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[at]) < 0 {
			at++
		}
		at = s.skip(at, "")
	}
	return at, nil
}

func (s *source) scalarEnd(n *yaml.Node, parent int) (int, error) {
	if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 {
		return s.offset(n) // left out
	}
	at, err := s.content(n)
	if err != nil {
		return 0, err
	}
	rest := s.text[at:]
	end := -1
	switch {
	case n.Kind == yaml.AliasNode:
		if name := "*" + n.Value; bytes.HasPrefix(rest, []byte(name)) {
			end = len(name)
		}
	case n.Style&yaml.DoubleQuotedStyle != 0:
		end = quotedEnd(rest, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		end = quotedEnd(rest, '\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		end = blockScalarEnd(rest, parent)
	default:
		end = plainEnd(rest, n.Value)
	}
	if end < 0 {
		return 0, lost(n)
	}
	return at + end, nil
}

// quotedEnd is the length of the quoted scalar that text begins with, or -1.
func quotedEnd(text []byte, quote byte) int {
	if len(text) == 0 || text[0] != quote {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] != quote:
		case quote == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// plainEnd is the length of the plain scalar of that value that text begins with, or -1.
// Line breaks within are folded: one is a space, n are n-1 line breaks.
func plainEnd(text []byte, value string) int {
	at := 0
	for value != "" {
		blanks := text[at:]
		blanks = blanks[:len(blanks)-len(bytes.TrimLeft(blanks, " \t\r\n"))]
		breaks := bytes.Count(blanks, []byte{'\n'})
		switch {
		case breaks == 1 && value[0] == ' ':
			value, at = value[1:], at+len(blanks)
		case breaks > 1 && strings.HasPrefix(value, strings.Repeat("\n", breaks-1)):
			value, at = value[breaks-1:], at+len(blanks)
		case breaks == 0 && at < len(text) && text[at] == value[0]:
			value, at = value[1:], at+1
		default:
			return -1
		}
	}
	return at
}

// blockScalarEnd is the length of the literal or folded scalar that text begins with, up
// to the end of its last line that counts, or -1. parent is the column that its content
// must exceed.
func blockScalarEnd(text []byte, parent int) int {
	if len(text) == 0 || text[0] != '|' && text[0] != '>' {
		return -1
	}
	head, _, more := bytes.Cut(text, []byte{'\n'})
	marks := string(head)
	if i := strings.IndexAny(marks, " \t\r"); i >= 0 {
		marks = marks[:i]
	}
	end := len(bytes.TrimRight(head, "\r"))
	indent, keep := 0, strings.Contains(marks, "+")
	if i := strings.IndexAny(marks, "123456789"); i >= 0 {
		indent = max(parent, 0) + int(marks[i]-'0')
	}
	for at := len(head) + 1; more && at < len(text); {
		line, _, ok := bytes.Cut(text[at:], []byte{'\n'})
		next := at + len(line) + 1
		line = bytes.TrimRight(line, "\r")
		in := len(line) - len(bytes.TrimLeft(line, " "))
		switch {
		case in == len(line) && (indent == 0 || in <= indent): // blank
			if keep {
				end = at + len(line)
			}
		case indent == 0 && in > max(parent, -1), indent > 0 && in >= indent:
			if indent == 0 {
				indent = max(in, 1)
			}
			end = at + len(line)
		default:
			return end
		}
		at, more = next, ok
	}
	return end
}
