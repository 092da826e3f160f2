// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// outcome is what reading a whole plan gave.
type outcome struct {
	objects         []*snapshot.Object
	errors, skipped []seaworthy.Problem
	files           int
}

// read plans and reads, unit after unit.
func read(t testing.TB, opts manifest.Options) outcome {
	t.Helper()
	plan, err := manifest.NewPlan(context.Background(), opts)
	if err != nil {
		t.Fatalf("NewPlan(%v): %v", opts.Paths, err)
	}
	dec := snapshot.NewDecoder()
	if err := plan.Learn(context.Background(), dec); err != nil {
		t.Fatal(err)
	}
	out := outcome{errors: plan.Errors, skipped: plan.Skipped}
	for _, u := range plan.Units {
		r, err := u.Read(context.Background(), dec, func(o *snapshot.Object) error {
			out.objects = append(out.objects, o)
			return nil
		})
		if err != nil {
			t.Fatalf("Read %s: %v", u.Path, err)
		}
		out.errors = append(out.errors, r.Errors...)
		out.skipped = append(out.skipped, r.Skipped...)
		out.files += r.Files
	}
	return out
}

// write lays files out in a new folder and makes it the working directory, so that the
// paths of a test read as a user's do.
func write(t testing.TB, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// names lists objects as Kind/name@file:line.
func (o outcome) names() []string {
	out := []string{}
	for _, x := range o.objects {
		out = append(out, fmt.Sprintf("%s@%s:%d", x.Object, x.Source.File, x.Source.Line))
	}
	return out
}

func lines(problems []seaworthy.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message))
	}
	return out
}

// matches compares problems with patterns: file:line exactly, then words of the message.
func matches(t *testing.T, what string, got []seaworthy.Problem, want []string) {
	t.Helper()
	texts := lines(got)
	if len(texts) != len(want) {
		t.Errorf("%s: got %d, want %d:\n%s", what, len(texts), len(want), strings.Join(texts, "\n"))
		return
	}
	for i, w := range want {
		at, words, _ := strings.Cut(w, " ")
		if !strings.HasPrefix(texts[i], at+": ") || !strings.Contains(texts[i], words) {
			t.Errorf("%s: got %q, want it at %q with %q", what, texts[i], at, words)
		}
	}
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"

// readCase is an input and what must come of it.
type readCase struct {
	name    string
	files   map[string]string
	paths   []string // default: the working directory
	objects []string
	errors  []string
	skipped []string
}

func runCases(t *testing.T, cases []readCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			write(t, c.files)
			if c.paths == nil {
				c.paths = []string{"."}
			}
			out := read(t, manifest.Options{Paths: c.paths})
			if diff := cmp.Diff(c.objects, out.names(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			matches(t, "errors", out.errors, c.errors)
			matches(t, "skipped", out.skipped, c.skipped)
		})
	}
}

