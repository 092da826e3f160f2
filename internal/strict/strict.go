// SPDX-License-Identifier: Apache-2.0

// Package strict reads the YAML files that people write for Seaworthy: a key that is not
// known is an error with a suggestion, and every error names its file and line. All
// errors of a file are reported at once.
package strict

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 4 << 20

// ReadFile reads one document from a file into a struct whose fields have yaml tags.
func ReadFile(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read " + path, Err: errors.Unwrap(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read " + path, Err: errors.Unwrap(err)}
	}
	if len(data) > MaxFile {
		return seaworthy.Invalid("%s is larger than %d MB", path, MaxFile>>20)
	}
	return Decode(path, data, into)
}

// Decode reads one YAML document. An empty one leaves into as it is.
func Decode(file string, data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return Explain(file, err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); err != nil && !errors.Is(err, io.EOF) {
		return Explain(file, err)
	} else if err == nil {
		return seaworthy.Invalid("%s: line %d: one document is wanted, here begins another", file, second.Line)
	}
	return Node(file, &doc, into)
}

// Node reads a part of a document.
func Node(file string, n *yaml.Node, into any) error {
	if problems := unknown(n, reflect.TypeOf(into), ""); len(problems) > 0 {
		for i := range problems {
			problems[i] = file + ": " + problems[i]
		}
		return seaworthy.Invalid("%s", strings.Join(problems, "\n"))
	}
	if err := n.Decode(into); err != nil {
		return Explain(file, err)
	}
	return nil
}

// Explain words an error of the YAML library, which names the line.
func Explain(file string, err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return seaworthy.Invalid("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	lines := make([]string, len(types.Errors))
	for i, e := range types.Errors {
		lines[i] = file + ": " + reword(e)
	}
	return seaworthy.Invalid("%s", strings.Join(lines, "\n"))
}

// mismatch is what the YAML library says of a value of the wrong type.
var mismatch = regexp.MustCompile("^line (\\d+): cannot unmarshal !!(\\w+)( `.*`)? into (.+)$")

// reword says the same in the words of those who write YAML and no Go.
func reword(e string) string {
	m := mismatch.FindStringSubmatch(e)
	if m == nil {
		return e
	}
	wanted := "another type"
	switch into := m[4]; {
	case into == "string":
		wanted = "text"
	case into == "bool":
		wanted = "true or false"
	case strings.HasPrefix(into, "[]"):
		wanted = "a list"
	case strings.HasPrefix(into, "map["), strings.Contains(into, "."):
		wanted = "a mapping"
	case strings.HasPrefix(into, "int"), strings.HasPrefix(into, "uint"):
		wanted = "a whole number"
	case strings.HasPrefix(into, "float"):
		wanted = "a number"
	}
	given := strings.TrimPrefix(m[3], " ")
	switch m[2] {
	case "seq":
		given = "a list"
	case "map":
		given = "a mapping"
	case "null":
		given = "nothing"
	}
	return fmt.Sprintf("line %s: %s is wanted, not %s", m[1], wanted, given)
}

// unknown lists the keys of a tree that its type does not have, and keys given twice.
func unknown(n *yaml.Node, t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return unknown(n.Content[0], t, path)
	case yaml.AliasNode:
		return unknown(n.Alias, t, path)
	}
	if reads, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		return malformed(n, reads, path)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return unknownKeys(n, t, path)
	case yaml.SequenceNode:
		if t.Kind() == reflect.Slice {
			var out []string
			for i, e := range n.Content {
				out = append(out, unknown(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
			}
			return out
		}
	}
	if _, names := Fields(t); len(names) > 0 && n.Tag != "!!null" {
		at := ""
		if path != "" {
			at = path + ": "
		}
		return []string{fmt.Sprintf("line %d: %sa mapping with the keys %s is wanted", n.Line, at, strings.Join(names, ", "))}
	}
	return nil
}

// malformed holds a value to the type that reads it, which knows no lines.
func malformed(n *yaml.Node, reads encoding.TextUnmarshaler, path string) []string {
	var err error
	switch {
	case n.Kind != yaml.ScalarNode:
		err = errors.New("text is wanted")
	case n.Tag != "!!null":
		err = reads.UnmarshalText([]byte(n.Value))
	}
	if err == nil {
		return nil
	}
	return []string{fmt.Sprintf("line %d: %s: %v", n.Line, path, err)}
}

func unknownKeys(n *yaml.Node, t reflect.Type, path string) []string {
	var out []string
	seen := map[string]bool{}
	fields, names := Fields(t)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if seen[key.Value] {
			out = append(out, fmt.Sprintf("line %d: key %q stands there twice", key.Line, at))
		}
		seen[key.Value] = true
		switch {
		case key.Tag == "!!merge":
			out = append(out, unknown(value, t, path)...)
		case t.Kind() == reflect.Map:
			out = append(out, unknown(value, t.Elem(), at)...)
		case t.Kind() != reflect.Struct:
		case fields[key.Value] != nil:
			out = append(out, unknown(value, fields[key.Value], at)...)
		default:
			hint := " (known are " + strings.Join(names, ", ") + ")"
			if near := seaworthy.Nearest(key.Value, names); near != "" {
				hint = fmt.Sprintf(" (did you mean %q?)", near)
			}
			out = append(out, fmt.Sprintf("line %d: key %q is not known%s", key.Line, at, hint))
		}
	}
	return out
}

// Fields gives the yaml names of a struct's fields with their types, and the names in
// order.
func Fields(t reflect.Type) (map[string]reflect.Type, []string) {
	fields, names := map[string]reflect.Type{}, []string{}
	if t.Kind() != reflect.Struct {
		return fields, names
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
			names = append(names, name)
		}
	}
	return fields, names
}
