// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// actorRoutes lists the addresses about who is behind the names of clusters.
func (u *UI) actorRoutes() {
	u.get("/actors", seaworthy.Administer, u.actors)
	u.post("/actors", seaworthy.Administer, u.putActor, u.actors)
	u.post("/actors/{id}/remove", seaworthy.Administer, u.dropActor, u.actors)
	u.post("/change-rules/links", seaworthy.ManageSources, u.setLinks, u.changeRules)
}

// actorsPage is what pages/actors.html needs.
type actorsPage struct {
	page
	Known    []knownActor
	Unknown  []unknownActor
	People   []choice
	Clusters []choice
	Name     string // that the form begins with
	Days     int
}

type knownActor struct {
	seaworthy.KnownActor
	Source, Person, By string
}

type unknownActor struct {
	store.UnknownActor
	Source, Href, Map string
}

// unknownDays is how far back names are looked for.
const unknownDays = 90

func (u *UI) actors(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := actorsPage{page: u.page(r, "Actors"), Days: unknownDays}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	known, err := u.Store.KnownActors(ctx)
	if err != nil {
		return err
	}
	for _, a := range known {
		p.Known = append(p.Known, knownActor{a, n.cluster(a.SourceID), n.user(a.UserID), n.actor(a.SetBy)})
	}
	unknown, err := u.Store.UnknownActors(ctx, p.Now.AddDate(0, 0, -unknownDays), 100)
	if err != nil {
		return err
	}
	for _, a := range unknown {
		if changes.Account(a.Name) {
			continue
		}
		row := unknownActor{a, n.source(a.SourceID), adding(p.To("/changes"), "source="+queryEscape(a.SourceID)+"&actor="+queryEscape(a.Name)), ""}
		row.Map = adding(p.To("/actors"), "name="+queryEscape(a.Name)+"&source="+queryEscape(a.SourceID)) + "#new"
		p.Unknown = append(p.Unknown, row)
	}
	p.Name = p.Was("name", p.Q.Get("name"))
	people, err := u.people(ctx)
	if err != nil {
		return err
	}
	for _, one := range people {
		if !one.Disabled {
			p.People = append(p.People, choice{Value: one.ID, Text: n.user(one.ID), Chosen: one.ID == p.Was("user", "")})
		}
	}
	p.Clusters = n.clusters(func(id string) bool { return id == p.Was("source", p.Q.Get("source")) })
	return u.render(w, r, "actors", p)
}

func (u *UI) putActor(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	_, err := trail.PutActor(r.Context(), trail.Config{Store: u.Store}, visitOf(r).who, seaworthy.KnownActor{
		SourceID: f.Get("source"), Name: strings.TrimSpace(f.Get("name")), UserID: f.Get("user"), Note: f.Get("note"),
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/actors", "saved")
}

func (u *UI) dropActor(w http.ResponseWriter, r *http.Request) error {
	if err := trail.DropActor(r.Context(), trail.Config{Store: u.Store}, visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/actors", "removed")
}

// setLinks says where tickets and commits are found.
func (u *UI) setLinks(w http.ResponseWriter, r *http.Request) error {
	err := trail.SetLinks(r.Context(), u.Store, visitOf(r).who, trail.Links{Ticket: r.PostFormValue("ticket"), Commit: r.PostFormValue("commit")})
	if err != nil {
		return err
	}
	return u.done(w, r, "/change-rules", "saved")
}
