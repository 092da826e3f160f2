// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// mostAtOnce is how many findings are changed at once.
const mostAtOnce = 10_000

// bulkTitles say what is done to several findings, and flashes what was done.
var bulkTitles = map[string]string{
	"assign": "Assign %s", "due": "Set a due date for %s", "ticket": "Link a ticket to %s", "comment": "Comment on %s", "waive": "Ask for a waiver of %s",
}

// selectedPage is what pages/selected.html needs: what will be done to what, before it is.
type selectedPage struct {
	page
	Do, Button string
	All        bool // all that match, in place of those that were ticked
	Count      int  // that will change
	IDs        []string
	Findings   []findingRow // the first of them
	Waivers    []waiverRow
	Out        []leftOut
	Left       int // how many are left out
	Send, Back string
	People     []choice
	Expires    string
	NextYear   string // the last day that a waiver may end on
}

// leftOut is findings to which it cannot be done, and why.
type leftOut struct {
	Reason string
	N      int
	First  []link
}

// leave counts one more that is left out.
func (p *selectedPage) leave(reason string, to link) {
	p.Left++
	i := slices.IndexFunc(p.Out, func(o leftOut) bool { return o.Reason == reason })
	if i < 0 {
		i = len(p.Out)
		p.Out = append(p.Out, leftOut{Reason: reason})
	}
	if p.Out[i].N++; len(p.Out[i].First) < 5 {
		p.Out[i].First = append(p.Out[i].First, to)
	}
}

// More is how many will change beyond those that the page shows.
func (p selectedPage) More() int { return p.Count - len(p.Findings) - len(p.Waivers) }

