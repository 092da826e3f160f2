// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// findingPage is what pages/finding.html needs.
type findingPage struct {
	page
	Finding  findingRow
	Check    seaworthy.Check
	Status   string // overdue where it is
	Why      string
	Excerpt  []codeLine
	Object   store.CountedObject
	Controls []controlLink
	Life     []lifeRow
	Waiver   *waiverRow
	Related  []findingRow
	People   []choice
	May      bool // work on it
	Expires  string
	Erase    erasing // of what was noted with its steps
}

// controlLink is a control and the requirements that it supports.
type controlLink struct {
	Text, Href   string
	Requirements []link
}

// lifeRow is a step in a finding's life, or something that was said of it.
type lifeRow struct {
	At       time.Time
	Icon     string
	Class    string
	Who      string
	What     string
	Note     string
	Said     string // a comment
	Run      string
	Mentions []string
	Erase    erasing
	Noted    bool // people wrote something with it
}

func (u *UI) finding(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := u.Store.Finding(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "finding", f.ID, f.SourceID, f.Object.Namespace); err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p := findingPage{page: u.page(r, u.checkTitle(f.Check), link{"Findings", "/findings"}), Check: u.checks[f.Check]}
	p.Finding = u.findingRows(p.page, names, []seaworthy.TrackedFinding{f})[0]
	p.Status = string(f.Status)
	if p.Finding.Late {
		p.Status = "overdue"
	}
	p.Why = twoSentences(p.Check.Rationale)
	if p.Object, err = u.Store.Object(ctx, f.ObjectID); err == nil {
		p.Excerpt = excerpt(p.Object.Excerpt, f.Path)
	} else if !isKind(err, seaworthy.KindNotFound) {
		return err
	}
	if err := u.findingControls(ctx, &p); err != nil {
		return err
	}
	if p.Life, err = u.life(ctx, p.page, names, f); err != nil {
		return err
	}
	if slices.ContainsFunc(p.Life, func(row lifeRow) bool { return row.Noted }) {
		p.Erase = p.erasing("finding", f.ID, "Reasons for due dates and addresses of tickets are destroyed in its life, and in that of others which were changed together with it. Comments and waivers are erased by themselves.")
	}
	if err := u.findingWaiver(ctx, &p, names, f); err != nil {
		return err
	}
	related, err := u.Store.Findings(ctx, store.FindingFilter{Object: f.ObjectID, Status: []seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived}, Limit: 11})
	if err != nil {
		return err
	}
	for _, row := range u.findingRows(p.page, names, related.Items) {
		if row.ID != f.ID {
			p.Related = append(p.Related, row)
		}
	}
	p.May = p.Who.Can(seaworthy.WorkFindings) && p.Who.Owns(f.Team)
	p.Expires = p.Now.AddDate(0, 3, 0).Format(time.DateOnly)
	for _, one := range sortedUsers(names) {
		p.People = append(p.People, choice{Value: one.ID, Text: names.user(one.ID), Chosen: one.ID == f.Assignee})
	}
	return u.render(w, r, "finding", p)
}

// twoSentences is the beginning of a text.
func twoSentences(s string) string {
	end := 0
	for range 2 {
		i := strings.Index(s[end:], ". ")
		if i < 0 {
			return s
		}
		end += i + 2
	}
	return strings.TrimSpace(s[:end])
}

// findingControls fills which controls the check supports, and through them which
// requirements of the program.
func (u *UI) findingControls(ctx context.Context, p *findingPage) error {
	supports := map[string][]link{}
	if p.Program != nil {
		framework, err := u.Audit.Framework(p.Program.Framework)
		if err != nil {
			return err
		}
		for _, q := range framework.Requirements {
			for _, c := range q.Controls {
				if p.Program.Requires(q) {
					supports[c] = append(supports[c], link{q.ID, p.To("/requirements/", q.ID)})
				}
			}
		}
	}
	controls := p.Check.Controls
	for _, id := range controls {
		text := id
		if c, err := u.Store.Control(ctx, id); err == nil {
			text = c.Title
		} else if !isKind(err, seaworthy.KindNotFound) {
			return err
		}
		p.Controls = append(p.Controls, controlLink{text, p.To("/controls/", id), supports[id]})
	}
	return nil
}

// lifeLooks are the pictures of steps.
var lifeLooks = map[string][2]string{
	seaworthy.EventOpened: {"findings", "c-warn"}, seaworthy.EventRegressed: {"again", "c-bad"}, seaworthy.EventFixed: {"ok", "c-good"},
	seaworthy.EventChanged: {"pen", ""}, seaworthy.EventWaived: {"waiver", "c-low"}, seaworthy.EventUnwaived: {"waiver", "c-warn"},
	seaworthy.EventAssigned: {"account", ""}, seaworthy.EventDue: {"calendar", ""}, seaworthy.EventLinked: {"link", ""}, seaworthy.EventCommented: {"comment", ""},
}

