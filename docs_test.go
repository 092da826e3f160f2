// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// generated compares a page with what its sources say now; -update writes it.
func generated(t *testing.T, page, text string) {
	t.Helper()
	golden.Compare(t, "../"+page, []byte(text))
}

func TestSettingsAreDocumented(t *testing.T) {
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	generated(t, "docs/schema/config.schema.json", string(schema))

	const begin, end = "<!-- settings: generated from internal/config -->\n", "<!-- end of settings -->"
	page, err := os.ReadFile("docs/configure.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/configure.md has no place for the settings (%q … %q)", begin, end)
	}
	generated(t, "docs/configure.md", before+begin+config.Table()+end+after)
}

// The catalogue has a page for each category, and one that leads to them.
func TestCatalogueIsDocumented(t *testing.T) {
	c := loadCatalogue(t)
	pages := map[string]bool{"README.md": true}
	generated(t, "docs/checks/README.md", c.contents())
	for _, category := range seaworthy.Categories {
		if list := c.of(category); len(list) > 0 {
			pages[pageOf(category)] = true
			generated(t, "docs/checks/"+pageOf(category), c.page(category, list))
		}
	}
	entries, err := os.ReadDir("docs/checks")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !pages[e.Name()] {
			t.Errorf("docs/checks/%s is the page of no category; remove it", e.Name())
		}
	}
}

func pageOf(category string) string {
	return strings.ReplaceAll(strings.ToLower(category), " ", "-") + ".md"
}

// catalogue is every built-in check and what belongs to it.
type catalogue struct {
	checks       []seaworthy.Check
	files        map[string]string // policies, by check
	requirements map[string][]string
	crosswalks   []frameworks.Crosswalk
}

func loadCatalogue(t *testing.T) catalogue {
	t.Helper()
	all, err := scan.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	policies, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	list, err := frameworks.List()
	if err != nil {
		t.Fatal(err)
	}
	crosswalks, err := frameworks.Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue{checks: all, files: map[string]string{}, requirements: seaworthy.RequirementsOf(list), crosswalks: crosswalks}
	for _, p := range policies {
		c.files[p.ID] = path.Join("checks", p.File)
	}
	return c
}

func (c catalogue) of(category string) []seaworthy.Check {
	var out []seaworthy.Check
	for _, k := range c.checks {
		if k.Category == category {
			out = append(out, k)
		}
	}
	return out
}

const notice = "<!-- Generated from the checks by 'make docs'. -->\n\n"

func (c catalogue) contents() string {
	var b strings.Builder
	b.WriteString(notice + "# The checks\n\n")
	fmt.Fprintf(&b, "Seaworthy looks for %d things. %d of them are plain ValidatingAdmissionPolicies in [`checks/`](../../checks), each about one object; the others are analyzers, which see objects together ([`internal/analysis`](../../internal/analysis)). `seaworthy checks show ID` explains one on the command line.\n\n", len(c.checks), len(c.files))
	b.WriteString("| category | checks |")
	for _, s := range seaworthy.Severities {
		fmt.Fprintf(&b, " %s |", s)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(seaworthy.Severities)) + "\n")
	for _, category := range seaworthy.Categories {
		list := c.of(category)
		if len(list) == 0 {
			continue
		}
		n := map[seaworthy.Severity]int{}
		for _, k := range list {
			n[k.Severity]++
		}
		fmt.Fprintf(&b, "| [%s](%s) | %d |", category, pageOf(category), len(list))
		for _, s := range seaworthy.Severities {
			if n[s] == 0 {
				b.WriteString(" |")
			} else {
				fmt.Fprintf(&b, " %d |", n[s])
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nA check supports [controls](../controls.md); controls support the requirements of [frameworks](../frameworks/README.md). The numbers of the CIS benchmark and of the NSA guide come from the crosswalks there.\n")
	b.WriteString("\n[How a check is written](../../checks/README.md), and how to add one.\n")
	return b.String()
}

func (c catalogue) page(category string, list []seaworthy.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, notice+"# Checks: %s\n\n", category)
	b.WriteString("| check | severity | what it finds |\n|---|---|---|\n")
	for _, k := range list {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", k.ID, k.ID, k.Severity, cell(k.Title))
	}
	for _, k := range list {
		c.describe(&b, k)
	}
	return b.String()
}

func (c catalogue) describe(b *strings.Builder, k seaworthy.Check) {
	fmt.Fprintf(b, "\n## %s\n\n**%s** (%s)\n\n%s\n\n%s\n", k.ID, k.Title, k.Severity, oneLine(k.Rationale), oneLine(k.Remediation))
	if k.Snippet != "" {
		fmt.Fprintf(b, "\n```yaml\n%s\n```\n", strings.TrimSpace(k.Snippet))
	}
	if len(k.Params) > 0 {
		b.WriteString("\n| parameter | default | |\n|---|---|---|\n")
		for _, p := range k.Params {
			def := ""
			if p.Default != "" {
				def = "`" + cell(p.Default) + "`"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", p.Name, def, cell(p.Doc))
		}
	}
	if k.NeedsParams {
		b.WriteString("\nWithout its parameters the check is not evaluated.\n")
	}
	b.WriteString("\n- Supports " + c.controls(k) + "\n")
	if numbers := c.numbers(k); numbers != "" {
		b.WriteString("- Looked for by " + numbers + "\n")
	}
	b.WriteString("- " + c.judges(k) + "\n")
}

// judges says what looks at the objects, and at what.
func (c catalogue) judges(k seaworthy.Check) string {
	file := c.files[k.ID]
	policy := fmt.Sprintf("[Policy](../../%s) about one object", file)
	switch {
	case file != "" && k.Scope == seaworthy.ScopeSingle:
		return policy
	case file != "":
		return policy + "; in a scan an analyzer sees its bindings too"
	case k.Provider:
		return "Analyzer of the control plane; on a managed cluster it is the provider's responsibility"
	case k.Scope == seaworthy.ScopeEngine:
		return "Analyzer of one object"
	case k.Scope == seaworthy.ScopeCluster:
		return "Analyzer of the cluster"
	}
	return "Analyzer of objects together"
}

func (c catalogue) controls(k seaworthy.Check) string {
	var links, ids []string
	for _, id := range k.Controls {
		links = append(links, fmt.Sprintf("[%s](../controls.md#%s)", id, id))
		for _, r := range c.requirements[id] {
			if soc, ok := strings.CutPrefix(r, "soc2:"); ok && !slices.Contains(ids, soc) {
				ids = append(ids, soc)
			}
		}
	}
	out := strings.Join(links, ", ")
	if len(ids) > 0 {
		slices.Sort(ids)
		out += "; through them SOC 2 " + strings.Join(ids, ", ")
	}
	return out
}

func (c catalogue) numbers(k seaworthy.Check) string {
	var out []string
	for _, w := range c.crosswalks {
		if entries := w.Of(k.ID); len(entries) > 0 {
			out = append(out, fmt.Sprintf("[%s](../frameworks/%s.md) %s", w.Title, w.ID, strings.Join(entries, ", ")))
		}
	}
	return strings.Join(out, "; ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }
