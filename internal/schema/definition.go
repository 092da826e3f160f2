// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// The schemas in a CustomResourceDefinition hold fields that are a schema or something
// else. Their Go types read JSON by methods of their own, which leave out unknown fields
// without a word, however strict the decoder around them is. So does the walk inside.

// unions are those types, with the type of the something else.
var unions = map[reflect.Type]reflect.Type{
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrArray]():       reflect.TypeFor[[]apiextensionsv1.JSONSchemaProps](),
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrBool]():        reflect.TypeFor[bool](),
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrStringArray](): reflect.TypeFor[[]string](),
}

var schemaType = reflect.TypeFor[apiextensionsv1.JSONSchemaProps]()

func (w *walker) union(v any, s *shape) (any, bool) {
	w.inside++
	defer func() { w.inside-- }()
	switch v := v.(type) {
	case map[string]any:
		return w.walk(v, s.elem)
	case bool:
		if s.other.kind == boolean {
			return v, true
		}
	case []any:
		if s.other.kind == list {
			if c, _ := w.list(v, s.other); len(c.([]any)) > 0 {
				return c, true
			}
			return nil, true
		}
	}
	if s.other.kind == boolean {
		w.complain("invalid value: true, false or a mapping is wanted, not " + nameOf(v))
		return nil, false
	}
	return nil, true // decoding takes anything else for nothing
}

// plain copies a tree of any JSON, with numbers as JSON holds them: it does not tell 1.0
// from 1.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is a number that JSON cannot hold", v)
		}
		return number(v), nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			c, err := plain(e)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			c, err := plain(e)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	}
	return v, nil
}

// number is what is left of a number that went through JSON.
func number(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		if n, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
			return n
		}
	}
	return f
}

// withoutSchemas gives a definition without its schemas, which are nearly all of it and
// which nobody reads in the typed form.
func withoutSchemas(definition map[string]any) map[string]any {
	out := maps.Clone(definition)
	spec := maps.Clone(sub(out, "spec"))
	versions, _ := spec["versions"].([]any)
	if len(versions) == 0 {
		return out
	}
	bare := make([]any, len(versions))
	for i, v := range versions {
		version, _ := v.(map[string]any)
		version = maps.Clone(version)
		delete(version, "schema")
		bare[i] = version
	}
	spec["versions"], out["spec"] = bare, spec
	return out
}
