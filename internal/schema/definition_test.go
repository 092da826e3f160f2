// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
)

// aDefinition is a CustomResourceDefinition around fields of the schema of its spec.
func aDefinition(t *testing.T, fields string) map[string]any {
	t.Helper()
	return load(t, fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  names: {kind: Boat, plural: boats}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, %s}
`, fields))
}

// schemaFields are what a schema may hold, with what strict decoding makes of each.
var schemaFields = []string{
	`items: {type: string}`,
	`items: {type: string, maximum: 1, minimum: 1.5, maxLength: 3, multipleOf: 9007199254740993}`,
	`items: {unknown: 1, Type: string}`,
	`items: {properties: {a: {unknown: 1, items: {also: 2}}, b: null}}`,
	`items: [{type: string}, {type: integer}, null]`,
	`items: []`,
	`items: null`,
	`items: true`,
	`items: text`,
	`items: {type: 1}`,
	`items: {properties: text}`,
	`items: {required: [1]}`,
	`items: {required: [null, a]}`,
	`items: {maxLength: 1.5}`,
	`items: {x-kubernetes-validations: [{message: m}]}`,
	`items: {enum: [a, null, 1.0, 2.5], default: {a: 1.0, b: [1, 2.5, 1e30]}}`,
	`items: {not: {items: {allOf: [{items: {nullable: true}}]}}}`,
	`additionalProperties: true`,
	`additionalProperties: false`,
	`additionalProperties: {}`,
	`additionalProperties: {type: string, maximum: 1e30}`,
	`additionalProperties: {unknown: 1}`,
	`additionalProperties: null`,
	`additionalProperties: []`,
	`additionalProperties: text`,
	`additionalItems: 3`,
	`dependencies: {a: [b, c], d: {type: string}, e: [], f: null, g: text}`,
	`dependencies: {a: [b, 1]}`,
	`dependencies: {a: [null]}`,
	`maximum: 1, minimum: 1.5, multipleOf: 9007199254740993`,
	`unknown: 1`,
	`enum: [1, 2.0, text, null, {a: 1.0}], default: 1.0, example: [1.0]`,
	`default: null`,
	`default: 9007199254740993`,
	`default: 1e18`,
}

// TestDefinitionsDecodeAsTheirTypes holds the walk through schemas to the methods of
// their types.
func TestDefinitionsDecodeAsTheirTypes(t *testing.T) {
	kinds := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(kinds); err != nil {
		t.Fatal(err)
	}
	decoder := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, kinds, kinds, kjson.SerializerOptions{Strict: true})
	table := New()
	for _, fields := range schemaFields {
		t.Run(fields, func(t *testing.T) {
			written := aDefinition(t, fields)
			raw, err := json.Marshal(written)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = decoder.Decode(raw, nil, &apiextensionsv1.CustomResourceDefinition{})
			refused := err != nil

			w := &walker{}
			got, _ := w.walk(written, table.shapes.of(reflect.TypeFor[apiextensionsv1.CustomResourceDefinition]()))
			if refused != (len(w.problems) > 0) {
				t.Errorf("problems %v; strict decoding says %v", w.problems, err)
			}
			if refused {
				return
			}
			want := reference(t, written, &apiextensionsv1.CustomResourceDefinition{})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-converter +walk):\n%s", diff)
			}
		})
	}
}

func TestDefinitionProblemsTellWhere(t *testing.T) {
	d, err := New().Decode(aDefinition(t, `items: {properties: {a.b: {additionalProperties: text, required: [x, 1]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	const at = `spec.versions[0].schema.openAPIV3Schema.properties.spec.items.properties["a.b"]`
	got := map[string]string{}
	for _, p := range d.Problems {
		got[strings.TrimPrefix(p.Path, at)] = p.Message
	}
	want := map[string]string{
		".additionalProperties": `invalid value: true, false or a mapping is wanted, not the string "text"`,
		".required[1]":          `invalid value: a string is wanted, not the number 1; quote it`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestDefinitionIsTypedWithoutSchemas also tells that what policies see keeps them.
func TestDefinitionIsTypedWithoutSchemas(t *testing.T) {
	d, err := New().Decode(aDefinition(t, `items: {type: string}`))
	if err != nil {
		t.Fatal(err)
	}
	typed := d.Typed.(*apiextensionsv1.CustomResourceDefinition)
	if v := typed.Spec.Versions; len(v) != 1 || v[0].Name != "v1" || v[0].Schema != nil || typed.Spec.Names.Plural != "boats" {
		t.Errorf("typed as %+v", typed.Spec)
	}
	versions := sub(d.Canonical, "spec")["versions"].([]any)
	if sub(versions[0].(object), "schema", "openAPIV3Schema") == nil {
		t.Error("the canonical form has lost its schema")
	}
}
