// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// checkRow is a check and what the latest reports say of it.
type checkRow struct {
	store.CheckTally
	Title    string
	Severity seaworthy.Severity
	Status   string
	Href     string
	Stack    stack
}

func (u *UI) checkRow(p page, t store.CheckTally) checkRow {
	row := checkRow{CheckTally: t, Title: p0(t.Basis.Title, u.checkTitle(t.ID)), Severity: t.Basis.Severity, Href: p.To("/checks/", t.ID)}
	if c, ok := u.checks[t.ID]; ok && row.Severity == "" {
		row.Severity = c.Severity
	}
	for _, s := range []seaworthy.Status{seaworthy.StatusFailed, seaworthy.StatusError, seaworthy.StatusPassed, seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusNotApplicable} {
		if t.Sources[s] > 0 {
			row.Status = string(s)
			break
		}
	}
	row.Stack = stack{Title: num(t.Passed) + " of " + num(t.InScope) + " objects passed"}
	if t.InScope > 0 {
		w := float64(t.Passed) * 100 / float64(t.InScope)
		row.Stack.Shapes = []shape{{W: round(w), Class: "c-good", Title: num(t.Passed) + " passed"}, {X: round(w), W: round(100 - w), Class: "c-bad", Title: num(t.InScope-t.Passed) + " did not"}}
	}
	return row
}

// checksPage is what pages/checks.html needs.
type checksPage struct {
	page
	Views      []viewRow
	Rows       []checkRow
	Columns    []column
	Statuses   []facetItem
	Categories []facetItem
	Whole      string // what is counted with namespaces that are out of scope
}

func (u *UI) checkList(w http.ResponseWriter, r *http.Request) error {
	p, err := u.checksOf(r)
	if err != nil {
		return err
	}
	if err := u.viewsBeside(r, p.page, "checks", &p.Views); err != nil {
		return err
	}
	return u.render(w, r, "checks", p)
}

// checksOf reads the list of checks that an address asks for.
func (u *UI) checksOf(r *http.Request) (checksPage, error) {
	p := checksPage{page: u.page(r, "Checks")}
	tallies, err := u.Store.Checks(r.Context(), p.Program)
	if err != nil {
		return p, err
	}
	names, err := u.names(r.Context())
	if err != nil {
		return p, err
	}
	known := map[string]bool{}
	for _, t := range tallies {
		known[t.ID] = true
	}
	p.Whole = countedWhole(names, tallies)
	for id, c := range u.checks { // also those that nothing has run yet
		if !known[id] {
			tallies = append(tallies, store.CheckTally{ID: id, Basis: store.CheckBasis{Title: c.Title, Severity: c.Severity, Category: c.Category}})
		}
	}
	status, category, text := p.Q.Get("status"), p.Q.Get("category"), strings.ToLower(p.Q.Get("q"))
	statuses, categories := map[string]int{}, map[string]int{}
	for _, t := range tallies {
		row := u.checkRow(p.page, t)
		statuses[row.Status]++
		categories[t.Basis.Category]++
		if status != "" && row.Status != status || category != "" && t.Basis.Category != category ||
			text != "" && !strings.Contains(strings.ToLower(row.Title+" "+t.ID), text) {
			continue
		}
		p.Rows = append(p.Rows, row)
	}
	slices.SortFunc(p.Rows, func(a, b checkRow) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), strings.Compare(a.ID, b.ID))
	})
	order[checkRow]{
		"check": func(a, b checkRow) int { return fold(a.Title, b.Title) }, "severity": func(a, b checkRow) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) },
		"category": func(a, b checkRow) int { return fold(a.Basis.Category, b.Basis.Category) }, "latest": func(a, b checkRow) int { return strings.Compare(a.Status, b.Status) },
		"failed": func(a, b checkRow) int { return cmp.Compare(b.Failed, a.Failed) }, "waived": func(a, b checkRow) int { return cmp.Compare(b.Waived, a.Waived) },
	}.sort(p.Rows, p.Q)
	p.Columns = []column{
		p.Q.by("check", "Check", ""), p.Q.by("severity", "Severity", ""), p.Q.by("category", "Category", ""), p.Q.by("latest", "Latest", ""), p.Q.by("failed", "Passed", "num"), p.Q.by("waived", "Waived", "num"),
	}
	for _, s := range []seaworthy.Status{seaworthy.StatusFailed, seaworthy.StatusPassed, seaworthy.StatusNotApplicable, seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusError} {
		if n := statuses[string(s)]; n > 0 {
			p.Statuses = append(p.Statuses, toggled(p.Q, "status", string(s), meanings[string(s)].word, n))
		}
	}
	for _, c := range seaworthy.Categories {
		if n := categories[c]; n > 0 {
			p.Categories = append(p.Categories, toggled(p.Q, "category", c, c, n))
		}
	}
	return p, nil
}

