// SPDX-License-Identifier: Apache-2.0

// Package controls keeps what the organisation says that it does, one YAML file per
// control, and reads the controls that users bring in the same form.
//
// A control belongs to the organisation: checks show parts of it, frameworks ask for it,
// and neither is named here. What cannot be read or understood is an error that names
// file and line; nothing is skipped.
package controls

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/strict"
)

//go:embed *.yaml
var files embed.FS

// List returns the built-in controls in the order of their ids.
func List() ([]seaworthy.Control, error) {
	return read(files, "controls")
}

// Load reads the controls of the user's folder dir, with its subfolders, and lays them
// over base: one with a known id takes the place of the other, and a note says so. The
// result is in the order of ids.
func Load(dir string, base []seaworthy.Control) (all []seaworthy.Control, notes []string, err error) {
	own, err := read(os.DirFS(dir), dir)
	if err != nil {
		return nil, nil, err
	}
	all = slices.Clone(base)
	for _, c := range own {
		i := slices.IndexFunc(all, func(known seaworthy.Control) bool { return known.ID == c.ID })
		if i < 0 {
			all = append(all, c)
			continue
		}
		notes = append(notes, fmt.Sprintf("control %s: %s replaces %s", c.ID, c.File, all[i].File))
		all[i] = c
	}
	slices.SortFunc(all, byID)
	return all, notes, nil
}

func byID(a, b seaworthy.Control) int { return strings.Compare(a.ID, b.ID) }

// reader gathers controls and what is wrong with them.
type reader struct {
	strict.Reader
	controls []seaworthy.Control
}

// read reads every *.yaml and *.yml file of fsys; dir is what messages call its root.
func read(fsys fs.FS, dir string) ([]seaworthy.Control, error) {
	var r reader
	if err := r.Folder(fsys, dir, r.control); err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read controls in " + dir, Err: err}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(r.controls) == 0 {
		return nil, seaworthy.Invalid("%s holds no control (*.yaml)", dir)
	}
	slices.SortFunc(r.controls, byID)
	return r.controls, nil
}

// control reads one document.
func (r *reader) control(file string, n *yaml.Node) {
	var c seaworthy.Control
	if !r.Decode(file, n, &c) {
		return
	}
	c.File = file
	if err := c.Validate(); err != nil {
		r.Problem(file, n.Line, "%s", err)
		return
	}
	if i := slices.IndexFunc(r.controls, func(o seaworthy.Control) bool { return o.ID == c.ID }); i >= 0 {
		r.Problem(file, n.Line, "control %s is already in %s", c.ID, r.controls[i].File)
		return
	}
	r.controls = append(r.controls, c)
}
