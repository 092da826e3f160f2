// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strconv"
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
	Clusters []link // and repositories
	Others   []link // requirements, checks, evidence, reports, entries of the log
	More     string
}

// Empty tells whether nothing was found.
func (p searchPage) Empty() bool {
	return len(p.Findings)+len(p.Objects)+len(p.Controls)+len(p.Others)+len(p.Clusters) == 0
}

// search looks for what begins with a text: names of objects and findings; for what has it
// in its title: controls, checks, criteria, clusters and repositories; and for ids and
// digests.
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
	if err := u.searchPlaces(r, &p, hit); err != nil {
		return err
	}
	if err := u.searchImages(r, &p); err != nil {
		return err
	}
	if err := u.searchProofs(r, &p); err != nil {
		return err
	}
	return u.render(w, r, "search", p)
}

// searchPlaces looks among clusters, repositories and waivers.
func (u *UI) searchPlaces(r *http.Request, p *searchPage, hit func(...string) bool) error {
	sources, err := u.Store.Sources(r.Context())
	if err != nil {
		return err
	}
	for _, s := range sources {
		if hit(s.Name) && len(p.Clusters) < 10 && seesPlace(r, "source", s.ID, s.ID, "") == nil {
			p.Clusters = append(p.Clusters, link{s.Name, p.To("/sources/", s.ID)})
		}
	}
	return nil
}

// searchImages looks for what ran an image or speaks of it, of a ticket or a commit.
func (u *UI) searchImages(r *http.Request, p *searchPage) error {
	ctx := r.Context()
	ran, err := u.Store.Changes(ctx, store.ChangeFilter{Image: p.Text, Program: p.Program, Limit: 5})
	if err != nil {
		return err
	}
	for _, c := range ran.Items {
		p.Others = append(p.Others, link{"Change: " + c.Object.Kind + " " + c.Object.Name + " ran it, " + c.At.Format("2 Jan 2006 15:04"), p.To("/changes/", c.ID)})
	}
	if len(p.Text) < 4 { // too short for a commit
		return nil
	}
	said, err := u.Store.Deployments(ctx, store.DeploymentFilter{Text: p.Text, Program: p.Program, Limit: 5})
	for _, d := range said.Items {
		p.Others = append(p.Others, link{"Deployment: " + titleOf(d) + ", " + d.From.Format("2 Jan 2006 15:04"), p.To("/deployments/", d.ID)})
	}
	return err
}

// searchProofs looks for ids, digests and entries of the log, which are given whole.
func (u *UI) searchProofs(r *http.Request, p *searchPage) error {
	ctx := r.Context()
	found, err := u.Store.EvidenceOf(ctx, strings.ToLower(strings.TrimPrefix(p.Text, "sha256:")))
	if err != nil {
		return err
	}
	if e, err := u.Store.Evidence(ctx, p.Text); err == nil {
		found = append(found, e)
	} else if !isKind(err, seaworthy.KindNotFound) {
		return err
	}
	for _, e := range found {
		if seesEvidence(r, e) == nil {
			p.Others = append(p.Others, link{"Evidence: " + e.Title, p.To("/evidence/", e.ID)})
		}
	}
	if f, err := u.Store.Finding(ctx, p.Text); err == nil && seesPlace(r, "finding", f.ID, f.SourceID, f.Object.Namespace) == nil {
		p.Others = append(p.Others, link{"Finding: " + u.checkTitle(f.Check) + " on " + f.Object.Name, p.To("/findings/", f.ID)})
	}
	if run, err := u.Store.Run(ctx, p.Text); err == nil && seesPlace(r, "report", run.ID, run.SourceID, "") == nil {
		p.Others = append(p.Others, link{"Report of " + run.FinishedAt.Format("2 Jan 2006 15:04"), p.To("/runs/", run.ID)})
	}
	if !p.Can(string(seaworthy.ReadLog)) {
		return nil
	}
	if n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(p.Text), "entry "), ",", ""), 10, 64); err == nil && n >= 0 {
		if _, err := u.Store.LogEntry(ctx, n); err == nil {
			p.Others = append(p.Others, link{"Entry " + num(n) + " of the log", p.To("/log/", strconv.FormatInt(n, 10))})
		}
	}
	return nil
}
