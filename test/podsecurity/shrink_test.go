// SPDX-License-Identifier: Apache-2.0

package podsecurity

import (
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shrink takes away from a pod all that is not needed for it to stay interesting, so
// that a difference shows its cause.
func shrink(spec object, interesting func(object) bool) object {
	for again := true; again; {
		again = false
		for smaller := range without(spec) {
			s := smaller.(object)
			if containers, _ := s["containers"].([]any); len(containers) > 0 && interesting(s) {
				spec, again = s, true
				break
			}
		}
	}
	return spec
}

// without yields copies of v that lack one thing each, the largest things first.
func without(v any) iter.Seq[any] {
	return func(yield func(any) bool) {
		switch v := v.(type) {
		case object:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				less := maps.Clone(v)
				delete(less, k)
				if !yield(less) {
					return
				}
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				for smaller := range without(v[k]) {
					less := maps.Clone(v)
					less[k] = smaller
					if !yield(less) {
						return
					}
				}
			}
		case []any:
			for i := range v {
				if !yield(slices.Delete(slices.Clone(v), i, i+1)) {
					return
				}
			}
			for i := range v {
				for smaller := range without(v[i]) {
					less := slices.Clone(v)
					less[i] = smaller
					if !yield(less) {
						return
					}
				}
			}
		}
	}
}

func TestShrink(t *testing.T) {
	spec := object{
		"hostNetwork": true,
		"containers":  []any{object{"name": "a", "securityContext": object{"privileged": true, "runAsUser": int64(0)}}, object{"name": "b"}},
	}
	got := shrink(spec, func(o object) bool {
		first := o["containers"].([]any)[0].(object)
		context, _ := first["securityContext"].(object)
		return context["privileged"] == true
	})
	want := object{"containers": []any{object{"securityContext": object{"privileged": true}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}
