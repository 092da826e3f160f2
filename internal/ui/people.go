// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// peoplePage is what pages/people.html needs.
type peoplePage struct {
	page
	People []personRow
	Teams  []teamRow
	Roles  []choice
}

type personRow struct {
	seaworthy.User
	RoleTitle string
	TeamNames []string
	State     string
	Seen      time.Time
	Href      string
}

type teamRow struct {
	seaworthy.Team
	Members int
}

// choice is an option of a select, a radio or a checkbox.
type choice struct {
	Value, Text, Hint string
	Chosen            bool
}

var roleHints = map[seaworthy.Role]string{
	seaworthy.Owner:             "everything, accounts included",
	seaworthy.ComplianceManager: "programs, controls, evidence, waivers and sources",
	seaworthy.Engineer:          "works on the findings of their teams",
	seaworthy.Viewer:            "reads",
	seaworthy.Auditor:           "reads one program, freezes and samples its lists, and expires",
}

func roleChoices(chosen seaworthy.Role) []choice {
	var out []choice
	for _, r := range seaworthy.Roles {
		out = append(out, choice{string(r), roleTitle(r), roleHints[r], r == chosen})
	}
	return out
}

func (u *UI) peopleList(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := peoplePage{page: u.page(r, "People & teams"), Roles: roleChoices(seaworthy.Viewer)}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	people, err := u.people(ctx)
	if err != nil {
		return err
	}
	seen, err := u.Store.LastSeen(ctx)
	if err != nil {
		return err
	}
	members := map[string]int{}
	for _, one := range people {
		row := personRow{User: one, RoleTitle: roleTitle(one.Role), State: accountState(one, p.Now), Seen: seen[one.ID], Href: p.To("/people/", one.ID)}
		for _, t := range one.Teams {
			row.TeamNames = append(row.TeamNames, names.team(t))
			members[t]++
		}
		p.People = append(p.People, row)
	}
	teams, err := u.Store.Teams(ctx)
	if err != nil {
		return err
	}
	for _, t := range teams {
		p.Teams = append(p.Teams, teamRow{t, members[t.ID]})
	}
	return u.render(w, r, "people", p)
}

func accountState(u seaworthy.User, now time.Time) string {
	switch {
	case u.Disabled:
		return "disabled"
	case !u.Expires.IsZero() && !now.Before(u.Expires):
		return "expired"
	}
	return "active"
}

// personPage is what pages/person.html needs, for a new account and for one that is there.
type personPage struct {
	page
	User     seaworthy.User
	State    string
	New      bool
	Self     bool
	Roles    []choice
	Teams    []choice
	Choices  []choice // programs
	LinkText string   // shown once
	History  []entryRow
}

// ExpiresOn is the day for the field of a form.
func (p personPage) ExpiresOn() string { return seaworthy.Date{Time: p.User.Expires}.String() }

func (u *UI) personForm(w http.ResponseWriter, r *http.Request) error {
	user := seaworthy.User{Role: seaworthy.Viewer}
	title := "Invite somebody"
	if id := r.PathValue("id"); id != "" {
		var err error
		if user, err = u.Store.User(r.Context(), id); err != nil {
			return err
		}
		title = user.Name
		if title == "" {
			title = user.Email
		}
	}
	return u.renderPerson(w, r, title, user, "")
}

func (u *UI) renderPerson(w http.ResponseWriter, r *http.Request, title string, user seaworthy.User, shown string) error {
	ctx := r.Context()
	p := personPage{page: u.page(r, title, link{"People & teams", "/people"}), User: user, New: user.ID == "", LinkText: shown}
	p.State, p.Self = accountState(user, p.Now), user.ID == p.Who.UserID && user.ID != ""
	role := seaworthy.Role(p.Was("role", string(user.Role)))
	p.Roles = roleChoices(role)
	in := user.Teams
	if p.form != nil {
		in = p.form["teams"]
	}
	teams, err := u.Store.Teams(ctx)
	if err != nil {
		return err
	}
	for _, t := range teams {
		p.Teams = append(p.Teams, choice{Value: t.ID, Text: t.Name, Chosen: slices.Contains(in, t.ID)})
	}
	for _, pr := range p.Programs {
		p.Choices = append(p.Choices, choice{Value: pr.ID, Text: pr.Name, Chosen: pr.ID == p.Was("program", user.Program)})
	}
	if !p.New {
		names, err := u.names(ctx)
		if err != nil {
			return err
		}
		if p.History, err = u.history(ctx, p.page, names, "user", user.ID); err != nil {
			return err
		}
	}
	return u.render(w, r, "person", p)
}