func TestRead(t *testing.T) {
	runCases(t, []readCase{
		{
			name:    "stream_with_empty_and_comment_documents",
			files:   map[string]string{"a.yaml": "# licence\n---\n---\n# nothing\n---\n" + pod + "---\nnull\n--- # more\n" + pod + "...\n"},
			objects: []string{"Pod/a@a.yaml:6", "Pod/a@a.yaml:12"},
		},
		{
			name:    "crlf_and_byte_order_mark",
			files:   map[string]string{"a.yaml": "\xef\xbb\xbf" + strings.ReplaceAll(pod+"---\n"+pod, "\n", "\r\n")},
			objects: []string{"Pod/a@a.yaml:1", "Pod/a@a.yaml:5"},
		},
		{
			name:    "directives",
			files:   map[string]string{"a.yaml": "%YAML 1.1\n# c\n---\n" + pod + "...\n%YAML 1.1\n---\n" + pod},
			objects: []string{"Pod/a@a.yaml:4", "Pod/a@a.yaml:10"},
		},
		{
			name:    "utf_16",
			files:   map[string]string{"a.yaml": "\xff\xfe" + utf16le(pod)},
			objects: []string{"Pod/a@a.yaml:1"},
		},
		{
			name: "v1_list",
			files: map[string]string{"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: d}\n" +
				"- apiVersion: v1\n  kind: List\n  items:\n  - apiVersion: v1\n    kind: Pod\n    metadata: {name: p}\n"},
			objects: []string{"Deployment/d@a.yaml:4", "Pod/p@a.yaml:10"},
		},
		{
			name: "typed_lists",
			files: map[string]string{
				"a.yaml": "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: d}\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: e}\n",
				"b.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList\nitems:\n- metadata: {name: r}\n",
				"c.yaml": "apiVersion: v1\nkind: PodList\nitems: []\n",
			},
			objects: []string{"Deployment/d@a.yaml:4", "Deployment/e@a.yaml:5", "Role/r@b.yaml:4"},
		},
		{
			name:    "list_with_what_is_no_object",
			files:   map[string]string{"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- text\n- {a: 1}\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n- {kind: Pod, metadata: {name: p}}\n"},
			objects: []string{"Pod/p@a.yaml:6"},
			errors:  []string{"a.yaml:4 items[0]", "a.yaml:5 items[1]", "a.yaml:7 has kind but no apiVersion"},
		},
		{
			name:    "a_list_kind_that_is_no_list",
			files:   map[string]string{"a.yaml": "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: l}\nspec: {}\n"},
			objects: []string{"AllowList/l@a.yaml:1"},
		},
		{
			name: "json",
			files: map[string]string{
				"a.json": "\n{\n \"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}\n{\"apiVersion\": \"v1\",\"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}",
				"b.json": "[{\"apiVersion\": \"v1\",\"kind\": \"Pod\", \"metadata\": {\"name\": \"c\"}},\n{\"apiVersion\": \"v1\",\"kind\": \"Pod\", \"metadata\": {\"name\": \"d\"}}]",
				"c.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: flow}}\n---\n{\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\", \"metadata\": {\"name\": \"\\ud83d\\ude00\"}}\n",
			},
			objects: []string{"Pod/a@a.json:2", "Pod/b@a.json:4", "Pod/c@b.json:1", "Pod/d@b.json:2", "Pod/flow@c.yaml:1", "Pod/😀@c.yaml:3"},
		},
		{
			name:    "good_beside_malformed",
			files:   map[string]string{"a.yaml": pod, "b.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: [\n"},
			objects: []string{"Pod/a@a.yaml:1"},
			errors:  []string{"b.yaml:5 is not valid YAML"},
		},
		{
			name:    "good_document_around_malformed_ones",
			files:   map[string]string{"a.yaml": pod + "---\napiVersion: v1\nkind: Pod\n metadata: x\n---\n" + pod + "---\na: 'unclosed\n---\n" + pod},
			objects: []string{"Pod/a@a.yaml:1", "Pod/a@a.yaml:9", "Pod/a@a.yaml:15"},
			errors:  []string{"a.yaml:7 is not valid YAML", "a.yaml:14 is not valid YAML"},
		},
		{
			name:   "only_a_malformed_file",
			files:  map[string]string{"a.yaml": "apiVersion: v1\nkind: Pod\n\tmetadata: x\n"},
			errors: []string{"a.yaml:3 tab"},
		},
		{
			name:   "path_that_does_not_exist",
			paths:  []string{"nowhere", "no*.yaml"},
			errors: []string{"nowhere:0 does not exist", "no*.yaml:0 matches no file"},
		},
		{
			name:    "label_that_looks_like_a_template",
			files:   map[string]string{"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    keyspace: '{{keyspace}}'\n    x: \"{{ y }}\"\n"},
			objects: []string{"Pod/a@a.yaml:1"},
		},
		{
			name: "unrendered_templates",
			files: map[string]string{
				"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n",
				"b.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n{{ toYaml .Values.labels | indent 4 }}\n",
				"c.yaml": "{{- if .Values.x }}\napiVersion: v1\nkind: Pod\n{{- end }}\n",
			},
			errors: []string{"a.yaml:4 looks like an unrendered template; render it", "b.yaml:5 looks like an unrendered", "c.yaml:1 looks like an unrendered"},
		},
		{
			name: "namespace_with_null_spec",
			files: map[string]string{
				"a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\nspec:\n",
			},
			objects: []string{"Namespace/a@a.yaml:1"},
		},
		{
			name: "files_that_are_no_manifests",
			files: map[string]string{
				"docker-compose.yml":      "services:\n  web: {image: x}\n",
				"package.json":            `{"name": "x", "kind": "y"}`,
				"tsconfig.json":           "{\n // comment\n \"a\": 1\n}\n",
				".github/workflows/x.yml": "on: push\njobs: {a: {steps: [{run: 'echo ${{ github.sha }}'}]}}\n",
				"empty.yaml":              "\n",
				"list.yaml":               "- hosts: all\n  kind: x\n",
				"kubeconfig.yaml":         "apiVersion: v1\nkind: Config\nclusters: []\n",
				"readme.md":               "# not looked at",
			},
			skipped: []string{".github/workflows/x.yml:0 holds no Kubernetes object", "docker-compose.yml:0 holds no", "empty.yaml:0 holds no",
				"kubeconfig.yaml:0 is a kubeconfig", "list.yaml:0 holds no", "package.json:1 has kind but no apiVersion", "tsconfig.json:0 holds no"},
		},
		{
			name:   "named_files_that_hold_nothing",
			files:  map[string]string{"values.yaml": "a: 1\n", "empty.yaml": "# only this\n", "half.yaml": "apiVersion: v1\n", "text": "hello world\n"},
			paths:  []string{"values.yaml", "empty.yaml", "half.yaml", "text"},
			errors: []string{"values.yaml:0 holds no Kubernetes object", "empty.yaml:0 is empty", "half.yaml:1 has apiVersion but no kind", "text:0 holds no Kubernetes object"},
		},
		{
			name:    "half_an_object_among_objects",
			files:   map[string]string{"a.yaml": pod + "---\nkind: Service\n---\napiVersion: v1\n---\na: 1\n", "b.yaml": "kind: Service\nmetadata: {name: s}\n"},
			objects: []string{"Pod/a@a.yaml:1"},
			errors:  []string{"a.yaml:5 has kind but no apiVersion", "a.yaml:7 has apiVersion but no kind", "b.yaml:1 has kind but no apiVersion"},
			skipped: []string{"a.yaml:9 holds no Kubernetes object"},
		},
		{
			name:   "objects_that_are_none",
			files:  map[string]string{"a.yaml": "apiVersion: v1\nkind: [Pod]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: 12}\n"},
			errors: []string{"a.yaml:1 kind is not a string", "a.yaml:4 metadata.name is not a string"},
		},
		{
			name:    "binary_and_malformed_text",
			files:   map[string]string{"a.yaml": "apiVersion\x00kind", "b.yaml": pod + "---\n# ok\nkind: \"\xff\"\n", "c.json": "{\"apiVersion\": \"v1\",\n \"kind\" \"Pod\"}"},
			objects: []string{"Pod/a@b.yaml:1"},
			errors:  []string{"a.yaml:1 is a binary file", "b.yaml:6 byte 0xff is not UTF-8", "c.json:2 a colon should be"},
		},
		{
			name:    "folder_with_the_name_of_a_file",
			files:   map[string]string{"a.yaml/b.yaml": pod},
			objects: []string{"Pod/a@a.yaml/b.yaml:1"},
		},
		{
			name:    "the_same_file_named_twice",
			files:   map[string]string{"x/a.yaml": pod, "x/b.yaml": "a: 1\n"},
			paths:   []string{"x/a.yaml", "x", "./x/../x/a.yaml"},
			objects: []string{"Pod/a@x/a.yaml:1"},
			skipped: []string{"x/b.yaml:0 holds no"},
		},
		{
			name:    "globs",
			files:   map[string]string{"a/b/c.yaml": pod, "a/d.yaml": pod, "a/e.json": "{}", "f.yaml": pod, "a/x/kustomization.yaml": "resources: [r.yaml]\n", "a/x/r.yaml": pod},
			paths:   []string{"a/**/*.yaml", "[f]*"},
			objects: []string{"Pod/a@a/b/c.yaml:1", "Pod/a@a/d.yaml:1", "Pod/a@a/x/r.yaml:1", "Pod/a@f.yaml:1"},
		},
	})
}

