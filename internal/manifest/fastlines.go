// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scalars over several lines are mostly the descriptions in definitions of custom
// resources, which are long. The lines are folded: the breaks between two become a blank,
// or one less than there are.

// continuation finds the next line with text after the one that ends at eol, where its
// text begins and ends, and how many line breaks stand before it. They are 0 where that
// line is not deeper than column, and so belongs to something else.
func (p *fast) continuation(eol, column int) (from, end, breaks int) {
	at := eol + 1
	for breaks = 1; at < len(p.text); breaks++ {
		end = p.lineEnd(at)
		for from = at; from < end && p.text[from] == ' '; {
			from++
		}
		if from < end {
			if from-at <= column {
				break
			}
			return from, end, breaks
		}
		at = end + 1
	}
	return 0, 0, 0
}

// fold writes line breaks between two lines of a scalar.
func fold(b *strings.Builder, breaks int) {
	if breaks == 1 {
		b.WriteByte(' ')
	}
	for ; breaks > 1; breaks-- {
		b.WriteByte('\n')
	}
}

// goOn makes a later line the current one, up to a byte of it.
func (p *fast) goOn(at, eol, lines int) {
	p.at, p.eol, p.line = at, eol, p.line+lines
}

// plainLines reads a plain scalar that begins at a byte of the current line and goes on
// in lines deeper than column.
func (p *fast) plainLines(at, column int) (*yaml.Node, any, bool) {
	var b strings.Builder
	b.WriteString(strings.TrimRight(p.text[at:p.eol], " "))
	stop, eol, lines := p.eol, p.eol, 0
	for {
		from, end, breaks := p.continuation(eol, column)
		if breaks == 0 || p.text[from] == '#' {
			break
		}
		if !plainLine(p.text[from:end]) {
			return nil, nil, false
		}
		fold(&b, breaks)
		text := strings.TrimRight(p.text[from:end], " ")
		b.WriteString(text)
		stop, eol, lines = from+len(text), end, lines+breaks
	}
	n, v, ok := p.resolved(b.String(), at)
	p.goOn(stop, eol, lines)
	return n, v, ok
}

// plainLine tells whether all of a line can belong to a plain scalar.
func plainLine(text string) bool {
	for i := range len(text) {
		switch text[i] {
		case '\t':
			return false
		case ':':
			if i+1 == len(text) || text[i+1] == ' ' {
				return false
			}
		case '#':
			if i > 0 && text[i-1] == ' ' {
				return false
			}
		}
	}
	return true
}

// quotedLines reads a quoted string that goes on in lines deeper than column.
func (p *fast) quotedLines(column int) (*yaml.Node, bool) {
	at, quote := p.at, p.text[p.at]
	style := yaml.DoubleQuotedStyle
	if quote == '\'' {
		style = yaml.SingleQuotedStyle
	}
	var b strings.Builder
	from, end, lines := at+1, p.eol, 0
	for {
		text := p.text[from:end]
		if strings.IndexByte(text, '\t') >= 0 {
			return nil, false
		}
		n, closed, ok := unquote(&b, text, quote)
		if !ok {
			return nil, false
		}
		if closed {
			node := p.node(yaml.ScalarNode, style, "!!str", b.String(), at)
			p.goOn(from+n, end, lines)
			return node, true
		}
		breaks := 0
		if from, end, breaks = p.continuation(end, column); breaks == 0 {
			return nil, false
		}
		fold(&b, breaks)
		lines += breaks
	}
}

// unquote writes a line of a quoted string, up to the quote that closes it, or without
// the blanks at its end. It gives the number of bytes read.
func unquote(b *strings.Builder, text string, quote byte) (n int, closed, ok bool) {
	from := 0 // what is not in b yet
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote && quote == '\'' && i+1 < len(text) && text[i+1] == '\'':
			b.WriteString(text[from : i+1])
			i++
			from = i + 1
		case c == quote:
			b.WriteString(text[from:i])
			return i + 1, true, true
		case c == '\\' && quote == '"':
			r, ok := escape(text[i+1:])
			if !ok {
				return 0, false, false
			}
			b.WriteString(text[from:i])
			b.WriteByte(r)
			i++
			from = i + 1
		}
	}
	b.WriteString(strings.TrimRight(text[from:], " "))
	return len(text), false, true
}
