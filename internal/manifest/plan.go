// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// NewPlan walks the paths and lists what there is to read, in the order of the paths and
// by name within a folder. The error is a mistake in the options (a values file that
// cannot be read) or that of the context; a path that does not exist is in the plan.
func NewPlan(ctx context.Context, opts Options) (*Plan, error) {
	if len(opts.Paths) == 0 {
		return nil, seaworthy.Invalid("name at least one file or folder, or - for standard input")
	}
	opts.Limits = opts.Limits.withDefaults()
	p := &Plan{opts: opts}
	charts, err := newChartSettings(opts)
	if err != nil {
		return nil, err
	}
	p.charts = charts
	w := &walker{ctx: ctx, plan: p, seen: map[string]*Unit{}, folders: map[string]bool{}}
	for _, path := range opts.Paths {
		if err := w.path(path); err != nil {
			return nil, err
		}
	}
	w.settleKustomizations()
	p.Units = w.units
	return p, nil
}

func (p *Plan) skip(file, format string, args ...any) {
	p.Skipped = append(p.Skipped, seaworthy.Problem{File: filepath.ToSlash(file), Message: fmt.Sprintf(format, args...)})
}

func (p *Plan) fail(file string, err error) {
	p.Errors = append(p.Errors, problem(filepath.ToSlash(file), 0, err))
}

// walker finds the units.
type walker struct {
	ctx     context.Context
	plan    *Plan
	units   []*Unit
	seen    map[string]*Unit // by absolute path, so that no file is read twice
	folders map[string]bool  // walked, by their real path
	roots   []string         // real paths of the folders that the user named

	kustomizations []*kustomization
}

// path takes one path as the user gave it.
func (w *walker) path(path string) error {
	if path == "-" {
		w.add(&Unit{Kind: Stdin, Path: "stdin", explicit: true}, "-")
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return w.folder(filepath.Clean(path), nil)
	case err == nil:
		w.named(filepath.Clean(path))
		return nil
	case hasMeta(path):
		return w.glob(strings.TrimRight(path, "/"))
	}
	w.plan.fail(path, reason(err))
	return nil
}

// named takes a file that the user named.
func (w *walker) named(path string) {
	switch name := filepath.Base(path); {
	case name == "Chart.yaml":
		w.add(&Unit{Kind: Chart, Path: filepath.Dir(path), explicit: true}, filepath.Dir(path))
	case slices.Contains(kustomizationFiles, name):
		w.kustomization(filepath.Dir(path), name, true)
	case strings.HasSuffix(name, ".tgz") || strings.HasSuffix(name, ".tar.gz"):
		w.add(&Unit{Kind: Chart, Path: path, explicit: true}, path)
	default:
		u := &Unit{Kind: File, Path: path, explicit: true}
		if root := chartAbove(path); root != "" {
			u.hint = "it belongs to the chart " + filepath.ToSlash(root) + ", scan that folder"
		}
		w.plan.candidates = append(w.plan.candidates, path)
		w.add(u, path)
	}
}

// chartAbove gives the root of the chart whose template a file is, or nothing.
func chartAbove(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if filepath.Base(dir) == "templates" {
			root := filepath.Dir(dir)
			if _, err := os.Stat(filepath.Join(root, "Chart.yaml")); err == nil {
				return root
			}
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// add takes a unit in unless the same path is there already. What the user named stays
// named, wherever else it was found.
func (w *walker) add(u *Unit, path string) *Unit {
	key := path
	if abs, err := filepath.Abs(path); err == nil && path != "-" {
		key = abs
	}
	key = string(u.Kind[0]) + key
	if old := w.seen[key]; old != nil {
		old.explicit = old.explicit || u.explicit
		return old
	}
	u.plan = w.plan
	w.seen[key] = u
	w.units = append(w.units, u)
	return u
}

// glob takes what a pattern matches: files like those found in folders, folders whole.
func (w *walker) glob(glob string) error {
	base, pattern := globBase(glob)
	re, err := globRegexp(pattern)
	if err != nil {
		w.plan.fail(glob, fmt.Errorf("is a malformed pattern: %w", err))
		return nil
	}
	matches := 0
	err = filepath.WalkDir(base, func(path string, d os.DirEntry, err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		if err != nil {
			if path != base {
				w.plan.fail(path, reason(err))
			}
			return nil
		}
		rel, err := filepath.Rel(base, path)
		if err != nil || rel == "." {
			return nil
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if !re.MatchString(filepath.ToSlash(rel)) {
			return nil
		}
		matches++
		info, err := os.Stat(path)
		switch {
		case err != nil:
			w.broken(path, err)
		case d.IsDir():
			if err := w.folder(path, nil); err != nil {
				return err
			}
			return filepath.SkipDir
		case info.IsDir():
			return w.folder(path, nil)
		default:
			w.matched(path, info.Mode().Type())
		}
		return nil
	})
	if err == nil && matches == 0 {
		w.plan.fail(glob, fmt.Errorf("matches no file"))
	}
	return err
}