func (u *UI) createPerson(w http.ResponseWriter, r *http.Request) error {
	expires, err := dateField(r, "expires")
	if err != nil {
		return err
	}
	f := r.PostForm
	user, shown, err := u.Auth.CreateUser(r.Context(), visitOf(r).who, auth.NewUser{
		Email: f.Get("email"), Name: strings.TrimSpace(f.Get("name")), Role: seaworthy.Role(f.Get("role")),
		Teams: f["teams"], Program: f.Get("program"), Expires: expires,
	})
	if err != nil {
		return err
	}
	if shown == "" { // single sign-on is their way in
		return u.done(w, r, "/people", "created")
	}
	return u.renderPerson(w, r, user.Name, user, shown)
}

func (u *UI) changePerson(w http.ResponseWriter, r *http.Request) error {
	expires, err := dateField(r, "expires")
	if err != nil {
		return err
	}
	f := r.PostForm
	name, role, program, teams := strings.TrimSpace(f.Get("name")), seaworthy.Role(f.Get("role")), f.Get("program"), slices.Clone(f["teams"])
	if teams == nil {
		teams = []string{}
	}
	_, err = u.Auth.ChangeUser(r.Context(), visitOf(r).who, r.PathValue("id"), auth.UserChange{
		Name: &name, Role: &role, Teams: &teams, Program: &program, Expires: &expires,
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/people", "saved")
}

func (u *UI) disablePerson(w http.ResponseWriter, r *http.Request) error {
	disabled := r.PostFormValue("disabled") == "true"
	if _, err := u.Auth.ChangeUser(r.Context(), visitOf(r).who, r.PathValue("id"), auth.UserChange{Disabled: &disabled}); err != nil {
		return err
	}
	if disabled {
		return u.done(w, r, "/people/"+r.PathValue("id"), "disabled")
	}
	return u.done(w, r, "/people/"+r.PathValue("id"), "saved")
}

func (u *UI) resetPerson(w http.ResponseWriter, r *http.Request) error {
	user, err := u.Store.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	shown, err := u.Auth.ResetLink(r.Context(), visitOf(r).who, user.ID)
	if err != nil {
		return err
	}
	return u.renderPerson(w, r, user.Name, user, shown)
}

func (u *UI) endPersonSessions(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.EndSessionsOf(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/people/"+r.PathValue("id"), "revoked")
}

func (u *UI) removePersonFactor(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.RemoveSecondFactor(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/people/"+r.PathValue("id"), "removed")
}

func (u *UI) unlockPerson(w http.ResponseWriter, r *http.Request) error {
	if err := u.Auth.Unlock(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/people/"+r.PathValue("id"), "saved")
}

// putTeam makes a team or gives one another name.
func (u *UI) putTeam(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimSpace(r.PostFormValue("team"))
	if name == "" || len(name) > 200 {
		return seaworthy.Invalid("A team needs a name of at most 200 letters.")
	}
	ctx, id := r.Context(), r.PostFormValue("id")
	err := u.Store.Write(ctx, visitOf(r).who.Actor, func(tx *store.Tx) error {
		t := seaworthy.Team{ID: id, CreatedAt: tx.At}
		if id == "" {
			t.ID = tx.NewID()
		} else if old, err := u.Store.Team(ctx, id); err != nil {
			return err
		} else {
			t = old
		}
		t.Name = name
		return tx.PutTeam(&t)
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/people#teams", "saved")
}

// dateField reads a date of a form; none is the zero time.
func dateField(r *http.Request, name string) (time.Time, error) {
	v := r.PostFormValue(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, v)
	if err != nil {
		return t, seaworthy.Invalid("The date %q is not of the form YYYY-MM-DD.", v)
	}
	return t, nil
}
