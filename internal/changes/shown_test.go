// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"bytes"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// TestShownKinds: what the watch is taken to show is what it follows.
func TestShownKinds(t *testing.T) {
	var watched []schema.GroupResource
	for text := range bytes.SplitSeq(kube.ClusterRole(), []byte("\n---\n")) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(text, &role); err != nil {
			t.Fatal(err)
		}
		for _, r := range role.Rules {
			for _, resource := range r.Resources {
				if len(r.APIGroups) == 1 && slices.Contains(r.Verbs, "list") {
					watched = append(watched, schema.GroupResource{Group: r.APIGroups[0], Resource: resource})
				}
			}
		}
	}
	for group, kinds := range followed {
		for _, kind := range kinds {
			many, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
			if !slices.Contains(watched, many.GroupResource()) {
				t.Errorf("%s is not watched", many.GroupResource())
			}
		}
	}
}
