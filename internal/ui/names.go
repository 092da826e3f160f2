// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// names turns ids into what people call things, within one request.
type names struct {
	users   map[string]seaworthy.User
	teams   map[string]string
	sources map[string]seaworthy.DeclaredSource
}

// names reads who and what there is. People and sources are hundreds, not thousands.
func (u *UI) names(ctx context.Context) (names, error) {
	n := names{map[string]seaworthy.User{}, map[string]string{}, map[string]seaworthy.DeclaredSource{}}
	people, err := u.people(ctx)
	if err != nil {
		return n, err
	}
	for _, p := range people {
		n.users[p.ID] = p
	}
	teams, err := u.Store.Teams(ctx)
	if err != nil {
		return n, err
	}
	for _, t := range teams {
		n.teams[t.ID] = t.Name
	}
	sources, err := u.Store.Sources(ctx)
	for _, s := range sources {
		if visitIn(ctx).knowsSource(s.ID) {
			n.sources[s.ID] = s
		}
	}
	return n, err
}

// user is a person's name; an id that is not known stays.
func (n names) user(id string) string {
	if u, ok := n.users[id]; ok && u.Name != "" {
		return u.Name
	} else if ok {
		return u.Email
	}
	return id
}

func (n names) team(id string) string {
	if t, ok := n.teams[id]; ok {
		return t
	}
	return id
}

func (n names) source(id string) string {
	if s, ok := n.sources[id]; ok {
		return s.Name
	}
	return id
}

// actor is who did something: "user:<id>" and the like.
func (n names) actor(actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	switch kind {
	case "user":
		return n.user(id)
	case "token":
		return "token " + id
	case "agent":
		return "agent " + id
	case "system", "":
		return "Seaworthy"
	}
	return actor
}
