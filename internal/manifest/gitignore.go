// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// gitignore holds the patterns of the .gitignore files from a repository's top down to
// one folder, in the order in which they are read: the last match decides. It follows
// gitignore(5), with .git/info/exclude; the user's own global file is left out, so that
// the outcome does not depend on who runs the scan.
type gitignore struct {
	parent   *gitignore
	dir      string // absolute, slashes; patterns are relative to it
	patterns []ignorePattern
}

type ignorePattern struct {
	re         *regexp.Regexp
	negated    bool
	folderOnly bool
	nameOnly   bool // has no slash: matches the name in any folder below
}

// gitignoreFor gives the patterns in force in a folder: those of the folders above it up
// to the top of its repository, and its own.
func gitignoreFor(dir string) (*gitignore, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	chain := []string{abs}
	for at := abs; ; {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			break
		}
		up := filepath.Dir(at)
		if up == at {
			chain = chain[:1] // not in a repository: nothing above the folder counts
			break
		}
		at = up
		chain = append(chain, at)
	}
	var g *gitignore
	for i := len(chain) - 1; i >= 0; i-- {
		if g, err = g.enter(chain[i]); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// enter adds the patterns of a folder, given as an absolute path.
func (g *gitignore) enter(dir string) (*gitignore, error) {
	for _, name := range []string{".git/info/exclude", ".gitignore"} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			var at *fs.PathError
			if errors.Is(err, fs.ErrNotExist) || errors.As(err, &at) && name != ".gitignore" {
				continue
			}
			return g, err
		}
		g = g.with(dir, text)
	}
	return g, nil
}

// with adds patterns that are relative to a folder.
func (g *gitignore) with(dir string, text []byte) *gitignore {
	added := &gitignore{parent: g, dir: filepath.ToSlash(dir)}
	for line := range bytes.Lines(bytes.TrimPrefix(text, byteOrder8)) {
		if p, ok := ignoreLine(strings.TrimRight(string(line), "\r\n")); ok {
			added.patterns = append(added.patterns, p)
		}
	}
	if len(added.patterns) == 0 {
		return g
	}
	return added
}

// ignoreLine reads one line. Blank lines, comments and malformed patterns match nothing.
func ignoreLine(line string) (ignorePattern, bool) {
	var p ignorePattern
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		p.negated, line = true, rest
	}
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		p.folderOnly, line = true, rest
	}
	if line == "" {
		return p, false
	}
	p.nameOnly = !strings.Contains(line, "/")
	re, err := globRegexp(strings.TrimPrefix(line, "/"))
	if err != nil {
		return p, false
	}
	p.re = re
	return p, true
}

// ignored tells whether the patterns name a path, given as an absolute path. Folders
// that are ignored must not be entered: what is in them cannot be named again.
func (g *gitignore) ignored(file string, folder bool) bool {
	file = filepath.ToSlash(file)
	for at := g; at != nil; at = at.parent {
		rel, ok := strings.CutPrefix(file, strings.TrimSuffix(at.dir, "/")+"/")
		if !ok {
			continue
		}
		name := rel[strings.LastIndexByte(rel, '/')+1:]
		for i := len(at.patterns) - 1; i >= 0; i-- {
			p := at.patterns[i]
			if p.folderOnly && !folder {
				continue
			}
			if p.re.MatchString(rel) || p.nameOnly && p.re.MatchString(name) {
				return !p.negated
			}
		}
	}
	return false
}
