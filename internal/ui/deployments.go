// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// deploymentsPage is what pages/deployments.html needs.
type deploymentsPage struct {
	page
	Rows []deploymentRow
	Text string // what is looked for
	Ran  string // address of the changes that ran it
	Next string
}

func (u *UI) deployments(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := deploymentsPage{page: u.page(r, "Deployments")}
	p.Text = strings.TrimSpace(p.Q.Get("q"))
	p.Ran = adding(p.To("/changes"), "image="+queryEscape(p.Text))
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	l, err := u.links(ctx)
	if err != nil {
		return err
	}
	list, err := u.Store.Deployments(ctx, store.DeploymentFilter{Source: p.Q.Get("source"), Text: p.Text, Program: p.Program, Cursor: p.Q.Get("after"), Limit: 50})
	if err != nil {
		return err
	}
	for _, d := range list.Items {
		p.Rows = append(p.Rows, u.deploymentRow(p.page, n, l, d))
	}
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	return u.render(w, r, "deployments", p)
}

// deploymentPage is what pages/deployment.html needs.
type deploymentPage struct {
	page
	Row      deploymentRow
	Images   []imageRow
	Changes  []trailRow // that are held to belong to it
	More     bool
	Versions []entryRow
}

// mostCovered is how many changes in the time of a deployment are looked at.
const mostCovered = 200

func (u *UI) deployment(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := u.Store.Deployment(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "deployment", d.ID, d.SourceID, ""); err != nil {
		return err
	}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	l, err := u.links(ctx)
	if err != nil {
		return err
	}
	p := deploymentPage{page: u.page(r, titleOf(d), link{"Deployments", "/deployments"})}
	p.Row = u.deploymentRow(p.page, n, l, d)
	p.Images = imagesOf(p.page, &seaworthy.Change{Images: d.Images}, nil)
	list, err := u.Store.Changes(ctx, store.ChangeFilter{Source: d.SourceID, From: d.From.Add(-changes.Leeway), To: d.Until.Add(changes.Leeway), Program: p.Program, Limit: mostCovered})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		if c.MatchID == d.ID {
			p.Changes = append(p.Changes, u.trailRow(p.page, n, c))
		}
	}
	p.More = list.Next != ""
	if p.Versions, err = u.history(ctx, p.page, n, "deployment", d.ID); err != nil {
		return err
	}
	return u.render(w, r, "deployment", p)
}

// titleOf is what people call a deployment.
func titleOf(d seaworthy.Deployment) string {
	switch {
	case d.Ticket != "":
		return d.Ticket
	case d.PullURL != "":
		return pullText(d.PullURL)
	}
	return "Commit " + short(d.Commit)
}