// life tells the steps of a finding and what was said of it, newest first.
func (u *UI) life(ctx context.Context, p page, names names, f seaworthy.TrackedFinding) ([]lifeRow, error) {
	events, err := u.Store.FindingEvents(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	said, err := u.Store.Comments(ctx, seaworthy.OnFinding, f.ID, "", 1000)
	if err != nil {
		return nil, err
	}
	var out []lifeRow
	next := len(said.Items) - 1
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		row := lifeRow{At: e.At, Who: names.actor(e.Actor), Note: e.Note, Icon: lifeLooks[e.Kind][0], Class: lifeLooks[e.Kind][1]}
		if row.Icon == "" {
			row.Icon = "info"
		}
		if e.RunID != "" {
			row.Run = p.To("/runs/", e.RunID)
		}
		switch e.Kind {
		case seaworthy.EventCommented:
			if row.What = "commented"; next >= 0 {
				c := said.Items[next]
				row.Said, row.Note = c.Text, ""
				if !c.ErasedAt.IsZero() {
					row.Note = "erased: " + c.ErasedFor
				} else {
					row.Erase = p.erasing("comment", c.ID, commentErased)
				}
				next--
			}
		case seaworthy.EventAssigned:
			if row.What, row.Note = "Assigned to "+names.user(e.Note), ""; e.Note == "" {
				row.What = "Assigned to nobody"
			}
		case seaworthy.EventOpened, seaworthy.EventRegressed, seaworthy.EventFixed:
			row.What = map[string]string{seaworthy.EventOpened: "Opened", seaworthy.EventRegressed: "Came back", seaworthy.EventFixed: "Closed"}[e.Kind]
			if e.Cause != "" {
				row.What += ": " + string(e.Cause)
			}
		case seaworthy.EventWaived, seaworthy.EventUnwaived:
			row.What, row.Note = "Waived", ""
			if e.Kind == seaworthy.EventUnwaived {
				row.What = "No longer waived"
			}
		case seaworthy.EventLinked:
			row.What, row.Noted = "Ticket linked", e.Note != "" && e.Note != store.ErasedText
		case seaworthy.EventDue:
			row.What, row.Noted = "Due date set", e.Note != "" && e.Note != store.ErasedText
		case seaworthy.EventChanged:
			row.What = "Changed"
			if e.Cause != "" {
				row.What += ": " + string(e.Cause)
			}
		default:
			row.What = e.Kind
		}
		out = append(out, row)
	}
	return out, nil
}

func (u *UI) findingWaiver(ctx context.Context, p *findingPage, names names, f seaworthy.TrackedFinding) error {
	if f.WaiverID != "" {
		v, err := u.Store.Waiver(ctx, f.WaiverID)
		if err != nil {
			return err
		}
		row := u.waiverRow(p.page, names, v)
		p.Waiver = &row
		return nil
	}
	asked, err := u.Store.Waivers(ctx, store.WaiverFilter{States: []string{seaworthy.WaiverRequested}, Fingerprint: f.Fingerprint, Limit: 1})
	if err != nil || len(asked.Items) == 0 {
		return err
	}
	row := u.waiverRow(p.page, names, asked.Items[0])
	p.Waiver = &row
	return nil
}

func (u *UI) assign(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Triage.Assign(r.Context(), visitOf(r).who, []string{r.PathValue("id")}, r.PostFormValue("assignee")); err != nil {
		return err
	}
	return u.done(w, r, backTo(r), "assigned")
}

func (u *UI) setDue(w http.ResponseWriter, r *http.Request) error {
	if err := u.setDueOf(r, []string{r.PathValue("id")}); err != nil {
		return err
	}
	return u.done(w, r, backTo(r), "due")
}

// setDueOf sets the due date of a form for findings.
func (u *UI) setDueOf(r *http.Request, ids []string) error {
	due, err := dateField(r, "due")
	if err != nil {
		return err
	}
	if !due.IsZero() {
		due = due.AddDate(0, 0, 1).Add(-time.Second)
	}
	_, err = u.Triage.SetDue(r.Context(), visitOf(r).who, ids, due, strings.TrimSpace(r.PostFormValue("reason")))
	return err
}

func (u *UI) linkTicket(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Triage.Link(r.Context(), visitOf(r).who, []string{r.PathValue("id")}, strings.TrimSpace(r.PostFormValue("ticket"))); err != nil {
		return err
	}
	return u.done(w, r, backTo(r), "linked")
}

func (u *UI) comment(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Triage.Comment(r.Context(), visitOf(r).who, seaworthy.OnFinding, r.PathValue("id"), r.PostFormValue("text")); err != nil {
		return err
	}
	return u.done(w, r, "/findings/"+r.PathValue("id"), "commented")
}

func (u *UI) waive(w http.ResponseWriter, r *http.Request) error {
	if err := u.waiveOf(r, []string{r.PathValue("id")}); err != nil {
		return err
	}
	return u.done(w, r, backTo(r), "requested")
}

// waiveOf asks for waivers of findings on the terms of a form.
func (u *UI) waiveOf(r *http.Request, ids []string) error {
	terms, err := termsOf(r)
	if err != nil {
		return err
	}
	_, err = u.Triage.WaiveFindings(r.Context(), visitOf(r).who, ids, terms)
	return err
}

func termsOf(r *http.Request) (triage.Terms, error) {
	expires, err := dateField(r, "expires")
	return triage.Terms{
		Owner: r.PostFormValue("owner"), Reason: strings.TrimSpace(r.PostFormValue("reason")),
		CompensatingControl: strings.TrimSpace(r.PostFormValue("compensating")), Expires: seaworthy.Date{Time: expires},
	}, err
}
