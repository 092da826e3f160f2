// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const shop = "../../examples/shop"

// everything renders all that the shop applies to one of its clusters, with the
// libraries of Helm and kustomize themselves and none of our own reading.
func everything(t *testing.T, cluster string) []*unstructured.Unstructured {
	t.Helper()
	objects := folder(t, filepath.Join(shop, "clusters", cluster))
	objects = append(objects, chart(t, filepath.Join(shop, "charts", "storefront"), "values-"+cluster+".yaml")...)
	return append(objects, kustomization(t, filepath.Join(shop, "apps", "payments", "overlays", cluster))...)
}

func folder(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects = append(objects, decode(t, path, b)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func chart(t *testing.T, dir, values string) []*unstructured.Unstructured {
	t.Helper()
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, values))
	if err != nil {
		t.Fatal(err)
	}
	overrides := map[string]any{}
	if err := yaml.Unmarshal(b, &overrides); err != nil {
		t.Fatal(err)
	}
	release := common.ReleaseOptions{Name: "storefront", Namespace: "shop", IsInstall: true}
	all, err := util.ToRenderValues(c, overrides, release, common.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(c, all)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			objects = append(objects, decode(t, name, []byte(text))...)
		}
	}
	return objects
}

func kustomization(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, dir, b)
}

// decode reads a stream and takes Lists apart.
func decode(t *testing.T, name string, b []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	d := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(b), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := d.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o.Object == nil {
			continue
		}
		if !o.IsList() {
			objects = append(objects, o)
			continue
		}
		if err := o.EachListItem(func(item runtime.Object) error {
			objects = append(objects, item.(*unstructured.Unstructured))
			return nil
		}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// order puts first what other objects live in or run as.
func order(objects []*unstructured.Unstructured) {
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
}

const last = 2

func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "Namespace":
		return 0
	case "ServiceAccount":
		return 1
	}
	return last
}
