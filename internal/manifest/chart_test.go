// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

// shop is a chart with a subchart, a hook, a test, notes and definitions.
func shop() map[string]string {
	return map[string]string{
		"shop/Chart.yaml":  "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- name: cache\n  version: 1.x.x\n  condition: cache.enabled\n",
		"shop/values.yaml": "image: nginx\nreplicas: 2\nports:\n- {name: web, port: 80}\n- {name: admin, port: 81}\ncache: {enabled: true}\n",
		"shop/templates/_helpers.tpl": `{{- define "shop.labels" -}}
app: shop
release: {{ .Release.Name }}
{{- end -}}
`,
		"shop/templates/deployment.yaml": `{{- if .Values.image }}
# The shop itself.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-shop
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "shop.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: shop
        image: {{ .Values.image | quote }}
        ports:
        {{- range .Values.ports }}
        - name: {{ .name }}
          containerPort: {{ .port }}
        {{- end }}
        securityContext:
          privileged: true
{{- end }}
---
{{- with .Values.extra }}
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
{{- end }}
`,
		"shop/templates/NOTES.txt":                    "Thank you for {{ .Chart.Name }}: {{ not yaml",
		"shop/templates/hook.yaml":                    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {helm.sh/hook: \"pre-install,test\"}\n",
		"shop/templates/tests/test.yaml":              "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\n",
		"shop/crds/mouse.yaml":                        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: mice.example.com}\nspec:\n  group: example.com\n  scope: Cluster\n  names: {kind: Mouse, plural: mice}\n",
		"shop/templates/mouse.yaml":                   "apiVersion: example.com/v1\nkind: Mouse\nmetadata: {name: m}\n",
		"shop/charts/cache/Chart.yaml":                "apiVersion: v2\nname: cache\nversion: 1.2.0\n",
		"shop/charts/cache/values.yaml":               "size: 1\n",
		"shop/charts/cache/templates/sub/config.yaml": "{{/* nothing */}}\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-cache\ndata:\n  size: {{ .Values.size | quote }}\n  on: yes\n",
	}
}

func TestChart(t *testing.T) {
	files := shop()
	files["shop/templates/NOTES.txt"] = "Thank you"
	files["shop/examples/pod.yaml"] = pod
	write(t, files)
	out := read(t, manifest.Options{Paths: []string{"."}, Set: []string{"replicas=5"}})
	want := []string{
		"CustomResourceDefinition/mice.example.com@shop/crds/mouse.yaml:1",
		"ConfigMap/release-name-cache@shop/charts/cache/templates/sub/config.yaml:2",
		"default/Deployment/release-name-shop@shop/templates/deployment.yaml:3",
		"Job/migrate@shop/templates/hook.yaml:1",
		"Mouse/m@shop/templates/mouse.yaml:1",
	}
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	matches(t, "errors", out.errors, nil)
	matches(t, "skipped", out.skipped, []string{
		"shop/examples/pod.yaml:0 is part of the chart shop", "shop/templates/tests/test.yaml:1 is a test hook",
	})
	d := out.objects[2]
	if d.Source.Root != "shop" || d.Written["spec"].(map[string]any)["replicas"] != int64(5) {
		t.Errorf("root %q, replicas %v", d.Source.Root, d.Written["spec"].(map[string]any)["replicas"])
	}
	for path, want := range map[string]int{
		"metadata.name": 6, "metadata.labels.release": 8, "spec.replicas": 11, "spec.template.spec.containers[0].image": 16,
		"spec.template.spec.containers[0].ports[0].containerPort": 20, "spec.template.spec.containers[0].ports[1].containerPort": 20,
		"spec.template.spec.containers[0].securityContext.privileged": 23,
	} {
		if got := d.Line(path); got != want {
			t.Errorf("Line(%s) = %d, want %d", path, got, want)
		}
	}
	if m := out.objects[4]; m.Resource.Resource != "mice" || m.Namespaced {
		t.Errorf("the chart's own definition was not learned: %v", m.Resource)
	}
}

