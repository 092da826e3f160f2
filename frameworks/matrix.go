// SPDX-License-Identifier: Apache-2.0

package frameworks

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Matrix writes the coverage matrix of one framework as Markdown: requirement, the
// controls that support it, who supplies their evidence and what that evidence is. The
// checks are those of the catalogue; without any, the matrix leaves their number out.
// Links point at docs/controls.md from docs/frameworks.
func Matrix(w io.Writer, f seaworthy.Framework, controls []seaworthy.Control, checks []seaworthy.Check) error {
	m := matrix{Writer: bufio.NewWriter(w), controls: map[string]seaworthy.Control{}, checks: map[string]int{}}
	for _, c := range controls {
		m.controls[c.ID] = c
	}
	for _, c := range checks {
		for _, id := range c.Controls {
			m.checks[id]++
		}
	}
	m.intro(f)
	m.summary(f)
	category := ""
	for _, r := range f.Requirements {
		if r.Category != category {
			category = r.Category
			m.printf("\n## %s\n", categoryTitle(category))
		}
		m.requirement(r)
	}
	if err := m.Flush(); err != nil {
		return fmt.Errorf("write matrix of %s: %w", f.ID, err)
	}
	return nil
}

type matrix struct {
	*bufio.Writer
	controls map[string]seaworthy.Control
	checks   map[string]int // by control
}

// printf leaves errors to Flush, where a bufio.Writer repeats them.
func (m matrix) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

func (m matrix) intro(f seaworthy.Framework) {
	m.printf("<!-- Generated from controls/ and %s by 'go test ./frameworks -update'. -->\n\n", f.File)
	m.printf("# %s\n\n", f.Title)
	if f.Source != "" {
		m.printf("Ids come from: %s. Titles are in our own words.\n\n", f.Source)
	}
	m.printf("A control supports a requirement; nothing here satisfies one. [How to read this](README.md).\n")
}

// summary counts requirements by who can show something for them. It never adds the
// kinds up: one percentage would hide what no machine can see.
func (m matrix) summary(f seaworthy.Framework) {
	var categories []string
	type count struct{ all, machine, mixed, people int }
	counts := map[string]*count{}
	for _, r := range f.Requirements {
		n := counts[r.Category]
		if n == nil {
			n = &count{}
			counts[r.Category] = n
			categories = append(categories, r.Category)
		}
		n.all++
		switch sources := m.sources(r); {
		case !slices.Contains(sources, "checks"):
			n.people++
		case len(sources) == 1:
			n.machine++
		default:
			n.mixed++
		}
	}
	m.printf("\n| | requirements | checks alone | checks, with records or people | records or people alone |\n|---|---|---|---|---|\n")
	for _, c := range categories {
		n := counts[c]
		m.printf("| %s | %d | %d | %d | %d |\n", categoryTitle(c), n.all, n.machine, n.mixed, n.people)
	}
}

// sources says who supplies evidence for any control of a requirement, in the order of
// [seaworthy.ControlSources].
func (m matrix) sources(r seaworthy.Requirement) []string {
	return slices.DeleteFunc(slices.Clone(seaworthy.ControlSources), func(source string) bool {
		return !slices.ContainsFunc(r.Controls, func(id string) bool {
			return slices.Contains(m.controls[id].Sources, source)
		})
	})
}

func (m matrix) requirement(r seaworthy.Requirement) {
	m.printf("\n### %s\n\n", strings.TrimSpace(r.ID+" "+r.Title))
	if r.Evidence == "manual" {
		m.printf("No check shows anything here.")
		if len(r.Upload) > 0 {
			m.printf(" To upload: %s.", strings.Join(r.Upload, "; "))
		}
		m.printf("\n\n")
	}
	if len(r.Controls) == 0 {
		m.printf("No control supports it.\n")
		return
	}
	m.printf("| control | supplied by | evidence |\n|---|---|---|\n")
	for _, id := range r.Controls {
		c, ok := m.controls[id]
		if !ok {
			m.printf("| %s | | not known |\n", id)
			continue
		}
		m.printf("| [%s](../controls.md#%s) | %s | %s |\n", cell(c.Title), id, m.suppliers(c), cell(strings.Join(c.Evidence, "; ")))
	}
}

// suppliers names a control's sources, and how many checks there are.
func (m matrix) suppliers(c seaworthy.Control) string {
	names := slices.Clone(c.Sources)
	if i := slices.Index(names, "checks"); i >= 0 && len(m.checks) > 0 {
		names[i] = fmt.Sprintf("checks (%d)", m.checks[c.ID])
	}
	return strings.Join(names, ", ")
}

func categoryTitle(c string) string {
	if c == "" {
		return "Requirements"
	}
	return strings.ToUpper(c[:1]) + strings.ReplaceAll(c[1:], "-", " ")
}

// cell keeps text inside its table cell.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

// Document writes a crosswalk as Markdown: each number of the guide and the checks that
// look at it.
func (c Crosswalk) Document(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "<!-- Generated from %s by 'go test ./frameworks -update'. -->\n\n", c.File)
	fmt.Fprintf(b, "# %s\n\nNumbers of: %s. What stands there is the guide's to say; the checks are ours.\n\n", c.Title, c.Source)
	fmt.Fprintf(b, "| number | checks |\n|---|---|\n")
	for _, e := range c.Entries {
		fmt.Fprintf(b, "| %s | `%s` |\n", e.ID, strings.Join(e.Checks, "` `"))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write crosswalk %s: %w", c.ID, err)
	}
	return nil
}