func utf16le(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}

func TestStdin(t *testing.T) {
	out := read(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(pod + "---\na: 1\n")})
	if diff := cmp.Diff([]string{"Pod/a@stdin:1"}, out.names()); diff != "" {
		t.Error(diff)
	}
	matches(t, "skipped", out.skipped, []string{"stdin:5 holds no"})
	out = read(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader("")})
	matches(t, "errors", out.errors, []string{"stdin:0 is empty"})
}

// Duplicate keys are what strict validation refuses: told, and the last value judged.
func TestDuplicateKeys(t *testing.T) {
	write(t, map[string]string{
		"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  annotations: {example.com/x: a, example.com/x: b}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        image: one\n        image: two\n",
		"b.json": "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n\"metadata\": {\"name\": \"b\"},\n\"metadata\": {\"name\": \"c\"}}],\n\"kind\": \"List\"}",
		"c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  <<: &a {k: v}\n  k: w\n",
	})
	out := read(t, manifest.Options{Paths: []string{"."}})
	if diff := cmp.Diff([]string{"Deployment/a@a.yaml:1", "Pod/c@b.json:1", "ConfigMap/c@c.yaml:1"}, out.names()); diff != "" {
		t.Fatal(diff)
	}
	duplicates := func(o *snapshot.Object) (out []snapshot.SchemaProblem) {
		for _, p := range o.Schema {
			if strings.Contains(p.Message, "duplicate") {
				out = append(out, p)
			}
		}
		return out
	}
	want := []snapshot.SchemaProblem{
		{Path: `metadata.annotations["example.com/x"]`, Line: 5, Message: `duplicate field "metadata.annotations[\"example.com/x\"]"`},
		{Path: "spec.template.spec.containers[0].image", Line: 12, Message: `duplicate field "spec.template.spec.containers[0].image"`},
	}
	if diff := cmp.Diff(want, duplicates(out.objects[0])); diff != "" {
		t.Error(diff)
	}
	want = []snapshot.SchemaProblem{{Path: "metadata", Line: 3, Message: `duplicate field "metadata"`}}
	if diff := cmp.Diff(want, duplicates(out.objects[1])); diff != "" {
		t.Error(diff)
	}
	if got := duplicates(out.objects[2]); got != nil {
		t.Errorf("a key that overrides a merged one is reported: %v", got)
	}
	matches(t, "errors", out.errors, []string{`b.json:4 duplicate field "kind"`})
	spec := out.objects[0].Written["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	if got := spec["containers"].([]any)[0].(map[string]any)["image"]; got != "two" {
		t.Errorf("image is %v, want the last", got)
	}
}

