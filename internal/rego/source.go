// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// maxFile bounds one policy file.
const maxFile = 10 << 20

// sources is what a folder of policies holds.
type sources struct {
	rego     []file
	data     map[string]any
	badData  [][]string // where in data the documents of unreadable files would stand
	files    []string   // of data
	docs     []document
	problems []seaworthy.Problem
}

type file struct{ name, text string }

// document is one object of Gatekeeper's.
type document struct {
	file   string
	node   *yaml.Node
	object map[string]any
}

func (d document) str(keys ...string) string {
	s, _ := dig(d.object, keys...).(string)
	return s
}

func readSources(ctx context.Context, cfg Config) (*sources, error) {
	src := &sources{data: map[string]any{}}
	err := fs.WalkDir(cfg.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		shown := path.Join(cfg.Dir, name)
		if err != nil {
			if name == "." {
				return fmt.Errorf("read policies in %s: %w", cfg.Dir, err)
			}
			src.problem(shown, 0, "cannot be read: %v", cause(err))
			return nil
		}
		if strings.HasPrefix(d.Name(), ".") && name != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			src.read(cfg.FS, name, shown)
		}
		return nil
	})
	return src, err
}

func (s *sources) problem(file string, line int, format string, args ...any) {
	s.problems = append(s.problems, seaworthy.Problem{File: file, Line: line, Message: fmt.Sprintf(format, args...)})
}

// read takes one file in by its name: Rego, data (a JSON or YAML file below a folder named
// data, or called data.json or data.yaml, as in OPA's bundles) or Kubernetes objects.
func (s *sources) read(fsys fs.FS, name, shown string) {
	ext := path.Ext(name)
	isYAML := ext == ".yaml" || ext == ".yml" || ext == ".json"
	if !isYAML && ext != ".rego" || strings.HasSuffix(name, "_test.rego") {
		return
	}
	at, isData := dataPlace(name)
	text, err := readFile(fsys, name)
	if err != nil {
		s.problem(shown, 0, "cannot be read: %v", cause(err))
		if isYAML && isData {
			s.badData = append(s.badData, at)
		}
		return
	}
	switch {
	case ext == ".rego":
		s.rego = append(s.rego, file{shown, string(text)})
	case isData:
		s.addData(shown, at, text)
	case bytes.Contains(text, []byte("gatekeeper.sh/")):
		s.addDocuments(shown, text)
	}
}

// dataPlace tells where in data the content of a file stands: the folders below the one
// named data, or those above a file called data.json or data.yaml.
func dataPlace(name string) ([]string, bool) {
	dir, base := path.Split(name)
	var parts []string
	if dir != "" {
		parts = strings.Split(strings.TrimSuffix(dir, "/"), "/")
	}
	if i := slices.Index(parts, "data"); i >= 0 {
		return parts[i+1:], true
	}
	return parts, strings.TrimSuffix(base, path.Ext(base)) == "data"
}

func (s *sources) addData(shown string, at []string, text []byte) {
	var node yaml.Node
	var doc any
	err := yaml.Unmarshal(text, &node)
	if err == nil {
		doc, err = plain(&node)
	}
	m, ok := doc.(map[string]any)
	if err == nil && !ok && doc != nil {
		err = errors.New("data must be a mapping")
	}
	for i := len(at) - 1; i >= 0; i-- {
		m = map[string]any{at[i]: m}
	}
	if err == nil {
		err = merge(s.data, m, "data")
	}
	if err != nil {
		s.problem(shown, 0, "%v", cause(err))
		s.badData = append(s.badData, at)
		return
	}
	s.files = append(s.files, shown)
}

// merge puts the keys of src into dst; mappings are merged, anything else must not be
// there twice.
func merge(dst, src map[string]any, at string) error {
	for k, v := range src {
		have, ok := dst[k]
		if !ok {
			dst[k] = v
			continue
		}
		a, isMap := have.(map[string]any)
		b, bothMaps := v.(map[string]any)
		if !isMap || !bothMaps {
			return fmt.Errorf("%s.%s is also set by another file", at, k)
		}
		if err := merge(a, b, at+"."+k); err != nil {
			return err
		}
	}
	return nil
}

func (s *sources) addDocuments(shown string, text []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			s.problem(shown, 0, "%v", cause(err))
			return
		}
		if len(node.Content) > 0 {
			s.addObject(shown, node.Content[0])
		}
	}
}

func (s *sources) addObject(shown string, node *yaml.Node) {
	value, err := plain(node)
	if err != nil {
		s.problem(shown, node.Line, "%v", cause(err))
		return
	}
	obj, _ := value.(map[string]any)
	apiVersion, _ := obj["apiVersion"].(string)
	kind, _ := obj["kind"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	switch {
	case strings.HasSuffix(group, "gatekeeper.sh") && kind != "":
		s.docs = append(s.docs, document{shown, node, obj})
	case strings.HasSuffix(kind, "List"):
		if items := at(node, "items"); items != nil && items.Kind == yaml.SequenceNode {
			for _, item := range items.Content {
				s.addObject(shown, item)
			}
		}
	}
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cmpErr(err, errors.New("not a regular file"))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("larger than %d MB", maxFile>>20)
	}
	return b, err
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// cause drops the path from an error of the file system: a problem names it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
