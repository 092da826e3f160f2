// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// slowest is what nothing takes that is read within limits, however busy the machine; what
// is not bounded takes much longer still.
const slowest = 3 * time.Minute

// within fails the test when f takes longer than it may on a busy machine.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > limit {
		t.Errorf("took %v, want less than %v", took, limit)
	}
}

// bomb is aliases of aliases: nine levels of nine would be gigabytes.
func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na: &a [x, x, x, x, x, x, x, x, x]\n")
	for c := 'b'; c <= 'i'; c++ {
		p := string(c - 1)
		fmt.Fprintf(&b, "%c: &%c [*%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s]\n", c, c, p, p, p, p, p, p, p, p, p)
	}
	return b.String()
}

func TestHostileDocuments(t *testing.T) {
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	limits := manifest.Limits{FileBytes: 1 << 20, DocumentBytes: 64 << 10, Depth: 100}
	for _, c := range []struct{ name, text, want string }{
		{"alias_bomb", bomb(), "aliases expand to more than the limit of 10 times"},
		{"alias_of_itself", head + "data: &a {b: *a}\n", "anchor"},
		{"merge_bomb", head + "a: &a {x: 1}\nb: &b {<<: [*a, *a, *a], y: {<<: *a}}\nc: &c {<<: *c}\n", "anchor"},
		{"deep_flow_sequence", head + "data: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n", "limit of 100 levels"},
		{"deep_flow_mapping", head + "data: " + strings.Repeat("{a: ", 2000) + strings.Repeat("}", 2000) + "\n", "limit of 100 levels"},
		{"deep_block_sequence", head + "data:\n" + strings.Repeat("- ", 2000) + "x\n", "limit of 100 levels"},
		{"deeper_than_the_parser", head + "data: " + strings.Repeat("[", 30000) + "\n", "is not valid YAML"},
		{"deep_json", `{"apiVersion": "v1", "kind": "Pod", "x": ` + strings.Repeat("[", 5000) + "\n", "limit of 100 levels"},
		{"large_document", head + "data: {a: " + strings.Repeat("x", 70<<10) + "}\n", "larger than the limit of 64 KB"},
		{"large_document_of_many_lines", head + strings.Repeat("# comment\n", 7<<10), "larger than the limit of 64 KB"},
		{"large_file", head + strings.Repeat("---\n# comment\n", 100<<10), "larger than the limit of 1 MB a file"},
		{"control_characters", head + "data: \x01\n", "control characters"},
		{"cut_off_utf_16", "\xfe\xff\x00a\x00", "UTF-16"},
		{"no_line_break", strings.Repeat("a", 80<<10), "larger than the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := "---\n" + pod
			if strings.Contains(c.name, "file") || strings.Contains(c.name, "utf") || strings.Contains(c.name, "no_line") {
				good = ""
			}
			write(t, map[string]string{"a.yaml": c.text + good, "b.yaml": pod})
			within(t, slowest, func() {
				out := read(t, manifest.Options{Paths: []string{"a.yaml", "b.yaml"}, Limits: limits})
				if len(out.errors) != 1 || !strings.Contains(out.errors[0].Message, c.want) || out.errors[0].File != "a.yaml" {
					t.Errorf("errors %.300q, want one of a.yaml with %q", lines(out.errors), c.want)
				}
				if len(out.objects) == 0 || out.objects[len(out.objects)-1].Source.File != "b.yaml" || good != "" && len(out.objects) != 2 {
					t.Errorf("objects %v, want those of the good documents", out.names())
				}
			})
		})
	}
}

// A document that is large for its size, but not beyond measure, is ordinary.
func TestOrdinaryAliases(t *testing.T) {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nbase: &b {a: 1, b: 2}\nitems:\n" + strings.Repeat("- *b\n", 500)
	write(t, map[string]string{"a.yaml": text})
	if out := read(t, manifest.Options{Paths: []string{"."}}); len(out.errors) > 0 || len(out.objects) != 1 {
		t.Errorf("errors %v", lines(out.errors))
	}
}

func TestLimitOfObjects(t *testing.T) {
	write(t, map[string]string{"a.yaml": strings.Repeat("---\n"+pod, 10)})
	out := read(t, manifest.Options{Paths: []string{"."}, Limits: manifest.Limits{Objects: 3}})
	if len(out.objects) != 3 {
		t.Errorf("%d objects, want 3", len(out.objects))
	}
	matches(t, "errors", out.errors, []string{"a.yaml:0 more than the limit of 3 objects"})
}