func TestChartValues(t *testing.T) {
	files := shop()
	files["shop/templates/NOTES.txt"] = ""
	files["prod.yaml"] = "image: prod\ncache: {enabled: false}\n"
	write(t, files)
	out := read(t, manifest.Options{
		Paths: []string{"shop/Chart.yaml"}, ValuesFiles: []string{"prod.yaml"}, Set: []string{"extra.a=b", "replicas=9"},
		ReleaseName: "r", Namespace: "ns",
	})
	matches(t, "errors", out.errors, nil)
	want := []string{
		"CustomResourceDefinition/mice.example.com@shop/crds/mouse.yaml:1", "ns/Deployment/r-shop@shop/templates/deployment.yaml:3",
		"ConfigMap/extra@shop/templates/deployment.yaml:27", "Job/migrate@shop/templates/hook.yaml:1", "Mouse/m@shop/templates/mouse.yaml:1",
	}
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestChartTrouble(t *testing.T) {
	chart := "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	runCases(t, []readCase{
		{
			name: "missing_dependency",
			files: map[string]string{
				"c/Chart.yaml":            chart + "dependencies:\n- {name: redis, version: 1.0.0, repository: https://example.com}\n- {name: common, version: 1.0.0, repository: https://example.com}\n",
				"c/templates/a.yaml":      pod,
				"d/Chart.yaml":            strings.ReplaceAll(chart, "c", "d") + "dependencies: [{name: e, version: 1.0.0}]\n",
				"d/charts/e/Chart.yaml":   strings.ReplaceAll(chart, "name: c", "name: e") + "dependencies: [{name: f, version: 1.0.0}]\n",
				"d/charts/e/values.yaml":  "",
				"d/charts/e/templates/x":  "",
				"d/templates/_nothing.tp": "",
			},
			errors: []string{
				"c/Chart.yaml:0 depends on redis, common, which is not in its charts folder; run: helm dependency build c",
				"d/Chart.yaml:0 its subchart e depends on f",
			},
		},
		{
			name: "dependency_in_a_folder",
			files: map[string]string{
				"c/Chart.yaml": chart + "dependencies: [{name: lib, version: 1.0.0, repository: \"file://../lib\"}]\n", "c/templates/a.yaml": "{{ include \"lib.pod\" . }}\n",
				"lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n", "lib/templates/_pod.tpl": "{{ define \"lib.pod\" }}" + pod + "{{ end }}",
			},
			objects: []string{"Pod/a@c/templates/a.yaml:1"},
			skipped: []string{"lib:0 is a library chart"},
		},
		{
			name: "dependencies_in_a_circle",
			files: map[string]string{
				"a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b, version: 1.0.0, repository: \"file://../b\"}]\n",
				"b/Chart.yaml": "apiVersion: v2\nname: b\nversion: 1.0.0\ndependencies: [{name: a, version: 1.0.0, repository: \"file://../a\"}]\n",
			},
			errors: []string{"a/Chart.yaml:0 depends on itself", "b/Chart.yaml:0 depends on itself"},
		},
		{
			name: "templates_that_fail",
			files: map[string]string{
				"c/Chart.yaml": chart, "c/values.yaml": "list: text\n",
				"c/templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ required \"a name is needed\" .Values.name }}\n",
				"c/templates/b.yaml": "a: 1\n{{ if }}\n",
				"c/templates/c.yaml": "\n\n{{ .Values.list.x.y }}\n",
				"c/templates/d.yaml": pod,
				"c/templates/e.yaml": "{{ include \"nowhere\" . }}\n",
			},
			objects: []string{"Pod/a@c/templates/d.yaml:1"},
			errors: []string{
				"c/templates/b.yaml:2 missing value for if", "c/templates/e.yaml:1 no template", "c/templates/c.yaml:3 can't evaluate field",
				"c/templates/a.yaml:4 a name is needed",
			},
		},
		{
			name: "templates_that_render_to_nonsense",
			files: map[string]string{
				"c/Chart.yaml": chart, "c/values.yaml": "x: 1\n",
				"c/templates/a.yaml": "{{- if .Values.x }}\n# c\napiVersion: v1\nkind: Pod\n metadata: x\n{{- end }}\n---\n" + pod,
				"c/templates/b.yaml": "kind: Pod\n",
				"c/templates/c.txt":  "hello\n",
			},
			objects: []string{"Pod/a@c/templates/a.yaml:8"},
			errors:  []string{"c/templates/a.yaml:5 renders to something that is not valid YAML", "c/templates/b.yaml:1 has kind but no apiVersion", "c/templates/c.txt:1 holds no Kubernetes object"},
		},
		{
			name: "charts_that_cannot_be_loaded",
			files: map[string]string{
				"a/Chart.yaml": "name: [", "b/Chart.yaml": "apiVersion: v2\nname: b\n", "c/Chart.yaml": chart + "kubeVersion: '<1.20'\n", "c/templates/a.yaml": pod,
				"d/Chart.yaml": strings.ReplaceAll(chart, "name: c", "name: d"), "d/values.yaml": "a: [\n", "d/templates/a.yaml": pod,
			},
			errors: []string{"a/Chart.yaml:2 is not valid YAML", "b/Chart.yaml:0 chart.metadata.version", "c/Chart.yaml:0 is for Kubernetes <1.20", "d/values.yaml:2 is not valid YAML"},
		},
		{
			name: "values_against_their_schema",
			files: map[string]string{
				"c/Chart.yaml": chart, "c/values.yaml": "count: text\n", "c/values.schema.json": `{"properties": {"count": {"type": "integer"}}}`, "c/templates/a.yaml": pod,
				"d/Chart.yaml": strings.ReplaceAll(chart, "name: c", "name: d"), "d/values.yaml": "count: text\n", "d/templates/a.yaml": pod,
				"d/values.schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"count": {"$ref": "https://example.com/n.json"}}}`,
			},
			objects: []string{"Pod/a@d/templates/a.yaml:1"},
			errors:  []string{"c/Chart.yaml:0 with these values"},
			skipped: []string{"d/values.schema.json:0 refers to other documents"},
		},
		{
			name:    "a_template_named_alone",
			files:   map[string]string{"c/Chart.yaml": chart, "c/templates/sub/a.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n", "c/templates/b.yaml": pod},
			paths:   []string{"c/templates/sub/a.yaml", "c/templates/b.yaml"},
			objects: []string{"Pod/a@c/templates/b.yaml:1"},
			errors:  []string{"c/templates/sub/a.yaml:2 looks like an unrendered template; it belongs to the chart c, scan that folder"},
		},
		{
			name:    "templates_matched_by_a_glob",
			files:   map[string]string{"c/Chart.yaml": chart, "c/templates/a.yaml": "apiVersion: v1\nkind: {{ \"Pod\" }}\nmetadata: {name: a}\n"},
			paths:   []string{"**/*.yaml"},
			objects: []string{"Pod/a@c/templates/a.yaml:1"},
		},
		{
			name: "separators_that_run_on",
			files: map[string]string{
				"c/Chart.yaml": chart, "c/templates/_p.tpl": "{{ define \"p\" -}}\n" + pod + "{{- end }}",
				"c/templates/a.yaml": "---\n{{- include \"p\" . }}\n---\n{{- include \"p\" . }}\n",
			},
			objects: []string{"Pod/a@c/templates/a.yaml:1", "Pod/a@c/templates/a.yaml:1"},
		},
	})
}

