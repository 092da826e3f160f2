// SPDX-License-Identifier: Apache-2.0

package frameworks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// maxFile bounds a framework's file; SOC 2 has about twenty kilobytes.
const maxFile = 4 << 20

// reader gathers what files hold and, so that a user sees them all at once, what is
// wrong with them.
type reader struct {
	known      []seaworthy.Control // the controls that a file may name; nil: any
	frameworks []seaworthy.Framework
	extensions []extension
	crosswalks []Crosswalk
	problems   []string
}

func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return seaworthy.Invalid("%s", strings.Join(r.problems, "\n"))
}

// folder calls each for every document of every *.yaml and *.yml file of fsys; dir is
// what messages call its root.
func (r *reader) folder(fsys fs.FS, dir string, each func(file string, n *yaml.Node)) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(d.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)):
			return nil
		}
		return r.file(fsys, name, filepath.ToSlash(filepath.Join(dir, name)), each)
	})
}

// file calls each for every document of one file. An empty file is a problem: whoever
// made it meant something.
func (r *reader) file(fsys fs.FS, name, file string, each func(file string, n *yaml.Node)) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		r.problems = append(r.problems, fmt.Sprintf("%s: larger than %d bytes", file, maxFile))
		return nil
	}
	documents := 0
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			r.yamlError(file, err)
			return nil
		}
		if n := doc.Content[0]; n.Tag != "!!null" {
			documents++
			each(file, n)
		}
	}
	if documents == 0 {
		r.problems = append(r.problems, file+": the file is empty")
	}
	return nil
}

func (r *reader) frameworkOrExtension(file string, n *yaml.Node) {
	if value(n, "extend") != nil {
		r.extension(file, n)
		return
	}
	r.framework(file, n)
}

func (r *reader) framework(file string, n *yaml.Node) {
	var f seaworthy.Framework
	well := r.unknownKeys(file, n, keysOf(f), "a framework")
	for _, req := range requirementNodes(n) {
		well = r.unknownKeys(file, req, keysOf(seaworthy.Requirement{}), "a requirement") && well
	}
	if !well {
		return
	}
	if err := n.Decode(&f); err != nil {
		r.yamlError(file, err)
		return
	}
	f.File = file
	if err := f.Validate(); err != nil {
		r.problem(file, n.Line, "%s", err)
		return
	}
	if len(f.Requirements) == 0 {
		r.problem(file, n.Line, "framework %s has no requirements", f.ID)
		return
	}
	r.unknownControls(file, n)
	if i := slices.IndexFunc(r.frameworks, func(o seaworthy.Framework) bool { return o.ID == f.ID }); i >= 0 {
		r.problem(file, n.Line, "framework %s is already in %s", f.ID, r.frameworks[i].File)
		return
	}
	r.frameworks = append(r.frameworks, f)
}

// unknownControls reports controls that are named but known nowhere.
func (r *reader) unknownControls(file string, n *yaml.Node) {
	if r.known == nil {
		return
	}
	known := ids(r.known, func(c seaworthy.Control) string { return c.ID })
	for _, req := range requirementNodes(n) {
		list := value(req, "controls")
		if list == nil {
			continue
		}
		for _, id := range list.Content {
			if id = resolve(id); !slices.Contains(known, id.Value) {
				r.unknown(file, id.Line, "control", id.Value, known)
			}
		}
	}
}

// unknownKeys reports what is no mapping and keys that it must not have; it tells
// whether all is well.
func (r *reader) unknownKeys(file string, n *yaml.Node, known []string, what string) bool {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.problem(file, n.Line, "%s is a mapping with the keys %s", what, strings.Join(known, ", "))
		return false
	}
	well := true
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(known, key.Value) {
			well = false
			if seaworthy.Nearest(key.Value, known) == "" {
				r.problem(file, key.Line, "key %q is not known (%s has %s)", key.Value, what, strings.Join(known, ", "))
				continue
			}
			r.unknown(file, key.Line, "key", key.Value, known)
		}
	}
	return well
}

// unknown reports a name that is not among known, with what was likely meant.
func (r *reader) unknown(file string, line int, what, name string, known []string) {
	if near := seaworthy.Nearest(name, known); near != "" {
		r.problem(file, line, "%s %q is not known (did you mean %q?)", what, name, near)
		return
	}
	r.problem(file, line, "%s %q is not known", what, name)
}

func (r *reader) problem(file string, line int, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s: line %d: ", file, line)+fmt.Sprintf(format, args...))
}

// yamlError keeps the decoder's own messages, which name the line.
func (r *reader) yamlError(file string, err error) {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		for _, e := range types.Errors {
			r.problems = append(r.problems, file+": "+e)
		}
		return
	}
	r.problems = append(r.problems, file+": "+strings.TrimPrefix(err.Error(), "yaml: "))
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// value is the value of a key, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

func requirementNodes(n *yaml.Node) []*yaml.Node {
	if list := value(n, "requirements"); list != nil && list.Kind == yaml.SequenceNode {
		return list.Content
	}
	return nil
}

// keysOf reads the keys of a file's mapping off the type that it is decoded into, so
// that the two cannot differ.
func keysOf(v any) []string {
	var keys []string
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

func ids[T any](list []T, id func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = id(v)
	}
	return out
}
