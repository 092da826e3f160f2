// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) actorRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/actors", action: seaworthy.Administer, id: "list-actors", tag: "Changes",
		summary: "Who is behind the names by which clusters, sessions and git hosts know people",
	}, a.actors)
	route(a, operation{
		method: http.MethodPut, path: "/api/v1/actors", action: seaworthy.Administer, id: "put-actor", tag: "Changes",
		summary: "Say who is behind a name",
		doc: "For one cluster, or for every one; the same name again takes the place of what was said. It counts for changes from now on, and " +
			"for those that somebody has yet to explain. E-mail addresses of users need nothing said.",
	}, a.putActor)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/actors/{id}", action: seaworthy.Administer, id: "drop-actor", tag: "Changes",
		summary: "Take back who is behind a name", status: http.StatusNoContent, doc: "What is on record stays as it was said.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		if err := everyone(ctx, "names of people"); err != nil {
			return nil, err
		}
		return nil, trail.DropActor(ctx, a.Trail, who(ctx), in.ID)
	})
}

func (a *API) actors(ctx context.Context, _ *struct{}) (*list[seaworthy.KnownActor], error) {
	if err := everyone(ctx, "names of people"); err != nil {
		return nil, err
	}
	all, err := a.Store.KnownActors(ctx)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) putActor(ctx context.Context, in *struct {
	Body struct {
		Source string `json:"source,omitempty" maxLength:"200" doc:"The id of a cluster; every one when absent."`
		Name   string `json:"name" minLength:"1" maxLength:"1000" doc:"A user as the cluster knows it, the name of a session, an ARN, the login of a commit's author."`
		User   string `json:"user" minLength:"1" maxLength:"200" doc:"The id of the user."`
		Note   string `json:"note,omitempty" maxLength:"1000"`
	}
}) (*one[seaworthy.KnownActor], error) {
	if err := everyone(ctx, "names of people"); err != nil {
		return nil, err
	}
	b := in.Body
	v, err := trail.PutActor(ctx, a.Trail, who(ctx), seaworthy.KnownActor{SourceID: b.Source, Name: b.Name, UserID: b.User, Note: b.Note})
	if err != nil {
		return nil, err
	}
	return record(v)
}
