// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) peopleRoutes() {
	const users = "/api/v1/users"
	route(a, operation{
		method: http.MethodGet, path: users, action: seaworthy.Administer, id: "list-users", tag: "People",
		summary: "Accounts, by address",
	}, a.users)
	route(a, operation{
		method: http.MethodPost, path: users, action: seaworthy.Administer, id: "create-user", tag: "People",
		summary: "Make an account", status: http.StatusCreated,
		doc: "The answer holds the link by which its owner sets a password. It is shown once.",
	}, a.createUser)
	route(a, operation{
		method: http.MethodGet, path: users + "/{id}", action: seaworthy.Administer, id: "get-user", tag: "People",
		summary: "An account",
	}, a.user)
	route(a, operation{
		method: http.MethodPatch, path: users + "/{id}", action: seaworthy.Administer, id: "change-user", tag: "People",
		summary: "Change an account", doc: "Members that are absent stay. Sessions end when rights change. The last owner stays one.",
	}, a.changeUser)
	for _, act := range []struct {
		path, id, summary string
		do                func(context.Context, seaworthy.Principal, string) error
	}{
		{"/end-sessions", "end-user-sessions", "End all sessions of somebody", a.Auth.EndSessionsOf},
		{"/remove-second-factor", "remove-second-factor", "Take somebody's second factors away", a.Auth.RemoveSecondFactor},
		{"/unlock", "unlock-user", "Let somebody try again at once who failed too often", a.Auth.Unlock},
	} {
		route(a, operation{
			method: http.MethodPost, path: users + "/{id}" + act.path, action: seaworthy.Administer, id: act.id, tag: "People",
			summary: act.summary, status: http.StatusNoContent,
		}, func(ctx context.Context, in *ByID) (*struct{}, error) { return nil, act.do(ctx, who(ctx), in.ID) })
	}
	route(a, operation{
		method: http.MethodPost, path: users + "/{id}/reset-link", action: seaworthy.Administer, id: "make-reset-link", tag: "People",
		summary: "Make the link by which somebody sets a password", doc: "It is shown once, and ends older ones.", status: http.StatusCreated,
	}, a.resetLink)
	a.teamRoutes()
}

// users lists accounts; the cursor is the last address.
func (a *API) users(ctx context.Context, in *Paging) (*list[seaworthy.User], error) {
	all, err := a.Store.Users(ctx, store.UserFilter{After: in.Cursor, Limit: min(in.size()+1, 1000)})
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(u seaworthy.User) string { return u.Email }), nil
}

// invited is an account that was made, and the link to enter it.
type invited struct {
	User seaworthy.User `json:"user"`
	Link string         `json:"link" doc:"Shown once."`
}

func (a *API) createUser(ctx context.Context, in *struct {
	Body struct {
		Email   string         `json:"email" maxLength:"320"`
		Name    string         `json:"name" maxLength:"300"`
		Role    seaworthy.Role `json:"role" enum:"owner,compliance-manager,engineer,viewer,auditor"`
		Teams   []string       `json:"teams,omitempty" maxItems:"200" doc:"Ids of the teams of an engineer."`
		Program string         `json:"program,omitempty" maxLength:"100" doc:"The one program of an auditor."`
		Expires time.Time      `json:"expires,omitzero" doc:"Of an auditor at least."`
	}
}) (*made[invited], error) {
	b := in.Body
	u, link, err := a.Auth.CreateUser(ctx, who(ctx), auth.NewUser{
		Email: b.Email, Name: b.Name, Role: b.Role, Teams: b.Teams, Program: b.Program, Expires: b.Expires,
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/users/"+u.ID, invited{u, link})
}

func (a *API) user(ctx context.Context, in *ByID) (*one[seaworthy.User], error) {
	u, err := a.Store.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(u)
}

func (a *API) changeUser(ctx context.Context, in *struct {
	ByID
	Edit
	Body struct {
		Name     *string         `json:"name,omitempty" maxLength:"300"`
		Role     *seaworthy.Role `json:"role,omitempty" enum:"owner,compliance-manager,engineer,viewer,auditor"`
		Teams    *[]string       `json:"teams,omitempty" maxItems:"200"`
		Program  *string         `json:"program,omitempty" maxLength:"100"`
		Expires  *time.Time      `json:"expires,omitempty"`
		Disabled *bool           `json:"disabled,omitempty"`
	}
}) (*one[seaworthy.User], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.User(in.ID) })
	u, err := a.Auth.ChangeUser(ctx, who(ctx), in.ID, auth.UserChange(in.Body))
	if err != nil {
		return nil, err
	}
	return record(u)
}

// oneTime is a link that is shown once.
type oneTime struct {
	Link string `json:"link" doc:"Shown once."`
}

func (a *API) resetLink(ctx context.Context, in *ByID) (*struct {
	Body oneTime
}, error) {
	link, err := a.Auth.ResetLink(ctx, who(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body oneTime }{oneTime{link}}, nil
}

func (a *API) teamRoutes() {
	const teams = "/api/v1/teams"
	route(a, operation{
		method: http.MethodGet, path: teams, action: seaworthy.ReadFindings, id: "list-teams", tag: "People", summary: "Teams, by name",
	}, a.teams)
	route(a, operation{
		method: http.MethodPost, path: teams, action: seaworthy.ManageSources, id: "create-team", tag: "People", summary: "Make a team",
		status: http.StatusCreated,
	}, a.createTeam)
	route(a, operation{
		method: http.MethodGet, path: teams + "/{id}", action: seaworthy.ReadFindings, id: "get-team", tag: "People", summary: "A team",
	}, a.team)
	route(a, operation{
		method: http.MethodPut, path: teams + "/{id}", action: seaworthy.ManageSources, id: "change-team", tag: "People", summary: "Rename a team",
	}, a.changeTeam)
	route(a, operation{
		method: http.MethodDelete, path: teams + "/{id}", action: seaworthy.ManageSources, id: "drop-team", tag: "People", summary: "Remove a team",
		status: http.StatusNoContent,
	}, a.dropTeam)
}

func (a *API) teams(ctx context.Context, _ *struct{}) (*list[seaworthy.Team], error) {
	all, err := a.Store.Teams(ctx)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) team(ctx context.Context, in *ByID) (*one[seaworthy.Team], error) {
	t, err := a.Store.Team(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(t)
}

type teamBody struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

func (a *API) createTeam(ctx context.Context, in *struct{ Body teamBody }) (*made[seaworthy.Team], error) {
	t := seaworthy.Team{Name: strings.TrimSpace(in.Body.Name)}
	err := a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) error {
		t.ID, t.CreatedAt = tx.NewID(), tx.At
		return tx.PutTeam(&t)
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/teams/"+t.ID, t)
}

func (a *API) changeTeam(ctx context.Context, in *struct {
	ByID
	Edit
	Body teamBody
}) (*one[seaworthy.Team], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Team(in.ID) })
	var t seaworthy.Team
	err := a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) (err error) {
		if t, err = tx.Team(in.ID); err != nil {
			return err
		}
		t.Name = strings.TrimSpace(in.Body.Name)
		return tx.PutTeam(&t)
	})
	if err != nil {
		return nil, err
	}
	return record(t)
}

func (a *API) dropTeam(ctx context.Context, in *struct {
	ByID
	Edit
}) (*struct{}, error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Team(in.ID) })
	return nil, a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) error {
		t, err := tx.Team(in.ID)
		if err != nil {
			return err
		}
		return tx.DropTeam(&t)
	})
}
