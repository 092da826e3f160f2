// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// inline reads a value that begins on the current line, in a collection whose entries
// stand in a column, and goes to the line after it.
func (p *fast) inline(column, depth int) (*yaml.Node, any, bool) {
	var n *yaml.Node
	var v any
	ok := false
	switch c := p.text[p.at]; c {
	case '|', '>':
		return p.literal(column)
	case '{', '[':
		n, v, ok = p.flow(depth)
	case '"', '\'':
		if n, ok = p.quoted(); !ok {
			n, ok = p.quotedLines(column)
		}
		if ok {
			v = n.Value
		}
	default:
		n, v, ok = p.plain(column)
	}
	if !ok || !p.restIsBlank(p.at) {
		return nil, nil, false
	}
	p.advance(p.eol + 1)
	return n, v, true
}

// startsPlain tells whether a plain scalar may begin with a character, as far as it needs
// no look at what follows.
func startsPlain(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
		return true
	}
	switch c {
	case '_', '/', '.', '$', '+', '~', '(', ')', '=', '^', ';', '\\':
		return true
	}
	return false
}

// plain reads a plain scalar up to a comment, or the end of the last line that is deeper
// than column.
func (p *fast) plain(column int) (*yaml.Node, any, bool) {
	at := p.at
	if c := p.text[at]; !startsPlain(c) && !((c == '-' || c == ':') && at+1 < p.eol && startsPlain(p.text[at+1])) && !strings.HasPrefix(p.text[at:p.eol], "--") {
		return nil, nil, false
	}
	end := at
	for ; end < p.eol; end++ {
		switch p.text[end] {
		case ':':
			if end+1 == p.eol || p.text[end+1] == ' ' {
				return nil, nil, false
			}
		case '#':
			if p.text[end-1] == ' ' {
				return p.scalar(at, end)
			}
		}
	}
	if from, _, breaks := p.continuation(p.eol, column); breaks > 0 && p.text[from] != '#' {
		return p.plainLines(at, column)
	}
	return p.scalar(at, end)
}

// scalar makes the plain scalar of a range of the line, without the blanks at its end.
// What remains of the line is left to look at.
func (p *fast) scalar(at, end int) (*yaml.Node, any, bool) {
	text := strings.TrimRight(p.text[at:end], " ")
	p.at = at + len(text)
	return p.resolved(text, at)
}

// resolved makes the plain scalar of a text that begins at a byte of the current line.
func (p *fast) resolved(text string, at int) (*yaml.Node, any, bool) {
	v, err := resolve(text)
	if err != nil {
		return nil, nil, false
	}
	tag := "!!str"
	switch v.(type) {
	case int64:
		tag = "!!int"
	case float64:
		tag = "!!float"
	case bool:
		tag = "!!bool"
	case nil:
		tag = "!!null"
	}
	return p.node(yaml.ScalarNode, 0, tag, text, at), v, true
}

// quoted reads a quoted string that ends on the line.
func (p *fast) quoted() (*yaml.Node, bool) {
	at, quote := p.at, p.text[p.at]
	style := yaml.DoubleQuotedStyle
	if quote == '\'' {
		style = yaml.SingleQuotedStyle
	}
	var b strings.Builder
	from := at + 1 // what is not in b yet
	for i := from; i < p.eol; i++ {
		switch c := p.text[i]; {
		case c == quote && quote == '\'' && i+1 < p.eol && p.text[i+1] == '\'':
			b.WriteString(p.text[from : i+1])
			i++
			from = i + 1
		case c == quote:
			value := p.text[from:i]
			if b.Len() > 0 {
				b.WriteString(value)
				value = b.String()
			}
			p.at = i + 1
			return p.node(yaml.ScalarNode, style, "!!str", value, at), true
		case c == '\\' && quote == '"':
			r, ok := escape(p.text[i+1 : p.eol])
			if !ok {
				return nil, false
			}
			b.WriteString(p.text[from:i])
			b.WriteByte(r)
			i++
			from = i + 1
		}
	}
	return nil, false
}

// escape reads the common escapes of double-quoted strings.
func escape(s string) (byte, bool) {
	if s == "" {
		return 0, false
	}
	switch s[0] {
	case '"', '\\':
		return s[0], true
	case 'n':
		return '\n', true
	case 't':
		return '\t', true
	case 'r':
		return '\r', true
	}
	return 0, false
}

// flow reads a flow collection that ends on the line.
func (p *fast) flow(depth int) (*yaml.Node, any, bool) {
	if depth > p.depth {
		return nil, nil, false
	}
	if p.text[p.at] == '{' {
		return p.flowMapping(depth)
	}
	n := p.node(yaml.SequenceNode, yaml.FlowStyle, "!!seq", "", p.at)
	base, vals := len(p.stack), len(p.vals)
	for p.at++; ; p.at++ {
		p.blanks()
		if len(p.vals) == vals && p.at < p.eol && p.text[p.at] == ']' {
			break
		}
		p.steps = append(p.steps, step{index: len(p.vals) - vals})
		child, v, ok := p.flowValue(depth + 1)
		if !ok {
			return nil, nil, false
		}
		p.steps = p.steps[:len(p.steps)-1]
		p.stack, p.vals = append(p.stack, child), append(p.vals, v)
		if p.blanks(); p.at == p.eol || p.text[p.at] != ',' && p.text[p.at] != ']' {
			return nil, nil, false
		}
		if p.text[p.at] == ']' {
			break
		}
	}
	p.at++
	s := append(make([]any, 0, len(p.vals)-vals), p.vals[vals:]...)
	p.vals = p.vals[:vals]
	n.Content = p.content(base)
	return n, s, true
}

