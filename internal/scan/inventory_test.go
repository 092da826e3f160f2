// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"context"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

func TestAnInventoryShowsNothingSecret(t *testing.T) {
	dec := snapshot.NewDecoder()
	var objects []*snapshot.Object
	for _, m := range []map[string]any{
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s"}, "stringData": map[string]any{"password": "hunter2"}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "annotations": map[string]any{
			"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "team": "shop",
		}}, "data": map[string]any{"password": "hunter2"}},
		{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "p", "labels": map[string]any{"app": "shop"}}, "spec": map[string]any{
			"containers": []any{map[string]any{"name": "app", "image": "shop:1", "env": []any{
				map[string]any{"name": "PASSWORD", "value": "hunter2"}, map[string]any{"name": "PORT"},
			}}},
		}},
	} {
		o, err := dec.Decode(m, snapshot.Origin{File: "shop.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	var v scan.Inventory
	in := v.Watch(scan.Input{Batches: func(ctx context.Context, next func(scan.Batch) error) (scan.Yield, error) {
		return scan.Yield{}, next(func(_ context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
			for _, o := range objects {
				if err := emit(o); err != nil {
					return scan.Yield{}, err
				}
			}
			return scan.Yield{Files: 1}, nil
		})
	}})
	passed := 0
	_, err := in.Batches(t.Context(), func(b scan.Batch) error {
		_, err := b(t.Context(), func(*snapshot.Object) error { passed++; return nil })
		return err
	})
	if err != nil || passed != len(objects) {
		t.Fatalf("%d of %d objects passed on, %v", passed, len(objects), err)
	}
	seen := v.Objects()
	if len(seen) != 3 || seen[1].Kind != "Pod" || seen[1].Labels["app"] != "shop" || !strings.Contains(seen[1].Excerpt, "image: shop:1") {
		t.Errorf("Objects = %+v", seen)
	}
	for _, o := range seen {
		if strings.Contains(o.Excerpt, "hunter2") || o.Kind == "Secret" && o.Excerpt != "" {
			t.Errorf("the excerpt of %s shows a secret:\n%s", o.Kind, o.Excerpt)
		}
	}
	if written := objects[2].Written["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["env"].([]any)[0]; written.(map[string]any)["value"] != "hunter2" {
		t.Error("the object itself was changed")
	}
}
