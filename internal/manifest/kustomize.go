// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kustomizationFiles are the names of the file that makes a folder a kustomization.
var kustomizationFiles = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomization is a kustomization of the input, before it is known whether it is a root.
type kustomization struct {
	dir      string // as the user would write it
	real     string
	explicit bool
	unit     *Unit
	listing  listing
}

// listing is what one kustomization file names.
type listing struct {
	file      string // as the user would write it
	component bool
	openapi   bool
	entries   []entry
	inflates  []entry // Helm charts
}

// entry is one path or URL of a kustomization file, or the inline text of a plugin.
type entry struct {
	value string
	line  int
	// plugin: it configures a generator, transformer or validator, which may name files
	// in turn.
	plugin bool
	// resource: it can be left out, and the rest still be rendered.
	resource bool
}

// remote matches what kustomize would fetch: a URL, an scp-like address or a
// repository of github.com. It is wider than kustomize's own notion.
var remote = regexp.MustCompile(`(?i)^(git::)?([a-z][a-z0-9+.-]+:|[a-z][a-z0-9_.-]*@|(www\.)?github\.com[:/])`)

// resourceKeys are the lists of what a kustomization consists of.
var resourceKeys = []string{"resources", "bases", "components"}

// list reads what a kustomization file names, without fetching or rendering anything.
func list(file string, limits Limits) (listing, error) {
	l := listing{file: file}
	root, value, err := readDocument(file, limits)
	if err != nil {
		return l, err
	}
	l.component = text(value, "kind") == "Component"
	l.openapi = value["openapi"] != nil
	for _, key := range resourceKeys {
		l.add(field(root, key), entry{resource: true})
	}
	for _, key := range []string{"crds", "configurations", "patchesStrategicMerge"} {
		l.add(field(root, key), entry{})
	}
	for _, key := range []string{"generators", "transformers", "validators"} {
		l.add(field(root, key), entry{plugin: true})
	}
	for _, key := range []string{"patches", "patchesJson6902", "replacements"} {
		l.under(field(root, key), "path")
	}
	l.add(field(field(root, "openapi"), "path"), entry{})
	for _, key := range []string{"configMapGenerator", "secretGenerator"} {
		for _, sub := range []string{"files", "envs", "env"} {
			l.under(field(root, key), sub)
		}
	}
	for _, key := range []string{"helmCharts", "helmChartInflationGenerator"} {
		if n := field(root, key); n != nil {
			l.inflates = append(l.inflates, entry{value: key, line: n.Line})
		}
	}
	return l, nil
}

// add takes the strings of a scalar or sequence as entries of a sort. Inline patches
// have several lines and name nothing.
func (l *listing) add(n *yaml.Node, sort entry) {
	switch n = target(n); {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			l.add(c, sort)
		}
	case n.Kind == yaml.ScalarNode && n.Value != "" && (sort.plugin || !strings.Contains(n.Value, "\n")):
		sort.value, sort.line = n.Value, n.Line
		l.entries = append(l.entries, sort)
	}
}

// under takes the strings at a key of each element. Generators name files as key=path.
func (l *listing) under(n *yaml.Node, key string) {
	if n == nil || n.Kind != yaml.SequenceNode {
		return
	}
	for i := range n.Content {
		before := len(l.entries)
		l.add(field(element(n, i), key), entry{})
		for j := range l.entries[before:] {
			e := &l.entries[before+j]
			if _, path, ok := strings.Cut(e.value, "="); ok && key == "files" {
				e.value = path
			}
		}
	}
}

// readDocument reads a file that holds one mapping.
func readDocument(file string, limits Limits) (*yaml.Node, map[string]any, error) {
	text, err := readLimited(file, limits)
	if err != nil {
		return nil, nil, reason(err)
	}
	docs, err := parse(chunk{text: text, line: 1}, limits)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range docs {
		if m, ok := d.value.(map[string]any); ok && d.node != nil {
			return target(d.node), m, nil
		}
	}
	return nil, nil, errors.New("holds no kustomization")
}

// readLimited reads a file within the limit of its size.
func readLimited(file string, limits Limits) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > limits.FileBytes {
		return nil, limits.fileError()
	}
	return os.ReadFile(file)
}

// kustomization takes a folder that holds a kustomization file.
func (w *walker) kustomization(dir, name string, explicit bool) {
	u := w.add(&Unit{Kind: Kustomization, Path: dir, explicit: explicit}, dir)
	for _, k := range w.kustomizations {
		if k.unit == u {
			return
		}
	}
	k := &kustomization{dir: dir, explicit: explicit, unit: u}
	if real, err := realPath(dir); err == nil {
		k.real = real
	}
	// A file that cannot be read is reported when the unit is.
	k.listing, _ = list(filepath.Join(dir, name), w.plan.opts.Limits)
	w.kustomizations = append(w.kustomizations, k)
}

// settleKustomizations keeps the roots: kustomizations that no other one of the input
// names, or that the user did. Files that a kustomization names are read through it
// only.
func (w *walker) settleKustomizations() {
	byDir := map[string]*kustomization{}
	for _, k := range w.kustomizations {
		byDir[k.real] = k
	}
	named, files := map[*kustomization]bool{}, map[string]bool{}
	below := map[*kustomization][]*kustomization{}
	for _, k := range w.kustomizations {
		for _, e := range k.listing.entries {
			real, ok := k.resolve(e.value)
			if !ok {
				continue
			}
			if other := byDir[real]; other == nil {
				files[real] = true
			} else if other != k {
				named[other] = true
				below[k] = append(below[k], other)
			}
		}
	}
	drop := map[*Unit]bool{}
	reached := map[*kustomization]bool{}
	var reach func(k *kustomization)
	reach = func(k *kustomization) {
		if !reached[k] {
			reached[k] = true
			for _, b := range below[k] {
				reach(b)
			}
		}
	}
	for _, k := range w.kustomizations {
		switch {
		case k.explicit || !named[k] && !k.listing.component:
			reach(k)
		case !named[k]:
			w.plan.skip(k.listing.file, "is a component that no kustomization of the input uses")
			drop[k.unit], reached[k] = true, true
		}
	}
	for _, k := range w.kustomizations {
		if !reached[k] {
			reach(k) // a cycle has no root: kustomize shall say so
		} else if named[k] && !k.explicit {
			drop[k.unit] = true
		}
	}
	w.surveyKustomizations(drop)
	w.units = slices.DeleteFunc(w.units, func(u *Unit) bool {
		return drop[u] || u.Kind == File && !u.explicit && files[u.real]
	})
}

// resolve gives the real path that an entry leads to; false when it is remote or leads
// nowhere.
func (k *kustomization) resolve(value string) (string, bool) {
	path := filepath.Join(k.real, filepath.FromSlash(value))
	if filepath.IsAbs(value) {
		path = value
	}
	real, err := realPath(path)
	return real, err == nil
}
