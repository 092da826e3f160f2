// SPDX-License-Identifier: Apache-2.0

package fix_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kutil "k8s.io/apimachinery/pkg/util/yaml"
	kyaml "sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/fix"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// keeper keeps what a scan finds.
type keeper struct {
	findings []seaworthy.Finding
	problems []seaworthy.Problem
}

func (*keeper) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (*keeper) Pass(*seaworthy.Pass) error                       { return nil }
func (k *keeper) Finding(f *seaworthy.Finding) error             { k.findings = append(k.findings, *f); return nil }
func (k *keeper) End(t *seaworthy.Trailer) error                 { k.problems = t.Errors; return nil }

// plan scans a folder and plans every fix that there is, also those that need a test.
func plan(t *testing.T, dir string, named ...string) *fix.Plan {
	t.Helper()
	ctx := context.Background()
	catalogue, err := scan.NewCatalogue(ctx, scan.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := scan.Config{Catalogue: catalogue, Target: "1.36", Base: dir}
	files, err := manifest.NewPlan(ctx, manifest.Options{Paths: []string{dir}, KubernetesVersion: cfg.Target})
	if err != nil {
		t.Fatal(err)
	}
	dec := snapshot.NewDecoder()
	files.Learn(ctx, dec)
	source := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "test", KubernetesVersion: cfg.Target}
	c, err := fix.NewCollector(fix.Config{
		Paths: []string{dir}, Named: named,
		Judge: func(ctx context.Context, texts []fix.Text) ([]seaworthy.Finding, []seaworthy.Problem, error) {
			var in []scan.Text
			for _, x := range texts {
				in = append(in, scan.Text(x))
			}
			k := &keeper{}
			_, err := scan.Run(ctx, cfg, scan.Texts(source, in, dec), k)
			return k.findings, k.problems, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scan.Run(ctx, cfg, scan.Files(source, files, dec), c); err != nil {
		t.Fatal(err)
	}
	p, err := c.Plan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func everyCheck() []string {
	var ids []string
	for _, r := range fix.Remedies() {
		ids = append(ids, r.Check)
	}
	return ids
}

// Fixing all that can be fixed in real files changes fields that remedies write and
// nothing else, and once is enough.
func TestFixRealFiles(t *testing.T) {
	trees := []string{"../../examples", "../../checks"}
	if corpus, ok := others.Have(t, "corpus"); ok {
		for _, name := range []string{"microservices-demo", "kubernetes-goat", "k8s-examples"} {
			trees = append(trees, filepath.Join(corpus, name))
		}
	}
	fixed := map[string]int{}
	for _, tree := range trees {
		dir := t.TempDir()
		copyTree(t, tree, dir)
		if testing.Short() && tree == "../../checks" {
			keepCasesOf(t, dir, everyCheck())
		}
		for _, named := range [][]string{nil, everyCheck()} {
			p := plan(t, dir, named...)
			for _, f := range p.Files {
				for _, one := range f.Fixed {
					fixed[one.Check]++
				}
				onlyRemedies(t, f)
			}
			if failed, err := p.Write(context.Background()); failed > 0 || err != nil {
				t.Errorf("%s: %d files were not written (%v)", tree, failed, err)
			}
			again := plan(t, dir, named...)
			for _, f := range again.Files {
				t.Errorf("%s is fixed a second time:\n%s", f.Path, f.Diff())
			}
			for _, r := range slices.Concat(p.Refused, again.Refused) {
				if strings.Contains(r.Reason, "edit") || strings.Contains(r.Reason, "lines around") {
					t.Errorf("%s:%d %s: %s", r.Finding.File, r.Finding.Line, r.Finding.Check, r.Reason)
				}
			}
		}
	}
	t.Logf("fixed: %v", fixed)
	for _, id := range everyCheck() {
		if fixed[id] == 0 {
			t.Errorf("nothing fixes a finding of %s", id)
		}
	}
}

// written are the names of the fields that remedies write, and of the mappings and lists
// around them that they may have to make.
var written = []string{
	"apiVersion", "securityContext", "runAsNonRoot", "privileged", "allowPrivilegeEscalation", "seccompProfile", "type",
	"capabilities", "drop", "readOnlyRootFilesystem", "automountServiceAccountToken", "imagePullPolicy", "hostNetwork",
	"hostPID", "hostIPC", "procMount", "readOnly", "strategy", "labels", "pod-security.kubernetes.io/enforce",
}

// onlyRemedies compares the documents of a file before and after.
func onlyRemedies(t *testing.T, f *fix.File) {
	t.Helper()
	if bytes.Count(f.New, []byte{'#'}) != bytes.Count(f.Old, []byte{'#'}) {
		t.Errorf("%s: a comment is lost:\n%s", f.Path, f.Diff())
	}
	old, now := documents(t, f.Path, f.Old), documents(t, f.Path, f.New)
	if len(old) != len(now) {
		t.Errorf("%s: %d documents, want %d", f.Path, len(now), len(old))
		return
	}
	for i := range old {
		diff := cmp.Diff(old[i], now[i], cmp.FilterPath(func(p cmp.Path) bool {
			for _, step := range p {
				if m, ok := step.(cmp.MapIndex); ok && slices.Contains(written[:1], m.Key().String()) {
					return true
				}
			}
			last, ok := p.Last().(cmp.MapIndex)
			return ok && slices.Contains(written, last.Key().String())
		}, cmp.Ignore()))
		if diff != "" {
			t.Errorf("%s: document %d changes in other fields (-old +new):\n%s", f.Path, i, diff)
		}
	}
}

func documents(t *testing.T, file string, text []byte) []any {
	t.Helper()
	var out []any
	r := kutil.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buf := make([]byte, len(text)+1)
	for {
		n, err := r.Read(buf)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var v any
		if err := kyaml.Unmarshal(buf[:n], &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, v)
	}
}

// keepCasesOf removes what are no cases of these checks.
func keepCasesOf(t *testing.T, dir string, checks []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(checks, strings.TrimSuffix(d.Name(), ".yaml")) {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		if err := errors.Join(err, relErr); err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
