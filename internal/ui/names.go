// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"strings"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
)

// names turns ids into what people call things, within one request.
type names struct {
	users   map[string]seaworthy.User
	teams   map[string]string
	sources map[string]seaworthy.DeclaredSource
	// programs are tokens and agents that were asked for: there may be thousands.
	programs *sync.Map
	look     func(kind, id string) string
}

// names reads who and what there is. People and sources are hundreds, not thousands.
func (u *UI) names(ctx context.Context) (names, error) {
	n := names{users: map[string]seaworthy.User{}, teams: map[string]string{}, sources: map[string]seaworthy.DeclaredSource{}, programs: &sync.Map{}}
	n.look = func(kind, id string) string { return u.nameOf(ctx, n, kind, id) }
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

// cluster is the one that something is about; no id: every cluster.
func (n names) cluster(id string) string {
	if id == "" {
		return "every cluster"
	}
	return n.source(id)
}

// clusters are the clusters to choose from, by name.
func (n names) clusters(chosen func(id string) bool) (out []choice) {
	for _, s := range sortedSources(n) {
		if s.Kind == seaworthy.KindCluster {
			out = append(out, choice{Value: s.ID, Text: s.Name, Chosen: chosen(s.ID)})
		}
	}
	return out
}

// actor is who did something: "user:<id>" and the like.
func (n names) actor(actor string) string {
	kind, id, _ := strings.Cut(actor, ":")
	switch kind {
	case "user":
		return n.user(id)
	case "token", "agent":
		return n.program(kind, id)
	case "system", "":
		return "Seaworthy"
	}
	return actor
}

// program is a token by its name, or an agent by its cluster's.
func (n names) program(kind, id string) string {
	name, asked := n.programs.Load(id)
	if !asked {
		name = n.look(kind, id)
		n.programs.Store(id, name)
	}
	return name.(string)
}

// nameOf reads what a token or an agent is called. Who is bound to one program is told the
// id of a token, whose name may be about something else.
func (u *UI) nameOf(ctx context.Context, n names, kind, id string) string {
	switch {
	case kind == "agent":
		if a, err := u.Store.Agent(ctx, id); err == nil && n.sources[a.SourceID].ID != "" {
			return "agent of " + n.source(a.SourceID)
		}
	case visitIn(ctx).who.Program == "":
		if t, err := u.Store.Token(ctx, id); err == nil {
			return "token " + t.Name
		}
	}
	return kind + " " + id // that it cannot be read is no reason to show no page
}
