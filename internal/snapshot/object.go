// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
)

// Object is one Kubernetes object, judged as the API server would judge it.
type Object struct {
	seaworthy.Object // as written: the namespace is empty where the manifest names none

	// Written is the object as it was read: nil, bool, int64, float64, string, []any and
	// map[string]any. It is dropped (nil) once the single-object checks have run.
	Written map[string]any
	// Canonical is what a policy sees: decoded into its type, defaults filled, zero
	// values dropped, as kube-apiserver shows it. For custom resources it is Written.
	// Dropped with Written; analyzers read [Object.Content].
	Canonical map[string]any
	// Typed is the built-in type of the object after defaulting; nil for custom
	// resources. Dropped with Written; analyzers read [Object.View].
	Typed runtime.Object
	// Template is the pod template of a custom resource that has one at spec.template
	// (or spec.jobTemplate.spec.template); nil for built-in kinds. Dropped with Written.
	Template map[string]any

	remains *remains // once released

	// Resource is the API resource of the object ("deployments"); Namespaced is its scope.
	Resource   schema.GroupVersionResource
	Namespaced bool
	// ReplacedAPI is the version that the object was judged as where the version as
	// written is no longer served (extensions/v1beta1 → apps/v1), else empty.
	ReplacedAPI string

	Source Origin
	// Schema lists what strict decoding would refuse: unknown fields, ill-typed values,
	// duplicate keys.
	Schema []SchemaProblem
	// WaiverRequests are the reasons that the object's annotations give, by check.
	WaiverRequests map[string]string
	// Twin says where the object was read if another of the same identity was read
	// before from elsewhere, else it is empty. It tells their findings apart.
	Twin string
	// Changed is when the object was last written, status and scale aside, in seconds of
	// Unix; of what never changes what it runs (a ReplicaSet, a Pod) when it was made; 0
	// where nothing tells.
	Changed int64
	// Owner is the controller that made the object (cluster scans), or nil.
	Owner *seaworthy.Object
}

// Origin says where an object was read.
type Origin struct {
	File string // path as given by the user, relative where that was; empty for a cluster
	Line int    // first line of the object in File, from 1
	// Root is the folder of the chart or kustomization that rendered the object, empty
	// for a plain manifest.
	Root string
	// Node is the YAML node of the object in File, for positions; nil when the object
	// came from a cluster, or once the single-object checks have run. Of an object that
	// was rendered (Root is set) it tells the lines of the template, or of the document
	// that a kustomization changed, as near as can be; it may lack what was rendered.
	Node *yaml.Node
}

// SchemaProblem is one thing that strict decoding refuses.
type SchemaProblem struct {
	Path    string // JSON path
	Line    int
	Message string // `unknown field "spec.replica"`
}

// GVK is the object's group, version and kind as written.
func (o *Object) GVK() schema.GroupVersionKind {
	gv, err := schema.ParseGroupVersion(o.APIVersion)
	if err != nil {
		return schema.GroupVersionKind{Kind: o.Kind}
	}
	return gv.WithKind(o.Kind)
}

// EffectiveNamespace is the namespace in which the object lands: "default" for a
// namespaced object that names none, empty for a cluster-scoped one.
func (o *Object) EffectiveNamespace() string {
	switch {
	case !o.Namespaced:
		return ""
	case o.Namespace == "":
		return "default"
	}
	return o.Namespace
}

// Line finds the line of a JSON path in the source file. Where the path's last steps
// are not there (a missing field), the nearest parent answers; without positions the
// object's first line does.
func (o *Object) Line(path string) int {
	if o.Source.Node == nil || path == "" {
		return o.Source.Line
	}
	n := o.Source.Node
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := o.Source.Line
	for _, step := range Steps(path) {
		key, next := child(n, step)
		if next == nil {
			break
		}
		n, line = next, next.Line
		if key != nil {
			line = key.Line
		}
	}
	return line
}

// Steps splits a JSON path into field names and "[n]" indices. Keys that hold dots are
// written in brackets and quotes: metadata.annotations["example.com/a.b"].
func Steps(path string) []string {
	var out []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			end := strings.IndexByte(path, ']')
			if strings.HasPrefix(path, `["`) {
				if q := strings.Index(path, `"]`); q > 0 {
					out, path = append(out, path[2:q]), path[q+2:]
					continue
				}
			}
			if end < 0 {
				return append(out, path)
			}
			out, path = append(out, path[:end+1]), path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out, path = append(out, path[:end]), path[end:]
		}
	}
	return out
}

// child gives the key node (of a mapping) and value node of one step.
func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag == "!!merge" {
				if k, v := child(n.Content[i+1], step); v != nil {
					return k, v
				}
			}
		}
	case yaml.SequenceNode:
		if i, ok := index(step); ok && i < len(n.Content) {
			return nil, n.Content[i]
		}
	}
	return nil, nil
}

func index(step string) (int, bool) {
	if len(step) < 3 || step[0] != '[' || step[len(step)-1] != ']' {
		return 0, false
	}
	n := 0
	for _, r := range step[1 : len(step)-1] {
		if r < '0' || r > '9' || n > 1<<24 {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return n, true
}
