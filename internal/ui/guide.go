// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

// step is a part of the guide that a server without a program shows.
type step struct {
	Title, Text, Command, Href, Action string
	Done                               bool
}

// steps leads from an empty server to the first overview.
func (u *UI) steps(ctx context.Context, p overviewPage) ([]step, error) {
	people, err := u.people(ctx)
	if err != nil {
		return nil, err
	}
	reported := false
	for _, s := range p.Sources {
		reported = reported || s.SourceStanding.State.RunID != ""
	}
	base := u.Auth.BaseURL()
	out := []step{{
		Title: "Say what the audit looks at",
		Text:  "A program has a type, a period, categories and a scope. Every page, count and export is seen through one.",
		Href:  "/programs/new", Action: "Make a program",
	}, {
		Title: "Declare clusters and repositories",
		Text:  "What is declared and silent is a gap; what reports and is not declared is noticed.",
		Href:  "/sources", Action: "Declare sources", Done: len(p.Sources) > 0,
	}, {
		Title:   "Send the first report",
		Text:    "Make a token for it, then scan a cluster or a repository and upload what was found.",
		Command: "seaworthy scan --cluster --upload " + base, Href: "/tokens", Action: "Make a token", Done: reported,
	}, {
		Title: "Ask the others in",
		Text:  "Controls need owners, and a waiver is approved by someone else than who asks for it.",
		Href:  "/people", Action: "Invite people", Done: len(people) > 1,
	}}
	if !p.Can(string(seaworthy.ManageProgramme)) {
		for i := range out {
			out[i].Href = ""
		}
	}
	return out, nil
}

// people lists all accounts.
func (u *UI) people(ctx context.Context) ([]seaworthy.User, error) {
	return u.allUsers(ctx)
}
