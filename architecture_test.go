// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/seaworthy-dev/seaworthy"

// listed is what 'go list' says of a package, with paths of this module relative to its
// root.
type listed struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Main bool }
	Imports    []string

	TestImports, XTestImports []string
}

func (p listed) ours() bool { return p.Module != nil && p.Module.Main }

// test tells whether the package is there for tests that need more than one package.
func (p listed) test() bool { return strings.HasPrefix(p.ImportPath, "test/") }

func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// packages gives every package of the module and all that these need, by path.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	all, err := goList()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var goList = sync.OnceValues(func() (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Module,Imports,TestImports,XTestImports", "./...")
	var msg bytes.Buffer
	cmd.Stderr = &msg
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, msg.Bytes())
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list prints: %w", err)
		}
		p.ImportPath = relative(p.ImportPath)
		for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for i := range list {
				list[i] = relative(list[i])
			}
		}
		all[p.ImportPath] = p
	}
})

// floors reads the floor of each package from ARCHITECTURE.md.
func floors(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```floors\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatal("ARCHITECTURE.md has no block of floors")
	}
	out := map[string]int{}
	for line := range strings.Lines(block) {
		fields := strings.Fields(line)
		floor, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatalf("the line of floors %q does not start with a number", line)
		}
		for _, p := range fields[1:] {
			if _, twice := out[p]; twice {
				t.Errorf("%s stands on two floors", p)
			}
			out[p] = floor
		}
	}
	return out
}

// stand finds the floor of a package and the package that stands there: a child stands
// on the floor of its parent.
func stand(floors map[string]int, pkg string) (parent string, floor int, ok bool) {
	for at := pkg; ; at = path.Dir(at) {
		if floor, ok := floors[at]; ok && (at != "." || pkg == ".") {
			return at, floor, true
		}
		if at == "." {
			return "", 0, false
		}
	}
}

// Packages import what stands on lower floors. A child may import its parent; a list
// called all may import its siblings.
func TestFloors(t *testing.T) {
	all, floors := packages(t), floors(t)
	for p := range floors {
		if _, ok := all[p]; !ok && !hasChild(all, p) {
			t.Errorf("ARCHITECTURE.md gives %s a floor, but there is no such package", p)
		}
	}
	for _, p := range all {
		if !p.ours() || p.test() {
			continue
		}
		parent, floor, ok := stand(floors, p.ImportPath)
		if !ok {
			t.Errorf("%s stands on no floor; add it to ARCHITECTURE.md", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			dep := all[i]
			if !dep.ours() {
				continue
			}
			below, its, _ := stand(floors, i)
			family := below == parent && (i == parent || path.Base(p.ImportPath) == "all")
			switch {
			case strings.HasPrefix(i, "test/"):
				t.Errorf("%s imports %s, which belongs to the tests", p.ImportPath, i)
			case its >= floor && !family:
				t.Errorf("%s (floor %d) imports %s (floor %d); imports go down only", p.ImportPath, floor, i, its)
			}
		}
	}
}

func hasChild(all map[string]listed, parent string) bool {
	for p := range all {
		if strings.HasPrefix(p, parent+"/") {
			return true
		}
	}
	return false
}

// A ban says who alone may import what, and why.
type ban struct {
	imports []string // exact paths, or whole trees when they end in "/..."
	free    []string // exact paths within these trees that anybody may import
	only    []string
	tests   bool // test files are held to it too
	why     string
}

var bans = []ban{
	{imports: []string{"k8s.io/apiserver/...", "github.com/google/cel-go/..."}, only: []string{"internal/cel"}, tests: true,
		why: "the evaluator's signatures change with every minor version of Kubernetes"},
	{imports: []string{"github.com/open-policy-agent/..."}, only: []string{"internal/rego"}, tests: true,
		why: "Rego is what users bring; nothing of ours is written in it"},
	{imports: []string{"k8s.io/client-go/..."}, free: []string{"k8s.io/client-go/kubernetes/scheme"}, only: []string{"internal/kube"}, tests: true,
		why: "one package speaks to clusters; the rest sees objects"},
	{imports: []string{"helm.sh/...", "sigs.k8s.io/kustomize/..."}, only: []string{"internal/manifest"}, tests: true,
		why: "what was rendered is an object like any other"},
	{imports: []string{"k8s.io/pod-security-admission/..."}, only: []string{"internal/analysis/podsecurity"}, tests: true,
		why: "the profiles are judged at one place, and the checks are held to it by tests"},
	{imports: []string{"github.com/spf13/..."}, only: []string{"internal/cli"}, tests: true,
		why: "the command line is one door of several"},
	{imports: []string{"os/exec", "plugin"},
		why: "nothing is shelled out to: inputs are not trusted"},
	{imports: []string{"net/rpc", "github.com/hashicorp/go-getter/..."},
		why: "a scan uses the network through client-go and kustomize only, when it was told to"},
	{imports: []string{"database/sql/...", "database/sql", "modernc.org/sqlite/...", "modernc.org/sqlite", "github.com/jackc/pgx/..."},
		only: []string{"internal/store", "internal/store/storetest"},
		why:  "one package speaks to databases; the rest sees records"},
	{imports: []string{"github.com/minio/..."}, only: []string{"internal/vault"},
		why: "one package keeps bytes"},
	{imports: []string{"github.com/stretchr/...", "github.com/onsi/..."}, tests: true,
		why: "tests need testing and go-cmp"},
	{imports: []string{"unsafe", "math/rand"},
		why: "there is no need; math/rand/v2 takes its seed"},
}

func (b ban) covers(importPath string) bool {
	return !slices.Contains(b.free, importPath) && slices.ContainsFunc(b.imports, func(pattern string) bool {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		return importPath == pattern || isTree && strings.HasPrefix(importPath, tree+"/")
	})
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		if !p.ours() || p.test() {
			continue
		}
		for _, b := range bans {
			if slices.Contains(b.only, p.ImportPath) {
				continue
			}
			imports := p.Imports
			if b.tests {
				imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			}
			for _, i := range imports {
				if b.covers(i) {
					t.Errorf("%s imports %s; allowed in %v, because %s", p.ImportPath, i, b.only, b.why)
				}
			}
		}
	}
}

// A scan runs without a database and offers no door: what it imports, and what that
// imports, stays clear of both.
func TestScanReachesNoServer(t *testing.T) {
	all := packages(t)
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if p := all[path]; p.ours() && !seen[path] {
			seen[path] = true
			for _, i := range p.Imports {
				visit(i)
			}
		}
	}
	visit("internal/scan")
	if !seen["internal/cel"] {
		t.Fatal("internal/scan does not reach internal/cel: the walk is broken")
	}
	for _, banned := range []string{"internal/store", "internal/api", "internal/ui", "internal/auth", "internal/vault"} {
		if seen[banned] {
			t.Errorf("internal/scan reaches %s", banned)
		}
	}
}

// The domain is plain: it needs the standard library only, and does no input or output.
func TestDomainIsPlain(t *testing.T) {
	all := packages(t)
	for _, i := range all["."].Imports {
		if !all[i].Standard {
			t.Errorf("the domain imports %s, which is not of the standard library", i)
		}
		if slices.Contains([]string{"os", "net", "io/fs", "log", "log/slog"}, i) {
			t.Errorf("the domain imports %s; it does no input or output", i)
		}
	}
}

// What is linked transitively is what a user downloads and what can go wrong.
func TestReach(t *testing.T) {
	all := packages(t)
	for _, tc := range []struct{ from, to, why string }{
		{"internal/analysis/all", "k8s.io/apiserver/pkg/admission", "analyzers are Go, policies are the engine's"},
		{"internal/output", "k8s.io/apimachinery/pkg/runtime", "a format is a function of a report"},
		{"internal/config", "k8s.io/apimachinery/pkg/runtime", "settings are plain"},
		{"internal/rego", "k8s.io/apiserver/pkg/admission", "the two evaluators know nothing of each other"},
		{"cmd/seaworthy", "internal/golden", "it is for tests"},
	} {
		if _, ok := all[tc.from]; !ok {
			t.Errorf("there is no package %s any more", tc.from)
		}
		if way := reach(all, tc.from, tc.to, map[string]bool{}); way != nil {
			t.Errorf("%s reaches %s (%s): %s", tc.from, tc.to, strings.Join(way, " → "), tc.why)
		}
	}
}

// reach gives the way of imports from one package to another, or nil.
func reach(all map[string]listed, from, to string, seen map[string]bool) []string {
	if from == to {
		return []string{to}
	}
	seen[from] = true
	for _, i := range all[from].Imports {
		if seen[i] {
			continue
		}
		if way := reach(all, i, to, seen); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}
