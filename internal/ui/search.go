// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// searchPage is what pages/search.html needs.
type searchPage struct {
	page
	Text     string
	Findings []findingRow
	Objects  []workloadRow
	Controls []link
	Others   []link // requirements, checks, evidence
	More     string
}

// Empty tells whether nothing was found.
func (p searchPage) Empty() bool {
	return len(p.Findings)+len(p.Objects)+len(p.Controls)+len(p.Others) == 0
}

// search looks for what begins with a text: names of objects, findings, controls, checks,
// criteria, and ids of evidence.
func (u *UI) search(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := searchPage{page: u.page(r, "Search")}
	p.Text = strings.TrimSpace(p.Q.Get("q"))
	if p.Text == "" {
		return u.render(w, r, "search", p)
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	findings, err := u.Store.Findings(ctx, store.FindingFilter{Text: p.Text, Program: p.Program, Limit: 10})
	if err != nil {
		return err
	}
	p.Findings, p.More = u.findingRows(p.page, names, findings.Items), p.To("/findings?status=all&q="+queryEscape(p.Text))
	objects, err := u.Store.Objects(ctx, store.ObjectFilter{Name: p.Text, Program: p.Program, Limit: 10})
	if err != nil {
		return err
	}
	for _, o := range objects.Items {
		p.Objects = append(p.Objects, workloadRow{o, names.source(o.SourceID), names.team(o.Team), p.To("/workloads/", o.ID), bySeverity(o.Open)})
	}
	return u.searchWords(w, r, p)
}

// searchWords looks among what is few enough to look at each.
func (u *UI) searchWords(w http.ResponseWriter, r *http.Request, p searchPage) error {
	ctx, text := r.Context(), strings.ToLower(p.Text)
	hit := func(words ...string) bool {
		for _, s := range words {
			if strings.Contains(strings.ToLower(s), text) {
				return true
			}
		}
		return false
	}
	controls, err := u.Store.Controls(ctx)
	if err != nil {
		return err
	}
	for _, c := range controls {
		if hit(c.ID, c.Title) && len(p.Controls) < 10 {
			p.Controls = append(p.Controls, link{c.Title, p.To("/controls/", c.ID)})
		}
	}
	if p.Program != nil {
		framework, err := u.Audit.Framework(p.Program.Framework)
		if err != nil {
			return err
		}
		for _, q := range framework.Requirements {
			if hit(q.ID, q.Title) && len(p.Others) < 10 {
				p.Others = append(p.Others, link{q.ID + " " + q.Title, p.To("/requirements/", q.ID)})
			}
		}
	}
	for _, c := range u.Checks {
		if hit(c.ID, c.Title) && len(p.Others) < 20 {
			p.Others = append(p.Others, link{c.Title, p.To("/checks/", c.ID)})
		}
	}
	if e, err := u.Store.Evidence(ctx, p.Text); err == nil && seesEvidence(r, e) == nil {
		p.Others = append(p.Others, link{"Evidence " + e.Title, p.To("/evidence/", e.ID)})
	} else if err != nil && !isKind(err, seaworthy.KindNotFound) {
		return err
	}
	return u.render(w, r, "search", p)
}

// exportLimit bounds an export of the list of findings.
const exportLimit = 1_000_000

// findingsCSV gives the list of findings under the same filters.
func (u *UI) findingsCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := u.page(r, "Findings")
	filter, err := u.findingFilter(ctx, p.Q, p.Program)
	if err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	filter.Cursor, filter.Limit = "", 1000
	list, err := u.Store.Findings(ctx, filter)
	if err != nil {
		return err
	}
	if _, err := exporting(w, r, "findings"); err != nil {
		return err
	}
	table, err := audit.NewTable(w, "csv", []string{
		"id", "status", "severity", "check", "title", "source", "namespace", "kind", "name", "container", "message", "opened", "due", "closed", "cause", "owner", "assignee", "ticket",
	}, nil)
	if err != nil {
		return err
	}
	for n := 0; n < exportLimit; {
		for _, f := range list.Items {
			if err := table.Row([]any{
				f.ID, string(f.Status), string(f.Severity), f.Check, u.checkTitle(f.Check), names.source(f.SourceID), f.Object.Namespace, f.Object.Kind, f.Object.Name,
				f.Container, f.Message, stamp(f.OpenedAt), stamp(f.DueAt), stamp(f.ClosedAt), string(f.Cause), names.team(f.Team), names.user(f.Assignee), f.Ticket,
			}); err != nil {
				return err
			}
		}
		if n += len(list.Items); list.Next == "" {
			break
		}
		filter.Cursor = list.Next
		if list, err = u.Store.Findings(ctx, filter); err != nil {
			return err
		}
	}
	return table.Close()
}