func (p *fast) flowMapping(depth int) (*yaml.Node, any, bool) {
	n := p.node(yaml.MappingNode, yaml.FlowStyle, "!!map", "", p.at)
	base, keys, vals := len(p.stack), len(p.keys), len(p.vals)
	for p.at++; ; p.at++ {
		p.blanks()
		if len(p.keys) == keys && p.at < p.eol && p.text[p.at] == '}' {
			break
		}
		k, name, ok := p.flowKey()
		if !ok {
			return nil, nil, false
		}
		p.stack, p.keys = append(p.stack, k), append(p.keys, name)
		p.steps = append(p.steps, step{name, -1})
		child, v, ok := p.flowValue(depth + 1)
		if !ok {
			return nil, nil, false
		}
		p.steps = p.steps[:len(p.steps)-1]
		p.stack, p.vals = append(p.stack, child), append(p.vals, v)
		if p.blanks(); p.at == p.eol || p.text[p.at] != ',' && p.text[p.at] != '}' {
			return nil, nil, false
		}
		if p.text[p.at] == '}' {
			break
		}
	}
	p.at++
	m := p.fields(keys, vals, base)
	n.Content = p.content(base)
	return n, m, true
}

func (p *fast) blanks() {
	for p.at < p.eol && p.text[p.at] == ' ' {
		p.at++
	}
}

// flowKey reads a key and its colon, which a blank must follow.
func (p *fast) flowKey() (n *yaml.Node, name string, ok bool) {
	if p.at == p.eol {
		return nil, "", false
	}
	if c := p.text[p.at]; c == '"' || c == '\'' {
		if n, ok = p.quoted(); !ok {
			return nil, "", false
		}
		name = n.Value
	} else {
		end := p.flowPlain()
		if end == p.at {
			return nil, "", false
		}
		text, err := keyText(p.text[p.at:end])
		if err != nil {
			return nil, "", false
		}
		n, name = p.node(yaml.ScalarNode, 0, "!!str", p.text[p.at:end], p.at), text
		p.at = end
	}
	if p.at+1 >= p.eol || p.text[p.at] != ':' || p.text[p.at+1] != ' ' {
		return nil, "", false
	}
	p.at += 2
	p.blanks()
	return n, name, true
}

// flowPlain gives the end of a plain scalar of safe characters in a flow collection.
func (p *fast) flowPlain() int {
	end := p.at
	for end < p.eol && p.text[end] == '-' {
		end++
	}
	if end > p.at && (end == p.eol || !flowSafe(p.text[end])) {
		return p.at
	}
	for end < p.eol {
		c := p.text[end]
		if !flowSafe(c) && (end == p.at || c != '-' && c != '+' && c != '$' && c != '=' && c != '@' && c != '(' && c != ')') {
			// A colon or blank inside belongs to the scalar when a safe character follows.
			if end == p.at || c != ':' && c != ' ' || end+1 == p.eol || !flowSafe(p.text[end+1]) {
				break
			}
		}
		end++
	}
	return end
}

func flowSafe(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '/' || c == '.'
}

// flowValue reads an element of a flow collection.
func (p *fast) flowValue(depth int) (*yaml.Node, any, bool) {
	if p.at == p.eol || depth > p.depth {
		return nil, nil, false
	}
	switch c := p.text[p.at]; c {
	case '{', '[':
		return p.flow(depth)
	case '"', '\'':
		n, ok := p.quoted()
		if !ok {
			return nil, nil, false
		}
		return n, n.Value, true
	}
	end := p.flowPlain()
	if end == p.at {
		return nil, nil, false
	}
	return p.scalar(p.at, end)
}

// literal reads a literal block (|) in a collection whose entries stand in a column.
func (p *fast) literal(column int) (*yaml.Node, any, bool) {
	n := p.node(yaml.ScalarNode, yaml.LiteralStyle, "!!str", "", p.at)
	header := strings.TrimRight(p.text[p.at:p.eol], " ")
	if header != "|" && header != "|-" && header != "|+" {
		return nil, nil, false
	}
	at, lines := p.eol+1, 0
	indent, last := 0, 0 // of the text; where its last line that is not empty ends
	var b strings.Builder
	breaks := 0 // line breaks that are not in b yet
	for at < len(p.text) {
		end := p.lineEnd(at)
		i := at
		for i < end && p.text[i] == ' ' && (indent == 0 || i-at < indent) {
			i++
		}
		if i < end && p.text[i] == '\t' && (indent == 0 || i-at < indent) {
			return nil, nil, false
		}
		if i == end { // empty
			if indent == 0 && i-at > column+1 {
				return nil, nil, false // it may have a part in the indentation
			}
			if end < len(p.text) {
				breaks++
			}
		} else {
			if indent == 0 {
				if indent = i - at; indent <= column {
					break
				}
			} else if i-at < indent {
				break
			}
			for ; breaks > 0; breaks-- {
				b.WriteByte('\n')
			}
			b.WriteString(p.text[i:end])
			last = end
			breaks = 1
		}
		lines++
		at = end + 1
	}
	if last == 0 {
		return nil, nil, false // nothing but blank lines
	}
	if last == len(p.text) {
		breaks = 0 // the text ends without a line break
	}
	switch header {
	case "|":
		breaks = min(breaks, 1)
	case "|-":
		breaks = 0
	}
	for ; breaks > 0; breaks-- {
		b.WriteByte('\n')
	}
	n.Value = b.String()
	p.line += lines
	p.advance(at)
	return n, n.Value, true
}