// given is what a form or an address says: the page of what was selected is reached by
// the one, and shown again by the other.
func given(r *http.Request, key string) []string {
	if r.Method == http.MethodPost {
		return r.PostForm[key]
	}
	return r.URL.Query()[key]
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// selectionOf begins the page of a selection from a list: which filters lead back to it.
func (u *UI) selectionOf(r *http.Request, list, title string) selectedPage {
	p := selectedPage{page: u.page(r, title, link{strings.ToUpper(list[1:2]) + list[2:], list}), Do: first(given(r, "do")), All: first(given(r, "all")) == "yes"}
	q := url.Values{}
	for k, v := range p.Q.values {
		if !slices.Contains([]string{"do", "all", "finding", "waiver-id", "after"}, k) {
			q[k] = v
		}
	}
	p.Q = query{list, q}
	p.Send, p.Back = p.Q.At(list+"/bulk"), p.Q.At(list)
	return p
}

// selected tells what would be done to which findings.
func (u *UI) selected(w http.ResponseWriter, r *http.Request) error {
	p, err := u.selection(r)
	if err != nil {
		return err
	}
	return u.render(w, r, "selected", p)
}

// selection sorts the findings of a selection: those that can be changed and those that
// are left out.
func (u *UI) selection(r *http.Request) (selectedPage, error) {
	ctx := r.Context()
	p := u.selectionOf(r, "/findings", "")
	if bulkTitles[p.Do] == "" {
		return p, seaworthy.Invalid("Choose what to do with the findings.")
	}
	names, err := u.names(ctx)
	if err != nil {
		return p, err
	}
	list, err := u.chosenOf(ctx, r, p)
	if err != nil {
		return p, err
	}
	fit, err := u.fitFor(ctx, r, p, names)
	if err != nil {
		return p, err
	}
	var changing []seaworthy.TrackedFinding
	for _, f := range list {
		if why := fit(f); why != "" {
			p.leave(why, link{u.checkTitle(f.Check) + " on " + f.Object.Name, p.To("/findings/", f.ID)})
			continue
		}
		changing = append(changing, f)
		p.IDs = append(p.IDs, f.ID)
	}
	p.Count = len(changing)
	p.Findings = u.findingRows(p.page, names, changing[:min(len(changing), 20)])
	p.Title = fmt.Sprintf(bulkTitles[p.Do], count(p.Count, "finding"))
	p.Expires, p.NextYear = p.Now.AddDate(0, 3, 0).Format("2006-01-02"), p.Now.AddDate(1, 0, 0).Format("2006-01-02")
	for _, one := range sortedUsers(names) {
		if seaworthy.Can(one.Role, seaworthy.WorkFindings) {
			p.People = append(p.People, choice{Value: one.ID, Text: names.user(one.ID), Chosen: one.ID == p.Was("assignee", "")})
		}
	}
	return p, nil
}

// chosenOf reads the findings that were ticked, or all that match.
func (u *UI) chosenOf(ctx context.Context, r *http.Request, p selectedPage) ([]seaworthy.TrackedFinding, error) {
	var out []seaworthy.TrackedFinding
	if p.All {
		f, err := u.findingFilter(ctx, p.page)
		if err != nil {
			return nil, err
		}
		for f.Cursor, f.Limit = "", 1000; ; {
			list, err := u.Store.Findings(ctx, f)
			if err != nil {
				return nil, err
			}
			if out = append(out, list.Items...); len(out) > mostAtOnce {
				return nil, seaworthy.Invalid("More than %s findings match. At most so many are changed at once: narrow the list first, by check or by namespace for example.", num(mostAtOnce))
			}
			if f.Cursor = list.Next; f.Cursor == "" {
				return out, nil
			}
		}
	}
	ids := given(r, "finding")
	if len(ids) == 0 {
		return nil, seaworthy.Invalid("Choose findings first.")
	}
	if len(ids) > 1000 {
		return nil, seaworthy.Invalid("More than 1,000 findings are ticked. Choose all that match instead.")
	}
	for _, id := range ids {
		f, err := u.Store.Finding(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := seesPlace(r, "finding", f.ID, f.SourceID, f.Object.Namespace); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// fitFor gives a function that tells why something cannot be done to a finding, or
// nothing.
func (u *UI) fitFor(ctx context.Context, r *http.Request, p selectedPage, names names) (func(seaworthy.TrackedFinding) string, error) {
	asked := map[string]bool{}
	if p.Do == "waive" {
		f := store.WaiverFilter{States: []string{seaworthy.WaiverRequested}, Limit: 1000}
		for {
			list, err := u.Store.Waivers(ctx, f)
			if err != nil {
				return nil, err
			}
			for _, v := range list.Items {
				asked[v.SourceID+" "+v.Fingerprint] = true
			}
			if f.Cursor = list.Next; f.Cursor == "" {
				break
			}
		}
	}
	assignee, known := names.users[first(given(r, "assignee"))]
	return func(f seaworthy.TrackedFinding) string {
		switch {
		case !p.Who.Owns(f.Team):
			return "not of a team of yours"
		case f.Status == seaworthy.FindingFixed && (p.Do == "waive" || p.Do == "due"):
			return "fixed already"
		case p.Do == "waive" && f.Status == seaworthy.FindingWaived:
			return "waived already"
		case asked[f.SourceID+" "+f.Fingerprint]:
			return "a waiver is asked for already"
		case p.Do == "assign" && known && f.Assignee == assignee.ID:
			return "assigned to " + names.user(assignee.ID) + " already"
		case p.Do == "assign" && known && !(seaworthy.Principal{Role: assignee.Role, Teams: assignee.Teams}).Owns(f.Team):
			return "not of a team of " + names.user(assignee.ID)
		}
		return ""
	}, nil
}

// bulk does the same to all findings of a selection. What is left out was told before: if
// others would change than the page said, it is shown again.
func (u *UI) bulk(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitOf(r).who
	p, err := u.selection(r)
	if err != nil {
		return err
	}
	if err := p.asShown(r, "finding"); err != nil {
		return err
	}
	done := p.Count
	switch p.Do {
	case "assign":
		done, err = u.Triage.Assign(ctx, who, p.IDs, r.PostFormValue("assignee"))
	case "due":
		err = u.setDueOf(r, p.IDs)
	case "ticket":
		done, err = u.Triage.Link(ctx, who, p.IDs, strings.TrimSpace(r.PostFormValue("ticket")))
	case "comment":
		_, err = u.Triage.CommentFindings(ctx, who, p.IDs, r.PostFormValue("text"))
	case "waive":
		err = u.waiveOf(r, p.IDs)
	}
	if err != nil {
		return err
	}
	return u.done(w, r, p.Back, "bulk-"+p.Do+"."+strconv.Itoa(done))
}

// asShown refuses when something else would change than what was shown.
func (p *selectedPage) asShown(r *http.Request, noun string) error {
	switch shown, err := strconv.Atoi(r.PostFormValue("count")); {
	case err != nil:
		return seaworthy.Invalid("Look at what will change first.")
	case p.Count == 0:
		return seaworthy.Invalid("Nothing is left to change: see below what is left out.")
	case shown != p.Count:
		return seaworthy.Conflict("It would change %s, not %d as was shown. Look again, then send it.", count(p.Count, noun), shown)
	}
	return nil
}

// waiverTitles say what is done to several waivers.
var waiverTitles = map[string]string{"approve": "Approve %s", "reject": "Reject %s", "revoke": "Revoke %s"}

// selectedWaivers tells what would be done to which waivers.
func (u *UI) selectedWaivers(w http.ResponseWriter, r *http.Request) error {
	p, err := u.waiverSelection(r)
	if err != nil {
		return err
	}
	return u.render(w, r, "selected", p)
}

func (u *UI) waiverSelection(r *http.Request) (selectedPage, error) {
	ctx := r.Context()
	p := u.selectionOf(r, "/waivers", "")
	if waiverTitles[p.Do] == "" {
		return p, seaworthy.Invalid("Choose what to do with the waivers.")
	}
	names, err := u.names(ctx)
	if err != nil {
		return p, err
	}
	list, err := u.chosenWaivers(ctx, r, p, names)
	if err != nil {
		return p, err
	}
	for _, v := range list {
		row := u.waiverRow(p.page, names, v)
		if why := u.unfit(ctx, p, v); why != "" {
			p.leave(why, link{"Waiver of " + row.Title, row.Href})
			continue
		}
		p.IDs = append(p.IDs, v.ID)
		if len(p.Waivers) < 20 {
			p.Waivers = append(p.Waivers, row)
		}
	}
	p.Count = len(p.IDs)
	p.Title = fmt.Sprintf(waiverTitles[p.Do], count(p.Count, "waiver"))
	return p, nil
}

// unfit tells why a waiver cannot be decided upon, or nothing.
func (u *UI) unfit(ctx context.Context, p selectedPage, v seaworthy.TrackedWaiver) string {
	switch {
	case p.Do == "revoke" && v.State != seaworthy.WaiverApproved && v.State != seaworthy.WaiverRequested,
		p.Do != "revoke" && v.State != seaworthy.WaiverRequested:
		return v.State + " already"
	case p.Do == "revoke":
		return ""
	}
	if err := u.Triage.MayApprove(ctx, p.Who, &v); err != nil {
		if v.RequestedBy == p.Who.Actor {
			return "asked for by you: somebody else decides"
		}
		return "not yours to decide"
	}
	return ""
}

// chosenWaivers reads the waivers that were ticked, or all that match.
func (u *UI) chosenWaivers(ctx context.Context, r *http.Request, p selectedPage, names names) ([]seaworthy.TrackedWaiver, error) {
	var out []seaworthy.TrackedWaiver
	if p.All {
		f := store.WaiverFilter{Program: p.Program, Limit: 1000}
		for {
			list, _, err := u.waiverList(ctx, p.page, names, f)
			if err != nil {
				return nil, err
			}
			if out = append(out, list.Items...); len(out) > mostAtOnce {
				return nil, seaworthy.Invalid("More than %s waivers match: narrow the list first.", num(mostAtOnce))
			}
			if f.Cursor = list.Next; f.Cursor == "" {
				return out, nil
			}
		}
	}
	ids := given(r, "waiver-id")
	if len(ids) == 0 || len(ids) > 1000 {
		return nil, seaworthy.Invalid("Choose waivers first, at most 1,000 of them.")
	}
	for _, id := range ids {
		v, err := u.Store.Waiver(ctx, id)
		if err != nil {
			return nil, err
		}
		if v.SourceID != "" {
			if err := seesPlace(r, "waiver", v.ID, v.SourceID, ""); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// bulkWaivers decides upon all waivers of a selection.
func (u *UI) bulkWaivers(w http.ResponseWriter, r *http.Request) error {
	p, err := u.waiverSelection(r)
	if err != nil {
		return err
	}
	if err := p.asShown(r, "waiver"); err != nil {
		return err
	}
	if err := u.decide(r, p.Do, p.IDs); err != nil {
		return err
	}
	return u.done(w, r, p.Back, "bulk-"+p.Do+"."+strconv.Itoa(p.Count))
}
