// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// place is a file below a folder that the user gave. All access goes through [os.Root],
// so that no link can lead it out of there.
type place struct {
	dir, name string // the folder, and the file relative to it
}

// The reasons for which a file is left alone.
const (
	errOutside   = refusal("the file lies outside of the paths that were given")
	errLink      = refusal("the file is reached through a symbolic link; scan the folder that it lies in")
	errFile      = refusal("is not a regular file")
	errReadOnly  = refusal("the file is read-only")
	errChart     = refusal("the file belongs to a chart; change its templates or values")
	errTemplate  = refusal("the file holds {{ or {%, so it may be a template")
	errGenerated = refusal("a comment says that a program writes the file; change what it is made from")
	errText      = refusal("the file is not plain UTF-8 text with ordinary line ends")
)

// maxFile is how large a file may be.
const maxFile = 100 << 20

// findPlace finds the file below one of the paths that the user gave.
func findPlace(file string, paths []string) (place, error) {
	for _, p := range paths {
		if p == "-" {
			continue
		}
		dir, only := p, ""
		if st, err := os.Stat(p); err != nil {
			dir = globFolder(p)
		} else if !st.IsDir() {
			dir, only = filepath.Dir(p), filepath.Base(p)
		}
		rel, err := filepath.Rel(dir, filepath.FromSlash(file))
		if err != nil || !filepath.IsLocal(rel) || only != "" && rel != only {
			continue
		}
		pl := place{dir, rel}
		return pl, pl.reachable()
	}
	return place{}, errOutside
}

// globFolder is the folder from which a pattern starts.
func globFolder(pattern string) string {
	if i := strings.IndexAny(pattern, "*?[{"); i >= 0 {
		pattern = pattern[:i] + "x"
	}
	return filepath.Dir(pattern)
}

// reachable refuses a file that a symbolic link leads to.
func (p place) reachable() error {
	real, err := filepath.EvalSymlinks(filepath.Join(p.dir, p.name))
	if err != nil {
		return fmt.Errorf("resolve %s: %w", p.name, err)
	}
	dir, err := filepath.EvalSymlinks(p.dir)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", p.dir, err)
	}
	if filepath.Join(dir, p.name) != real {
		return errLink
	}
	return nil
}

// read gives the text of the file if it may be edited.
func (p place) read() ([]byte, error) {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	st, err := root.Lstat(p.name)
	if err != nil {
		return nil, err
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, errFile
	case st.Mode().Perm()&0o200 == 0:
		return nil, errReadOnly
	case strings.EqualFold(filepath.Ext(p.name), ".json"):
		return nil, errJSON
	case st.Size() > maxFile:
		return nil, errText
	case p.inChart():
		return nil, errChart
	}
	text, err := root.ReadFile(p.name)
	if err != nil {
		return nil, err
	}
	return text, editable(text)
}

// inChart tells whether the file is a template of a chart.
func (p place) inChart() bool {
	path := filepath.Join(p.dir, p.name)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) == "templates" {
			if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "Chart.yaml")); err == nil {
				return true
			}
		}
	}
	return false
}

// editable refuses text that is not plain YAML.
func editable(text []byte) error {
	ends := bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
	odd := slices.ContainsFunc([]string{"\u0085", "\u2028", "\u2029", "\x00"}, func(s string) bool { return bytes.Contains(text, []byte(s)) })
	switch {
	case ends > 0 || odd || !utf8.Valid(text):
		return errText
	case bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("{%")):
		return errTemplate
	case generated(text):
		return errGenerated
	}
	return nil
}

// write puts the new text in the place of the old one, at once, unless the file changed
// meanwhile. Mode and owner stay.
func (p place) write(old, text []byte) (err error) {
	if err := p.reachable(); err != nil {
		return err
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	st, err := root.Lstat(p.name)
	if err != nil {
		return err
	}
	now, err := root.ReadFile(p.name)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || !bytes.Equal(now, old) {
		return errChanged
	}
	temp := filepath.Join(filepath.Dir(p.name), "."+filepath.Base(p.name)+"."+rand.Text()[:8])
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(root, temp))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	keepOwner(root, temp, st)
	if err := root.Chmod(temp, st.Mode().Perm()); err != nil {
		return err
	}
	return root.Rename(temp, p.name)
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
