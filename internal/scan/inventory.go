// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Inventory lists what a scan sees, for a server that keeps the history of objects. It
// is safe for concurrent use.
type Inventory struct {
	mu      sync.Mutex
	objects []seaworthy.SeenObject
}

// Watch makes an input that notes its objects.
func (v *Inventory) Watch(in Input) Input {
	read := in.Batches
	in.Batches = func(ctx context.Context, next func(Batch) error) (Yield, error) {
		return read(ctx, func(b Batch) error {
			return next(func(ctx context.Context, emit func(*snapshot.Object) error) (Yield, error) {
				return b(ctx, func(o *snapshot.Object) error {
					v.add(o)
					return emit(o)
				})
			})
		})
	}
	return in
}

// Objects gives what was seen, in an order of its own.
func (v *Inventory) Objects() []seaworthy.SeenObject {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.SortFunc(v.objects, func(a, b seaworthy.SeenObject) int {
		return cmp.Or(strings.Compare(a.APIVersion, b.APIVersion), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
	})
	return v.objects
}

// add notes an object that has not been judged yet.
func (v *Inventory) add(o *snapshot.Object) {
	if o.Owner != nil { // judged through its owner
		return
	}
	seen := Seen(o)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.objects = append(v.objects, seen)
}

// Seen is what a server keeps of an object, which has not been released yet.
func Seen(o *snapshot.Object) seaworthy.SeenObject {
	seen := seaworthy.SeenObject{Object: o.Object, Workload: o.Template != nil, File: o.Source.File, Labels: map[string]string{}, Excerpt: excerpt(o)}
	meta, _ := o.Written["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	for k, l := range labels {
		seen.Labels[k], _ = l.(string)
	}
	return seen
}

// excerptLines bounds what is kept of an object for people to look at.
const excerptLines = 200

// hidden stands where a value was that may be secret.
const hidden = "(not shown)"

// excerpt is the object as people read it, without values that may be secret: those of
// variables and ConfigMaps, and copies of the object in annotations. Of a Secret, and of
// a List of anything, nothing is kept.
func excerpt(o *snapshot.Object) string {
	if o.Kind == "Secret" || o.Written == nil {
		return ""
	}
	text, err := yaml.Marshal(discreet(o.Kind, o.Written))
	if err != nil {
		return "" // it is there for people to look at, and no verdict depends on it
	}
	lines := strings.SplitAfterN(string(text), "\n", excerptLines+1)
	return strings.Join(lines[:min(len(lines), excerptLines)], "")
}

// discreet copies a mapping without what may be secret.
func discreet(kind string, m map[string]any) map[string]any {
	out := maps.Clone(m)
	delete(out, "status")
	if kind == "ConfigMap" {
		for _, field := range []string{"data", "binaryData"} {
			if data, ok := out[field].(map[string]any); ok {
				out[field] = veiled(data)
			}
		}
	}
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		delete(meta, "managedFields")
		if a, ok := meta["annotations"].(map[string]any); ok {
			a = maps.Clone(a)
			delete(a, "kubectl.kubernetes.io/last-applied-configuration")
			meta["annotations"] = a
		}
		out["metadata"] = meta
	}
	if spec, ok := out["spec"]; ok {
		out["spec"] = withoutValues(spec)
	}
	return out
}

// withoutValues hides the literal values of variables, wherever a list is called env.
func withoutValues(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutValues(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if list, ok := e.([]any); ok && k == "env" {
				e = veiledVariables(list)
			}
			out[k] = withoutValues(e)
		}
		return out
	}
	return v
}

func veiledVariables(list []any) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e
		if m, ok := e.(map[string]any); ok && m["value"] != nil {
			m = maps.Clone(m)
			m["value"] = hidden
			out[i] = m
		}
	}
	return out
}

func veiled(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k := range m {
		out[k] = hidden
	}
	return out
}
