// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// ages are the ways to narrow findings by how long they are open, counted in whole days
// so that an address means the same for a day.
var ages = []struct {
	value, text string
	from, to    int // days before today; 0: no bound
}{
	{"week", "Up to a week", 7, 0}, {"month", "Up to 30 days", 30, 0}, {"over-30", "Over 30 days", 0, 30}, {"over-90", "Over 90 days", 0, 90}, {"over-180", "Over 180 days", 0, 180},
}

// aged narrows a filter to an age.
func aged(age string, now time.Time, f *store.FindingFilter) error {
	if age == "" {
		return nil
	}
	today := now.UTC().Truncate(24 * time.Hour)
	for _, a := range ages {
		if a.value != age {
			continue
		}
		if a.from > 0 {
			f.OpenedFrom = today.AddDate(0, 0, -a.from)
		}
		if a.to > 0 {
			f.OpenedTo = today.AddDate(0, 0, -a.to)
		}
		return nil
	}
	return seaworthy.Invalid("The age %q is none of week, month, over-30, over-90 and over-180.", age)
}

// ageTitle is an age as a chip says it.
func ageTitle(value string) string {
	for _, a := range ages {
		if a.value == value {
			return a.text
		}
	}
	return value
}

// ageFacet offers the ages. How many findings each would leave is not counted.
func (p *findingsPage) ageFacet() facet {
	out := facet{Title: "Age"}
	for _, a := range ages {
		out.Items = append(out.Items, plainToggle(p.Q, "age", a.value, a.text))
	}
	return out
}

// behindChoices are the controls that checks support, and the requirements that these do.
func (u *UI) behindChoices(ctx context.Context, p *findingsPage) error {
	controls, err := u.Store.Controls(ctx)
	if err != nil {
		return err
	}
	tested := map[string]bool{}
	for _, c := range controls {
		if tested[c.ID] = c.Active && len(c.Checks) > 0; tested[c.ID] {
			p.Controls = append(p.Controls, choice{Value: c.ID, Text: c.Title, Chosen: p.Q.Has("control", c.ID)})
		}
	}
	slices.SortFunc(p.Controls, func(a, b choice) int { return fold(a.Text, b.Text) })
	if p.Program == nil {
		return nil
	}
	framework, err := u.Audit.Framework(p.Program.Framework)
	if err != nil {
		return err
	}
	for _, r := range framework.Requirements {
		if p.Program.Requires(r) && slices.ContainsFunc(r.Controls, func(id string) bool { return tested[id] }) {
			p.Requirements = append(p.Requirements, choice{Value: r.ID, Text: r.ID + " " + clip(r.Title, 60), Chosen: p.Q.Has("requirement", r.ID)})
		}
	}
	return nil
}
