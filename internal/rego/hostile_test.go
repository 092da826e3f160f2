// SPDX-License-Identifier: Apache-2.0

package rego_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/rego"
)

var pod = map[string]any{
	"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "p"},
	"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app"}}},
}

func folder(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

const endless = `package endless

deny contains "never" if {
	some a in numbers.range(0, 100000)
	some b in numbers.range(0, 100000)
	some c in numbers.range(0, 100000)
	a + b + c == -1
}
`

// TestEndlessPolicyStopsAtTheDeadline, and the others are evaluated: but for where the
// machine does so much else that little time is too little for anything.
func TestEndlessPolicyStopsAtTheDeadline(t *testing.T) {
	for timeout := 100 * time.Millisecond; ; timeout *= 6 {
		err := stopsTheEndless(t, timeout)
		if err == nil {
			return
		}
		if timeout > 20*time.Second {
			t.Fatal(err)
		}
		t.Logf("within %s: %v", timeout, err)
	}
}

// stopsTheEndless holds that one endless check is given up and another one is not.
func stopsTheEndless(t *testing.T, timeout time.Duration) error {
	t.Helper()
	b, err := rego.Load(t.Context(), rego.Config{Timeout: timeout, FS: folder(
		"endless.rego", endless,
		"fine.rego", "package fine\n\ndeny contains \"a pod\" if input.kind == \"Pod\"\n",
	)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		got := evaluate(t.Context(), t, b, pod)
		if v := got["endless-deny"]; v.Err == nil || (i >= 3) != strings.Contains(v.Err.Error(), "not evaluated any more") {
			t.Fatalf("object %d: the endless check gave %+v, want an error, and that it is given up after three objects", i, v)
		}
		if v := got["fine-deny"]; v.Err != nil || len(v.Items) != 1 {
			return fmt.Errorf("object %d: the other check gave %+v, want one item", i, v)
		}
	}
	return nil
}

func TestEvaluationErrorIsNoPass(t *testing.T) {
	b := load(t, folder("conflict.rego", `package conflict

deny := x if {
	some x in ["one", "two"]
	input.kind == "Pod"
}
`, "fine.rego", "package fine\n\nwarn contains \"a pod\" if input.kind == \"Pod\"\n"))
	got := evaluate(t.Context(), t, b, pod)
	if v := got["conflict-deny"]; v.Err == nil || !strings.Contains(v.Err.Error(), "conflict.rego:3") {
		t.Errorf("conflicting values gave %+v, want an error that names the rule", v)
	}
	if v := got["fine-warn"]; v.Err != nil || len(v.Items) != 1 {
		t.Errorf("the other check gave %+v, want one item", v)
	}
}

func TestCancelledContextGivesNoVerdict(t *testing.T) {
	b := load(t, folder("endless.rego", endless))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := b.Evaluate(ctx, request(pod), func(v rego.Verdict) { t.Errorf("verdict %+v", v) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Evaluate = %v, want the context's error", err)
	}
}

func TestSchemasAreNotFetched(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		fmt.Fprint(w, `{"type": "string"}`)
	}))
	defer server.Close()
	b := load(t, folder("schema.rego", fmt.Sprintf(`package schema

deny contains "matched" if {
	[ok, _] := json.match_schema(input, {"$ref": %q})
	not ok
}

warn contains "local" if {
	[ok, _] := json.match_schema(input, {"type": "string"})
	not ok
}
`, server.URL+"/schema.json")))
	got := evaluate(t.Context(), t, b, pod)
	if asked {
		t.Error("a policy fetched a schema")
	}
	if v := got["schema-warn"]; len(v.Items) != 1 {
		t.Errorf("a schema in the policy gave %+v, want one item", v)
	}
}

func TestPrintIsIgnored(t *testing.T) {
	b := load(t, folder("print.rego", "package print\n\ndeny contains \"x\" if {\n\tprint(\"secret\", input)\n\tinput.kind == \"Pod\"\n}\n"))
	if got := evaluate(t.Context(), t, b, pod); len(got["print-deny"].Items) != 1 {
		t.Errorf("verdicts = %+v, problems = %v", got, b.Problems())
	}
}

