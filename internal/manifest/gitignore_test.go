// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ignoreCases are patterns of one .gitignore and the paths that they do and do not name.
var ignoreCases = []struct{ patterns, ignored, kept string }{
	{"a.yaml", "a.yaml x/a.yaml x/y/a.yaml", "b.yaml a.yamlx xa.yaml"},
	{"/a.yaml", "a.yaml", "x/a.yaml"},
	{"x/a.yaml", "x/a.yaml", "a.yaml y/x/a.yaml"},
	{"build/", "build/a.yaml x/build/b.yaml", "build.yaml x/build.yaml"},
	{"/build/", "build/a.yaml", "x/build/a.yaml"},
	{"*.yaml", "a.yaml x/b.yaml", "a.yml x/b.json"},
	{"*.yaml\n!keep.yaml", "a.yaml x/a.yaml", "keep.yaml x/keep.yaml"},
	{"x/\n!x/keep.yaml", "x/keep.yaml x/a.yaml", "keep.yaml"},
	{"x/*\n!x/keep.yaml", "x/a.yaml x/y/b.yaml", "x/keep.yaml"},
	{"**/gen", "gen/a.yaml x/gen/b.yaml x/y/gen/c.yaml", "generated/a.yaml"},
	{"gen/**", "gen/a.yaml gen/x/b.yaml", "x/gen/a.yaml"},
	{"a/**/z.yaml", "a/z.yaml a/b/z.yaml a/b/c/z.yaml", "z.yaml b/a/z.yaml"},
	{"**/b/z.yaml", "b/z.yaml a/b/z.yaml", "b/c/z.yaml"},
	{"?.yaml", "a.yaml x/b.yaml", "ab.yaml .yaml"},
	{"[ab].yaml", "a.yaml b.yaml", "c.yaml"},
	{"[!ab].yaml", "c.yaml", "a.yaml b.yaml"},
	{"[a-c]x.yaml", "ax.yaml cx.yaml", "dx.yaml"},
	{"[[:digit:]].yaml", "1.yaml", "a.yaml"},
	{"[]-].yaml", "].yaml -.yaml", "a.yaml"},
	{"# comment\n\n  \n\\#a.yaml", "#a.yaml", "a.yaml"},
	{"\\!a.yaml", "!a.yaml", "a.yaml"},
	{"a.yaml   ", "a.yaml", "b.yaml"},
	{"a\\*.yaml", "a*.yaml", "ab.yaml"},
	{"a*b.yaml", "ab.yaml axxb.yaml", "ax/b.yaml"},
	{"foo*/bar.yaml", "foo/bar.yaml foox/bar.yaml", "foo/x/bar.yaml"},
	{"*\n!*/\n!*.yaml", "a.json x/b.json", "a.yaml x/b.yaml"},
	{"a+b(c).yaml", "a+b(c).yaml", "aab(c).yaml"},
	{"é.yaml", "é.yaml", "e.yaml"},
	{"\ufeffa.yaml", "a.yaml", "b.yaml"},
	{"a.yaml\r\nb.yaml\r\n", "a.yaml b.yaml", "c.yaml"},
}

// named tells whether a .gitignore at dir names a path, through its folders.
func named(g *gitignore, dir, path string) bool {
	parts := strings.Split(path, "/")
	at := dir
	for i, p := range parts {
		at = filepath.Join(at, p)
		if g.ignored(at, i < len(parts)-1) {
			return true
		}
	}
	return false
}

func TestGitignore(t *testing.T) {
	for _, c := range ignoreCases {
		var none *gitignore
		g := none.with("/repo", []byte(c.patterns))
		for _, p := range strings.Fields(c.ignored) {
			if !named(g, "/repo", p) {
				t.Errorf("%q does not name %s", c.patterns, p)
			}
		}
		for _, p := range strings.Fields(c.kept) {
			if named(g, "/repo", p) {
				t.Errorf("%q names %s", c.patterns, p)
			}
		}
	}
}

// The cases are what git itself says.
func TestGitignoreAsGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: git is not installed")
	}
	for _, c := range ignoreCases {
		if strings.Contains(c.patterns, "\r\n") {
			continue // git takes the carriage return for a part of the name; people do not mean it
		}
		dir := t.TempDir()
		if out, err := exec.Command(git, "init", "-q", dir).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: git init: %v %s", err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(c.patterns), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, p := range append(strings.Fields(c.ignored), strings.Fields(c.kept)...) {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(p)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, p), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(git, "check-ignore", "-q", "--no-index", "--", p)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
			says := cmd.Run() == nil
			if ours := strings.Contains(" "+c.ignored+" ", " "+p+" "); says != ours {
				t.Errorf("%q and %s: git says ignored is %v, the case %v", c.patterns, p, says, ours)
			}
		}
	}
}

func TestGlobBase(t *testing.T) {
	for glob, want := range map[string][2]string{
		"*.yaml": {".", "*.yaml"}, "a/b/*.yaml": {"a/b", "*.yaml"}, "/x/**/y": {"/x", "**/y"}, "/*": {"/", "*"}, "a/b*/c": {"a", "b*/c"}, "./a/*": {"a", "*"},
	} {
		if dir, pattern := globBase(glob); dir != want[0] || pattern != want[1] {
			t.Errorf("globBase(%q) = %q, %q, want %v", glob, dir, pattern, want)
		}
	}
}
