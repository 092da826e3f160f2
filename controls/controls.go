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
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
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

// control decodes one document.
func (r *reader) control(file string, n *yaml.Node) {
	var c seaworthy.Control
	if !r.unknownKeys(file, n, knownKeys) {
		return
	}
	if err := n.Decode(&c); err != nil {
		r.yamlError(file, err)
		return
	}
	c.File = file
	if err := c.Validate(); err != nil {
		r.problem(file, n.Line, "%s", err)
		return
	}
	if i := slices.IndexFunc(r.controls, func(o seaworthy.Control) bool { return o.ID == c.ID }); i >= 0 {
		r.problem(file, n.Line, "control %s is already in %s", c.ID, r.controls[i].File)
		return
	}
	r.controls = append(r.controls, c)
}

// knownKeys are the keys of a control's file, read off the type so that they cannot
// differ from it.
var knownKeys = func() []string {
	var keys []string
	t := reflect.TypeFor[seaworthy.Control]()
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}()
