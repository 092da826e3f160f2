// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The kinds of scope: what a page is narrowed to within its program. The address holds
// it as scope=source:<id> or scope=team:<id>, so that a link shows everybody the same.
const (
	scopeSource = "source"
	scopeTeam   = "team"
)

// scope is one cluster or repository, or what one team owns; the zero scope is all that
// the program has.
type scope struct{ Kind, ID, Name string }

// Source is the one source of the scope, or empty.
func (s scope) Source() string {
	if s.Kind == scopeSource {
		return s.ID
	}
	return ""
}

// Team is the one team of the scope, or empty.
func (s scope) Team() string {
	if s.Kind == scopeTeam {
		return s.ID
	}
	return ""
}

// Set tells whether the scope narrows anything.
func (s scope) Set() bool { return s.Kind != "" }

// query is the scope as addresses have it.
func (s scope) query() string { return s.Kind + ":" + s.ID }

// asked gives a filter of the address. A form keeps what the page that it stands on had.
func asked(r *http.Request, key string) string {
	if v := r.URL.Query().Get(key); v != "" || r.Method != http.MethodPost {
		return v
	}
	from, err := url.Parse(backTo(r))
	if err != nil {
		return ""
	}
	return from.Query().Get(key)
}

// narrow reads what a page is narrowed to. The program that pages look through is then
// narrowed too, so that whatever obeys the program obeys the scope.
func (u *UI) narrow(ctx context.Context, v *visit, asked string) error {
	if v.whole = v.program; v.program == nil {
		return nil
	}
	sources, err := u.Store.Sources(ctx)
	if err != nil {
		return err
	}
	teams, err := u.Store.Teams(ctx)
	if err != nil {
		return err
	}
	v.places = placesOf(v, sources, teams)
	if asked == "" {
		return nil
	}
	i := slices.IndexFunc(v.places, func(s scope) bool { return s.query() == asked })
	if i < 0 {
		return seaworthy.NotFound("the scope %s is not in the program %s, or it is not yours to see", asked, v.program.Name)
	}
	v.scope = v.places[i]
	if source := v.scope.Source(); source != "" {
		p := within(*v.program, source)
		v.program = &p
	}
	return nil
}

// placesOf lists what a page can be narrowed to: teams of who looks first, then the
// sources that the program has in scope, then the other teams.
func placesOf(v *visit, sources []seaworthy.DeclaredSource, teams []seaworthy.Team) []scope {
	var mine, places, others []scope
	for _, s := range sources {
		if v.program.HasSource(s.ID) {
			places = append(places, scope{scopeSource, s.ID, s.Name})
		}
	}
	for _, t := range teams {
		if s := (scope{scopeTeam, t.ID, t.Name}); slices.Contains(v.who.Teams, t.ID) {
			mine = append(mine, s)
		} else {
			others = append(others, s)
		}
	}
	return slices.Concat(mine, places, others)
}

// within is a program with one of its sources only. Its period and criteria stay.
func within(p seaworthy.Program, source string) seaworthy.Program {
	p.Scope = slices.DeleteFunc(slices.Clone(p.Scope), func(s seaworthy.ScopeItem) bool {
		return s.Kind != seaworthy.KindSystem && s.Source != source
	})
	return p
}

// teams narrows a filter by teams to the scope's. Another team leaves nothing.
func (s scope) teams(filter []string) []string {
	team := s.Team()
	switch {
	case team == "":
		return filter
	case len(filter) > 0 && !slices.Contains(filter, team):
		return []string{"-"} // no team has this id; databases refuse NUL
	}
	return []string{team}
}

// findings narrows a list of findings to what a page looks through.
func (p page) findings(f store.FindingFilter) store.FindingFilter {
	f.Program, f.Teams = p.Program, p.Within.teams(f.Teams)
	return f
}

// member tells whether somebody is of the team of the scope. Without one, everybody is.
func (s scope) member(n names, user string) bool {
	return s.Team() == "" || slices.Contains(n.users[user].Teams, s.Team())
}

