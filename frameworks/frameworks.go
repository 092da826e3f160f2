// SPDX-License-Identifier: Apache-2.0

// Package frameworks keeps what auditors ask: one YAML file per framework, which maps
// each requirement to the controls that support it, and crosswalks, which map the
// numbers of technical guides straight to checks. It reads the frameworks that users
// bring in the same form.
//
// A mapping says 'supports', never 'satisfies'. A requirement is reached through
// controls only, so a framework never names a check. What cannot be read or understood
// is an error that names file and line; nothing is skipped.
package frameworks

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

//go:embed *.yaml crosswalks/*.yaml
var files embed.FS

// List returns the built-in frameworks: SOC 2 first, because that is what most readers
// come for, then the others in the order of their ids.
func List() ([]seaworthy.Framework, error) {
	r := reader{}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list built-in frameworks: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := r.File(files, e.Name(), "frameworks/"+e.Name(), r.framework); err != nil {
			return nil, fmt.Errorf("read built-in framework %s: %w", e.Name(), err)
		}
	}
	slices.SortFunc(r.frameworks, soc2First)
	return r.frameworks, r.Err()
}

func soc2First(a, b seaworthy.Framework) int {
	switch {
	case a.ID == b.ID:
		return 0
	case a.ID == "soc2":
		return -1
	case b.ID == "soc2":
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// Load reads the frameworks of the user's folder dir, with its subfolders, and lays
// them over base: one with a known id takes the place of the other, a file that says
// 'extend: ID' adds controls to requirements of that framework, and a note says so.
// Every control that a file names must be one of controls. Base is not changed.
func Load(dir string, base []seaworthy.Framework, controls []seaworthy.Control) (all []seaworthy.Framework, notes []string, err error) {
	r := reader{known: controls}
	if err := r.Folder(os.DirFS(dir), dir, r.frameworkOrExtension); err != nil {
		return nil, nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read frameworks in " + dir, Err: err}
	}
	if len(r.frameworks)+len(r.extensions) == 0 && r.Err() == nil {
		return nil, nil, seaworthy.Invalid("%s holds no framework (*.yaml)", dir)
	}
	all = clone(base)
	for _, f := range r.frameworks {
		i := slices.IndexFunc(all, func(known seaworthy.Framework) bool { return known.ID == f.ID })
		if i < 0 {
			all = append(all, f)
			continue
		}
		notes = append(notes, fmt.Sprintf("framework %s: %s replaces %s", f.ID, f.File, all[i].File))
		all[i] = f
	}
	for _, x := range r.extensions {
		notes = append(notes, r.extend(all, x)...)
	}
	slices.SortStableFunc(all, soc2First)
	return all, notes, r.Err()
}

// clone copies as deep as an extension writes.
func clone(base []seaworthy.Framework) []seaworthy.Framework {
	all := slices.Clone(base)
	for i := range all {
		all[i].Requirements = slices.Clone(all[i].Requirements)
	}
	return all
}
