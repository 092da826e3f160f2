// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// programsPage is what pages/programs.html needs.
type programsPage struct {
	page
	Rows []programRow
}

type programRow struct {
	seaworthy.Program
	State, Href string
	Last        time.Time
	In, Out     int // sources
}

func programState(p seaworthy.Program, now time.Time) string {
	switch {
	case !p.Open():
		return "closed"
	case now.Before(p.From):
		return "upcoming"
	}
	return "running"
}

func (u *UI) programList(w http.ResponseWriter, r *http.Request) error {
	p := programsPage{page: u.page(r, "Programs")}
	for _, one := range p.Programs {
		row := programRow{Program: one, State: programState(one, p.Now), Href: p.To("/programs/", one.ID), Last: one.To.Add(-time.Second)}
		for _, s := range one.Scope {
			if s.Kind != seaworthy.KindCluster && s.Kind != seaworthy.KindRepository {
				continue
			}
			if s.In {
				row.In++
			} else {
				row.Out++
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return u.render(w, r, "programs", p)
}

// programPage is what pages/program.html needs, for a new program and one that is there.
type programPage struct {
	page
	It          seaworthy.Program
	New         bool
	State       string
	Types       []choice
	Categories  []choice
	Scope       []scopeRow
	Spaces      string // namespaces out, a line each
	Systems     string
	Excluded    string
	First, Last string // days
	Versions    []entryRow
	MayChange   bool
}

// scopeRow is a source and whether the program looks at it.
type scopeRow struct {
	ID, Name, Kind, Environment, State, Reason string
}

func (u *UI) programForm(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := programPage{New: true}
	title := "New program"
	now := u.now()
	p.It = seaworthy.Program{Type: seaworthy.TypeII, Categories: []string{"security"}, From: now.Truncate(24 * time.Hour), To: now.Truncate(24*time.Hour).AddDate(0, 6, 0)}
	if id := r.PathValue("id"); id != "" {
		i := slices.IndexFunc(visitOf(r).programs, func(one seaworthy.Program) bool { return one.ID == id })
		if i < 0 {
			return seaworthy.NotFound("there is no program %s", id)
		}
		p.It, p.New = visitOf(r).programs[i], false
		title = p.It.Name
	}
	p.page = u.page(r, title, link{"Programs", "/programs"})
	p.State = programState(p.It, p.Now)
	p.MayChange = p.Who.Can(seaworthy.ManageProgramme) && p.It.Open()
	if err := u.scopeRows(r, &p); err != nil {
		return err
	}
	p.choices()
	if !p.New {
		names, err := u.names(ctx)
		if err != nil {
			return err
		}
		if p.Versions, err = u.history(ctx, p.page, names, "program", p.It.ID); err != nil {
			return err
		}
	}
	return u.render(w, r, "program", p)
}

// choices fills what the form offers and what is chosen.
func (p *programPage) choices() {
	for _, t := range []choice{
		{Value: seaworthy.TypeII, Text: "Type II", Hint: "design and operation, over a period"},
		{Value: seaworthy.TypeI, Text: "Type I", Hint: "design, at a date"},
	} {
		t.Chosen = t.Value == p.Was("type", p.It.Type)
		p.Types = append(p.Types, t)
	}
	chosen := p.It.Categories
	if p.form != nil {
		chosen = append([]string{"security"}, p.form["categories"]...)
	}
	for _, c := range seaworthy.TrustCategories {
		text := strings.ReplaceAll(c, "-", " ")
		p.Categories = append(p.Categories, choice{Value: c, Text: strings.ToUpper(text[:1]) + text[1:], Chosen: slices.Contains(chosen, c)})
	}
	p.First = p.Was("from", p.It.From.Format(time.DateOnly))
	p.Last = p.Was("to", p.It.To.Add(-time.Second).Format(time.DateOnly))
	var excluded, spaces, systems []string
	for _, e := range p.It.Excluded {
		excluded = append(excluded, e.Requirement+": "+e.Reason)
	}
	for _, s := range p.It.Scope {
		switch {
		case s.Kind == seaworthy.KindNamespace && !s.In:
			spaces = append(spaces, s.Source+"/"+s.Name+": "+s.Reason)
		case s.Kind == seaworthy.KindSystem && s.In:
			systems = append(systems, s.Name)
		case s.Kind == seaworthy.KindSystem:
			systems = append(systems, "not "+s.Name+": "+s.Reason)
		}
	}
	p.Excluded, p.Spaces, p.Systems = p.Was("excluded", strings.Join(excluded, "\n")), p.Was("namespaces", strings.Join(spaces, "\n")), p.Was("systems", strings.Join(systems, "\n"))
}

func (u *UI) scopeRows(r *http.Request, p *programPage) error {
	names, err := u.names(r.Context())
	if err != nil {
		return err
	}
	for _, s := range sortedSources(names) {
		row := scopeRow{ID: s.ID, Name: s.Name, Kind: s.Kind, Environment: s.Environment}
		for _, item := range p.It.Scope {
			if item.Kind == s.Kind && item.Source == s.ID {
				if row.State, row.Reason = "out", item.Reason; item.In {
					row.State = "in"
				}
			}
		}
		if p.form != nil {
			row.State, row.Reason = p.form.Get("scope-"+s.ID), p.form.Get("reason-"+s.ID)
		}
		if p.Who.Program != "" && row.State != "in" {
			continue
		}
		p.Scope = append(p.Scope, row)
	}
	return nil
}

// programOf reads the form of a program.
func (u *UI) programOf(r *http.Request) (seaworthy.Program, error) {
	f := r.PostForm
	p := seaworthy.Program{
		ID: r.PathValue("id"), Name: strings.TrimSpace(f.Get("name")), Framework: "soc2", Type: f.Get("type"),
		Categories: append([]string{"security"}, slices.DeleteFunc(slices.Clone(f["categories"]), func(c string) bool { return c == "security" })...),
	}
	var err error
	if p.From, err = dateField(r, "from"); err != nil {
		return p, err
	}
	last, err := dateField(r, "to")
	if err != nil {
		return p, err
	}
	if p.To = last; !last.IsZero() {
		p.To = last.AddDate(0, 0, 1)
	}
	if p.Type == seaworthy.TypeI && !p.From.IsZero() {
		p.To = p.From.AddDate(0, 0, 1)
	}
	sources, err := u.Store.Sources(r.Context())
	if err != nil {
		return p, err
	}
	for _, s := range sources {
		if state := f.Get("scope-" + s.ID); state == "in" || state == "out" {
			p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: s.Kind, Source: s.ID, In: state == "in", Reason: strings.TrimSpace(f.Get("reason-" + s.ID))})
		}
	}
	return p, readLines(f.Get, &p)
}

// readLines reads what the form has a line each for.
func readLines(get func(string) string, p *seaworthy.Program) error {
	for _, l := range lines(get("namespaces")) {
		place, reason, _ := strings.Cut(l, ":")
		source, name, found := strings.Cut(strings.TrimSpace(place), "/")
		if !found {
			return seaworthy.Invalid("The namespace %q is not of the form source/namespace: reason.", l)
		}
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: source, Name: name, Reason: strings.TrimSpace(reason)})
	}
	for _, l := range lines(get("systems")) {
		item := seaworthy.ScopeItem{Kind: seaworthy.KindSystem, Name: l, In: true}
		if rest, out := strings.CutPrefix(l, "not "); out {
			item.In = false
			item.Name, item.Reason, _ = strings.Cut(rest, ":")
			item.Name, item.Reason = strings.TrimSpace(item.Name), strings.TrimSpace(item.Reason)
		}
		p.Scope = append(p.Scope, item)
	}
	for _, l := range lines(get("excluded")) {
		id, reason, _ := strings.Cut(l, ":")
		p.Excluded = append(p.Excluded, seaworthy.ExcludedRequirement{Requirement: strings.TrimSpace(id), Reason: strings.TrimSpace(reason)})
	}
	return nil
}

func lines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func (u *UI) putProgram(w http.ResponseWriter, r *http.Request) error {
	p, err := u.programOf(r)
	if err != nil {
		return err
	}
	who := visitOf(r).who
	if p.ID == "" {
		p, err = u.Audit.CreateProgram(r.Context(), who, p)
	} else {
		p, err = u.Audit.ChangeProgram(r.Context(), who, p)
	}
	if err != nil {
		return err
	}
	return u.done(w, r, "/programs/"+p.ID, "saved")
}

func (u *UI) closeProgram(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Audit.CloseProgram(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/programs/"+r.PathValue("id"), "saved")
}