// countedWhole says of which clusters namespaces are counted that are out of scope.
func countedWhole(n names, tallies []store.CheckTally) string {
	var of []string
	for _, t := range tallies {
		for _, source := range t.Whole {
			if name := n.source(source); !slices.Contains(of, name) {
				of = append(of, name)
			}
		}
	}
	if len(of) == 0 {
		return ""
	}
	slices.Sort(of)
	return "Counted with the namespaces that are out of scope: " + strings.Join(of, ", ") + ". The latest report there does not count by namespace."
}

// checkPage is what pages/check.html needs.
type checkPage struct {
	page
	Check    seaworthy.Check
	Row      checkRow
	Known    bool   // some source reported it
	Whole    string // as of [checksPage]
	Versions []checkVersionRow
	Controls []link
	Findings []findingRow
	All      string
	Command  string
}

type checkVersionRow struct {
	store.CheckVersion
	SourceName, Says string
	Digests          []string // of what changed, from and to
}

// differences says from what to what a version changed, where it can be said in few words.
// older are the versions before, of all sources.
func differences(v store.CheckVersion, older []store.CheckVersion) []string {
	i := slices.IndexFunc(older, func(o store.CheckVersion) bool { return o.SourceID == v.SourceID })
	if i < 0 {
		return nil
	}
	var out []string
	for _, d := range []struct{ what, from, to string }{
		{"severity", string(older[i].Severity), string(v.Severity)}, {"mode", older[i].Mode, v.Mode}, {"title", older[i].Title, v.Title},
		{"parameters", shortDigest(older[i].Parameters), shortDigest(v.Parameters)}, {"digest", shortDigest(older[i].Digest), shortDigest(v.Digest)},
	} {
		if slices.Contains(v.Changed, d.what) {
			out = append(out, d.what+" "+p0(d.from, "not said")+" → "+p0(d.to, "not said"))
		}
	}
	return out
}

// shortDigest is enough of a digest to tell it from others.
func shortDigest(s string) string {
	s = strings.TrimPrefix(s, "sha256:")
	return s[:min(len(s), 12)]
}

func (u *UI) oneCheck(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("id")
	c, builtIn := u.checks[id]
	p := checkPage{page: u.page(r, p0(c.Title, id), link{"Checks", "/checks"}), Check: c, Command: "seaworthy checks show " + id}
	tallies, err := u.Store.Checks(ctx, p.Program)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(tallies, func(t store.CheckTally) bool { return t.ID == id }); i >= 0 {
		p.Row, p.Known = u.checkRow(p.page, tallies[i]), true
		p.Title = p.Row.Title
		if !builtIn {
			p.Check = seaworthy.Check{ID: id, Title: p.Row.Title, Severity: p.Row.Severity, Category: p.Row.Basis.Category, Controls: p.Row.Basis.Controls, Custom: true}
		}
	} else if !builtIn {
		return seaworthy.NotFound("there is no check %s", id)
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Whole = countedWhole(names, []store.CheckTally{p.Row.CheckTally})
	versions, err := u.Store.CheckHistory(ctx, id, p.Program)
	if err != nil {
		return err
	}
	for i, v := range versions {
		says := "first used"
		if len(v.Changed) > 0 {
			says = "changed: " + strings.Join(v.Changed, ", ")
		}
		p.Versions = append(p.Versions, checkVersionRow{v, names.source(v.SourceID), says, differences(v, versions[i+1:])})
	}
	for _, control := range p.Check.Controls {
		text := control
		if tc, err := u.Store.Control(ctx, control); err == nil {
			text = tc.Title
		}
		p.Controls = append(p.Controls, link{text, p.To("/controls/", control)})
	}
	list, err := u.Store.Findings(ctx, p.findings(store.FindingFilter{Checks: []string{id}, Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}, Limit: 10}))
	if err != nil {
		return err
	}
	p.Findings = u.findingRows(p.page, names, list.Items)
	p.All = p.To("/findings?check=" + queryEscape(id))
	return u.render(w, r, "check", p)
}
