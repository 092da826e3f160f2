// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources gives the files of the repository that end in one of the suffixes, with
// slashes, and their contents. What is built or fetched is left out.
func sources(t *testing.T, suffixes ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if slices.Contains([]string{".git", "dist", ".cache", "bin", "fuzz"}, e.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() || !slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			return nil
		}
		text, err := os.ReadFile(name)
		out[filepath.ToSlash(name)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no file ends in %v", suffixes)
	}
	return out
}

const header = "// SPDX-License-Identifier: Apache-2.0\n\n"

func TestHeaders(t *testing.T) {
	for name, text := range sources(t, ".go") {
		if !bytes.HasPrefix(text, []byte(header)) {
			t.Errorf("%s does not start with %q and an empty line", name, strings.TrimSpace(header))
		}
	}
}

// largest is how many bytes a template may have: its lines are as long as its tables are wide.
const largest = 10_000

// longest is how many lines a file may have: what does not fit is two things.
const longest = 500

func TestFileSizes(t *testing.T) {
	for name, text := range sources(t, ".go", ".css", ".html", ".js") {
		if strings.Contains(name, "/testdata/") && !strings.HasSuffix(name, ".go") {
			continue
		}
		if n := bytes.Count(text, []byte("\n")); n > longest {
			t.Errorf("%s has %d lines, at most %d; split it by what its parts do", name, n, longest)
		}
		if strings.HasSuffix(name, ".html") && len(text) > largest {
			t.Errorf("%s has %d bytes, at most %d; give its parts names of their own in partials", name, len(text), largest)
		}
	}
}

// vague are names that say nothing of what a package is for.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "model", "models", "core", "base", "shared", "manager", "misc", "pkg", "lib"}

func TestPackages(t *testing.T) {
	docs := map[string]string{}
	for name, text := range sources(t, ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		dir := path.Dir(name)
		if slices.Contains(vague, f.Name.Name) || slices.Contains(vague, path.Base(dir)) {
			t.Errorf("%s: the name %s does not say what the package is for", name, f.Name.Name)
		}
		docs[dir] += f.Doc.Text()
	}
	for dir, doc := range docs {
		if !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("%s has no package doc that starts with 'Package' or 'Command' (got %.40q)", dir, doc)
		}
	}
}

// Nothing happens on import: what a program does, its main function says.
func TestNoInit(t *testing.T) {
	for name, text := range sources(t, ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", name)
			}
		}
	}
}

var (
	promise  = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|X` + `XX)\b(\(#\d+\))?`)
	failedTo = regexp.MustCompile(`(?:Errorf|errors\.New|Invalid)\("(?:failed|unable|could not|cannot) to `)
)

func TestWords(t *testing.T) {
	for name, text := range sources(t, ".go", ".yaml", ".md", "Makefile") {
		for _, m := range promise.FindAllSubmatch(text, -1) {
			if len(m[1]) == 0 {
				t.Errorf("%s: %s without the number of an issue", name, m[0])
			}
		}
		if strings.HasSuffix(name, ".go") && failedTo.Match(text) {
			t.Errorf("%s: an error says what was being done, verb first: not %q", name, failedTo.Find(text))
		}
	}
}

// A path of the machine that somebody works on helps nobody else.
func TestNoMachinePaths(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	var private []string
	if strings.Count(here, string(filepath.Separator)) >= 2 {
		private = append(private, here)
	}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		private = append(private, home+"/go/", home+"/.cache/", home+"/src/")
	}
	for name, text := range sources(t, ".go", ".yaml", ".yml", ".json", ".md", ".golden", ".txtar", ".rego", "Makefile", "run") {
		for _, p := range private {
			if bytes.Contains(text, []byte(p)) {
				t.Errorf("%s names %s, a path of this machine", name, p)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]+`)
)

// anchors lists the headings of a page as a Git host makes links of them.
func anchors(page []byte) []string {
	var out []string
	for _, m := range heading.FindAllSubmatch(fence.ReplaceAll(page, nil), -1) {
		title := dropped.ReplaceAllString(strings.ToLower(string(m[1])), "")
		out = append(out, strings.ReplaceAll(strings.TrimSpace(title), " ", "-"))
	}
	return out
}

func TestLinks(t *testing.T) {
	pages, headings := sources(t, ".md"), map[string][]string{}
	for name, text := range pages {
		headings[name] = anchors(text)
	}
	for name, text := range pages {
		for _, m := range link.FindAllSubmatch(fence.ReplaceAll(text, nil), -1) {
			to := string(m[1])
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, to)
			} else if anchor != "" && !slices.Contains(headings[target], anchor) {
				t.Errorf("%s links to %s: that page has no such heading", name, to)
			}
		}
	}
}

// Every page of the documentation can be found from the README.
func TestEveryPageIsLinked(t *testing.T) {
	pages := sources(t, ".md")
	seen, next := map[string]bool{}, []string{"README.md"}
	for len(next) > 0 {
		page := next[0]
		next = next[1:]
		if seen[page] {
			continue
		}
		seen[page] = true
		for _, m := range link.FindAllSubmatch(pages[page], -1) {
			file, _, _ := strings.Cut(string(m[1]), "#")
			target := path.Join(path.Dir(page), file)
			if st, err := os.Stat(filepath.FromSlash(target)); err == nil && st.IsDir() {
				target = path.Join(target, "README.md")
			}
			if _, ok := pages[target]; ok {
				next = append(next, target)
			}
		}
	}
	for name := range pages {
		if !seen[name] && !strings.Contains(name, "testdata/") {
			t.Errorf("no page that the README leads to links to %s", name)
		}
	}
}

var (
	keptBy   = regexp.MustCompile("`(Test\\w+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
)

// An invariant is kept by a test, and the test is there.
func TestInvariantsAreKept(t *testing.T) {
	there := map[string]bool{}
	for _, text := range sources(t, "_test.go") {
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
	}
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Invariants\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := keptBy.FindAllStringSubmatch(section, -1)
	if len(named) == 0 {
		t.Error("ARCHITECTURE.md names no test that keeps an invariant")
	}
	for _, m := range named {
		if !there[m[1]] {
			t.Errorf("ARCHITECTURE.md says that %s keeps an invariant; there is no such test", m[1])
		}
	}
}
