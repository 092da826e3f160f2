// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	kjson "k8s.io/apimachinery/pkg/util/json"
)

func TestLean(t *testing.T) {
	for in, want := range map[string]string{
		`{"request":{"object":{"metadata":{"managedFields":[{"a":"]"},[]],"name":"n"}},"oldObject":{"metadata":{"name":"n","managedFields" : [ ]}}}}`: `{"request":{"object":{"metadata":{"managedFields":[],"name":"n"}},"oldObject":{"metadata":{"name":"n","managedFields" : []}}}}`,
		`{"request":{"options":{"x":[1]},"object":{"spec":{"metadata":{"managedFields":[1]}},"metadata":{"labels":{"managedFields":"[1]"}}}}}`:        "",
		`{"object":{"metadata":{"managedFields":[1]}}}`:                                                    "",
		`{"request":{"dryRun":true,"x":"object","object":{"metadata":{"managedFields":"no list"}}}}`:       "",
		`{"request":[{"object":{"metadata":{"managedFields":[1]}}}]}`:                                      "",
		`{"request":{"object":{"metadata":{"managedFields":[1`:                                             "",
		`{"request":{"object":{"metadata":{"managedFields":["]`:                                            "",
		`{"request":{"object":{"metadata":{"a\"":{"managedFields":[1]},"managedFields":[2]}}}}`:            `{"request":{"object":{"metadata":{"a\"":{"managedFields":[1]},"managedFields":[]}}}}`,
		`{"request":{"object":{"metadata":null,"kind":"managedFields"},"metadata":{"managedFields":[1]}}}`: "",
		`"managedFields"`: "", `]]}}{"request":{}}`: "", `{"request"`: "", ``: "",
	} {
		if want == "" {
			want = in
		}
		if got, deep := lean([]byte(in)); string(got) != want || deep {
			t.Errorf("%s\nbecomes %s\nwant    %s (deep: %t)", in, got, want, deep)
		}
	}
	for _, hostile := range []string{strings.Repeat("[", maxDepth+1), `{"request":{"object":{"metadata":{"managedFields":` + strings.Repeat("[", maxDepth)} {
		if _, deep := lean([]byte(hostile)); !deep {
			t.Errorf("%.60s… is not too deep", hostile)
		}
	}
}

// FuzzLean: what is left out is nothing but field managers, whatever the JSON is.
func FuzzLean(f *testing.F) {
	f.Add([]byte(`{"request":{"object":{"metadata":{"managedFields":[{"a":"]"}],"name":"n"}}}}`))
	f.Add([]byte(`{"request":{"object":{"metadata":{"managedFields":[1],"managedFields":[2]}},"object":{}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after any
		if kjson.Unmarshal(in, &before) != nil {
			return
		}
		out, deep := lean(bytes.Clone(in))
		if deep {
			return
		}
		if err := kjson.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		strip(before)
		strip(after)
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q", in, out)
		}
	})
}

// strip takes away what lean may leave out.
func strip(v any) {
	top, _ := v.(map[string]any)
	request, _ := top["request"].(map[string]any)
	for _, field := range []string{"object", "oldObject"} {
		o, _ := request[field].(map[string]any)
		meta, _ := o["metadata"].(map[string]any)
		delete(meta, "managedFields")
	}
}
