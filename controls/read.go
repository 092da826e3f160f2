// SPDX-License-Identifier: Apache-2.0

package controls

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// maxFile bounds a control's file; the built-in ones have about one kilobyte.
const maxFile = 1 << 20

// reader gathers controls and, so that a user sees them all at once, what is wrong.
type reader struct {
	controls []seaworthy.Control
	problems []string
}

// read reads every *.yaml and *.yml file of fsys; dir is what messages call its root.
func read(fsys fs.FS, dir string) ([]seaworthy.Control, error) {
	var r reader
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(d.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)):
			return nil
		}
		return r.file(fsys, name, filepath.ToSlash(filepath.Join(dir, name)))
	})
	if err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read controls in " + dir, Err: err}
	}
	if len(r.problems) > 0 {
		return nil, seaworthy.Invalid("%s", strings.Join(r.problems, "\n"))
	}
	if len(r.controls) == 0 {
		return nil, seaworthy.Invalid("%s holds no control (*.yaml)", dir)
	}
	slices.SortFunc(r.controls, byID)
	return r.controls, nil
}

// file reads every document of one file. An empty one is a problem: whoever made the
// file meant something.
func (r *reader) file(fsys fs.FS, name, file string) error {
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
			r.control(file, n)
		}
	}
	if documents == 0 {
		r.problems = append(r.problems, file+": the file is empty")
	}
	return nil
}

// unknownKeys reports what is no mapping and keys that a control does not have; it
// tells whether all is well.
func (r *reader) unknownKeys(file string, n *yaml.Node, known []string) bool {
	if n.Kind != yaml.MappingNode {
		r.problem(file, n.Line, "a control is a mapping with the keys %s", strings.Join(known, ", "))
		return false
	}
	well := true
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if slices.Contains(known, key.Value) {
			continue
		}
		well = false
		if near := seaworthy.Nearest(key.Value, known); near != "" {
			r.problem(file, key.Line, "key %q is not known (did you mean %q?)", key.Value, near)
		} else {
			r.problem(file, key.Line, "key %q is not known (a control has %s)", key.Value, strings.Join(known, ", "))
		}
	}
	return well
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
