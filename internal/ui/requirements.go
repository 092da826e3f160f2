// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// asOf is the moment as of which a page is shown: now, or one in its address; of a day,
// its end.
func asOf(p page) (time.Time, error) {
	v := p.Q.Get("as-of")
	if v == "" {
		return p.Now, nil
	}
	then, err := time.Parse(time.DateOnly, v)
	if err == nil {
		then = then.AddDate(0, 0, 1).Add(-time.Second)
	} else if then, err = time.Parse("2006-01-02T15:04", v); err != nil {
		if then, err = time.Parse(time.RFC3339, v); err != nil {
			return p.Now, seaworthy.Invalid("the moment %q is of none of the forms YYYY-MM-DD, YYYY-MM-DDThh:mm in UTC, and RFC 3339", v)
		}
	}
	if then.Before(p.Now) {
		return then, nil
	}
	return p.Now, nil
}

// errNoProgram is what pages answer that make no sense without a program; in their place
// stands how to make one.
var errNoProgram = errors.New("there is no program yet")

func needProgram(p page) error {
	if p.Program == nil {
		return errNoProgram
	}
	return nil
}

// ready gives the readiness of the page's program as of the page's moment.
func (u *UI) ready(ctx context.Context, p page) (seaworthy.Readiness, time.Time, error) {
	if err := needProgram(p); err != nil {
		return seaworthy.Readiness{}, time.Time{}, err
	}
	at, err := asOf(p)
	if err != nil {
		return seaworthy.Readiness{}, at, err
	}
	ready, err := u.Audit.Readiness(ctx, p.Program.ID, at)
	if err != nil || !p.Within.Set() {
		return ready, at, err
	}
	names, err := u.names(ctx)
	if err != nil {
		return ready, at, err
	}
	keep, err := u.controlsIn(ctx, p, names)
	return ready.Only(func(c seaworthy.ReadyControl) bool { return keep(c.ID, c.OwnerUser) }), at, err
}

// requirementsPage is what pages/requirements.html needs.
type requirementsPage struct {
	page
	Ready  seaworthy.Readiness
	At     time.Time
	Past   bool
	Groups []cellGroup
	Parts  []requirementPart
}

// requirementPart is the requirements of a category.
type requirementPart struct {
	Category string
	Rows     []requirementRow
}

// Title is the category as a heading says it.
func (p requirementPart) Title() string {
	if p.Category == "" {
		return "Requirements"
	}
	s := strings.ReplaceAll(p.Category, "-", " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

type requirementRow struct {
	seaworthy.ReadyRequirement
	Href  string
	Stack stack
}

func (u *UI) requirements(w http.ResponseWriter, r *http.Request) error {
	p := requirementsPage{page: u.page(r, "Requirements")}
	var err error
	if p.Ready, p.At, err = u.ready(r.Context(), p.page); err != nil {
		return err
	}
	p.Past = p.Q.Get("as-of") != "" && p.At.Before(p.Now)
	p.Groups = cells(p.page, p.Ready)
	for _, q := range p.Ready.Requirements {
		if len(p.Parts) == 0 || p.Parts[len(p.Parts)-1].Category != q.Category {
			p.Parts = append(p.Parts, requirementPart{Category: q.Category})
		}
		part := &p.Parts[len(p.Parts)-1]
		part.Rows = append(part.Rows, requirementRow{q, p.To("/requirements/", q.ID), standingStack(q.ID, q.Counts)})
	}
	return u.render(w, r, "requirements", p)
}

// requirementPage is what pages/requirement.html needs.
type requirementPage struct {
	page
	Requirement seaworthy.ReadyRequirement
	Controls    []controlRow
	Upload      []string
	Excluded    string // why it is out of the program's scope
	Findings    string
	At          time.Time
	Past        bool
}

func (u *UI) requirement(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	p := requirementPage{page: u.page(r, id, link{"Requirements", "/requirements"})}
	ready, at, err := u.ready(r.Context(), p.page)
	if err != nil {
		return err
	}
	p.At, p.Past = at, at.Before(p.Now)
	framework, err := u.Audit.Framework(p.Program.Framework)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(framework.Requirements, func(q seaworthy.Requirement) bool { return q.ID == id })
	if i < 0 {
		return seaworthy.NotFound("%s has no requirement %s", framework.Title, id)
	}
	q := framework.Requirements[i]
	p.Upload, p.Findings = q.Upload, p.To("/findings?requirement="+queryEscape(id))
	p.Requirement = seaworthy.ReadyRequirement{ID: q.ID, Title: q.Title, Category: q.Category}
	if j := slices.IndexFunc(ready.Requirements, func(q seaworthy.ReadyRequirement) bool { return q.ID == id }); j >= 0 {
		p.Requirement = ready.Requirements[j]
	} else {
		p.Excluded = notInScope(*p.Program, q)
	}
	names, err := u.names(r.Context())
	if err != nil {
		return err
	}
	for _, c := range p.Requirement.Controls {
		if rc, ok := ready.Control(c); ok {
			p.Controls = append(p.Controls, controlRow{ReadyControl: rc, Owner: names.user(rc.OwnerUser), Href: p.To("/controls/", c)})
		}
	}
	return u.render(w, r, "requirement", p)
}

func notInScope(p seaworthy.Program, q seaworthy.Requirement) string {
	for _, e := range p.Excluded {
		if e.Requirement == q.ID {
			return e.Reason
		}
	}
	return "The category " + strings.ReplaceAll(q.Category, "-", " ") + " is not in the program."
}
