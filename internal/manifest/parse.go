// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// parse gives the documents of a chunk, which is usually one. What was parsed before an
// error is given too. Errors know their line.
func parse(c chunk, limits Limits) ([]document, error) {
	if blank(c.text) {
		return nil, nil
	}
	if jsonStart(c.text) >= 0 {
		docs, err := parseJSON(string(c.text), c.line, limits)
		if err == nil {
			return docs, nil
		}
		// Flow style YAML begins like JSON does.
		if other, yamlErr := parseYAML(c, limits); yamlErr == nil {
			return other, nil
		}
		return docs, err
	}
	if d, ok := parseFast(c, limits); ok {
		return []document{d}, nil
	}
	return parseYAML(c, limits)
}

// blank tells whether a chunk has nothing but its --- line, blank lines and comments.
func blank(text []byte) bool {
	if isMark(text, '-') {
		text = text[3:]
	}
	for len(text) > 0 {
		text = bytes.TrimLeft(text, " \n")
		if len(text) > 0 && text[0] != '#' {
			return false
		}
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			i = len(text)
		}
		for _, c := range text[:i] {
			if c == '\r' || c >= utf8.RuneSelf {
				return false // perhaps a line break that only YAML knows
			}
		}
		text = text[i:]
	}
	return true
}

// parseYAML reads a chunk with the YAML library. The library's own stream decoder is
// used so that a second document in the chunk (after a line break that only YAML knows)
// cannot hide.
func parseYAML(c chunk, limits Limits) (docs []document, err error) {
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, &lineError{c.line, fmt.Errorf("parse YAML: %v", r)}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(c.text))
	for {
		root := &yaml.Node{}
		err := dec.Decode(root)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return again(c, docs, err)
		}
		if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
			root = root.Content[0]
		}
		t := newTree(limits, c.line-1, len(c.text))
		value, err := t.value(root, 0)
		if err != nil {
			return docs, err
		}
		docs = append(docs, document{node: root, value: value, dups: t.dups})
	}
}

// again reads what the YAML library could not as kubectl does. Where that works the
// object is judged, without positions; else its error tells the line better.
func again(c chunk, docs []document, err error) ([]document, error) {
	if len(docs) > 0 || len(c.text) > 1<<20 {
		return docs, yamlError(c, err)
	}
	var value any
	if kerr := kyaml.Unmarshal(c.text, &value); kerr != nil {
		return docs, yamlError(c, kerr)
	}
	return []document{{value: value}}, nil
}

var yamlLine = regexp.MustCompile(`(?s)yaml: (?:unmarshal errors:\s+)?(?:line (\d+): )?(.*)`)

// yamlError finds the line in an error of the YAML libraries, which count from the
// chunk's first line and say nothing of that one.
func yamlError(c chunk, err error) error {
	line, message := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = strings.TrimSpace(m[2])
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if strings.HasPrefix(message, "did not find expected") {
				line++ // the parser counts from 0, the scanner from 1
			}
		}
	}
	if !utf8.Valid(c.text) {
		line, message = badText(c.text)
	}
	return &lineError{c.line + line - 1, fmt.Errorf("is not valid YAML: %s", message)}
}

// badText finds the first byte that is no UTF-8.
func badText(text []byte) (line int, message string) {
	line = 1
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			return line, fmt.Sprintf("byte 0x%02x is not UTF-8 text", text[0])
		}
		if r == '\n' {
			line++
		}
		text = text[n:]
	}
	return line, "the text is not UTF-8"
}

// chunks yields the documents of a text, chunk by chunk.
func chunks(text []byte, limits Limits) iter.Seq2[[]document, error] {
	return func(yield func([]document, error) bool) {
		s := newSplitter(bytes.NewReader(text), nil, limits)
		for {
			c, err := s.next()
			if err == io.EOF {
				return
			}
			if err == nil && c.err != nil {
				err = &lineError{c.line, c.err}
			} else if err != nil {
				yield(nil, err)
				return
			}
			var docs []document
			if err == nil {
				docs, err = parse(c, limits)
			}
			if !yield(docs, err) {
				return
			}
		}
	}
}
