// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// keep is a handler that holds the whole report.
type keep struct {
	seaworthy.Report
	checks []seaworthy.Check
	after  func(findings int) error // called after each finding
}

func (k *keep) Start(h *seaworthy.Header, checks []seaworthy.Check) error {
	k.Header, k.checks = *h, checks
	return nil
}

func (k *keep) Finding(f *seaworthy.Finding) error {
	k.Findings = append(k.Findings, *f)
	if k.after != nil {
		return k.after(len(k.Findings))
	}
	return nil
}

func (k *keep) Pass(p *seaworthy.Pass) error {
	k.Passes = append(k.Passes, *p)
	return nil
}

func (k *keep) End(t *seaworthy.Trailer) error {
	k.Trailer = *t
	return nil
}

// check is what came of one check.
func (k *keep) check(t *testing.T, id string) seaworthy.CheckResult {
	t.Helper()
	i := slices.IndexFunc(k.Checks, func(c seaworthy.CheckResult) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("check %s did not run", id)
	}
	return k.Checks[i]
}

// day is today in tests.
func day() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// config is a scan of the checks that the selection wants, beside the real controls and
// frameworks.
func config(t *testing.T, s scan.Selection) scan.Config {
	t.Helper()
	catalogue, err := scan.NewCatalogue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	cs, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	fs, err := frameworks.List()
	if err != nil {
		t.Fatal(err)
	}
	return scan.Config{
		Catalogue: catalogue, Target: "1.36", Frameworks: fs, Controls: cs, FailOn: seaworthy.High, Now: day,
	}
}

func only(ids ...string) scan.Selection { return scan.Selection{Only: ids} }

// folder writes files and changes to where they are.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// files is the input of paths, as the command line makes it.
func files(t *testing.T, paths ...string) scan.Input {
	t.Helper()
	plan, err := manifest.NewPlan(t.Context(), manifest.Options{Paths: paths, KubernetesVersion: "1.36"})
	if err != nil {
		t.Fatal(err)
	}
	dec := snapshot.NewDecoder()
	plan.Learn(t.Context(), dec)
	return scan.Files(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "test", Asked: paths}, plan, dec)
}

func run(t *testing.T, cfg scan.Config, in scan.Input) *keep {
	t.Helper()
	k := &keep{}
	summary, err := scan.Run(t.Context(), cfg, in, k)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.Summary, *summary); diff != "" {
		t.Errorf("the summary is not that of the report (-report +returned):\n%s", diff)
	}
	return k
}

// deployment is one whose only fault is that it is privileged, as often as there are
// containers.
func deployment(namespace, name string, containers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: %s}\nspec:\n", name, namespace)
	b.WriteString("  selector: {matchLabels: {app: x}}\n  template:\n    metadata: {labels: {app: x}}\n    spec:\n      containers:\n")
	for _, c := range containers {
		fmt.Fprintf(&b, "      - {name: %s, image: x, securityContext: {privileged: true}}\n", c)
	}
	return b.String()
}

// The same input gives the same report, however the workers fare.
func TestOrderIsThatOfTheInput(t *testing.T) {
	tree := map[string]string{}
	for i := range 60 {
		var text string
		for j := range 1 + i*i%17 { // some files take longer than others
			text += "---\n" + deployment("shop", fmt.Sprintf("d-%02d-%02d", i, j), "b", "a")
		}
		tree[fmt.Sprintf("%02d.yaml", i)] = text
	}
	tree["30.yaml"] = "apiVersion: v1\nkind: [\n"
	folder(t, tree)
	var first *keep
	for _, workers := range []int{1, 2, 8, 8} {
		cfg := config(t, only("privileged-container", "single-replica", "pdb-missing"))
		cfg.Workers, cfg.IncludePassed = workers, true
		k := run(t, cfg, files(t, "."))
		if first == nil {
			first = k
			continue
		}
		if diff := cmp.Diff(first.Report, k.Report); diff != "" {
			t.Fatalf("%d workers report something else (-one +%d):\n%s", workers, workers, diff)
		}
	}
	var seen []string
	for _, f := range first.Findings {
		if f.Check == "privileged-container" {
			seen = append(seen, f.Object.Name)
		}
	}
	if !slices.IsSorted(seen) || len(seen) < 500 {
		t.Errorf("%d findings are not in the order of the files", len(seen))
	}
	if len(first.Errors) != 1 || first.Errors[0].File != "30.yaml" {
		t.Errorf("errors = %v", first.Errors)
	}
}

