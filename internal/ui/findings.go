// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// findingsPage is what pages/findings.html needs.
type findingsPage struct {
	page
	Rows    []findingRow
	Facets  []facet
	Groups  []groupRow // in place of the rows
	Grouped []facetItem
	Chosen  []chosen // filters that are set, to be taken away one by one
	Columns []column
	Views   []viewRow
	Next    string
	Total   string // "1,234 findings"
	// Known is false when nothing ever reported: then the page says how to begin.
	Known bool
	// Controls and Requirements are what one can narrow the list to the checks of.
	Controls, Requirements []choice
}

// findingRow is a finding in a list.
type findingRow struct {
	seaworthy.TrackedFinding
	Title    string // of its check
	Source   string
	TeamName string
	Who      string // to whom it is assigned
	Href     string
	Late     bool
}

// facet is one way to narrow a list.
type facet struct {
	Title string
	Items []facetItem
}

type facetItem struct {
	Text, N, Href string
	Current       bool
}

// chosen is a filter that is set.
type chosen struct{ Text, Without string }

// findingFilter reads a list of findings out of its address.
func (u *UI) findingFilter(ctx context.Context, p page) (store.FindingFilter, error) {
	q := p.Q
	f := store.FindingFilter{Sort: store.Sort(q.Get("sort")), Cursor: q.Get("after"), Limit: 50, Text: strings.TrimSpace(q.Get("q"))}
	switch s := q.Get("status"); s {
	case "":
		f.Status = []seaworthy.FindingStatus{seaworthy.FindingOpen}
	case "overdue":
		f.Overdue = true
	case "all":
	default:
		f.Status = []seaworthy.FindingStatus{seaworthy.FindingStatus(s)}
	}
	if s := q.Get("severity"); s != "" {
		severity, err := seaworthy.ParseSeverity(s)
		if err != nil {
			return f, err
		}
		f.Severities = []seaworthy.Severity{severity}
	}
	f.Checks, f.Sources, f.Namespaces = one(q, "check"), one(q, "source"), one(q, "namespace")
	f.Teams, f.Assignees, f.Kinds = one(q, "team"), one(q, "assignee"), one(q, "kind")
	f.Object, f.Waiver = q.Get("object"), q.Get("waiver")
	if err := aged(q.Get("age"), p.Now, &f); err != nil {
		return f, err
	}
	f = p.findings(f)
	return f, u.behind(ctx, q, &f)
}

func one(q query, key string) []string {
	if v := q.Get(key); v != "" {
		return []string{v}
	}
	return nil
}

// behind narrows a list to the checks behind a control or a requirement. Where there are
// none, nothing is in the list.
func (u *UI) behind(ctx context.Context, q query, f *store.FindingFilter) error {
	control, requirement := q.Get("control"), q.Get("requirement")
	if control == "" && requirement == "" {
		return nil
	}
	controls, err := u.Store.Controls(ctx)
	if err != nil {
		return err
	}
	var required []string // controls behind the requirement
	if requirement != "" && f.Program != nil {
		framework, err := u.Audit.Framework(f.Program.Framework)
		if err != nil {
			return err
		}
		for _, r := range framework.Requirements {
			if r.ID == requirement {
				required = r.Controls
			}
		}
	}
	list := []string{"-"} // no check is called so
	for _, c := range controls {
		if (control == "" || c.ID == control) && (requirement == "" || slices.Contains(required, c.ID)) {
			list = append(list, c.Checks...)
		}
	}
	if len(f.Checks) > 0 {
		list = slices.DeleteFunc(list, func(id string) bool { return id != f.Checks[0] && id != "-" })
	}
	f.Checks = list
	return nil
}

func (u *UI) findings(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := findingsPage{page: u.page(r, "Findings")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	filter, err := u.findingFilter(ctx, p.page)
	if err != nil {
		return err
	}
	var list store.Page[seaworthy.TrackedFinding]
	var counts store.Facets
	if err := together(ctx, func(ctx context.Context) (err error) {
		list, err = u.Store.Findings(ctx, filter)
		return err
	}, func(ctx context.Context) (err error) {
		counts, err = u.Store.FindingFacets(ctx, filter)
		return err
	}); err != nil {
		return err
	}
	p.Rows = u.findingRows(p.page, names, list.Items)
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	states, err := u.Store.SourceStates(ctx)
	if err != nil {
		return err
	}
	p.Known = len(states) > 0
	p.Chosen = p.chosen(names)
	if err := u.facets(ctx, &p, names, counts); err != nil {
		return err
	}
	age := oneWay(p.Q, "age", "Age", "ascending")
	age.Paper = "Opened" // where an age would tell nothing
	p.Columns = []column{
		oneWay(p.Q, "", "Severity", "descending"), {Text: "Finding"}, {Text: "Object"}, {Text: "Source", Class: "from"}, {Text: "Owner"},
		age, oneWay(p.Q, "due", "Due", "ascending"),
	}
	p.Grouped = p.grouped()
	if p.Views, err = u.views(ctx, p.page, names, "findings"); err != nil {
		return err
	}
	return u.render(w, r, "findings", p)
}

// oneWay is a column by which a list is sorted from one end only, as its index has it.
func oneWay(q query, key, text, way string) column {
	c := column{Text: text, Href: q.With("sort", key)}
	if q.Get("sort") == key {
		c.Sorted = way
	}
	return c
}

func sortedUsers(n names) []seaworthy.User {
	out := make([]seaworthy.User, 0, len(n.users))
	for _, one := range n.users {
		if !one.Disabled {
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b seaworthy.User) int {
		return strings.Compare(strings.ToLower(n.user(a.ID)), strings.ToLower(n.user(b.ID)))
	})
	return out
}

func (u *UI) findingRows(p page, names names, list []seaworthy.TrackedFinding) []findingRow {
	out := make([]findingRow, len(list))
	for i, f := range list {
		out[i] = findingRow{
			TrackedFinding: f, Title: u.checkTitle(f.Check), Source: names.source(f.SourceID), TeamName: names.team(f.Team),
			Who: names.user(f.Assignee), Href: p.To("/findings/", f.ID), Late: f.Overdue(p.Now),
		}
	}
	return out
}

// checkTitle is what a check looks for; of one that this server does not know, its id.
func (u *UI) checkTitle(id string) string {
	if c, ok := u.checks[id]; ok {
		return c.Title
	}
	return id
}

// chosen lists the filters that are set.
func (p findingsPage) chosen(names names) []chosen {
	var out []chosen
	for _, f := range []struct{ key, title string }{
		{"q", "begins with"}, {"severity", "severity"}, {"check", "check"}, {"source", "source"}, {"namespace", "namespace"}, {"kind", "kind"},
		{"team", "owner"}, {"assignee", "assigned to"}, {"control", "control"}, {"requirement", "requirement"}, {"age", "open"}, {"object", "one object"}, {"waiver", "one waiver"},
	} {
		v := p.Q.Get(f.key)
		if v == "" {
			continue
		}
		switch f.key {
		case "source":
			v = names.source(v)
		case "team":
			v = names.team(v)
		case "assignee":
			v = names.user(v)
		case "age":
			v = strings.ToLower(ageTitle(v))
		case "object", "waiver":
			v = ""
		}
		if v == "-" {
			v = "nobody"
		}
		out = append(out, chosen{strings.TrimSpace(f.title + " " + v), p.Q.With(f.key, "")})
	}
	return out
}

// GroupTitle heads the column of the groups.
func (p findingsPage) GroupTitle() string {
	return map[string]string{"check": "Check", "team": "Owner", "namespace": "Namespace"}[p.Q.Get("group")]
}
