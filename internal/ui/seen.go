// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// seenRow is one of the places from which changes are seen, and what it says of one.
type seenRow struct {
	Name, Mark string
	Sightings  []seaworthy.Sighting
	Why        string // it did not see it
}

// judgedRow is what admission said of a change.
type judgedRow struct {
	seaworthy.Judgement
	Title, Href, Door, Came string
	Bad                     bool
}

// whatPlacesSee are the places, and what of a change each can tell.
var whatPlacesSee = [...]struct{ by, name, gap string }{
	{seaworthy.SeenByWebhook, "Admission webhook", store.GapWebhook},
	{seaworthy.SeenByAudit, "Audit events", store.GapAudit},
	{seaworthy.SeenByWatch, "Watch", store.GapWatch},
}

// seenFrom says of each place whether it saw a change, and of one that did not, why.
func (u *UI) seenFrom(ctx context.Context, c *seaworthy.Change) ([]seenRow, error) {
	gaps, err := u.Store.Gaps(ctx, store.GapFilter{Source: c.SourceID, From: c.At.Add(-skew), To: c.At.Add(skew), Limit: 50})
	if err != nil {
		return nil, err
	}
	beats, err := u.Store.AgentInstances(ctx, c.SourceID)
	if err != nil {
		return nil, err
	}
	var out []seenRow
	for _, place := range whatPlacesSee {
		row := seenRow{Name: place.name, Mark: "saw it"}
		for _, s := range c.Sightings {
			if s.By == place.by {
				row.Sightings = append(row.Sightings, s)
			}
		}
		if len(row.Sightings) == 0 {
			row.Mark, row.Why = unseen(c, place.by, place.gap, gaps.Items, beats)
		}
		out = append(out, row)
	}
	return out, nil
}

// unseen says why a place did not see a change: it never sees such, it was not watched
// then, it cannot be had, or it should have.
func unseen(c *seaworthy.Change, by, kind string, gaps []seaworthy.Gap, beats []store.AgentInstance) (mark, why string) {
	if why := never(c, by); why != "" {
		return "not shown there", why
	}
	for _, g := range gaps {
		if g.Kind == kind || g.Kind == store.GapAgent && by != seaworthy.SeenByAudit {
			return "gap", "It was not observed at that time: " + g.Reason
		}
	}
	if slices.Contains(c.Unseen, by) {
		return "did not see it", "It was there to see it and did not: the change went past it."
	}
	for _, b := range beats {
		if place, said := b.Beat.Places[by]; said && place.State == seaworthy.PlaceNotObserved {
			why := place.Reason
			if why == "" {
				why = "it cannot be had here"
			}
			return "not observed", sentence(why)
		}
	}
	if len(beats) == 0 && by != seaworthy.SeenByAudit {
		return "not observed", "No agent watches this cluster."
	}
	return "not observed", "Nothing of it came from there."
}

// never says why a place is never shown such a change.
func never(c *seaworthy.Change, by string) string {
	session := slices.Contains([]string{seaworthy.VerbExec, seaworthy.VerbAttach, seaworthy.VerbPortForward, seaworthy.VerbProxy, seaworthy.VerbRead, seaworthy.VerbImpersonate}, c.Verb)
	switch {
	case by == seaworthy.SeenByWatch && session:
		return "A watch shows objects, and neither sessions nor reads."
	case by == seaworthy.SeenByWatch && c.Missing():
		return "It was there to show what persists, and shows nothing of it: so nothing came of the request."
	case by == seaworthy.SeenByWatch && c.Nothing():
		return "Nothing persisted, so there is nothing to see."
	case by == seaworthy.SeenByWebhook && c.Verb == seaworthy.VerbRead:
		return "No webhook is asked about reads."
	case by == seaworthy.SeenByWebhook && c.Verb == seaworthy.VerbImpersonate:
		return "No webhook is asked about what was denied before."
	case by == seaworthy.SeenByWebhook && c.Object.Group() == "admissionregistration.k8s.io":
		return "The API server asks no webhook about webhooks and policies."
	}
	return ""
}

// came is what comes of a judgement, in words.
var came = map[string]string{"deny": "denied", "warn": "let through with a warning", "audit": "let through and noted"}

// judged lists what admission said, once for each door and check.
func (u *UI) judged(p page, c *seaworthy.Change) []judgedRow {
	var out []judgedRow
	for _, s := range c.Sightings {
		for _, j := range s.Judged {
			row := judgedRow{Judgement: j, Title: p0(j.Check, "The request as a whole"), Door: "Admission webhook", Came: came[j.Mode], Bad: j.Mode == "deny"}
			if j.Door == seaworthy.DoorPolicy {
				row.Door = "Policy in the API server"
			} else if j.Door == seaworthy.DoorImpersonation {
				row.Door = "Right to act as others"
			}
			if slices.ContainsFunc(u.Checks, func(k seaworthy.Check) bool { return k.ID == j.Check }) {
				row.Title, row.Href = u.checkTitle(j.Check), p.To("/checks/", j.Check)
			}
			if j.Waived {
				row.Came = "accepted by a waiver"
			}
			if !slices.ContainsFunc(out, func(o judgedRow) bool { return o.Door == row.Door && o.Check == row.Check && o.Mode == row.Mode }) {
				out = append(out, row)
			}
		}
	}
	return out
}

// gapRow is an interval of the timeline in which changes may have gone unseen.
type gapRow struct {
	seaworthy.Gap
	Source, Href string
	Lasted       string
}

// blind are the kinds of gap in which changes may go unseen.
var blind = []string{store.GapAgent, store.GapWatch, store.GapWebhook, store.GapAudit, store.GapMessages}

// blanks are the gaps that ended between two moments; those that last, too, where the
// timeline begins with now.
func (u *UI) blanks(ctx context.Context, p page, n names, source string, from, to time.Time) ([]gapRow, error) {
	f := store.GapFilter{Source: source, From: from, Program: p.Program, Limit: 200}
	if !to.IsZero() {
		f.To = to
	}
	list, err := u.Store.Gaps(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []gapRow
	for _, g := range list.Items {
		if !slices.Contains(blind, g.Kind) || !to.IsZero() && (g.To.IsZero() || !g.To.Before(to)) {
			continue
		}
		row := gapRow{Gap: g, Source: n.source(g.SourceID), Href: p.To("/sources/", g.SourceID)}
		if row.Lasted = "it lasts"; !g.To.IsZero() {
			row.Lasted = span(g.To.Sub(g.From))
		}
		out = append(out, row)
	}
	return out, nil
}

// ended is where a gap stands among changes: at its end, and at the top while it lasts.
func (g gapRow) ended() time.Time {
	if g.To.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return g.To
}

// between puts gaps among changes, both newest first.
func between(rows []trailRow, gaps []gapRow) []trailRow {
	slices.SortStableFunc(gaps, func(a, b gapRow) int { return b.ended().Compare(a.ended()) })
	var out []trailRow
	for _, r := range rows {
		for len(gaps) > 0 && gaps[0].ended().After(r.At) {
			out, gaps = append(out, trailRow{Gap: &gaps[0]}), gaps[1:]
		}
		out = append(out, r)
	}
	for i := range gaps {
		out = append(out, trailRow{Gap: &gaps[i]})
	}
	return out
}
