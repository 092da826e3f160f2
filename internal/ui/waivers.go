// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// waiverRow is a waiver in a list.
type waiverRow struct {
	seaworthy.TrackedWaiver
	Title, Where, OwnerName, Asker, ApproverName, Source, Href string
	Mine                                                       bool // asked for by who looks
	Soon                                                       bool // ends within 14 days
}

func (u *UI) waiverRow(p page, names names, v seaworthy.TrackedWaiver) waiverRow {
	row := waiverRow{
		TrackedWaiver: v, Title: u.checkTitle(v.Check), OwnerName: names.user(v.Owner), Asker: names.actor(v.RequestedBy),
		ApproverName: names.user(v.Approver), Href: p.To("/waivers/", v.ID), Source: "any source",
		Mine: v.RequestedBy == p.Who.Actor,
	}
	if v.SourceID != "" {
		row.Source = names.source(v.SourceID)
	}
	var where []string
	for _, s := range []struct{ key, value string }{{"", v.Kind}, {"", v.Namespace}, {"", v.Name}, {"container ", v.Container}} {
		if s.value != "" {
			where = append(where, s.key+s.value)
		}
	}
	switch {
	case v.Fingerprint != "" && len(where) == 0:
		row.Where = "one finding"
	case len(where) == 0:
		row.Where = "every object"
	default:
		row.Where = strings.Join(where, " / ")
	}
	row.Soon = v.State == seaworthy.WaiverApproved && v.Expires.Sub(p.Now) < 14*24*time.Hour
	return row
}

// waiversPage is what pages/waivers.html needs.
type waiversPage struct {
	page
	Rows   []waiverRow
	States []facetItem
	Next   string
	Views  []viewRow
}

func (u *UI) waivers(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := waiversPage{page: u.page(r, "Waivers")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	f := store.WaiverFilter{Program: p.Program, Cursor: p.Q.Get("after"), Limit: 50}
	f.ByExpiry = p.Q.Get("sort") == "expires"
	list, counts, err := u.waiverList(ctx, p.page, names, f)
	if err != nil {
		return err
	}
	for _, s := range []string{seaworthy.WaiverRequested, seaworthy.WaiverApproved, seaworthy.WaiverExpired, seaworthy.WaiverRejected, seaworthy.WaiverRevoked} {
		p.States = append(p.States, toggled(p.Q, "state", s, meanings[s].word, counts[s]))
	}
	for _, v := range list.Items {
		p.Rows = append(p.Rows, u.waiverRow(p.page, names, v))
	}
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	if p.Views, err = u.views(ctx, p.page, names, "waivers"); err != nil {
		return err
	}
	return u.render(w, r, "waivers", p)
}

// waiverList lists waivers and counts them by state. Those of a team are those that people
// of it asked for or own; they are few enough to look at each.
func (u *UI) waiverList(ctx context.Context, p page, n names, f store.WaiverFilter) (list store.Page[seaworthy.TrackedWaiver], counts map[string]int, err error) {
	state := p.Q.Get("state")
	if p.Within.Team() == "" {
		if state != "" {
			f.States = []string{state}
		}
		if counts, err = u.Store.WaiverCounts(ctx, p.Program); err != nil {
			return list, nil, err
		}
		list, err = u.Store.Waivers(ctx, f)
		return list, counts, err
	}
	counts = map[string]int{}
	for f.Cursor, f.Limit = "", 1000; ; {
		lot, err := u.Store.Waivers(ctx, f)
		if err != nil {
			return list, nil, err
		}
		for _, v := range lot.Items {
			if _, asker, _ := strings.Cut(v.RequestedBy, ":"); !p.Within.member(n, v.Owner) && !p.Within.member(n, asker) {
				continue
			}
			if counts[v.State]++; state == "" || v.State == state {
				list.Items = append(list.Items, v)
			}
		}
		if f.Cursor = lot.Next; f.Cursor == "" {
			return list, counts, nil
		}
	}
}

// waiverPage is what pages/waiver.html needs.
type waiverPage struct {
	page
	Talk     talk
	Waiver   waiverRow
	Findings []findingRow
	Counted  string // what it concerns now
	Versions []entryRow
	MayRenew bool
	MayJudge bool
	Expires  string
	Erase    erasing
}

func (u *UI) waiver(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := u.Store.Waiver(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if v.SourceID != "" {
		if err := seesPlace(r, "waiver", v.ID, v.SourceID, ""); err != nil {
			return err
		}
	}
	p := waiverPage{page: u.page(r, "Waiver of "+u.checkTitle(v.Check), link{"Waivers", "/waivers"})}
	if v.Reason != store.ErasedText {
		p.Erase = p.erasing("waiver", v.ID, "Its reason, the compensating control and notes are destroyed. Who asked and who decided, what is waived and until when stay.")
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Waiver = u.waiverRow(p.page, names, v)
	concerned, err := u.Triage.Concerned(ctx, p.Who, v.SourceID, v.Waiver)
	if err != nil {
		return err
	}
	p.Findings = u.findingRows(p.page, names, concerned.Sample)
	p.Counted = count(concerned.Findings, "finding") + " on " + count(concerned.Objects, "object")
	if p.Versions, err = u.history(ctx, p.page, names, "waiver", v.ID); err != nil {
		return err
	}
	p.MayJudge = u.Triage.MayApprove(ctx, p.Who, &v) == nil
	p.MayRenew = p.Who.Can(seaworthy.WorkFindings) && (v.State == seaworthy.WaiverApproved || v.State == seaworthy.WaiverExpired)
	p.Expires = p.Now.AddDate(0, 3, 0).Format(time.DateOnly)
	if p.Talk, err = u.talk(ctx, p.page, names, seaworthy.OnWaiver, v.ID); err != nil {
		return err
	}
	return u.render(w, r, "waiver", p)
}

// judge approves, rejects or revokes a waiver.
func (u *UI) judge(w http.ResponseWriter, r *http.Request) error {
	id, do := r.PathValue("id"), r.PostFormValue("do")
	if err := u.decide(r, do, []string{id}); err != nil {
		return err
	}
	return u.done(w, r, "/waivers/"+id, map[string]string{"approve": "approved", "reject": "rejected", "revoke": "revoked"}[do])
}

// decide does what a form says to waivers.
func (u *UI) decide(r *http.Request, do string, ids []string) (err error) {
	note, who := strings.TrimSpace(r.PostFormValue("note")), visitOf(r).who
	switch do {
	case "approve":
		_, err = u.Triage.Approve(r.Context(), who, ids, triage.Decision{Note: note})
	case "reject":
		_, err = u.Triage.Reject(r.Context(), who, ids, note)
	case "revoke":
		_, err = u.Triage.Revoke(r.Context(), who, ids, note)
	default:
		err = seaworthy.Invalid("Choose what to do with the waiver.")
	}
	return err
}

func (u *UI) renew(w http.ResponseWriter, r *http.Request) error {
	terms, err := termsOf(r)
	if err != nil {
		return err
	}
	v, err := u.Triage.Renew(r.Context(), visitOf(r).who, r.PathValue("id"), terms)
	if err != nil {
		return err
	}
	return u.done(w, r, "/waivers/"+v.ID, "requested")
}
