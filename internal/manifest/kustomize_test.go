// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx\n        securityContext:\n          privileged: true\n"

func TestKustomization(t *testing.T) {
	write(t, map[string]string{
		"base/kustomization.yaml":          "resources:\n- deployment.yaml\n- more\nconfigMapGenerator:\n- name: settings\n  literals: [a=yes]\n",
		"base/deployment.yaml":             "# two objects\n---\n" + deployment + "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
		"base/more/kustomization.yml":      "resources: [list.yaml]\n",
		"base/more/list.yaml":              "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata: {name: b}\n",
		"overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\nnamespace: shop\npatches:\n- path: replicas.yaml\nbuildMetadata: [managedByLabel]\n",
		"overlays/prod/replicas.yaml":      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
		"overlays/dev/Kustomization":       "resources: [../../base]\ncomponents: [../../debug]\n",
		"overlays/dev/not-listed.yaml":     pod,
		"debug/kustomization.yaml":         "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [pod.yaml]\n",
		"debug/pod.yaml":                   pod,
		"unused/kustomization.yaml":        "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: x-\n",
	})
	out := read(t, manifest.Options{Paths: []string{"."}})
	names := out.names()
	for i := range names {
		if j := strings.Index(names[i], "settings-"); j >= 0 {
			names[i] = names[i][:j+9] + "HASH" + names[i][strings.Index(names[i], "@"):]
		}
	}
	want := []string{
		"Deployment/web@base/deployment.yaml:3", "Service/web@base/deployment.yaml:17", "ServiceAccount/a@base/more/list.yaml:4",
		"ServiceAccount/b@base/more/list.yaml:7", "ConfigMap/settings-HASH@base/kustomization.yaml:1", "Pod/a@debug/pod.yaml:1",
		"Pod/a@overlays/dev/not-listed.yaml:1",
		"shop/Deployment/prod-web@base/deployment.yaml:3", "shop/Service/prod-web@base/deployment.yaml:17", "shop/ServiceAccount/prod-a@base/more/list.yaml:4",
		"shop/ServiceAccount/prod-b@base/more/list.yaml:7", "shop/ConfigMap/prod-settings-HASH@base/kustomization.yaml:1",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	matches(t, "errors", out.errors, nil)
	matches(t, "skipped", out.skipped, []string{"unused/kustomization.yaml:0 is a component that no kustomization of the input uses"})
	d := out.objects[7]
	if d.Source.Root != "overlays/prod" || d.Written["spec"].(map[string]any)["replicas"] != int64(3) {
		t.Errorf("root %q, written %v", d.Source.Root, d.Written)
	}
	if got := d.Line("spec.template.spec.containers[0].securityContext.privileged"); got != 15 {
		t.Errorf("the privileged container is at line %d, want 15", got)
	}
	meta := d.Written["metadata"].(map[string]any)
	if _, ok := meta["annotations"]; ok {
		t.Errorf("annotations of the origin remain: %v", meta)
	}
	if meta["labels"].(map[string]any)["app.kubernetes.io/managed-by"] == nil {
		t.Error("the kustomization's own buildMetadata is lost")
	}
}

func TestKustomizationTrouble(t *testing.T) {
	runCases(t, []readCase{
		{
			name: "remote_entries",
			files: map[string]string{
				"a/kustomization.yaml":      "resources:\n- https://example.com/x.yaml\n- local.yaml\n- ../b\n- github.com/org/repo/path?ref=v1\n- git@example.com:org/repo\n",
				"a/local.yaml":              pod,
				"b/kustomization.yaml":      "bases:\n- ssh://git@example.com/x\nconfigMapGenerator:\n- {name: c, files: [x=local.txt]}\n",
				"b/local.txt":               "text",
				"c/kustomization.yaml":      "resources: [../b]\n",
				"only/kustomization.yaml":   "resources: [https://example.com/y.yaml]\n",
				"patch/kustomization.yaml":  "resources: [local.yaml]\npatches:\n- path: https://example.com/p.yaml\n",
				"patch/local.yaml":          pod,
				"plugin/kustomization.yaml": "resources: [p.yaml]\ntransformers:\n- t.yaml\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: x}\n  path: http://example.com/q.yaml\n",
				"plugin/t.yaml":             "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: [a=https://example.com/z]\n",
				"plugin/p.yaml":             pod,
			},
			objects: []string{"Pod/a@a/local.yaml:1", "ConfigMap/c-tt8kt8f67k@b/kustomization.yaml:1", "ConfigMap/c-tt8kt8f67k@b/kustomization.yaml:1"},
			errors: []string{
				"a/kustomization.yaml:2 https://example.com/x.yaml", "b/kustomization.yaml:2 ssh://git@example.com/x", "a/kustomization.yaml:5 github.com/org/repo",
				"a/kustomization.yaml:6 git@example.com", "c/kustomization.yaml:0 the same errors as the kustomization a",
				"only/kustomization.yaml:1 https://example.com/y.yaml", "patch/kustomization.yaml:3 https://example.com/p.yaml",
				"plugin/t.yaml:0 https://example.com/z", "plugin/kustomization.yaml:4 http://example.com/q.yaml",
			},
		},
		{
			name: "charts_programs_and_containers",
			files: map[string]string{
				"a/kustomization.yaml": "helmCharts:\n- {name: x, repo: https://example.com}\n",
				"b/kustomization.yaml": "generators:\n- g.yaml\n",
				"b/g.yaml":             "apiVersion: v1\nkind: Own\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
				"b/run.sh":             "#!/bin/sh\ntouch ran\n",
				"c/kustomization.yaml": "generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: x}\n  name: x\n  repo: https://example.com\n",
			},
			errors: []string{"a/kustomization.yaml:2 needs the helm program", "b/kustomization.yaml:0 cannot be rendered", "c/kustomization.yaml:0 cannot be rendered"},
		},
		{
			name: "broken_ones",
			files: map[string]string{
				"a/kustomization.yaml":      "resources: [\n",
				"b/kustomization.yaml":      "resources: [missing.yaml]\n",
				"c/kustomization.yaml":      "resource: [x.yaml]\n",
				"d/kustomization.yaml":      "",
				"e/kustomization.yaml":      "namePrefix: x\n",
				"e/kustomization.yml":       "namePrefix: y\n",
				"good/kustomization.yaml":   "resources: [p.yaml]\n",
				"good/p.yaml":               pod,
				"twice/kustomization.yaml":  "resources: [p.yaml, p.yaml]\n",
				"twice/p.yaml":              pod,
				"wrong/kustomization.yaml":  "resources: [p.yaml]\npatches: [{path: q.yaml}]\n",
				"wrong/p.yaml":              pod,
				"wrong/q.yaml":              "apiVersion: v1\nkind: Pod\nmetadata: {name: other}\n",
				"broken/kustomization.yaml": "resources: [p.yaml]\n",
				"broken/p.yaml":             "apiVersion: v1\nkind: Pod\n metadata: x\n",
			},
			objects: []string{"Pod/a@good/p.yaml:1"},
			errors: []string{
				"a/kustomization.yaml:2 is not valid YAML", "b/kustomization.yaml:0 missing.yaml", "broken/kustomization.yaml:0 p.yaml", "c/kustomization.yaml:0 unknown field",
				"d/kustomization.yaml:0 ", "e/kustomization.yaml:0 multiple kustomization files", "twice/kustomization.yaml:0 cannot be rendered",
				"wrong/kustomization.yaml:0 cannot be rendered",
			},
		},
		{
			name: "in_a_circle",
			files: map[string]string{
				"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n",
			},
			errors: []string{"a/kustomization.yaml:0 cycle"},
		},
		{
			name:    "a_base_named_by_the_user",
			files:   map[string]string{"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [p.yaml]\n", "b/p.yaml": pod},
			paths:   []string{"a", "b/kustomization.yaml", "b/p.yaml"},
			objects: []string{"Pod/a@b/p.yaml:1", "Pod/a@b/p.yaml:1", "Pod/a@b/p.yaml:1"},
		},
		{
			name:    "base_outside_of_the_input",
			files:   map[string]string{"in/a/kustomization.yaml": "resources: [../../out]\n", "out/kustomization.yaml": "resources: [p.yaml]\n", "out/p.yaml": pod},
			paths:   []string{"in"},
			objects: []string{"Pod/a@out/p.yaml:1"},
		},
		{
			name:    "values_that_yaml_1_1_reads_differently",
			files:   map[string]string{"kustomization.yaml": "resources: [p.yaml]\n", "p.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {x: \"yes\"}\ndata: {a: \"012\", b: \"1e3\"}\n"},
			objects: []string{"ConfigMap/a@p.yaml:1"},
		},
	})
}

// Kustomize keeps state of its own: a schema that one kustomization brings must not show
// in the next, nor may two run at once.
func TestManyKustomizations(t *testing.T) {
	n := 242
	if testing.Short() {
		n = 40
	}
	files := map[string]string{}
	for i := range n {
		dir := fmt.Sprintf("k%03d/", i)
		files[dir+"kustomization.yaml"] = "resources: [d.yaml]\nnamespace: n" + fmt.Sprint(i) + "\ncommonAnnotations: {a: b}\n"
		files[dir+"d.yaml"] = deployment
	}
	write(t, files)
	plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{"."}})
	if err != nil {
		t.Fatal(err)
	}
	dec := snapshot.NewDecoder()
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	work := make(chan *manifest.Unit)
	for range 4 {
		wg.Go(func() {
			for u := range work {
				r, err := u.Read(context.Background(), dec, func(o *snapshot.Object) error {
					mu.Lock()
					defer mu.Unlock()
					seen[o.Object.String()] = true
					return nil
				})
				if err != nil || len(r.Errors) > 0 {
					t.Errorf("%s: %v %v", u.Path, err, lines(r.Errors))
				}
			}
		})
	}
	for _, u := range plan.Units {
		work <- u
	}
	close(work)
	wg.Wait()
	if len(seen) != n {
		t.Errorf("%d objects, want %d", len(seen), n)
	}
}
