// SPDX-License-Identifier: Apache-2.0

// Package schema knows Kubernetes' built-in kinds: how the API server calls them, how
// it decodes them and which defaults it fills in.
//
// A manifest holds neither types nor defaults, and kube-apiserver judges neither zero
// values nor absent ones: it judges what is left after decoding. [Decode] gives that
// form, the canonical one, in a single walk along a table made from the Go type, and
// says what strict decoding would have refused. It is held to the converter of
// k8s.io/apimachinery and to a real API server by tests.
package schema

import (
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Decoded is one object in the forms in which it is judged.
type Decoded struct {
	GVK       kschema.GroupVersionKind // as judged: the current version of a replaced one
	Resource  Resource
	Canonical map[string]any
	Typed     runtime.Object // nil for kinds that are not built in; of a definition, without its schemas
	Replaced  bool           // the version as written is no longer served
	Problems  []Problem
}

// Table holds the shapes of the built-in types. The zero value is not usable; it is
// safe for concurrent use.
type Table struct{ shapes shapes }

// New makes an empty table; shapes are computed when they are first needed.
func New() *Table { return &Table{shapes{byGo: map[reflect.Type]*shape{}}} }

// Known tells whether the kind is built in.
func Known(gvk kschema.GroupVersionKind) bool {
	return gvk == definitionKind || scheme.Scheme.Recognizes(gvk)
}

var definitionKind = apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition")

// typeOf makes an empty object of a built-in kind. The scheme of client-go lacks
// definitions of custom resources, unless some library has put them there.
func typeOf(gvk kschema.GroupVersionKind) (runtime.Object, error) {
	if gvk == definitionKind {
		return &apiextensionsv1.CustomResourceDefinition{}, nil
	}
	return scheme.Scheme.New(gvk)
}

// Decode gives the canonical form of an object as written, which stays unchanged. An
// error is returned only where the mapping is no object at all.
func (t *Table) Decode(written map[string]any) (*Decoded, error) {
	apiVersion, _ := written["apiVersion"].(string)
	kind, _ := written["kind"].(string)
	gv, err := kschema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, fmt.Errorf("apiVersion %q is malformed", apiVersion)
	}
	gvk := gv.WithKind(kind)
	d := &Decoded{GVK: gvk, Canonical: written}
	id := apiVersion + "/" + kind
	if successor := replaced[id]; successor != "" {
		written = clone(written).(map[string]any)
		modernise(id, written)
		written["apiVersion"] = successor
		gv, _ = kschema.ParseGroupVersion(successor)
		d.GVK, d.Replaced = gv.WithKind(kind), true
	}
	d.Resource = resourceOf(d.GVK)
	typed, err := typeOf(d.GVK)
	if err != nil { // not a built-in kind: judged as written
		return d, nil
	}
	w := &walker{}
	shape := t.shapes.of(reflect.TypeOf(typed).Elem())
	canonical, _ := w.walk(written, shape)
	d.Canonical, _ = canonical.(map[string]any)
	d.Problems = w.problems
	set(d.Canonical, "metadata", object{})
	if fill := fillers[d.GVK.Group+"/"+kind]; fill != nil {
		fill(d.Canonical)
	}
	content := d.Canonical
	if d.GVK == definitionKind {
		content = withoutSchemas(content)
	}
	if err := shape.assign(reflect.ValueOf(typed).Elem(), content); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	d.Typed = typed
	if d.Resource.Namespaced {
		set(sub(d.Canonical, "metadata"), "namespace", "default")
	}
	return d, nil
}

// PodTemplate gives the canonical form of a pod template of a custom resource, without
// defaults: no server fills them in there. Only values of a wrong type are problems; a
// resource may have fields of its own.
func (t *Table) PodTemplate(written map[string]any) (map[string]any, []Problem) {
	w := &walker{lenient: true}
	canonical, _ := w.walk(written, t.shapes.of(reflect.TypeFor[corev1.PodTemplateSpec]()))
	out, _ := canonical.(map[string]any)
	return out, w.problems
}

// clone copies a tree of JSON values.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}
