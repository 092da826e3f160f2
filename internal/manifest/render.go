// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// kustomizing is held while kustomize runs: it keeps its OpenAPI schema in variables of
// its own packages, so two runs at once would read and write them together.
var kustomizing sync.Mutex

// kustomization renders the unit's folder and hands out what comes out. Files outside of
// the folder may be read, as with --load-restrictor LoadRestrictionsNone, since
// overlays of real repositories do so; no program is run unless the network is allowed
// (kustomize fetches with git).
func (r *reader) kustomization() error {
	dir := r.unit.Path
	r.result.Files++
	s := r.unit.survey
	for _, f := range s.faults {
		r.error(filepath.ToSlash(f.file), 0, f.err)
	}
	if s.broken {
		return nil
	}
	m, err := build(dir, r.limits, s)
	if err != nil {
		r.error(r.kustomizationFile(), 0, fmt.Errorf("cannot be rendered: %w", err))
		return nil
	}
	src := &sources{dir: dir, limits: r.limits, files: map[string]*source{}}
	for _, res := range m.Resources() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.resource(src, res); err != nil {
			return err
		}
	}
	return nil
}

// kustomizationFile is the file that makes the unit's folder a kustomization.
func (r *reader) kustomizationFile() string {
	for _, name := range kustomizationFiles {
		if file := filepath.Join(r.unit.Path, name); exists(file) {
			return filepath.ToSlash(file)
		}
	}
	return filepath.ToSlash(r.unit.Path)
}

// build runs kustomize on a folder.
func build(dir string, limits Limits, s *survey) (m resmap.ResMap, err error) {
	kustomizing.Lock()
	defer kustomizing.Unlock()
	defer func() {
		if s.openapi {
			openapi.ResetOpenAPI() // else the next run would see this one's schema
		}
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("kustomize broke off: %v", p)
		}
	}()
	opts := krusty.MakeDefaultOptions()
	opts.LoadRestrictions = types.LoadRestrictionsNone
	fs := filesys.MakeFsOnDisk()
	root, _, err := fs.CleanedAbs(dir)
	if err != nil {
		return nil, err
	}
	return krusty.MakeKustomizer(opts).Run(tracing{fs, string(root), limits, s.leave}, dir)
}

// tracing is the disk with two changes to kustomization files: the root's asks kustomize
// to note where each object comes from, and what is remote and may not be fetched is
// left out. It also holds files to the limit of their size.
type tracing struct {
	filesys.FileSystem
	root   string
	limits Limits
	leave  map[string]bool
}

// ReadFile reads a file as kustomize shall see it.
func (t tracing) ReadFile(path string) ([]byte, error) {
	text, err := readLimited(path, t.limits)
	root := filepath.Dir(path) == t.root
	if err != nil || !slices.Contains(kustomizationFiles, filepath.Base(path)) || !root && len(t.leave) == 0 {
		return text, err
	}
	return t.rewrite(text, root), nil
}

// rewrite changes a kustomization file. One that is not understood is left to kustomize
// to complain about.
func (t tracing) rewrite(text []byte, root bool) []byte {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return text
	}
	top := doc.Content[0]
	for _, key := range resourceKeys {
		if list := field(top, key); list != nil {
			list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool { return t.leave[target(n).Value] })
		}
	}
	if root {
		list := field(top, "buildMetadata")
		if list == nil || list.Kind != yaml.SequenceNode {
			list = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
			top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "buildMetadata"}, list)
		}
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: types.OriginAnnotations})
	}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		return text
	}
	return out
}

// resource hands out one rendered object, as if its text had been read.
func (r *reader) resource(src *sources, res *resource.Resource) error {
	where := src.of(res)
	p := &page{reader: r, name: where.file, root: filepath.ToSlash(r.unit.Path)}
	if err := res.SetOrigin(nil); err != nil {
		return fmt.Errorf("strip the origin of %s: %w", res.CurId(), err)
	}
	text, err := res.AsYAML()
	if err != nil {
		r.error(where.file, where.line, fmt.Errorf("render %s: %w", res.CurId(), err))
		return nil
	}
	docs, err := parse(chunk{text: text, line: 1}, r.limits)
	if err != nil {
		r.error(where.file, where.line, fmt.Errorf("read what kustomize renders: %w", errors.Unwrap(err)))
		return nil
	}
	for _, d := range docs {
		m, ok := d.value.(map[string]any)
		if !ok {
			r.error(where.file, where.line, errors.New("kustomize renders something that is no object"))
			continue
		}
		r.result.Documents++
		if err := p.object(item{m, where.node, where.line, nil}, 0); err != nil {
			return err
		}
	}
	return nil
}

// sources finds where in its file a rendered object is written.
type sources struct {
	dir    string
	limits Limits
	files  map[string]*source
}

type source struct {
	docs []document
	used []bool
}

// place is a position in a source file.
type place struct {
	file string
	line int
	node *yaml.Node
}

// of gives the place of a rendered object. Kustomize says which file it comes from; the
// document there is the one of the same kind whose name is the object's own or, after
// prefixes and suffixes, a part of it.
func (s *sources) of(res *resource.Resource) place {
	origin, err := res.GetOrigin()
	if err != nil || origin == nil {
		return place{file: filepath.ToSlash(s.dir), line: 1}
	}
	path := origin.Path
	if path == "" {
		path = origin.ConfiguredIn
	}
	if origin.Repo != "" {
		return place{file: origin.Repo + "//" + path, line: 1}
	}
	file := filepath.Join(s.dir, path)
	src := s.read(file)
	best, rank := -1, 0
	for i, d := range src.docs {
		if n := match(d.value, res); n > rank && !(src.used[i] && n < exact) {
			best, rank = i, n
		}
	}
	at := place{file: filepath.ToSlash(file), line: 1}
	if best >= 0 {
		src.used[best] = true
		at.node, at.line = src.docs[best].node, src.docs[best].node.Line
	}
	return at
}

const exact = 1 << 20

// match ranks how well a document fits a rendered object; 0 is not at all.
func match(v any, res *resource.Resource) int {
	m, ok := v.(map[string]any)
	if !ok || text(m, "kind") != res.GetKind() {
		return 0
	}
	meta, _ := m["metadata"].(map[string]any)
	name := text(meta, "name")
	org := res.OrgId()
	switch {
	case name == org.Name && (text(meta, "namespace") == org.Namespace || org.Namespace == ""):
		return exact + 1
	case name == org.Name || name == res.GetName():
		return exact
	case name != "" && strings.Contains(res.GetName(), name):
		return 2 + len(name)
	}
	return 1
}

// read parses a source file once, with the elements of its lists as documents.
func (s *sources) read(file string) *source {
	if src := s.files[file]; src != nil {
		return src
	}
	src := &source{}
	s.files[file] = src
	text, err := readLimited(file, s.limits)
	if err != nil {
		return src
	}
	for docs, err := range chunks(text, s.limits) {
		if err != nil {
			continue
		}
		for _, d := range docs {
			src.add(d)
		}
	}
	src.used = make([]bool, len(src.docs))
	return src
}

func (src *source) add(d document) {
	if d.node == nil {
		return
	}
	m, _ := d.value.(map[string]any)
	list, _ := m["items"].([]any)
	nodes := field(d.node, "items")
	if list == nil || nodes == nil || !strings.HasSuffix(text(m, "kind"), "List") {
		src.docs = append(src.docs, d)
		return
	}
	for i, v := range list {
		if n := element(nodes, i); n != nil {
			src.docs = append(src.docs, document{node: n, value: v})
		}
	}
}
