// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
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
	findings, err := u.Store.Findings(ctx, p.findings(store.FindingFilter{Text: p.Text, Limit: 10}))
	if err != nil {
		return err
	}
	p.Findings, p.More = u.findingRows(p.page, names, findings.Items), p.To("/findings?status=all&q="+queryEscape(p.Text))
	objects, err := u.Store.Objects(ctx, store.ObjectFilter{Name: p.Text, Program: p.Program, Teams: p.Within.teams(nil), Limit: 10})
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
