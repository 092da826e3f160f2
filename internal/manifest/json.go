// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// jsonStart gives where the JSON of a chunk begins: a brace or bracket after blanks and
// at most one --- line. It is -1 when the chunk cannot be JSON.
func jsonStart(text []byte) int {
	at := 0
	if isMark(text, '-') {
		at = 3
	}
	for ; at < len(text); at++ {
		switch text[at] {
		case ' ', '\t', '\n', '\r':
		case '{', '[':
			return at
		default:
			return -1
		}
	}
	return -1
}

// jsonPrefix gives the length of the whole JSON objects at the start of text, 0 when
// there is none.
func jsonPrefix(text []byte) int {
	at := jsonStart(text)
	if at < 0 || text[at] != '{' {
		return 0
	}
	end, depth := 0, 0
	for inside := false; at < len(text); at++ {
		switch c := text[at]; {
		case inside:
			if c == '\\' {
				at++
			} else if c == '"' {
				inside = false
			}
		case c == '"':
			inside = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				end = at + 1
			}
		case depth == 0 && c != ' ' && c != '\t' && c != '\n' && c != '\r':
			return end
		}
	}
	return end
}

// jsonParser makes values and nodes of JSON text at once.
type jsonParser struct {
	text   string
	at     int
	line   int
	bol    int // offset of the line's first byte
	limits Limits
	steps  []step
	dups   []duplicate
}

// parseJSON reads a stream of JSON values. It gives what it read before an error, and
// the error's line.
func parseJSON(text string, line int, limits Limits) ([]document, error) {
	p := &jsonParser{text: text, line: line, limits: limits}
	if isMark([]byte(text[:min(4, len(text))]), '-') {
		p.at = 3
	}
	var docs []document
	for {
		p.space()
		if p.at == len(p.text) {
			return docs, nil
		}
		p.dups = nil
		n, v, err := p.value(0)
		if err != nil {
			return docs, p.fail(err)
		}
		docs = append(docs, document{node: n, value: v, dups: p.dups})
	}
}

func (p *jsonParser) fail(err error) error {
	var at *lineError
	if errors.As(err, &at) {
		return err
	}
	return &lineError{p.line, err}
}

func (p *jsonParser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case '\n':
			p.line++
			p.bol = p.at + 1
		case ' ', '\t', '\r':
		default:
			return
		}
		p.at++
	}
}

func (p *jsonParser) unexpected(want string) error {
	if p.at >= len(p.text) {
		return fmt.Errorf("JSON ends where %s should be", want)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return fmt.Errorf("JSON has %q where %s should be", r, want)
}

func (p *jsonParser) node(kind yaml.Kind, tag string) *yaml.Node {
	return &yaml.Node{Kind: kind, Tag: tag, Line: p.line, Column: p.at - p.bol + 1}
}

func (p *jsonParser) value(depth int) (*yaml.Node, any, error) {
	if depth > p.limits.Depth {
		return nil, nil, p.fail(p.limits.depthError())
	}
	if p.at == len(p.text) {
		return nil, nil, p.unexpected("a value")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		n := p.node(yaml.ScalarNode, "!!str")
		n.Style = yaml.DoubleQuotedStyle
		s, err := p.str()
		n.Value = s
		return n, s, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range [...]struct {
		text, tag string
		value     any
	}{{"true", "!!bool", true}, {"false", "!!bool", false}, {"null", "!!null", nil}} {
		if strings.HasPrefix(p.text[p.at:], w.text) {
			n := p.node(yaml.ScalarNode, w.tag)
			n.Value = w.text
			p.at += len(w.text)
			return n, w.value, nil
		}
	}
	return nil, nil, p.unexpected("a value")
}

func (p *jsonParser) object(depth int) (*yaml.Node, any, error) {
	n := p.node(yaml.MappingNode, "!!map")
	n.Style = yaml.FlowStyle
	m := map[string]any{}
	p.at++
	p.space()
	if p.at < len(p.text) && p.text[p.at] == '}' {
		p.at++
		return n, m, nil
	}
	for {
		p.space()
		if p.at == len(p.text) || p.text[p.at] != '"' {
			return nil, nil, p.unexpected("a key in quotes")
		}
		k := p.node(yaml.ScalarNode, "!!str")
		k.Style = yaml.DoubleQuotedStyle
		key, err := p.str()
		if err != nil {
			return nil, nil, err
		}
		k.Value = key
		p.space()
		if p.at == len(p.text) || p.text[p.at] != ':' {
			return nil, nil, p.unexpected("a colon")
		}
		p.at++
		p.space()
		p.steps = append(p.steps, step{key, -1})
		v, value, err := p.value(depth + 1)
		if err != nil {
			return nil, nil, err
		}
		if _, twice := m[key]; twice {
			p.dups = append(p.dups, duplicate{append([]step(nil), p.steps...), k.Line})
		}
		p.steps = p.steps[:len(p.steps)-1]
		m[key] = value
		n.Content = append(n.Content, k, v)
		if done, err := p.more('}'); err != nil || done {
			return n, m, err
		}
	}
}

func (p *jsonParser) array(depth int) (*yaml.Node, any, error) {
	n := p.node(yaml.SequenceNode, "!!seq")
	n.Style = yaml.FlowStyle
	s := []any{}
	p.at++
	p.space()
	if p.at < len(p.text) && p.text[p.at] == ']' {
		p.at++
		return n, s, nil
	}
	for {
		p.space()
		p.steps = append(p.steps, step{index: len(s)})
		v, value, err := p.value(depth + 1)
		if err != nil {
			return nil, nil, err
		}
		p.steps = p.steps[:len(p.steps)-1]
		n.Content, s = append(n.Content, v), append(s, value)
		if done, err := p.more(']'); err != nil || done {
			return n, s, err
		}
	}
}

// more takes the comma or the closing bracket after an element.
func (p *jsonParser) more(end byte) (done bool, err error) {
	p.space()
	if p.at < len(p.text) && (p.text[p.at] == ',' || p.text[p.at] == end) {
		p.at++
		return p.text[p.at-1] == end, nil
	}
	return false, p.unexpected("a comma or " + string(end))
}

// str reads a string. Without escapes it shares the text's memory.
func (p *jsonParser) str() (string, error) {
	start := p.at
	p.at++
	plain := true
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if plain {
				return p.text[start+1 : p.at-1], nil
			}
			var s string
			if err := json.Unmarshal([]byte(p.text[start:p.at]), &s); err != nil {
				return "", errors.New("JSON has a malformed string")
			}
			return s, nil
		case c == '\\':
			plain = false
			p.at++
		case c < ' ':
			return "", errors.New("JSON has a line break or control character inside a string")
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(p.text[p.at:])
			plain = plain && (r != utf8.RuneError || n > 1)
			p.at += n - 1
		}
	}
	return "", errors.New("JSON ends inside a string")
}

// number reads a number as encoding/json and then apimachinery do: an int64 where it is
// one, else a float64.
func (p *jsonParser) number() (*yaml.Node, any, error) {
	start := p.at
	end := start
	for end < len(p.text) && bytes.IndexByte([]byte("+-.0123456789eE"), p.text[end]) >= 0 {
		end++
	}
	text := p.text[start:end]
	if !json.Valid([]byte(text)) {
		return nil, nil, fmt.Errorf("JSON has a malformed number %q", text)
	}
	n := p.node(yaml.ScalarNode, "!!int")
	n.Value = text
	p.at = end
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, nil, fmt.Errorf("JSON has a number that is too large: %s", text)
	}
	n.Tag = "!!float"
	return n, f, nil
}
