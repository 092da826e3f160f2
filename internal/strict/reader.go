// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// Reader reads the documents of files and gathers what is wrong with them, so that
// whoever wrote them sees it all at once. The zero value is ready.
type Reader struct{ problems []string }

// Folder calls each for every document of every *.yaml and *.yml file of fsys, but for
// hidden ones; dir is what messages call its root.
func (r *Reader) Folder(fsys fs.FS, dir string, each func(file string, n *yaml.Node)) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(d.Name(), ".")
		var path *fs.PathError
		switch {
		case name == "." && errors.As(err, &path):
			return path.Err // whoever calls knows the folder by its own name
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden || d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)):
			return nil
		}
		return r.File(fsys, name, filepath.ToSlash(filepath.Join(dir, name)), each)
	})
}

// File calls each for every document of one file. An empty file is a problem: whoever
// made it meant something.
func (r *Reader) File(fsys fs.FS, name, file string, each func(file string, n *yaml.Node)) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return err
	}
	if len(data) > MaxFile {
		r.problems = append(r.problems, fmt.Sprintf("%s is larger than %d MB", file, MaxFile>>20))
		return nil
	}
	documents := 0
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			r.problems = append(r.problems, Explain(file, err).Error())
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

// Decode reads one document and tells whether all is well with it.
func (r *Reader) Decode(file string, n *yaml.Node, into any) bool {
	if err := Node(file, n, into); err != nil {
		r.problems = append(r.problems, err.Error())
		return false
	}
	return true
}

// Problem remembers what is wrong at a line.
func (r *Reader) Problem(file string, line int, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s: line %d: ", file, line)+fmt.Sprintf(format, args...))
}

// Unknown remembers a name that is not among those known, with what was likely meant.
func (r *Reader) Unknown(file string, line int, what, name string, known []string) {
	if near := seaworthy.Nearest(name, known); near != "" {
		r.Problem(file, line, "%s %q is not known (did you mean %q?)", what, name, near)
		return
	}
	r.Problem(file, line, "%s %q is not known", what, name)
}

// Err is everything that is wrong, or nil.
func (r *Reader) Err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return seaworthy.Invalid("%s", strings.Join(r.problems, "\n"))
}