// controlsIn tells which controls the scope holds: those that people of the team own, or
// those that are tested by reports of the source.
func (u *UI) controlsIn(ctx context.Context, p page, n names) (func(id, owner string) bool, error) {
	source := p.Within.Source()
	if source == "" {
		return func(_, owner string) bool { return p.Within.member(n, owner) }, nil
	}
	controls, err := u.Store.Controls(ctx)
	tested := map[string]bool{}
	for _, c := range controls {
		tested[c.ID] = len(c.Checks) > 0 && !slices.ContainsFunc(c.Scope, func(s seaworthy.ScopeItem) bool {
			return s.Source == source && s.Kind != seaworthy.KindNamespace && !s.In
		})
	}
	return func(id, _ string) bool { return tested[id] }, err
}

// scopeLink is a place in the menu of scopes.
type scopeLink struct {
	Text, Href string
	Current    bool
}

// scopeGroup is a part of the menu of scopes.
type scopeGroup struct {
	Title string
	Items []scopeLink
}

// mostScopes is how many places the menu holds; the page of scopes has the others.
const mostScopes = 12

// Places are where to narrow the page to.
func (p page) Places() []scopeGroup { return p.scopes("", mostScopes) }

// MorePlaces tells whether the menu does not hold all.
func (p page) MorePlaces() bool { return len(p.places) > mostScopes }

func (p page) scopes(text string, most int) []scopeGroup {
	out := []scopeGroup{{Title: "Clusters and repositories"}, {Title: "Teams"}}
	text = strings.ToLower(text)
	for i, s := range p.places {
		if !strings.Contains(strings.ToLower(s.Name), text) || most > 0 && i >= most && s != p.Within {
			continue
		}
		g := &out[0]
		if s.Kind == scopeTeam {
			g = &out[1]
		}
		g.Items = append(g.Items, scopeLink{s.Name, p.narrowed(s), s == p.Within})
	}
	return slices.DeleteFunc(out, func(g scopeGroup) bool { return len(g.Items) == 0 })
}

// narrowed is the page seen within a scope; a page of one thing, which may lie elsewhere,
// gives way to the list that it is of.
func (p page) narrowed(s scope) string {
	q := p.Q
	if to := p.Q.Get("of"); q.path == "/scope" {
		q = query{"/", url.Values{}}
		if from, err := url.Parse(to); err == nil && local(to) {
			q = query{from.Path, from.Query()}
		}
		if asked := p.Q.Get("program"); asked != "" {
			q.values.Set("program", asked)
		}
	}
	if parts := strings.SplitN(q.path, "/", 3); len(parts) == 3 && s.Set() && slices.Contains([]string{"findings", "workloads", "waivers", "sources", "runs"}, parts[1]) {
		p := "/" + parts[1]
		if parts[1] == "runs" {
			p = "/sources"
		}
		q = query{p, url.Values{"program": q.values["program"]}}
	}
	value := ""
	if s.Set() {
		value = s.query()
	}
	return q.With("scope", value)
}

// Unscoped is the page seen within no scope.
func (p page) Unscoped() string { return p.narrowed(scope{}) }

// ScopePage is where all scopes are listed for the page.
func (p page) ScopePage() string {
	return "/scope?of=" + url.QueryEscape(p.Q.With("program", p.Q.Get("program"))) + strings.TrimSuffix("&"+p.keep, "&")
}

// scopePage is what pages/scope.html needs.
type scopePage struct {
	page
	Groups []scopeGroup
}

// scopeList lists everything that a page can be narrowed to.
func (u *UI) scopeList(w http.ResponseWriter, r *http.Request) error {
	p := scopePage{page: u.page(r, "Scope")}
	p.Groups = p.scopes(strings.TrimSpace(p.Q.Get("q")), 0)
	return u.render(w, r, "scope", p)
}
