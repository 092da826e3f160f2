// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// checked is what the checks said of an object before and after a change.
type checked struct {
	Written  bool // it wrote the object: a session and what was denied turn nothing
	Tracked  bool // a report has named the object
	Judged   bool // it was looked at between this change and the next one
	Failed   []turnedRow
	Mended   []turnedRow
	Standing []turnedRow // failed before and after
	Before   int         // how many failed before
}

// After is how many failed after it.
func (c checked) After() int { return c.Before + len(c.Failed) - len(c.Mended) }

// turnedRow is a check that turned, or did not.
type turnedRow struct {
	Title, Href string
	At          time.Time
	Cause       seaworthy.Cause
	Run         string // address of the report that told
}

// skew is by how much the clocks of a cluster and of this server may differ.
const skew = 2 * time.Second

// checkedAround reads what turned between a change and the next one of its object: what
// lies between two reports is told by the later one, so two changes between them share
// what turned, and it stands with the later.
func (u *UI) checkedAround(ctx context.Context, p page, c, before, after *seaworthy.Change) (checked, error) {
	var out checked
	id := store.ObjectID(c.SourceID, c.Object.Object)
	story, err := u.Store.ObjectStory(ctx, id)
	switch {
	case isKind(err, seaworthy.KindNotFound):
	case err != nil:
		return out, err
	default:
		out.Tracked = true
	}
	out.Written = slices.Contains([]string{seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete}, c.Verb) && !c.Nothing()
	if !out.Written || !out.Tracked {
		return out, nil
	}
	from, until := c.At.Add(-skew), p.Now
	if before != nil && before.At.After(from) {
		from = c.At
	}
	if after != nil {
		until = after.At
	}
	for i, s := range story {
		first := i == 0 || story[i-1].Check != s.Check
		row := turnedRow{u.checkTitle(s.Check), p.To("/checks/", s.Check), s.From, s.Cause, ""}
		if s.RunID != "" {
			row.Run = p.To("/runs/", s.RunID)
		}
		switch turned := !s.From.Before(from) && s.From.Before(until); {
		case turned && !s.Compliant:
			out.Failed = append(out.Failed, row)
		case turned && !first:
			out.Mended = append(out.Mended, row)
		}
		if !s.Compliant && s.From.Before(from) && (s.To.IsZero() || !s.To.Before(from)) {
			out.Before++
			if s.To.IsZero() || !s.To.Before(until) {
				out.Standing = append(out.Standing, row)
			}
		}
	}
	if out.Judged = len(out.Failed)+len(out.Mended) > 0; out.Judged {
		return out, nil
	}
	out.Judged, err = u.looked(ctx, c.SourceID, c.At, until)
	return out, err
}

// looked tells whether a source was judged in an interval: by a report, or all the time by
// an agent that told before and after.
func (u *UI) looked(ctx context.Context, source string, from, until time.Time) (bool, error) {
	runs, err := u.Store.Runs(ctx, store.RunFilter{Source: source, From: from, To: until, Limit: 1})
	if err != nil || len(runs.Items) > 0 {
		return len(runs.Items) > 0, err
	}
	beats, err := u.Store.AgentInstances(ctx, source)
	return slices.ContainsFunc(beats, func(b store.AgentInstance) bool {
		w := b.Beat.Watching
		return b.Beat.Leader && !w.IsZero() && w.Before(from) && b.ReceivedAt.After(from.Add(time.Minute))
	}), err
}
