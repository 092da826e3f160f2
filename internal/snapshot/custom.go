// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seaworthy-dev/seaworthy"
)

// As reads a custom resource into a struct of the caller that names, with JSON tags,
// the fields it wants; others are ignored. A field of another type is an error.
func As[T any](o *Object) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Content(), out); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", o.APIVersion, o, err)
	}
	return out, nil
}

// Custom lists the objects of a kind of one API group that are custom resources.
func (s *Snapshot) Custom(group, kind string) []*Object {
	var out []*Object
	for _, o := range s.kinds[kind] {
		if !o.BuiltIn() && o.Group() == group && o.hasContent() {
			out = append(out, o)
		}
	}
	return out
}

func (o *Object) hasContent() bool {
	return o.Canonical != nil || o.remains != nil && o.remains.tree != ""
}

// Whole gives an object that stands for the whole of what was scanned, for findings
// that no single object bears.
func (s *Snapshot) Whole() *Object {
	return &Object{Object: seaworthy.Object{APIVersion: "seaworthy.dev/v1", Kind: "Cluster", Name: s.Source.Name}}
}
