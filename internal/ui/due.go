// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// dueRow is something that somebody has to do.
type dueRow struct {
	audit.Due
	Owner, Href, Icon string
}

// dueRows lists what the program needs somebody to do until a time, overdue first.
func (u *UI) dueRows(ctx context.Context, p page, names names, until time.Time) ([]dueRow, error) {
	list, err := u.Audit.DueUntil(ctx, *p.Program, until)
	if err != nil {
		return nil, err
	}
	keep, err := u.controlsIn(ctx, p, names)
	if err != nil {
		return nil, err
	}
	team := p.Within.Team()
	var out []dueRow
	for _, d := range list {
		if d.Control != "" && !keep(d.Control, d.OwnerUser) || d.Control == "" && team != "" && d.Team != team && (d.Team != "" || !p.Within.member(names, d.OwnerUser)) {
			continue
		}
		row := dueRow{Due: d}
		switch {
		case d.OwnerUser != "":
			row.Owner = names.user(d.OwnerUser)
		case d.Team != "":
			row.Owner = names.team(d.Team)
		case d.Role != "":
			row.Owner = "a " + strings.ReplaceAll(d.Role, "-", " ")
		}
		row.Icon, row.Href = dueLook(p, d)
		out = append(out, row)
	}
	return out, nil
}

func dueLook(p page, d audit.Due) (icon, href string) {
	switch {
	case d.Kind == audit.DueFindings:
		return "findings", p.To("/findings?sort=due&check=" + queryEscape(d.Check))
	case d.Kind == audit.DueWaiver:
		return "waiver", p.To("/waivers/", d.Waiver)
	case d.Occurrence != "":
		return "control", p.To("/occurrences/", d.Occurrence)
	case d.Kind == audit.DueEvidence:
		return "evidence", p.To("/controls/", d.Control)
	}
	return "control", p.To("/controls/", d.Control)
}

// duePage is what pages/due.html needs.
type duePage struct {
	page
	Overdue, Soon, Later dueRows
	Owners               []facetItem
}

// dueRows are what is due; the page shows the first of them, and files have all.
type dueRows []dueRow

// mostDue is how many rows of each kind the page shows: who owns thousands looks at theirs.
const mostDue = 200

// First are the rows that the page shows.
func (l dueRows) First() dueRows { return l[:min(len(l), mostDue)] }

// More is how many there are beside.
func (l dueRows) More() int { return len(l) - len(l.First()) }

func (u *UI) due(w http.ResponseWriter, r *http.Request) error {
	p, err := u.dueOf(r)
	if err != nil {
		return err
	}
	return u.render(w, r, "due", p)
}

// dueOf reads what is due as an address asks for it.
func (u *UI) dueOf(r *http.Request) (duePage, error) {
	ctx := r.Context()
	p := duePage{page: u.page(r, "Due")}
	if err := needProgram(p.page); err != nil {
		return p, err
	}
	names, err := u.names(ctx)
	if err != nil {
		return p, err
	}
	rows, err := u.dueRows(ctx, p.page, names, p.Now.AddDate(0, 1, 0))
	if err != nil {
		return p, err
	}
	mine, unowned := 0, 0
	for _, d := range rows {
		if d.OwnerUser == p.Who.UserID {
			mine++
		} else if d.OwnerUser == "" && d.Team == "" {
			unowned++
		}
		if owner := p.Q.Get("owner"); owner == "me" && d.OwnerUser != p.Who.UserID || owner == "-" && (d.OwnerUser != "" || d.Team != "") {
			continue
		}
		switch {
		case d.Overdue:
			p.Overdue = append(p.Overdue, d)
		case d.DueAt.Before(p.Now.AddDate(0, 0, 7)):
			p.Soon = append(p.Soon, d)
		default:
			p.Later = append(p.Later, d)
		}
	}
	p.Owners = []facetItem{toggled(p.Q, "owner", "me", "Mine", mine), toggled(p.Q, "owner", "-", "Nobody’s", unowned)}
	return p, nil
}
