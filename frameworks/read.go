// SPDX-License-Identifier: Apache-2.0

package frameworks

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/strict"
)

// reader gathers what files hold and what is wrong with them.
type reader struct {
	strict.Reader
	known      []seaworthy.Control // the controls that a file may name; nil: any
	frameworks []seaworthy.Framework
	extensions []extension
	crosswalks []Crosswalk
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
	if !r.Decode(file, n, &f) {
		return
	}
	f.File = file
	if err := f.Validate(); err != nil {
		r.Problem(file, n.Line, "%s", err)
		return
	}
	if len(f.Requirements) == 0 {
		r.Problem(file, n.Line, "framework %s has no requirements", f.ID)
		return
	}
	r.unknownControls(file, n)
	if i := slices.IndexFunc(r.frameworks, func(o seaworthy.Framework) bool { return o.ID == f.ID }); i >= 0 {
		r.Problem(file, n.Line, "framework %s is already in %s", f.ID, r.frameworks[i].File)
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
				r.Unknown(file, id.Line, "control", id.Value, known)
			}
		}
	}
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

func ids[T any](list []T, id func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = id(v)
	}
	return out
}
