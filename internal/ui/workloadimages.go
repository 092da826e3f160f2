// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// ranRow is an image that an object runs, and the way back from it: who brought it, and
// what was said of that beforehand.
type ranRow struct {
	imageRow
	Since      time.Time // zero: from before anything was seen
	Brought    *trailRow
	Deployment *deploymentRow
}

// mostOf is how many changes of one object its page looks at.
const mostOf = 100

// trailOf reads what was changed about an object, and what it runs because of it.
func (u *UI) trailOf(ctx context.Context, p *workloadPage, n names, o *store.CountedObject) error {
	list, err := u.Store.Changes(ctx, store.ChangeFilter{
		Source: o.SourceID, Kind: o.Object.Kind, Namespace: o.Object.Namespace, Name: o.Object.Name, Program: p.Program, Limit: mostOf,
	})
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(list.Items, func(c seaworthy.Change) bool { return c.Object.Group() != o.Object.Group() })
	for i := range mine[:min(len(mine), mostTurns)] {
		p.Changes = append(p.Changes, u.trailRow(p.page, n, mine[i]))
	}
	if len(mine) > mostTurns || list.Next != "" {
		q := map[string]string{"source": o.SourceID, "kind": o.Object.Kind, "namespace": o.Object.Namespace, "name": o.Object.Name}
		p.AllChanges = p.To("/changes")
		for _, k := range []string{"source", "namespace", "kind", "name"} {
			if q[k] != "" {
				p.AllChanges = adding(p.AllChanges, k+"="+queryEscape(q[k]))
			}
		}
	}
	ran := slices.DeleteFunc(slices.Clone(mine), func(c seaworthy.Change) bool {
		return c.Nothing() || len(c.Images) == 0
	})
	images := imagesIn(o.Excerpt)
	if len(ran) > 0 {
		images = ran[0].Images
	}
	l, err := u.links(ctx)
	if err != nil {
		return err
	}
	for _, image := range images {
		row := ranRow{imageRow: imagesOf(p.page, &seaworthy.Change{Images: []string{image}}, nil)[0]}
		if err := u.brought(ctx, p.page, n, l, &row, ran); err != nil {
			return err
		}
		p.Images = append(p.Images, row)
	}
	return nil
}

// imagesIn lists the images of an object as a report shows it.
func imagesIn(excerpt string) []string {
	var object map[string]any
	if yaml.Unmarshal([]byte(excerpt), &object) != nil {
		return nil
	}
	return changes.Images(object)
}

// brought finds the change since which an image has run without a break.
func (u *UI) brought(ctx context.Context, p page, n names, l trail.Links, row *ranRow, ran []seaworthy.Change) error {
	var since *seaworthy.Change
	for i := range ran { // newest first
		if !slices.Contains(ran[i].Images, row.Whole) {
			break
		}
		since = &ran[i]
	}
	if since == nil {
		return nil
	}
	// The first that ran it is what brought it if one before ran another, or if it says so.
	last := ran[len(ran)-1].ID == since.ID
	if last && since.Verb != seaworthy.VerbCreate && !brings(since, row.Whole) {
		return nil
	}
	row.Since, row.Brought = since.At, u.beside(p, n, since)
	if since.MatchID == "" {
		return nil
	}
	d, err := u.Store.Deployment(ctx, since.MatchID)
	if err != nil {
		return err
	}
	found := u.deploymentRow(p, n, l, d)
	row.Deployment = &found
	return nil
}