// A handler that fails, a batch that fails and a context that ends each end the scan
// with their own error, and leave no goroutine behind.
func TestEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	tree := map[string]string{}
	for i := range 400 {
		tree[fmt.Sprintf("%03d.yaml", i)] = deployment("shop", fmt.Sprintf("d-%03d", i), "a")
	}
	folder(t, tree)
	cfg := config(t, only("privileged-container", "pdb-missing"))
	broken := errors.New("the disk is full")

	k := &keep{after: func(n int) error {
		if n == 10 {
			return broken
		}
		return nil
	}}
	if _, err := scan.Run(t.Context(), cfg, files(t, "."), k); !errors.Is(err, broken) {
		t.Errorf("Run with a failing handler = %v", err)
	}
	if len(k.Findings) != 10 || k.Summary.Objects != 0 {
		t.Errorf("the handler was called after its error: %d findings, %+v", len(k.Findings), k.Summary)
	}

	ctx, cancel := context.WithCancel(t.Context())
	k = &keep{after: func(n int) error {
		if n == 10 {
			cancel()
		}
		return nil
	}}
	if _, err := scan.Run(ctx, cfg, files(t, "."), k); !errors.Is(err, context.Canceled) {
		t.Errorf("Run of a cancelled context = %v", err)
	}

	in := files(t, ".")
	all := in.Batches
	in.Batches = func(ctx context.Context, next func(scan.Batch) error) (scan.Yield, error) {
		if err := next(func(context.Context, func(*snapshot.Object) error) (scan.Yield, error) { return scan.Yield{}, broken }); err != nil {
			return scan.Yield{}, err
		}
		return all(ctx, next)
	}
	if _, err := scan.Run(t.Context(), cfg, in, &keep{}); !errors.Is(err, broken) {
		t.Errorf("Run of a failing batch = %v", err)
	}
	for range 6000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestProgress(t *testing.T) {
	folder(t, map[string]string{"a.yaml": deployment("shop", "a", "a"), "b.yaml": deployment("shop", "b", "a")})
	cfg := config(t, only("privileged-container"))
	var got [][2]int
	cfg.Progress = func(done, total int) { got = append(got, [2]int{done, total}) }
	run(t, cfg, files(t, "."))
	if diff := cmp.Diff([][2]int{{1, 2}, {2, 2}}, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// What nobody could read is no pass, and neither is nothing at all.
func TestNothing(t *testing.T) {
	folder(t, map[string]string{"notes/compose.yaml": "services: {}\n", "bad.yaml": "apiVersion: [\n", "compose.yaml": "services: {}\n"})
	cfg := config(t, only("privileged-container"))
	for path, want := range map[string]string{
		"bad.yaml":     "is not valid YAML: did not find expected node content",
		"notes":        "nothing that was scanned is a Kubernetes object, so nothing was judged",
		"compose.yaml": "holds no Kubernetes object",
		"missing":      "does not exist",
	} {
		k := run(t, cfg, files(t, path))
		if k.Summary.Exit != scan.ExitInput || len(k.Errors) != 1 || k.Errors[0].Message != want {
			t.Errorf("%s: exit %d, errors %v, want %q", path, k.Summary.Exit, k.Errors, want)
		}
		if c := k.check(t, "privileged-container"); c.Status != seaworthy.StatusNotApplicable {
			t.Errorf("%s: the check is %s", path, c.Status)
		}
	}
	cfg.SkipUnreadable = true
	k := run(t, cfg, files(t, "bad.yaml"))
	if k.Summary.Exit != scan.ExitClean || len(k.Errors) != 0 || len(k.Skipped) != 1 {
		t.Errorf("with what cannot be read skipped: exit %d, errors %v, skipped %v", k.Summary.Exit, k.Errors, k.Skipped)
	}
}
