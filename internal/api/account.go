// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

func (a *API) accountRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/me", action: seaworthy.OwnAccount, id: "get-me", tag: "Account",
		summary: "Who makes this request, and what the role allows",
	}, a.me)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/sessions", action: seaworthy.OwnAccount, id: "list-sessions", tag: "Account",
		summary: "One's own sessions, last used first",
	}, a.sessions)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/sessions/{id}", action: seaworthy.OwnAccount, id: "end-session", tag: "Account",
		summary: "End one of one's own sessions", status: http.StatusNoContent,
	}, a.endSession)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/tokens", action: seaworthy.OwnAccount, id: "list-tokens", tag: "Account",
		summary: "Tokens, newest first", doc: "Those of everybody for who administers, else one's own.",
	}, a.tokens)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/tokens", action: seaworthy.OwnAccount, id: "create-token", tag: "Account",
		summary: "Make a token", status: http.StatusCreated,
		doc: "It may do no more than who makes it. Its text is shown once and never kept. A token cannot make tokens.",
	}, a.createToken)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/tokens/{id}", action: seaworthy.OwnAccount, id: "revoke-token", tag: "Account",
		summary: "End a token for good", status: http.StatusNoContent,
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Auth.RevokeToken(ctx, who(ctx), in.ID)
	})
}

// self is who makes a request.
type self struct {
	Actor   string             `json:"actor"`
	Name    string             `json:"name"`
	Role    seaworthy.Role     `json:"role"`
	Teams   []string           `json:"teams" nullable:"false"`
	Program string             `json:"program,omitempty"`
	Source  string             `json:"source,omitempty"`
	May     []seaworthy.Action `json:"may" nullable:"false"`
}

// actions are all that a role may allow.
var actions = []seaworthy.Action{
	seaworthy.ReadProgramme, seaworthy.ReadFindings, seaworthy.WorkFindings, seaworthy.ApproveWaivers, seaworthy.ManageProgramme,
	seaworthy.FreezeLists, seaworthy.ReadLog, seaworthy.SendReports, seaworthy.ManageSources, seaworthy.Administer, seaworthy.OwnAccount,
}

func (a *API) me(ctx context.Context, _ *struct{}) (*one[self], error) {
	p := who(ctx)
	out := self{Actor: p.Actor, Name: p.Name, Role: p.Role, Teams: notNil(p.Teams), Program: p.Program, Source: p.Source, May: []seaworthy.Action{}}
	for _, action := range actions {
		if p.Can(action) {
			out.May = append(out.May, action)
		}
	}
	return record(out)
}

// sessionView is a session as its owner sees it.
type sessionView struct {
	ID      string    `json:"id"`
	Method  string    `json:"method" doc:"How it began."`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
	Current bool      `json:"current" doc:"Whether this request is part of it."`
}

func (a *API) sessions(ctx context.Context, _ *struct{}) (*list[sessionView], error) {
	if err := person(ctx); err != nil {
		return nil, err
	}
	all, current, err := a.Auth.Sessions(ctx, requestOf(ctx).r)
	if err != nil {
		return nil, err
	}
	out := make([]sessionView, len(all))
	for i, s := range all {
		out[i] = sessionView{s.ID, s.Method, s.Created, s.Seen, s.Expires, s.Address, s.Agent, s.ID == current}
	}
	return whole(ctx, out), nil
}

func (a *API) endSession(ctx context.Context, in *ByID) (*struct{}, error) {
	if err := person(ctx); err != nil {
		return nil, err
	}
	return nil, a.Auth.EndSession(ctx, requestOf(ctx).r, in.ID)
}

// person refuses tokens.
func person(ctx context.Context) error {
	if who(ctx).UserID == "" {
		return seaworthy.Forbidden("only people who are signed in may do this, not tokens")
	}
	return nil
}

func (a *API) tokens(ctx context.Context, in *Paging) (*list[seaworthy.Token], error) {
	all, err := a.Auth.Tokens(ctx, who(ctx), in.Cursor, min(in.size()+1, 1000))
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(t seaworthy.Token) string { return t.ID }), nil
}

// newToken is a token with its text.
type newToken struct {
	Token seaworthy.Token `json:"token"`
	Text  string          `json:"text" doc:"Shown once."`
}

func (a *API) createToken(ctx context.Context, in *struct {
	Body struct {
		Name    string         `json:"name" minLength:"1" maxLength:"200"`
		Role    seaworthy.Role `json:"role" enum:"owner,compliance-manager,engineer,viewer,auditor,reporter,git-host"`
		Source  string         `json:"source,omitempty" maxLength:"100" doc:"The id of the one source that it may report for."`
		Teams   []string       `json:"teams,omitempty" maxItems:"200"`
		Program string         `json:"program,omitempty" maxLength:"100"`
		Expires time.Time      `json:"expires,omitzero" doc:"Absent: it holds until it is revoked."`
	}
}) (*made[newToken], error) {
	t, text, err := a.Auth.CreateToken(ctx, who(ctx), auth.NewToken(in.Body))
	if err != nil {
		return nil, err
	}
	return created("/api/v1/tokens/"+t.ID, newToken{t, text})
}
