// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"maps"
	"strings"
	"sync"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
)

// Decoder makes objects of decoded YAML or JSON. It is safe for concurrent use.
type Decoder struct {
	table *schema.Table

	mu      sync.RWMutex
	learned map[kschema.GroupKind]custom
}

type custom struct {
	plural     string
	namespaced bool
}

// NewDecoder makes a decoder that knows the built-in kinds.
func NewDecoder() *Decoder {
	return &Decoder{table: schema.New(), learned: map[kschema.GroupKind]custom{}}
}

// Learn takes the resource name and scope of a custom kind from its
// CustomResourceDefinition; anything else is ignored.
func (d *Decoder) Learn(crd map[string]any) {
	spec, _ := crd["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	kind, _ := names["kind"].(string)
	plural, _ := names["plural"].(string)
	if crd["kind"] != "CustomResourceDefinition" || kind == "" || plural == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.learned[kschema.GroupKind{Group: group, Kind: kind}] = custom{plural, spec["scope"] != "Cluster"}
}

// Decode makes the object of a mapping: values are nil, bool, int64, float64, string,
// []any and map[string]any. The mapping is kept as Written. An error says why the
// mapping is no Kubernetes object.
func (d *Decoder) Decode(written map[string]any, src Origin) (*Object, error) {
	if err := identify(written); err != nil {
		return nil, err
	}
	changed := changedAt(written)
	dec, err := d.table.Decode(written)
	if err != nil {
		return nil, err
	}
	meta, _ := written["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	if generate, ok := meta["generateName"].(string); ok && name == "" {
		name = generate
	}
	namespace, _ := meta["namespace"].(string)
	o := &Object{
		Object: seaworthy.Object{
			APIVersion: written["apiVersion"].(string), Kind: written["kind"].(string),
			Namespace: namespace, Name: name,
		},
		Written: written, Canonical: dec.Canonical, Typed: dec.Typed,
		Resource: dec.Resource.GroupVersionResource, Namespaced: dec.Resource.Namespaced,
		Source: src, Changed: changed,
	}
	if dec.Replaced {
		o.ReplacedAPI = dec.GVK.GroupVersion().String()
	}
	for _, p := range dec.Problems {
		o.Schema = append(o.Schema, SchemaProblem{Path: p.Path, Line: o.Line(p.Path), Message: p.Message})
	}
	if o.Typed == nil {
		d.custom(o, dec.GVK)
	}
	return o, nil
}

// identify checks that a mapping says what object it is.
func identify(m map[string]any) error {
	for _, key := range []string{"apiVersion", "kind"} {
		switch v := m[key].(type) {
		case string:
			if v == "" {
				return fmt.Errorf("%s is empty", key)
			}
		case nil:
			return fmt.Errorf("%s is missing", key)
		default:
			return fmt.Errorf("%s is not a string", key)
		}
	}
	switch meta := m["metadata"].(type) {
	case nil:
	case map[string]any:
		for _, key := range []string{"name", "namespace"} {
			if v, ok := meta[key]; ok && v != nil {
				if _, ok := v.(string); !ok {
					return fmt.Errorf("metadata.%s is not a string (%v); quote it", key, v)
				}
			}
		}
	default:
		return fmt.Errorf("metadata is not a mapping")
	}
	return nil
}

// custom fills in what is known of a custom resource: its resource and its pod template.
func (d *Decoder) custom(o *Object, gvk kschema.GroupVersionKind) {
	d.mu.RLock()
	c, ok := d.learned[gvk.GroupKind()]
	d.mu.RUnlock()
	if ok {
		o.Resource.Resource, o.Namespaced = c.plural, c.namespaced
	}
	d.template(o)
}

// template finds the pod template of a custom resource. What the policies see of it is
// decoded as a pod template, so that null and ill-typed values neither hide nor break
// anything.
func (d *Decoder) template(o *Object) {
	path := []string{"spec", "template"}
	spec, _ := o.Written["spec"].(map[string]any)
	if _, ok := spec["jobTemplate"].(map[string]any); ok {
		path = []string{"spec", "jobTemplate", "spec", "template"}
	}
	at := o.Written
	for _, p := range path {
		at, _ = at[p].(map[string]any)
	}
	pod, _ := at["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	if pod == nil || len(containers) == 0 && o.Kind != "DeploymentConfig" || strings.HasSuffix(o.Kind, "List") {
		return
	}
	if len(containers) > 0 {
		if _, ok := containers[0].(map[string]any); !ok {
			return
		}
	}
	template, problems := d.table.PodTemplate(at)
	o.Template = template
	o.Canonical = replace(o.Written, path, template)
	for _, p := range problems {
		p.Path = strings.Join(path, ".") + "." + p.Path
		o.Schema = append(o.Schema, SchemaProblem{Path: p.Path, Line: o.Line(p.Path), Message: p.Message})
	}
}

// replace copies the mappings along a path and puts v at its end.
func replace(m map[string]any, path []string, v any) map[string]any {
	out := maps.Clone(m)
	if len(path) == 1 {
		out[path[0]] = v
		return out
	}
	next, _ := m[path[0]].(map[string]any)
	out[path[0]] = replace(next, path[1:], v)
	return out
}
