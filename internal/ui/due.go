// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// dueRow is an occurrence that people have to perform.
type dueRow struct {
	seaworthy.Occurrence
	Title, Cadence, Owner, Href string
}

// dueRows lists what is due in an interval, soonest first; what a machine does by itself
// is nothing for people to do.
func (u *UI) dueRows(ctx context.Context, p page, names names, f store.OccurrenceFilter, most int) ([]dueRow, error) {
	controls, err := u.Store.Controls(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]seaworthy.TrackedControl{}
	for _, c := range controls {
		byID[c.ID] = c
	}
	list, err := u.Store.AllOccurrences(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []dueRow
	for _, o := range list {
		c := byID[o.ControlID]
		if c.Machine() || !c.Active || len(out) == most {
			continue
		}
		owner := names.user(c.OwnerUser)
		out = append(out, dueRow{o, c.Title, c.Cadence, owner, p.To("/occurrences/", o.ID)})
	}
	return out, nil
}

// soon is what the overview shows of what is due.
func (u *UI) soon(ctx context.Context, p page, names names) ([]dueRow, error) {
	return u.dueRows(ctx, p, names, store.OccurrenceFilter{
		States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueFrom: p.Now, DueTo: p.Now.Add(14 * 24 * time.Hour),
	}, 8)
}
