// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fast reads the plain block style in which most manifests are written: mappings and
// sequences by indentation, with scalars, quoted strings, literal blocks and flow
// collections on one line. It makes nodes and values in one pass. Whatever it is not
// sure of (anchors, tags, tabs, folded blocks, anything malformed) it leaves to the YAML
// library, by giving up on the whole document; where it does not give up it agrees with
// the library, held to that by a fuzz test. Nodes hold no comments.
type fast struct {
	text  string
	lines int  // the number of the line before the first
	wide  bool // there are characters of more than one byte
	tabs  bool // there are tabs, which only comments and literal blocks may hold
	bad   bool // there was one elsewhere
	depth int  // how deep it may go

	// The current line, from its first character that is neither blank nor comment.
	bol, at, eol int
	line         int
	indent       int // the column of at, as long as nothing of the line was taken
	done         bool

	nodes []yaml.Node  // to take nodes from
	links []*yaml.Node // to take contents from
	stack []*yaml.Node // contents of the open collections
	keys  []string     // of the open mappings
	vals  []any        // of the open collections
	steps []step
	dups  []duplicate
}

// fasts keeps readers for the room in their stacks.
var fasts = sync.Pool{New: func() any { return new(fast) }}

// release gives the reader back without what it read.
func (p *fast) release() {
	clear(p.stack[:cap(p.stack)])
	clear(p.keys[:cap(p.keys)])
	clear(p.vals[:cap(p.vals)])
	clear(p.steps[:cap(p.steps)])
	*p = fast{stack: p.stack[:0], keys: p.keys[:0], vals: p.vals[:0], steps: p.steps[:0]}
	if cap(p.vals) < 1<<16 {
		fasts.Put(p)
	}
}

// parseFast reads a chunk, or gives up.
func parseFast(c chunk, limits Limits) (document, bool) {
	kind, ok := plainText(c.text)
	if !ok {
		return document{}, false
	}
	p := fasts.Get().(*fast)
	defer p.release()
	p.text, p.lines, p.wide, p.tabs, p.depth = string(c.text), c.line-1, kind.wide, kind.tabs, limits.Depth-1
	if kind.returns {
		p.text = strings.ReplaceAll(p.text, "\r\n", "\n")
	}
	p.line = p.lines
	if isMark(c.text, '-') {
		p.eol = p.lineEnd(0)
		p.line++
		if !p.restIsBlank(3) {
			return document{}, false
		}
		p.advance(p.eol + 1)
	} else {
		p.advance(0)
	}
	if p.done || p.indent != 0 {
		return document{}, false
	}
	n, v, ok := p.block(0)
	if !ok || !p.done || p.bad {
		return document{}, false
	}
	return document{node: n, value: v, dups: p.dups}, true
}

// characters says what sorts of characters a text has beside the plainest.
type characters struct{ wide, tabs, returns bool }

// plainText tells whether a text has only characters that mean the same to everybody.
func plainText(text []byte) (characters, bool) {
	var has characters
	for i, c := range text {
		switch {
		case c >= ' ' && c < 0x7f || c == '\n':
		case c >= utf8.RuneSelf:
			has.wide = true
		case c == '\t':
			has.tabs = true
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			has.returns = true
		default:
			return has, false
		}
	}
	if !has.wide {
		return has, true
	}
	if !utf8.Valid(text) {
		return has, false
	}
	for _, r := range string(text) {
		if r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return has, false // line breaks of YAML, byte order marks, what is no character
		}
	}
	return has, true
}