// A field of the wrong type is told and the object judged all the same.
func TestWrongType(t *testing.T) {
	write(t, map[string]string{"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: \"three\"\n"})
	out := read(t, manifest.Options{Paths: []string{"."}})
	if len(out.objects) != 1 || len(out.objects[0].Schema) == 0 || out.objects[0].Schema[0].Line != 5 {
		t.Errorf("objects %v, schema problems %v; want one at line 5", out.names(), out.objects[0].Schema)
	}
}

func TestPositions(t *testing.T) {
	write(t, map[string]string{"a.yaml": "---\n# first\n" + pod + "---\n\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: b\n  spec:\n    containers:\n    - name: c\n      image: x\n"})
	out := read(t, manifest.Options{Paths: []string{"."}})
	if len(out.objects) != 2 {
		t.Fatal(out.names())
	}
	for path, want := range map[string]int{"": 11, "kind": 12, "metadata.name": 14, "spec.containers[0].image": 18, "spec.containers[0].ports": 17, "nowhere": 11} {
		if got := out.objects[1].Line(path); got != want {
			t.Errorf("Line(%q) = %d, want %d", path, got, want)
		}
	}
	if got := out.objects[0].Line("metadata.name"); got != 5 {
		t.Errorf("Line(metadata.name) = %d, want 5", got)
	}
}

// A definition counts for custom resources before and after it, in other files too.
func TestLearn(t *testing.T) {
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: mice.example.com}\nspec:\n  group: example.com\n  scope: Cluster\n  names: {kind: Mouse, plural: mice}\n"
	write(t, map[string]string{
		"a.yaml": "apiVersion: example.com/v1\nkind: Mouse\nmetadata: {name: a}\n",
		"z.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(crd), "\n", "\n  ") + "\n",
	})
	o := read(t, manifest.Options{Paths: []string{"."}}).objects[0]
	if o.Resource.Resource != "mice" || o.Namespaced {
		t.Errorf("resource %q, namespaced %v; want mice of the cluster", o.Resource.Resource, o.Namespaced)
	}
}
