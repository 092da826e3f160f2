// SPDX-License-Identifier: Apache-2.0

package frameworks

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// extension adds to a framework that stands in another file, so that a company maps its
// own controls to SOC 2 without a copy of the 61 criteria.
type extension struct {
	Extend       string     `yaml:"extend"`
	Requirements []addition `yaml:"requirements"`

	file  string
	line  int
	lines []int // of the requirements
}

// addition is what an extension may say of a requirement: what it asks is not the
// user's to change.
type addition struct {
	ID       string   `yaml:"id"`
	Controls []string `yaml:"controls"`
	Upload   []string `yaml:"upload"`
}

func (r *reader) extension(file string, n *yaml.Node) {
	x := extension{file: file, line: n.Line}
	if !r.Decode(file, n, &x) {
		return
	}
	for _, req := range requirementNodes(n) {
		x.lines = append(x.lines, req.Line)
	}
	r.unknownControls(file, n)
	if len(x.Requirements) == 0 {
		r.Problem(file, n.Line, "the extension of %q adds nothing: it needs requirements", x.Extend)
		return
	}
	r.extensions = append(r.extensions, x)
}

// extend adds x to its framework in all and tells what it did.
func (r *reader) extend(all []seaworthy.Framework, x extension) []string {
	i := slices.IndexFunc(all, func(f seaworthy.Framework) bool { return f.ID == x.Extend })
	if i < 0 {
		r.Unknown(x.file, x.line, "framework", x.Extend, ids(all, func(f seaworthy.Framework) string { return f.ID }))
		return nil
	}
	requirements, added := all[i].Requirements, 0
	for n, extra := range x.Requirements {
		j := slices.IndexFunc(requirements, func(q seaworthy.Requirement) bool { return q.ID == extra.ID })
		if j < 0 {
			r.Unknown(x.file, x.lines[n], "requirement", extra.ID,
				ids(requirements, func(q seaworthy.Requirement) string { return q.ID }))
			continue
		}
		before := len(requirements[j].Controls)
		requirements[j] = r.widen(requirements[j], extra)
		added += len(requirements[j].Controls) - before
	}
	return []string{fmt.Sprintf("framework %s: %s adds %d controls to %d requirements", x.Extend, x.file, added, len(x.Requirements))}
}

// widen returns q with the controls and uploads of extra. Where one of its controls is
// shown by checks, the requirement is no longer for people alone.
func (r *reader) widen(q seaworthy.Requirement, extra addition) seaworthy.Requirement {
	q.Controls, q.Upload = slices.Clone(q.Controls), slices.Clone(q.Upload)
	for _, id := range extra.Controls {
		if !slices.Contains(q.Controls, id) {
			q.Controls = append(q.Controls, id)
		}
		i := slices.IndexFunc(r.known, func(c seaworthy.Control) bool { return c.ID == id })
		if i >= 0 && slices.Contains(r.known[i].Sources, "checks") {
			q.Evidence = ""
		}
	}
	q.Upload = append(q.Upload, extra.Upload...)
	return q
}