func (p *fast) lineEnd(at int) int {
	if i := strings.IndexByte(p.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(p.text)
}

// advance goes to the first line from bol on that is neither blank nor a comment.
func (p *fast) advance(bol int) {
	for bol < len(p.text) {
		p.line++
		at := bol
		for at < len(p.text) && p.text[at] == ' ' {
			at++
		}
		if at == len(p.text) {
			break
		}
		if c := p.text[at]; c == '\n' {
			bol = at + 1
			continue
		} else if c == '#' {
			bol = p.lineEnd(at) + 1
			continue
		}
		p.bol, p.at, p.indent = bol, at, at-bol
		p.eol = p.lineEnd(at)
		p.bad = p.bad || p.tabs && strings.IndexByte(p.text[bol:p.eol], '\t') >= 0
		return
	}
	p.done, p.at, p.eol, p.indent = true, len(p.text), len(p.text), -1
}

// restIsBlank tells whether the line has nothing from at on but blanks and a comment.
func (p *fast) restIsBlank(at int) bool {
	from := at
	for at < p.eol && p.text[at] == ' ' {
		at++
	}
	return at == p.eol || p.text[at] == '#' && at > from
}

// node takes a new node that begins at a byte of the current line.
func (p *fast) node(kind yaml.Kind, style yaml.Style, tag, value string, at int) *yaml.Node {
	if len(p.nodes) == 0 {
		p.nodes = make([]yaml.Node, p.room())
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.Kind, n.Style, n.Tag, n.Value, n.Line = kind, style, tag, value, p.line
	n.Column = at - p.bol + 1
	if p.wide {
		n.Column = utf8.RuneCountInString(p.text[p.bol:at]) + 1
	}
	return n
}

// room estimates how many nodes are still to come: a key and a value a line.
func (p *fast) room() int {
	return min(1024, 8+2*strings.Count(p.text[min(p.bol, len(p.text)):], "\n"))
}

// content takes what was pushed since base as the content of a node.
func (p *fast) content(base int) []*yaml.Node {
	n := len(p.stack) - base
	if n == 0 {
		return nil
	}
	if len(p.links) < n {
		p.links = make([]*yaml.Node, max(n, p.room()))
	}
	out := p.links[:n:n]
	p.links = p.links[n:]
	copy(out, p.stack[base:])
	p.stack = p.stack[:base]
	return out
}

// isDash tells whether a sequence entry begins at a byte of the current line.
func (p *fast) isDash(at int) bool {
	return p.text[at] == '-' && (at+1 == p.eol || p.text[at+1] == ' ')
}

// block reads the collection that begins at the current position.
func (p *fast) block(depth int) (*yaml.Node, any, bool) {
	if p.isDash(p.at) {
		return p.sequence(p.at-p.bol, depth)
	}
	if k := p.key(p.at); k.end > 0 {
		return p.mapping(p.at-p.bol, k, depth)
	}
	return nil, nil, false
}

// fastKey is a key of the current line: its text, and the byte after its colon.
type fastKey struct {
	text  string
	style yaml.Style
	end   int
}

// key reads a key at a byte of the current line; its end is 0 when there is none, or
// one that needs more than this.
func (p *fast) key(at int) fastKey {
	var k fastKey
	c := p.text[at]
	end := at
	switch {
	case c == '"' || c == '\'':
		i := strings.IndexByte(p.text[at+1:p.eol], c)
		if i < 0 {
			return k
		}
		k.text = p.text[at+1 : at+1+i]
		k.style = yaml.DoubleQuotedStyle
		if c == '\'' {
			k.style = yaml.SingleQuotedStyle
		} else if strings.IndexByte(k.text, '\\') >= 0 {
			return k
		}
		end = at + i + 2
		if end >= p.eol || p.text[end] != ':' {
			return k
		}
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '/' || c == '.' || c == '$':
		for end < p.eol && (p.text[end] != ':' || end+1 < p.eol && p.text[end+1] != ' ') {
			if p.text[end] == '#' && p.text[end-1] == ' ' {
				return k
			}
			end++
		}
		if end == p.eol || p.text[end-1] == ' ' {
			return k
		}
		k.text = p.text[at:end]
	default:
		return k
	}
	if at == p.bol && strings.HasPrefix(k.text, "...") {
		return k // the end of the document
	}
	if end+1 < p.eol && p.text[end+1] != ' ' || end-at > 1000 {
		return k
	}
	k.end = end + 1
	return k
}

// mapping reads a block mapping whose keys stand in a column; the first is known.
func (p *fast) mapping(column int, k fastKey, depth int) (*yaml.Node, any, bool) {
	if depth > p.depth {
		return nil, nil, false
	}
	n := p.node(yaml.MappingNode, 0, "!!map", "", p.at)
	base, keys, vals := len(p.stack), len(p.keys), len(p.vals)
	for {
		name := k.text
		if k.style == 0 {
			text, err := keyText(name)
			if err != nil {
				return nil, nil, false
			}
			name = text
		}
		p.stack = append(p.stack, p.node(yaml.ScalarNode, k.style, "!!str", k.text, p.at))
		p.keys = append(p.keys, name)
		p.steps = append(p.steps, step{name, -1})
		p.at = k.end
		child, v, ok := p.value(column, depth, true)
		if !ok {
			return nil, nil, false
		}
		p.steps = p.steps[:len(p.steps)-1]
		p.stack, p.vals = append(p.stack, child), append(p.vals, v)
		if p.done || p.indent < column {
			break
		}
		if p.indent > column {
			return nil, nil, false
		}
		if k = p.key(p.at); k.end == 0 {
			return nil, nil, false
		}
	}
	m := p.fields(keys, vals, base)
	n.Content = p.content(base)
	return n, m, true
}

// fields makes the value of a mapping of what was pushed, and notes keys that come
// twice.
func (p *fast) fields(keys, vals, base int) map[string]any {
	m := make(map[string]any, len(p.keys)-keys)
	for i, key := range p.keys[keys:] {
		if _, twice := m[key]; twice {
			steps := append(append([]step(nil), p.steps...), step{key, -1})
			p.dups = append(p.dups, duplicate{steps, p.stack[base+2*i].Line})
		}
		m[key] = p.vals[vals+i]
	}
	p.keys, p.vals = p.keys[:keys], p.vals[:vals]
	return m
}

// sequence reads a block sequence whose dashes stand in a column.
func (p *fast) sequence(column, depth int) (*yaml.Node, any, bool) {
	if depth > p.depth {
		return nil, nil, false
	}
	n := p.node(yaml.SequenceNode, 0, "!!seq", "", p.at)
	base, vals := len(p.stack), len(p.vals)
	for {
		p.steps = append(p.steps, step{index: len(p.vals) - vals})
		p.at++
		child, v, ok := p.value(column, depth, false)
		if !ok {
			return nil, nil, false
		}
		p.steps = p.steps[:len(p.steps)-1]
		p.stack, p.vals = append(p.stack, child), append(p.vals, v)
		if p.done || p.indent < column || p.indent == column && !p.isDash(p.at) {
			break
		}
		if p.indent > column {
			return nil, nil, false
		}
	}
	s := append(make([]any, 0, len(p.vals)-vals), p.vals[vals:]...)
	p.vals = p.vals[:vals]
	n.Content = p.content(base)
	return n, s, true
}

// value reads what follows a key's colon or a dash, up to the next line of the
// collection in column or of one around it.
func (p *fast) value(column, depth int, keyed bool) (*yaml.Node, any, bool) {
	mark := p.at
	for p.at < p.eol && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at == p.eol || p.text[p.at] == '#' {
		null := p.node(yaml.ScalarNode, 0, "!!null", "", mark)
		p.advance(p.eol + 1)
		if !p.done && (p.indent > column || keyed && p.indent == column && p.isDash(p.at)) {
			return p.block(depth + 1)
		}
		return null, nil, true
	}
	if !keyed {
		if p.isDash(p.at) {
			return p.sequence(p.at-p.bol, depth+1)
		}
		if k := p.key(p.at); k.end > 0 {
			return p.mapping(p.at-p.bol, k, depth+1)
		}
	}
	n, v, ok := p.inline(column, depth+1)
	if !ok || !p.done && p.indent > column {
		return nil, nil, false
	}
	return n, v, true
}