// A large file is read piece by piece: what was handed out is not held.
func TestLargeFileIsStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 100 MB")
	}
	doc := []byte("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: |\n" + strings.Repeat("    text of no interest\n", 4000))
	n := (100<<20)/len(doc) - 1
	plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{"-"}, Stdin: io.LimitReader(&repeater{doc: doc}, int64(n*len(doc)))})
	if err != nil {
		t.Fatal(err)
	}
	seen, peak := 0, uint64(0)
	r, err := plan.Units[0].Read(context.Background(), snapshot.NewDecoder(), func(*snapshot.Object) error {
		if seen++; seen%100 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	})
	if peak > 64<<20 {
		t.Errorf("the heap grew to %d MB over a file of 100 MB", peak>>20)
	}
	if err != nil || len(r.Errors) > 0 || seen != n {
		t.Errorf("read %d objects of %d: %v %v", seen, n, err, lines(r.Errors))
	}
}

// repeater repeats a text for ever.
type repeater struct {
	doc []byte
	at  int
}

func (r *repeater) Read(p []byte) (int, error) {
	n := copy(p, r.doc[r.at:])
	r.at = (r.at + n) % len(r.doc)
	return n, nil
}

// Concatenated JSON has no marks between documents; its size is held value by value.
func TestLongJSONStream(t *testing.T) {
	one := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`
	write(t, map[string]string{"a.json": strings.Repeat(one+"\n", 2000), "b.json": strings.Repeat(one, 2000)})
	within(t, slowest, func() {
		out := read(t, manifest.Options{Paths: []string{"."}, Limits: manifest.Limits{DocumentBytes: 10 << 10}})
		if len(out.objects) != 4000 || len(out.errors) > 0 {
			t.Errorf("%d objects, want 4000; errors %v", len(out.objects), lines(out.errors))
		}
		if got := out.objects[1999].Source.Line; got != 2000 {
			t.Errorf("the last object of a.json is at line %d, want 2000", got)
		}
	})
}

func TestSlowInputs(t *testing.T) {
	many := func(s string, n int) string {
		if testing.Short() {
			n /= 10
		}
		return strings.Repeat(s, n)
	}
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	for name, text := range map[string]string{
		"many_keys":      head + "data:\n" + many("  k: v\n", 200_000),
		"many_comments":  head + many("# comment\n\n", 200_000),
		"many_anchors":   head + "a:\n" + many("- &a b\n", 200_000),
		"many_quotes":    head + "a: [" + many(`"a",`, 300_000) + "]\n",
		"long_line":      head + "a: " + many("a b ", 500_000) + "\n",
		"many_colons":    head + "a: " + many("a:", 500_000) + "\n",
		"many_dashes":    head + "a:\n" + many("-\n", 300_000),
		"flow_colons":    head + "a: {" + many("b: c, ", 200_000) + "}\n",
		"unclosed_flow":  head + "a: " + many("[a, ", 5_000),
		"json_brackets":  `{"kind":` + many(`{"a":`, 400_000),
		"many_documents": many("---\n", 500_000) + head,
	} {
		t.Run(name, func(t *testing.T) {
			write(t, map[string]string{"a.yaml": text})
			within(t, slowest, func() { read(t, manifest.Options{Paths: []string{"a.yaml"}}) })
		})
	}
}

func TestLinks(t *testing.T) {
	write(t, map[string]string{"in/a.yaml": pod, "in/sub/b.yaml": pod, "out/c.yaml": pod, "out/deep/d.yaml": pod})
	for _, l := range [][2]string{
		{"in/loop", "../in"}, {"in/self.yaml", "self.yaml"}, {"in/gone.yaml", "nowhere.yaml"}, {"in/gone", "nowhere"},
		{"in/again.yaml", "a.yaml"}, {"in/again", "sub"}, {"in/outside.yaml", "../out/c.yaml"}, {"in/outside", "../out/deep"},
	} {
		if err := os.Symlink(l[1], l[0]); err != nil {
			t.Skipf("symbolic links cannot be made here: %v", err)
		}
	}
	out := read(t, manifest.Options{Paths: []string{"in"}})
	want := []string{"Pod/a@in/a.yaml:1", "Pod/a@in/outside/d.yaml:1", "Pod/a@in/outside.yaml:1", "Pod/a@in/sub/b.yaml:1"}
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	matches(t, "errors", out.errors, []string{
		"in/gone.yaml:0 is a symbolic link to a file that does not exist",
		"in/loop:0 is a symbolic link to a folder that it lies in",
		"in/self.yaml:0 is a symbolic link that leads to itself",
	})
	matches(t, "skipped", out.skipped, []string{
		"in/again:0 is a symbolic link to", "in/again.yaml:0 is a symbolic link to", "in/gone:0 is a symbolic link to something that does not exist",
	})
}

func TestUnreadable(t *testing.T) {
	write(t, map[string]string{"a.yaml": pod, "b.yaml": pod, "c/d.yaml": pod})
	if os.Getuid() == 0 {
		// Nothing is unreadable for root: a plan outlives its file instead.
		plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{"."}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove("a.yaml"); err != nil {
			t.Fatal(err)
		}
		r, err := plan.Units[0].Read(context.Background(), snapshot.NewDecoder(), func(*snapshot.Object) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		matches(t, "errors", r.Errors, []string{"a.yaml:0 does not exist"})
		return
	}
	for _, p := range []string{"a.yaml", "c"} {
		if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(p, 0o755)
	}
	out := read(t, manifest.Options{Paths: []string{"."}})
	matches(t, "errors", out.errors, []string{"c:0 permission denied", "a.yaml:0 permission denied"})
	if len(out.objects) != 1 {
		t.Errorf("objects %v, want that of b.yaml", out.names())
	}
}

// failing breaks off after some text.
type failing struct{ text io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("the disk is gone")
	}
	return n, err
}

func TestReadError(t *testing.T) {
	out := read(t, manifest.Options{Paths: []string{"-"}, Stdin: failing{strings.NewReader(pod + "---\n" + pod)}})
	if len(out.errors) != 1 || !strings.Contains(out.errors[0].Message, "the disk is gone") || len(out.objects) != 1 {
		t.Errorf("objects %v, errors %v; want the first object and the error", out.names(), lines(out.errors))
	}
}

func TestEmitError(t *testing.T) {
	write(t, map[string]string{"a.yaml": pod + "---\n" + pod})
	plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{"a.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	stop, n := errors.New("stop"), 0
	_, err = plan.Units[0].Read(context.Background(), snapshot.NewDecoder(), func(*snapshot.Object) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("Read = %v after %d objects, want the error of emit after 1", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := plan.Units[0].Read(ctx, snapshot.NewDecoder(), func(*snapshot.Object) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Read of a cancelled context = %v", err)
	}
}

// FuzzRead reads anything as standard input and as a file found in a folder: whatever it
// is, nothing breaks, and what is not an object is in the report.
func FuzzRead(f *testing.F) {
	seeds := []string{
		pod, pod + "---\n" + pod, bomb(), "", "\x00", "\xff\xfe", "\xfe\xff\x00", "%YAML 1.1\n---\n" + pod, "{{ .Values.x }}", "...", "---", "--- ---\n",
		`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod"}]}`, `[{"a":1}]`, "{", "[", `{"a":"\ud800"}`,
		"apiVersion: v1\nkind: PodList\nitems:\n- <<: {metadata: {name: x}}\n- *x\n", "apiVersion: v1\nkind: List\nitems: &a [*a]\n",
		"a: &a [*a]\n", "? [a]\n: b\n", "a: 'x\n---\n" + pod, "\ufeff\ufeff", "a:\n\t- b\n", "!!binary x", "&a *a", "<<: 1", "a: |\n---\n",
		strings.Repeat("[", 200), strings.Repeat("{a: ", 200), strings.Repeat("- ", 200), "apiVersion: [\nkind: ", "\u2028---\n" + pod, "#\r---\r" + pod,
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: b, ports: [{containerPort: x}]}]}}}\n",
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	dec := snapshot.NewDecoder()
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 16<<10 {
			return
		}
		plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{"-"}, Stdin: bytes.NewReader(text), Limits: manifest.Limits{Depth: 50}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		last := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + 2
		r, err := plan.Units[0].Read(context.Background(), dec, func(o *snapshot.Object) error {
			n++
			if o.Source.Line < 1 || o.Kind == "" || o.APIVersion == "" {
				t.Errorf("object %s at line %d", o, o.Source.Line)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 && len(r.Errors) == 0 && !bytes.Contains(text, []byte("items")) {
			t.Errorf("nothing came of %q and nothing was said", text)
		}
		for _, p := range r.Errors {
			if p.Message == "" || p.Line < 0 || utf8Lines(text, last) < p.Line {
				t.Errorf("error %v of %q", p, text)
			}
		}
	})
}

// utf8Lines bounds the line numbers of a text: YAML knows more line breaks than \n.
func utf8Lines(text []byte, known int) int {
	for _, b := range []string{"\u0085", "\u2028", "\u2029"} {
		known += bytes.Count(text, []byte(b))
	}
	if bytes.IndexByte(text, 0) >= 0 {
		known += len(text) // UTF-16
	}
	return known
}

func TestPlanErrors(t *testing.T) {
	write(t, map[string]string{"bad.yaml": "a: [", "x/y.yaml": pod})
	for name, opts := range map[string]manifest.Options{
		"no_path":        {},
		"values_missing": {Paths: []string{"."}, ValuesFiles: []string{"none.yaml"}},
		"values_broken":  {Paths: []string{"."}, ValuesFiles: []string{"bad.yaml"}},
		"set_malformed":  {Paths: []string{"."}, Set: []string{"a[x]=1"}},
		"version":        {Paths: []string{"."}, KubernetesVersion: "latest"},
	} {
		if _, err := manifest.NewPlan(context.Background(), opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{filepath.Join("x", "y.yaml")}}); err != nil {
		t.Error(err)
	}
}
