// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// statuses are the choices of status, in the order in which they are offered.
var statuses = []struct{ value, text string }{
	{"", "Open"}, {"overdue", "Overdue"}, {"waived", "Waived"}, {"fixed", "Fixed"}, {"all", "All"},
}

// facets fills the ways in which the list can be narrowed, with how many findings each
// would leave. A facet that is narrowed already shows what it was narrowed to.
func (u *UI) facets(ctx context.Context, p *findingsPage, names names, counts store.Facets) error {
	p.Total = count(counts.Total, "finding")
	if counts.More {
		p.Total = num(counts.Total) + "+ findings"
	}
	status := facet{Title: "Status"}
	for _, s := range statuses {
		it := facetItem{Text: s.text, Href: p.Q.With("status", s.value), Current: p.Q.Has("status", s.value)}
		if it.Current {
			it.N = num(counts.Total)
		}
		status.Items = append(status.Items, it)
	}
	p.Facets = []facet{
		status,
		p.facet("Severity", "severity", counts.Severities, func(v string) string { return meanings[v].word }),
		p.facet("Cluster or repository", "source", counts.Sources, func(v string) string { return unhosted(names.source(v)) }),
		p.facet("Namespace", "namespace", counts.Namespaces, func(v string) string { return v }),
		p.facet("Owner", "team", counts.Teams, func(v string) string {
			if v == "" {
				return "Nobody"
			}
			return names.team(v)
		}),
		p.facet("Check", "check", counts.Checks, u.checkTitle),
		p.ageFacet(),
	}
	if err := u.behindChoices(ctx, p); err != nil {
		return err
	}
	if p.Q.Get("group") == "check" {
		p.Groups = u.groups(p, counts.Checks, "check", u.checkTitle)
	} else if p.Q.Get("group") == "team" {
		p.Groups = u.groups(p, counts.Teams, "team", func(v string) string { return p0(names.team(v), "Nobody") })
	} else if p.Q.Get("group") == "namespace" {
		p.Groups = u.groups(p, counts.Namespaces, "namespace", func(v string) string { return p0(v, "The whole cluster") })
	}
	return nil
}

// facet is one way to narrow the list; its most frequent values are offered.
func (p *findingsPage) facet(title, key string, values []store.FacetValue, text func(string) string) facet {
	const most = 8
	out := facet{Title: title}
	for _, v := range values {
		if len(out.Items) == most || v.Count == 0 {
			break
		}
		value := v.Value
		if value == "" {
			if key != "team" {
				continue // cluster-wide objects have no namespace to filter by
			}
			value = "-"
		}
		it := facetItem{Text: text(v.Value), N: num(v.Count), Current: p.Q.Has(key, value), Href: p.Q.With(key, value)}
		if it.Current {
			it.Href = p.Q.With(key, "")
		}
		out.Items = append(out.Items, it)
	}
	return out
}

// groupRow is findings that share something.
type groupRow struct {
	Text, Href string
	N          int
	Stack      stack
}

// groups lists the findings by something that they share, most first.
func (u *UI) groups(p *findingsPage, values []store.FacetValue, key string, text func(string) string) []groupRow {
	var out []groupRow
	most := 1
	for _, v := range values {
		most = max(most, v.Count)
	}
	within := query{p.Q.path, map[string][]string{}}
	for k, v := range p.Q.values {
		if k != "group" {
			within.values[k] = v
		}
	}
	for _, v := range values {
		row := groupRow{Text: text(v.Value), N: v.Count, Href: within.With(key, p0(v.Value, "-"))}
		row.Stack = stack{Title: count(v.Count, "finding"), Shapes: []shape{{W: round(float64(v.Count) * 100 / float64(most)), Class: "c-accent", Title: count(v.Count, "finding")}}}
		out = append(out, row)
	}
	return out
}

// grouped are the ways to group the list.
func (p findingsPage) grouped() []facetItem {
	var out []facetItem
	for _, g := range []struct{ value, text string }{{"", "None"}, {"check", "Check"}, {"team", "Owner"}, {"namespace", "Namespace"}} {
		out = append(out, facetItem{Text: g.text, Href: p.Q.With("group", g.value), Current: p.Q.Has("group", g.value)})
	}
	return out
}
