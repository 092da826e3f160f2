// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var (
	// vendored are the names of folders that hold other people's code.
	vendored = []string{
		"vendor", "node_modules", "third_party", "thirdparty", "bower_components", "jspm_packages",
		".terraform", ".terragrunt-cache", ".venv", "venv", "site-packages", "Pods", "Godeps", ".tox",
	}
	// versionControl are the names of folders that are never entered.
	versionControl = []string{".git", ".hg", ".svn"}
	// extensions are the files that are read when they are found in a folder.
	extensions = []string{".yaml", ".yml", ".json"}
	// rendered are the folders of a chart that its rendering covers.
	rendered = []string{"templates", "charts", "crds"}
	// chartFiles are the files of a chart that are no manifests by their purpose.
	chartFiles = []string{"Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json", "requirements.yaml", "requirements.lock"}
)

// folder is one folder on the walk.
type folder struct {
	dir    string // as the user would write it
	real   string // absolute, without symbolic links
	ignore *gitignore
	above  []string // the real paths that lead here, this one included
	chart  string   // the root of the chart that the folder is part of
}

// folder walks a folder that the user named, or that a link of the input leads to.
func (w *walker) folder(dir string, above []string) error {
	var ignore *gitignore
	if w.plan.opts.RespectGitignore {
		g, err := gitignoreFor(dir)
		if err != nil {
			w.plan.fail(dir, fmt.Errorf("read .gitignore: %w", err))
		}
		ignore = g
	}
	real, err := realPath(dir)
	if err != nil {
		w.plan.fail(dir, reason(err))
		return nil
	}
	if len(above) == 0 {
		w.roots = append(w.roots, real)
	}
	return w.walk(folder{dir: dir, real: real, ignore: ignore, above: append(above[:len(above):len(above)], real)})
}

func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

// walk reads one folder.
func (w *walker) walk(f folder) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.folders[f.real] {
		return nil
	}
	w.folders[f.real] = true
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		w.plan.fail(f.dir, reason(err))
		return nil
	}
	root := false
	for _, e := range entries {
		switch {
		case e.Name() == "Chart.yaml" && !e.IsDir():
			w.add(&Unit{Kind: Chart, Path: f.dir}, f.dir)
			f.chart, root = f.dir, true
		case slices.Contains(kustomizationFiles, e.Name()) && !e.IsDir():
			w.kustomization(f.dir, e.Name(), false)
		}
	}
	for _, e := range entries {
		if root && slices.Contains(rendered, e.Name()) {
			continue
		}
		if err := w.entry(f, e); err != nil {
			return err
		}
	}
	return nil
}

// entry takes one entry of a folder.
func (w *walker) entry(f folder, e os.DirEntry) error {
	path := filepath.Join(f.dir, e.Name())
	mode := e.Type()
	linked := mode&fs.ModeSymlink != 0
	if linked {
		info, err := os.Stat(path)
		if err != nil {
			w.broken(path, err)
			return nil
		}
		mode = info.Mode().Type()
	}
	switch {
	case mode.IsDir() && slices.Contains(versionControl, e.Name()):
		return nil
	case !mode.IsDir() && !slices.Contains(extensions, filepath.Ext(e.Name())):
		return nil
	case f.ignore.ignored(filepath.Join(f.real, e.Name()), mode.IsDir()):
		w.plan.skip(path, "is ignored by .gitignore")
		return nil
	case mode.IsDir() && w.plan.opts.SkipVendored && slices.Contains(vendored, e.Name()):
		w.plan.skip(path, "is a vendored folder")
		return nil
	case linked:
		return w.link(f, path, mode)
	case mode.IsDir():
		return w.descend(f, e.Name())
	}
	w.found(f, path, filepath.Join(f.real, e.Name()), mode)
	return nil
}

func (w *walker) descend(f folder, name string) error {
	below := folder{
		dir: filepath.Join(f.dir, name), real: filepath.Join(f.real, name),
		ignore: f.ignore, chart: f.chart,
	}
	below.above = append(f.above[:len(f.above):len(f.above)], below.real)
	if w.plan.opts.RespectGitignore {
		g, err := f.ignore.enter(below.real)
		if err != nil {
			w.plan.fail(filepath.Join(below.dir, ".gitignore"), reason(err))
		}
		below.ignore = g
	}
	return w.walk(below)
}

// link follows a symbolic link, unless what it leads to is read anyway.
func (w *walker) link(f folder, path string, mode fs.FileMode) error {
	real, err := realPath(path)
	if err != nil {
		w.broken(path, err)
		return nil
	}
	switch {
	case mode.IsDir() && slices.Contains(f.above, real):
		w.plan.fail(path, errors.New("is a symbolic link to a folder that it lies in; remove the loop"))
		return nil
	case w.inside(real):
		w.plan.skip(path, "is a symbolic link to %s, which is read itself", filepath.ToSlash(real))
		return nil
	case mode.IsDir():
		return w.folder(path, f.above)
	}
	w.found(f, path, real, mode)
	return nil
}

// inside tells whether a real path lies in a folder that the user named.
func (w *walker) inside(real string) bool {
	return slices.ContainsFunc(w.roots, func(root string) bool {
		return strings.HasPrefix(real, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
	})
}

// broken reports a symbolic link that leads nowhere.
func (w *walker) broken(path string, err error) {
	switch {
	case errors.Is(err, syscall.ELOOP) || strings.Contains(err.Error(), "too many links"):
		w.plan.fail(path, errors.New("is a symbolic link that leads to itself; remove the loop"))
	case !slices.Contains(extensions, filepath.Ext(path)):
		w.plan.skip(path, "is a symbolic link to something that does not exist")
	case errors.Is(err, fs.ErrNotExist):
		w.plan.fail(path, errors.New("is a symbolic link to a file that does not exist"))
	default:
		w.plan.fail(path, reason(err))
	}
}

// found takes a file that was found in a folder.
func (w *walker) found(f folder, path, real string, mode fs.FileMode) {
	name := filepath.Base(path)
	switch {
	case name == "Chart.yaml" || slices.Contains(kustomizationFiles, name):
		return // taken with their folder
	case !mode.IsRegular():
		w.plan.skip(path, "is not a regular file")
		return
	case f.chart != "":
		if f.dir != f.chart || !slices.Contains(chartFiles, name) {
			w.plan.skip(path, "is part of the chart %s, which does not render it", filepath.ToSlash(f.chart))
		}
		return
	}
	w.plan.candidates = append(w.plan.candidates, path)
	w.add(&Unit{Kind: File, Path: path, real: real}, path)
}

// matched takes a file that a glob matches: a chart or kustomization is taken whole.
func (w *walker) matched(path string, mode fs.FileMode) {
	name := filepath.Base(path)
	root := chartAbove(path)
	switch {
	case name == "Chart.yaml":
		root = filepath.Dir(path)
	case slices.Contains(kustomizationFiles, name):
		w.kustomization(filepath.Dir(path), name, false)
		return
	}
	if root != "" {
		w.add(&Unit{Kind: Chart, Path: root}, root)
		return
	}
	real, err := realPath(path)
	if err != nil {
		w.broken(path, err)
		return
	}
	w.found(folder{dir: filepath.Dir(path)}, path, real, mode)
}
