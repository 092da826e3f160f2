// SPDX-License-Identifier: Apache-2.0

package frameworks

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
)

// Crosswalk maps the numbers of a technical guide, such as the CIS Kubernetes
// Benchmark, to the checks that look at the same thing. It holds facts only, no text of
// the guide, and is no framework: such a guide says how to configure a cluster, not
// what an organisation must be able to show.
type Crosswalk struct {
	ID      string           `json:"id" yaml:"id"`
	Title   string           `json:"title" yaml:"title"`
	Source  string           `json:"source" yaml:"source"` // the document and its version
	Entries []CrosswalkEntry `json:"entries" yaml:"entries"`
	File    string           `json:"-" yaml:"-"`
}

// CrosswalkEntry is one number of the guide. More than one check may look at it, and a
// check may look at more than one number.
type CrosswalkEntry struct {
	ID     string   `json:"id" yaml:"id"`
	Checks []string `json:"checks" yaml:"checks"`
}

// Validate says what is missing or stands there twice.
func (c Crosswalk) Validate() error {
	if c.ID == "" || c.Title == "" || c.Source == "" || len(c.Entries) == 0 {
		return seaworthy.Invalid("crosswalk %q needs an id, a title, a source and entries", c.ID)
	}
	seen := map[string]bool{}
	for _, e := range c.Entries {
		switch {
		case e.ID == "" || len(e.Checks) == 0:
			return seaworthy.Invalid("crosswalk %s: entry %q needs an id and checks", c.ID, e.ID)
		case seen[e.ID]:
			return seaworthy.Invalid("crosswalk %s: entry %s stands there twice", c.ID, e.ID)
		}
		seen[e.ID] = true
	}
	return nil
}

// Of lists the entries that a check looks at, in the order of the guide.
func (c Crosswalk) Of(check string) []string {
	var entries []string
	for _, e := range c.Entries {
		if slices.Contains(e.Checks, check) {
			entries = append(entries, e.ID)
		}
	}
	return entries
}

// Crosswalks returns the built-in crosswalks in the order of their ids.
func Crosswalks() ([]Crosswalk, error) {
	sub, err := fs.Sub(files, "crosswalks")
	if err != nil {
		return nil, fmt.Errorf("open built-in crosswalks: %w", err)
	}
	var r reader
	if err := r.Folder(sub, "frameworks/crosswalks", r.crosswalk); err != nil {
		return nil, fmt.Errorf("read built-in crosswalks: %w", err)
	}
	slices.SortFunc(r.crosswalks, func(a, b Crosswalk) int { return strings.Compare(a.ID, b.ID) })
	return r.crosswalks, r.Err()
}

func (r *reader) crosswalk(file string, n *yaml.Node) {
	var c Crosswalk
	if !r.Decode(file, n, &c) {
		return
	}
	c.File = file
	if err := c.Validate(); err != nil {
		r.Problem(file, n.Line, "%s", err)
		return
	}
	r.crosswalks = append(r.crosswalks, c)
}
