// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// page is one text while it is read. Only at its end is it known whether it holds
// objects, which decides what the documents that are none mean.
type page struct {
	reader   *reader
	name     string // of the file
	root     string // of the chart or kustomization that rendered it
	explicit bool   // named by the user
	hint     string // how to render it, should it be a template

	objects  int
	mentions bool                // the text may name an apiVersion or kind
	broken   []seaworthy.Problem // documents that cannot be parsed
	halves   []seaworthy.Problem // documents with one of apiVersion and kind
	strays   []seaworthy.Problem // documents that are no objects
}

// mayHold tells whether a text can hold an object: one that has neither word, nor an
// escape that could spell it, holds none and need not be parsed.
func mayHold(text []byte) bool {
	return bytes.Contains(text, []byte("apiVersion")) || bytes.Contains(text, []byte("kind")) ||
		bytes.IndexByte(text, '\\') >= 0
}

// chunk reads the documents of one chunk. The error is that of emit.
func (p *page) chunk(c chunk) error {
	if c.err != nil {
		p.mentions = true
		p.trouble(c.line, c.err)
		return nil
	}
	docs, err := parse(c, p.reader.limits)
	for i := range docs {
		if err := p.document(&docs[i], c.line); err != nil {
			return err
		}
	}
	if err != nil {
		p.mentions = p.mentions || bytes.Contains(c.text, []byte("apiVersion")) ||
			bytes.Contains(c.text, []byte("kind:")) || bytes.Contains(c.text, []byte(`"kind"`))
		p.trouble(c.line, p.explain(c, err))
	}
	return nil
}

func (p *page) trouble(line int, err error) { p.broken = append(p.broken, problem(p.name, line, err)) }

func (p *page) stray(line int, what string) {
	p.strays = append(p.strays, seaworthy.Problem{File: p.name, Line: line, Message: what})
}

// explain adds to an error what to do when the text looks like a template that nobody
// rendered.
func (p *page) explain(c chunk, err error) error {
	i := bytes.Index(c.text, []byte("{{"))
	if i < 0 {
		return err
	}
	hint := p.hint
	if hint == "" {
		hint = "render it first and scan what comes out (helm template CHART | seaworthy scan -)"
	}
	why := err.Error()
	if errors.Is(err, errKey) {
		why = "is not valid YAML"
	}
	line := c.line + bytes.Count(c.text[:i], newline)
	return &lineError{line, fmt.Errorf("looks like an unrendered template; %s: %s", hint, why)}
}

// document hands out the objects of one document.
func (p *page) document(d *document, line int) error {
	if d.value == nil {
		return nil // empty, or comments only
	}
	p.reader.result.Documents++
	if d.node != nil {
		line = d.node.Line
	}
	switch v := d.value.(type) {
	case map[string]any:
		return p.object(item{v, d.node, line, d.dups}, 0)
	case []any:
		return p.sequence(d, v, line)
	}
	p.stray(line, "holds no Kubernetes object")
	return nil
}

// item is a mapping that may be an object.
type item struct {
	value map[string]any
	node  *yaml.Node
	line  int
	dups  []duplicate
}

// sequence reads a document that is a list: of objects, or of something else.
func (p *page) sequence(d *document, list []any, line int) error {
	objects := false
	for _, v := range list {
		m, _ := v.(map[string]any)
		objects = objects || text(m, "apiVersion") != "" && text(m, "kind") != ""
	}
	if !objects {
		p.stray(line, "holds no Kubernetes object")
		return nil
	}
	return p.items(list, d.node, d.dups, nil, line, 0, "", "")
}

