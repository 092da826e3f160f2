// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// changePage is what pages/change.html needs.
type changePage struct {
	page
	Change     trailRow
	Deployment *deploymentRow
	Explainer  string
	MayExplain error // why not; nil: they may
	Versions   []entryRow
	Erase      erasing

	Workload      string // address of the object's page; empty: no report has named it
	Before, After *trailRow
	Cause         *trailRow // what it follows from
	Checks        checked
	Images        []imageRow
	Seen          []seenRow
	Judged        []judgedRow
}

// imageRow is an image that a change led to.
type imageRow struct {
	imageParts
	New         bool   // the change brought it
	Changes     string // address of all changes that ran it
	Deployments string // of all deployments that name it
}

func (u *UI) change(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := u.Store.Change(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "change", c.ID, c.SourceID, c.Object.Namespace); err != nil {
		return err
	}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	p := changePage{page: u.page(r, c.Object.Name, link{"Timeline", "/changes"})}
	p.Change = u.trailRow(p.page, n, c)
	if c.Explained != nil {
		p.Explainer = n.actor(c.Explained.By)
		if c.Explained.Note != store.ErasedText {
			p.Erase = p.erasing("change", c.ID, "The explanation is destroyed. That it was given, when and by whom stays.")
		}
	}
	p.MayExplain = trail.MayExplain(p.Who, &c, n.sources[c.SourceID].Team)
	if err := u.approved(ctx, &p, n, &c); err != nil {
		return err
	}
	before, after, err := u.Store.ChangesBeside(ctx, &c)
	if err != nil {
		return err
	}
	p.Before, p.After = u.beside(p.page, n, before), u.beside(p.page, n, after)
	p.Images = imagesOf(p.page, &c, before)
	if p.Checks, err = u.checkedAround(ctx, p.page, &c, before, after); err != nil {
		return err
	}
	if p.Checks.Tracked {
		p.Workload = p.To("/workloads/", store.ObjectID(c.SourceID, c.Object.Object))
	}
	if p.Seen, err = u.seenFrom(ctx, &c); err != nil {
		return err
	}
	p.Judged = u.judged(p.page, &c)
	if p.Versions, err = u.history(ctx, p.page, n, "change", c.ID); err != nil {
		return err
	}
	return u.render(w, r, "change", p)
}

// approved reads the deployment that a change belongs to, and the change that it follows
// from.
func (u *UI) approved(ctx context.Context, p *changePage, n names, c *seaworthy.Change) error {
	if c.MatchID != "" {
		d, err := u.Store.Deployment(ctx, c.MatchID)
		if err != nil {
			return err
		}
		l, err := u.links(ctx)
		if err != nil {
			return err
		}
		row := u.deploymentRow(p.page, n, l, d)
		p.Deployment = &row
	}
	if c.Cause == "" {
		return nil
	}
	cause, err := u.Store.Change(ctx, c.Cause)
	if isKind(err, seaworthy.KindNotFound) {
		return nil
	}
	if err == nil {
		p.Cause = u.beside(p.page, n, &cause)
	}
	return err
}

func (u *UI) beside(p page, n names, c *seaworthy.Change) *trailRow {
	if c == nil {
		return nil
	}
	row := u.trailRow(p, n, *c)
	return &row
}

// imagesOf lists what an object runs after a change, and what of it the change brought.
func imagesOf(p page, c, before *seaworthy.Change) []imageRow {
	had := map[string]bool{}
	if before != nil {
		for _, i := range before.Images {
			had[i] = true
		}
	}
	var out []imageRow
	for _, i := range c.Images {
		row := imageRow{imageParts: parts(i), New: before != nil && len(before.Images) > 0 && !had[i] || c.Verb == seaworthy.VerbCreate || brings(c, i)}
		row.Changes, row.Deployments = adding(p.To("/changes"), "image="+queryEscape(row.Mention())), adding(p.To("/deployments"), "q="+queryEscape(row.Mention()))
		out = append(out, row)
	}
	return out
}

// brings tells whether an edit of a change sets an image.
func brings(c *seaworthy.Change, image string) bool {
	for _, e := range c.Edits {
		if e.After == `"`+image+`"` {
			return true
		}
	}
	return false
}

func (u *UI) explainChange(w http.ResponseWriter, r *http.Request) error {
	c, err := trail.Explain(r.Context(), u.Store, visitOf(r).who, r.PathValue("id"), r.PostFormValue("note"))
	if err != nil {
		return err
	}
	return u.done(w, r, "/changes/"+c.ID, "explained")
}