func TestEvaluateIsSafeForConcurrentUse(t *testing.T) {
	b := load(t, os.DirFS("testdata/concurrent"))
	if len(b.Checks()) < 3 || len(b.Problems()) > 0 {
		t.Fatalf("checks = %d, problems = %v", len(b.Checks()), b.Problems())
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 100 {
				o := map[string]any{
					"apiVersion": "v1", "kind": "Pod",
					"metadata": map[string]any{"name": fmt.Sprintf("p%d-%d", n, i), "namespace": "shop"},
					"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": fmt.Sprintf("app:%d", i)}}},
				}
				for id, v := range evaluate(t.Context(), t, b, o) {
					if v.Err != nil || len(v.Items) != 1 || !strings.Contains(v.Items[0].Message, fmt.Sprintf("p%d-%d", n, i)) {
						t.Errorf("%s on p%d-%d = %+v", id, n, i, v)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("good.rego", "package good\n\ndeny contains \"x\" if input.kind == \"Pod\"\n")
	write("large.rego", "package large\n"+strings.Repeat("# padding\n", 1<<20+1<<10))
	write("binary.rego", "\x00\x01\x02\xff\xfe")
	write("empty.rego", "")
	write("malformed.yaml", "apiVersion: templates.gatekeeper.sh/v1\nkind: [\n")
	write("bomb.yaml", "# gatekeeper.sh/\na: &a [x,x,x,x,x,x,x,x,x]\n"+bomb())
	for _, link := range [][2]string{{dir, "loop"}, {"nowhere", "dangling.rego"}, {"good.rego", "linked.rego"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	b := load(t, os.DirFS(dir))
	told := map[string]bool{}
	for _, p := range b.Problems() {
		told[strings.TrimPrefix(p.File, "policies/")] = true
	}
	for _, name := range []string{"large.rego", "binary.rego", "empty.rego", "malformed.yaml", "bomb.yaml", "dangling.rego"} {
		if !told[name] {
			t.Errorf("no problem for %s; problems: %v", name, b.Problems())
		}
	}
	if got := evaluate(t.Context(), t, b, pod); len(got["good-deny"].Items) != 1 {
		t.Errorf("the good check gave %+v", got)
	}
}

func bomb() string {
	var s strings.Builder
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&s, "%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	return s.String()
}

func TestFolderThatIsNotThere(t *testing.T) {
	if _, err := rego.Load(t.Context(), rego.Config{FS: os.DirFS("testdata/nowhere"), Dir: "nowhere"}); err == nil {
		t.Error("Load gave no error")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("package a\n\ndeny contains \"x\" if input.kind == \"Pod\"\n", "a.rego")
	f.Add("package a\n\ndeny[msg] { msg := input.metadata.name }\n", "a.rego")
	f.Add("# METADATA\n# title: t\n# custom: {id: x, kinds: [Pod], controls: a}\npackage a\n\nwarn := true if input.spec\n", "a.rego")
	template := "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: a}\nspec:\n  crd: {spec: {names: {kind: A}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package a\n      violation[{\"msg\": \"x\"}] { input.review.object.spec }\n---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: A\nmetadata: {name: a}\nspec: {match: {kinds: [{kinds: [Pod]}]}, parameters: {x: [1]}}\n"
	f.Add(template, "a.yaml")
	f.Add(`{"a": {"b": 1}}`, "data/a.json")
	f.Fuzz(func(t *testing.T, text, name string) {
		if !strings.HasSuffix(name, ".rego") && !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".json") || !fs.ValidPath(name) {
			t.Skip()
		}
		b, err := rego.Load(t.Context(), rego.Config{FS: folder(name, text), Timeout: 50 * time.Millisecond})
		if err != nil {
			t.Skip()
		}
		checks := map[string]bool{}
		for _, c := range b.Checks() {
			if err := c.Validate(); err != nil || checks[c.ID] {
				t.Errorf("check %q: %v (twice: %v)", c.ID, err, checks[c.ID])
			}
			checks[c.ID] = true
		}
		err = b.Evaluate(t.Context(), request(pod), func(v rego.Verdict) {
			if !checks[v.Check] {
				t.Errorf("verdict of an unknown check %q", v.Check)
			}
			for _, it := range v.Items {
				if it.Message == "" || it.Key == "" {
					t.Errorf("item without message or key: %+v", it)
				}
			}
		})
		if err != nil {
			t.Errorf("Evaluate: %v", err)
		}
	})
}