// items hands out the elements of a list, found at prefix in its document. Elements of a
// typed list may leave out what the list says already.
func (p *page) items(list []any, node *yaml.Node, dups []duplicate, prefix []step, line, depth int, apiVersion, kind string) error {
	for i, v := range list {
		at := append(prefix[:len(prefix):len(prefix)], step{index: i})
		it := item{node: element(node, i), line: line}
		if it.node != nil {
			it.line = it.node.Line
		}
		m, ok := v.(map[string]any)
		if !ok {
			p.reader.error(p.name, it.line, fmt.Errorf("%s of the list is not a Kubernetes object", jsonPath(at)))
			continue
		}
		it.value = m
		for _, d := range dups {
			if below(d.steps, at) {
				it.dups = append(it.dups, duplicate{d.steps[len(at):], d.line})
			}
		}
		if kind != "" && m["apiVersion"] == nil && m["kind"] == nil {
			m["apiVersion"], m["kind"] = apiVersion, kind
		}
		if m["apiVersion"] == nil && m["kind"] == nil {
			p.reader.error(p.name, it.line, fmt.Errorf("%s of the list is not a Kubernetes object: it has no apiVersion and kind", jsonPath(at)))
			continue
		}
		if err := p.object(it, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// below tells whether a path lies under another.
func below(steps, prefix []step) bool {
	if len(steps) <= len(prefix) {
		return false
	}
	for i, s := range prefix {
		if steps[i] != s {
			return false
		}
	}
	return true
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// maxLists is how deep lists may hold lists.
const maxLists = 16

// object hands out one mapping, or the elements of a list kind.
func (p *page) object(it item, depth int) error {
	apiVersion, kind := text(it.value, "apiVersion"), text(it.value, "kind")
	switch {
	case it.value["apiVersion"] == nil && it.value["kind"] == nil:
		p.stray(it.line, "holds no Kubernetes object")
		return nil
	case it.value["apiVersion"] == nil || it.value["kind"] == nil:
		p.half(it)
		return nil
	case strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/"):
		p.stray(it.line, "configures kustomize, which is no object of a cluster")
		return nil
	case apiVersion == "v1" && kind == "Config" && it.value["metadata"] == nil:
		p.stray(it.line, "is a kubeconfig, which is no object of a cluster")
		return nil
	}
	if items, ok := it.value["items"]; ok && strings.HasSuffix(kind, "List") {
		if list, ok := items.([]any); ok || items == nil {
			return p.list(it, list, depth, apiVersion, strings.TrimSuffix(kind, "List"))
		}
	}
	return p.emit(it, kind)
}

// list hands out the elements of a v1 List or a typed list.
func (p *page) list(it item, list []any, depth int, apiVersion, kind string) error {
	p.objects++ // also an empty list is a manifest
	if depth >= maxLists {
		p.reader.error(p.name, it.line, errors.New("lists are nested too deeply; flatten them"))
		return nil
	}
	prefix := []step{{"items", -1}}
	for _, d := range it.dups {
		if !below(d.steps, prefix) {
			p.reader.error(p.name, d.line, fmt.Errorf("duplicate field %q; the API server refuses it", jsonPath(d.steps)))
		}
	}
	return p.items(list, field(it.node, "items"), it.dups, prefix, it.line, depth, apiVersion, kind)
}

// half takes note of a mapping that has one of apiVersion and kind.
func (p *page) half(it item) {
	missing, has := "apiVersion", "kind"
	if it.value["kind"] == nil {
		missing, has = has, missing
	}
	q := seaworthy.Problem{File: p.name, Line: it.line,
		Message: fmt.Sprintf("has %s but no %s, so it is no Kubernetes object", has, missing)}
	if _, ok := it.value["metadata"].(map[string]any); ok {
		p.reader.result.Errors = append(p.reader.result.Errors, q)
		return
	}
	p.halves = append(p.halves, q)
}

// emit decodes an object and hands it out.
func (p *page) emit(it item, kind string) error {
	if p.reader.unit.plan.objects.Add(1) > p.reader.limits.Objects {
		return errObjects
	}
	if kind == "CustomResourceDefinition" {
		p.reader.dec.Learn(it.value)
	}
	o, err := p.reader.dec.Decode(it.value, snapshot.Origin{File: p.name, Line: it.line, Root: p.root, Node: it.node})
	if err != nil {
		p.reader.error(p.name, it.line, fmt.Errorf("is no Kubernetes object: %w", err))
		return nil
	}
	p.objects++
	for _, d := range ordered(it.dups) {
		at := jsonPath(d.steps)
		o.Schema = append(o.Schema, snapshot.SchemaProblem{Path: at, Line: d.line, Message: fmt.Sprintf("duplicate field %q", at)})
	}
	p.reader.unit.plan.locator.remember(o)
	return p.reader.emit(o)
}

// end settles what the documents that are no objects mean: in a file that holds
// objects, or that the user named, a broken one is an error; a file found in a folder
// that names no kind is left out.
func (p *page) end() {
	r := &p.reader.result
	wanted := p.explicit || p.objects > 0
	if wanted || p.mentions {
		r.Errors = append(r.Errors, p.broken...)
	} else {
		for _, b := range p.broken {
			b.Message += "; it names no kind, so it is left out"
			r.Skipped = append(r.Skipped, b)
		}
	}
	switch {
	case wanted:
		r.Errors = append(r.Errors, p.halves...)
	case len(p.broken) == 0 && len(p.strays) == 0 && len(p.halves) > 0:
		r.Skipped = append(r.Skipped, p.halves[0])
	}
	switch {
	case p.objects > 0:
		r.Skipped = append(r.Skipped, p.strays...)
	case len(r.Errors) > 0 || len(p.broken) > 0:
	case p.explicit:
		p.reader.error(p.name, 0, errors.New(p.nothing()))
	case len(p.halves) == 0 || len(p.strays) > 0:
		p.reader.skip(p.name, 0, "%s", p.nothing())
	}
}

// nothing says why a text without objects has none.
func (p *page) nothing() string {
	if len(p.strays) == 0 {
		return "is empty"
	}
	return p.strays[0].Message
}

// field gives the value node of a key, the last of them, or nil.
func field(n *yaml.Node, key string) *yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if n.Content[i].Value == key {
			return target(n.Content[i+1])
		}
	}
	return nil
}

// element gives the node of an element of a sequence, or nil.
func element(n *yaml.Node, i int) *yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
		return nil
	}
	return target(n.Content[i])
}

