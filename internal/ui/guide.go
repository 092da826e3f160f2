// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

// step is a part of the guide that a server without a program shows.
type step struct {
	Title, Text  string
	Commands     []string
	Href, Action string
	Done         bool
}

// steps leads from an empty server to the first overview that somebody can rely on.
func (u *UI) steps(ctx context.Context, p overviewPage) ([]step, error) {
	people, err := u.people(ctx)
	if err != nil {
		return nil, err
	}
	reported, live := false, false
	for _, s := range p.Sources {
		reported = reported || s.SourceStanding.State.RunID != ""
		live = live || s.SourceStanding.State.RunID != "" && s.Source.Kind == seaworthy.KindCluster && s.Scope == "in"
	}
	owned := false
	if p.Ready != nil {
		for _, c := range p.Ready.Controls {
			owned = owned || c.OwnerUser != ""
		}
	}
	base := u.Auth.BaseURL()
	scan := "SEAWORTHY_TOKEN=… seaworthy scan "
	out := []step{{
		Title: "Say what the audit looks at",
		Text:  "A program has a type, a period, categories and a scope. Every page, count and export is seen through one.",
		Href:  "/programs/new", Action: "Make a program", Done: p.Program != nil,
	}, {
		Title: "Declare clusters and repositories",
		Text:  "What is declared and silent is a gap; what reports and is not declared is noticed.",
		Href:  "/sources", Action: "Declare sources", Done: len(p.Sources) > 0,
	}, {
		Title:    "Send the first report",
		Text:     "Make a token of the role reporter, put it in the place of the dots, and scan: first the manifests of a repository, then a cluster, as whoever kubectl is signed in as.",
		Commands: []string{scan + "deploy/ --upload " + base, scan + "--cluster --upload " + base},
		Href:     "/tokens", Action: "Make a token", Done: reported,
	}, {
		Title:    "Have a production cluster report",
		Text:     "Files show how things are designed. That controls are performed is shown by a live production cluster in the program’s scope, which reports each day.",
		Commands: []string{scan + "--cluster --upload " + base}, Href: "/programs", Action: "Program & scope", Done: live,
	}, {
		Title: "Ask the others in",
		Text:  "Controls need owners, and a waiver is approved by someone else than who asks for it.",
		Href:  "/people", Action: "Invite people", Done: len(people) > 1,
	}, {
		Title: "Give the controls owners",
		Text:  "Each control says which role should own it. What nobody owns needs you.",
		Href:  "/controls?owner=-", Action: "Controls without an owner", Done: owned,
	}}
	for i := range out {
		if !p.Can(string(seaworthy.ManageProgramme)) || out[i].Href == "/people" && !p.Can(string(seaworthy.Administer)) {
			out[i].Href = ""
		}
	}
	return out, nil
}

// Todo is how many of the first steps are left, of who can take them.
func (p overviewPage) Todo() int {
	n := 0
	for _, s := range p.Steps {
		if !s.Done {
			n++
		}
	}
	if p.Past || p.Within.Set() || !p.Can(string(seaworthy.ManageProgramme)) {
		return 0
	}
	return n
}

// people lists all accounts.
func (u *UI) people(ctx context.Context) ([]seaworthy.User, error) {
	return u.allUsers(ctx)
}
