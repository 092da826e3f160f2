// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// workloadsPage is what pages/workloads.html needs.
type workloadsPage struct {
	page
	Rows    []workloadRow
	Sources []choice
	All     facetItem // also what runs no containers
	Gone    facetItem // also what is not there any more
	Next    string
	Views   []viewRow
}

// workloadRow is an object and what stands about it.
type workloadRow struct {
	store.CountedObject
	Source, TeamName, Href string
	Counts                 []severityCount
}

type severityCount struct {
	Severity seaworthy.Severity
	N        int
}

// bySeverity lists counts, worst first.
func bySeverity(open map[seaworthy.Severity]int) []severityCount {
	var out []severityCount
	for _, s := range seaworthy.Severities {
		if open[s] > 0 {
			out = append(out, severityCount{s, open[s]})
		}
	}
	return out
}

// workloadFilter reads a list of objects out of its address.
func workloadFilter(p page) store.ObjectFilter {
	return store.ObjectFilter{
		Sources: one(p.Q, "source"), Namespaces: one(p.Q, "namespace"), Kinds: one(p.Q, "kind"), Teams: p.Within.teams(one(p.Q, "team")),
		Workloads: p.Q.Get("all") == "", Deleted: p.Q.Get("gone") != "", Name: strings.TrimSpace(p.Q.Get("q")), Program: p.Program,
		Cursor: p.Q.Get("after"), Limit: 50,
	}
}

func (u *UI) workloads(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := workloadsPage{page: u.page(r, "Workloads")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	list, err := u.Store.Objects(ctx, workloadFilter(p.page))
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		p.Rows = append(p.Rows, workloadRow{o, names.source(o.SourceID), names.team(o.Team), p.To("/workloads/", o.ID), bySeverity(o.Open)})
	}
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	for _, s := range sortedSources(names) {
		if seesPlace(r, "source", s.ID, s.ID, "") != nil {
			continue
		}
		p.Sources = append(p.Sources, choice{Value: s.ID, Text: s.Name, Chosen: p.Q.Has("source", s.ID)})
	}
	p.All, p.Gone = plainToggle(p.Q, "all", "yes", "Other objects too"), plainToggle(p.Q, "gone", "yes", "Deleted too")
	if p.Views, err = u.views(ctx, p.page, names, "workloads"); err != nil {
		return err
	}
	return u.render(w, r, "workloads", p)
}

// workloadPage is what pages/workload.html needs.
type workloadPage struct {
	page
	Object       workloadRow
	Spans        *spans
	Story        []storyRow
	Findings     []findingRow
	Excerpt      []codeLine
	Labels       []string
	Since, Until time.Time
	Turns        []turn // the latest first
	Earlier      int    // turns that are not shown
	Images       []ranRow
	Changes      []trailRow
	AllChanges   string // address of all; empty: these are all
}

// turn is when an object began or ceased to be as a check wants it, and why.
type turn struct {
	At                      time.Time
	Check, Href, Cause, Run string
	Good                    bool
}

// mostTurns is how many turns a page shows.
const mostTurns = 15

// turns lists when the story turned, the latest first.
func (u *UI) turns(p *workloadPage, story []store.Span) {
	for i, s := range story {
		first := i == 0 || story[i-1].Check != s.Check
		if first && s.Compliant {
			continue // it was so when it was first seen
		}
		t := turn{At: s.From, Check: u.checkTitle(s.Check), Href: p.To("/checks/", s.Check), Cause: string(s.Cause), Good: s.Compliant}
		if s.RunID != "" {
			t.Run = p.To("/runs/", s.RunID)
		}
		p.Turns = append(p.Turns, t)
	}
	slices.SortStableFunc(p.Turns, func(a, b turn) int { return b.At.Compare(a.At) })
	if n := len(p.Turns); n > mostTurns {
		p.Turns, p.Earlier = p.Turns[:mostTurns], n-mostTurns
	}
}

// storyRow is one stretch of the story, for the table behind the picture.
type storyRow struct {
	Check, Says, Href string
	From, To          time.Time
	Compliant         bool
}

func (u *UI) workload(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	o, err := u.Store.Object(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "object", o.ID, o.SourceID, o.Object.Namespace); err != nil {
		return err
	}
	p := workloadPage{page: u.page(r, o.Object.Name, link{"Workloads", "/workloads"})}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Object = workloadRow{o, names.source(o.SourceID), names.team(o.Team), "", bySeverity(o.Open)}
	if err := u.story(r, &p); err != nil {
		return err
	}
	list, err := u.Store.Findings(ctx, store.FindingFilter{Object: o.ID, Limit: 100})
	if err != nil {
		return err
	}
	p.Findings = u.findingRows(p.page, names, list.Items)
	if err := u.trailOf(ctx, &p, names, &o); err != nil {
		return err
	}
	p.Excerpt = excerpt(o.Excerpt, "")
	for k, v := range o.Labels {
		p.Labels = append(p.Labels, k+"="+v)
	}
	slices.Sort(p.Labels)
	return u.render(w, r, "workload", p)
}

// story draws when the object was as each check wants it. A page shows the program's
// period, or else half a year.
func (u *UI) story(r *http.Request, p *workloadPage) error {
	all, err := u.Store.ObjectStory(r.Context(), p.Object.ID)
	if err != nil {
		return err
	}
	p.Since, p.Until = p.Now.AddDate(0, -6, 0), p.Now
	if p.Program != nil {
		p.Since = p.Program.From
		if p.Program.To.Before(p.Now) {
			p.Until = p.Program.To
		}
	}
	var titles, hrefs []string
	var rows [][]interval
	for _, s := range all {
		end := s.To
		if end.IsZero() {
			end = p.Until
		}
		row := storyRow{Check: u.checkTitle(s.Check), Href: p.page.To("/checks/", s.Check), From: s.From, To: s.To, Compliant: s.Compliant, Says: "as the check wants it"}
		class := "c-good"
		if !s.Compliant {
			row.Says, class = "not as the check wants it", "c-bad"
		}
		if s.Cause != "" {
			row.Says += ", because: " + string(s.Cause)
		}
		p.Story = append(p.Story, row)
		if len(titles) == 0 || hrefs[len(hrefs)-1] != row.Href {
			titles, hrefs, rows = append(titles, clip(row.Check, 46)), append(hrefs, row.Href), append(rows, nil)
		}
		if end.After(p.Since) && s.From.Before(p.Until) {
			rows[len(rows)-1] = append(rows[len(rows)-1], interval{s.From, end, class, row.Check + ": " + row.Says + " from " + s.From.Format("2 Jan 2006") + " to " + end.Format("2 Jan 2006")})
		}
	}
	u.turns(p, all)
	p.Spans = newSpans("story", "When the object was as each check wants it", p.Since, p.Until, titles, hrefs, rows)
	return nil
}

// clip cuts a text to n letters.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