// target follows aliases.
func target(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// read reads a whole rendered text. Lines, where given, say which line of the source
// each line of the text comes from.
func (p *page) read(text []byte, lines []int) error {
	for docs, err := range chunks(text, p.reader.limits) {
		for i := range docs {
			d := &docs[i]
			if d.node != nil && lines != nil {
				relocate(d.node, lines)
				for j := range d.dups {
					d.dups[j].line = lines[min(d.dups[j].line, len(lines)-1)]
				}
			}
			line := 1
			if d.node != nil {
				line = d.node.Line
			}
			if hook := testHook(d.value); hook != "" {
				p.reader.skip(p.name, line, "is a test hook (%s), which runs on request only", hook)
				continue
			}
			if err := p.document(d, line); err != nil {
				return err
			}
		}
		if err != nil {
			q := problem(p.name, 0, err)
			if lines != nil {
				q.Line = lines[max(0, min(q.Line, len(lines)-1))]
				q.Message = "renders to something that " + q.Message
			}
			p.broken = append(p.broken, q)
		}
	}
	return nil
}

// finish settles a rendered text: whatever of it is no object is an error.
func (p *page) finish() {
	r := &p.reader.result
	r.Errors = append(r.Errors, p.broken...)
	r.Errors = append(r.Errors, p.halves...)
	r.Errors = append(r.Errors, p.strays...)
}

// testHook gives the hook of a document that "helm test" runs, or nothing.
func testHook(v any) string {
	m, _ := v.(map[string]any)
	meta, _ := m["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	hooks := text(annotations, "helm.sh/hook")
	for _, h := range strings.Split(hooks, ",") {
		switch strings.TrimSpace(h) {
		case "test", "test-success", "test-failure":
		default:
			return ""
		}
	}
	return hooks
}