// pack makes a chart archive of the files below a folder.
func pack(t *testing.T, file string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChartArchives(t *testing.T) {
	write(t, map[string]string{
		"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: e, version: 1.0.0, alias: f}]\n", "not.tgz": "text",
		"bomb/Chart.yaml": "apiVersion: v2\nname: bomb\nversion: 1.0.0\n",
	})
	e := map[string]string{"e/Chart.yaml": "apiVersion: v2\nname: e\nversion: 1.0.0\n", "e/templates/a.yaml": "# {{ .Chart.Name }}\n" + pod}
	pack(t, "e-1.0.0.tgz", e)
	pack(t, "c/charts/e-1.0.0.tgz", e)
	e["e/zeros"] = strings.Repeat("\x00", 64<<20)
	pack(t, "bomb.tgz", e)
	pack(t, "bomb/charts/e.tgz", e)
	out := read(t, manifest.Options{Paths: []string{"e-1.0.0.tgz", "c", "bomb.tgz", "bomb", "not.tgz"}})
	want := []string{"Pod/a@e-1.0.0.tgz/templates/a.yaml:2", "Pod/a@c/charts/f/templates/a.yaml:2"}
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	matches(t, "errors", out.errors, []string{
		"bomb.tgz:0 limit of 100 times its size", "bomb/Chart.yaml:0 limit of 100 times its size", "not.tgz:0 is no chart archive",
	})
}

func TestChartLinks(t *testing.T) {
	write(t, map[string]string{"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "templates/a.yaml": pod})
	if err := os.Symlink("../templates", "c/templates"); err != nil {
		t.Skip(err)
	}
	if out := read(t, manifest.Options{Paths: []string{"c"}}); len(out.objects) != 1 {
		t.Errorf("objects %v, want that of the linked folder", out.names())
	}
	if err := os.Symlink(".", "c/loop"); err != nil {
		t.Fatal(err)
	}
	out := read(t, manifest.Options{Paths: []string{"c"}})
	matches(t, "errors", out.errors, []string{"c/loop:0 is a symbolic link to a folder that it lies in", "c/Chart.yaml:0 loop is a symbolic link to a folder"})
}
