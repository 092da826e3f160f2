// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const (
	// explainWithin is how long somebody may take to explain what nobody approved, on
	// working days.
	explainWithin = day
	// lookBack is how far before a window changes are looked at that were explained in it.
	lookBack = 31 * day
)

// explainBy is until when a change has to be explained: one business day later.
func explainBy(at time.Time) time.Time {
	due := at.Add(explainWithin)
	for wd := due.UTC().Weekday(); wd == time.Saturday || wd == time.Sunday; wd = due.UTC().Weekday() {
		due = due.Add(day)
	}
	return due
}

// trailSeen is what the change trail knows of one window.
type trailSeen struct {
	tallies   []store.TrailTally
	outOfBand []seaworthy.Change // without what they changed
	sessions  map[string]bool    // of those, by id
	sighted   map[string]map[string]int
	agents    map[string][]seaworthy.Agent
	asked     map[string]bool // clusters whose admission webhook is set up, as their agents say
	streams   map[string]store.AuditStream
}

// lookAtTrail gathers what the change trail knows of a window.
func (a *Audit) lookAtTrail(ctx context.Context, w seaworthy.Window) (*trailSeen, error) {
	t := &trailSeen{sessions: map[string]bool{}, asked: map[string]bool{}}
	var err error
	if t.agents, err = a.store.AllAgents(ctx); err != nil {
		return nil, err
	}
	if t.streams, err = a.store.AuditStreams(ctx); err != nil || len(t.agents)+len(t.streams) == 0 {
		return t, err
	}
	for source := range t.agents {
		beats, err := a.store.AgentInstances(ctx, source)
		if err != nil {
			return nil, err
		}
		for _, b := range beats {
			place, said := b.Beat.Places[seaworthy.SeenByWebhook]
			t.asked[source] = t.asked[source] || said && place.State != seaworthy.PlaceNotObserved
		}
	}
	if t.tallies, err = a.store.TrailTallies(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	if t.sighted, err = a.store.TrailSightings(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	err = a.store.OutOfBand(ctx, w.From.Add(-lookBack), w.DueAt, func(c *seaworthy.Change) {
		if c.Session() {
			t.sessions[c.ID] = true
		}
		c.Edits, c.Sightings, c.Images = nil, nil, nil
		t.outOfBand = append(t.outOfBand, *c)
	})
	return t, err
}

// watched says in which times of a window what changed in a cluster was observed, whoever
// did it: by an agent that watched, or in audit events.
func (o *observed) watched(s seaworthy.DeclaredSource) []span {
	whole := span{o.window.From, o.window.DueAt}
	var out []span
	for _, a := range o.trail.agents[s.ID] {
		there := span{a.EnrolledAt, whole.to}
		if !a.RevokedAt.IsZero() {
			there.to = a.RevokedAt
		}
		out = append(out, there.within(whole)...)
	}
	out = without(out, o.gapsOf(s.ID, store.GapAgent, store.GapWatch, store.GapMessages))
	return append(out, o.audited(s)...)
}

// sessionsSeen says in which times of a window sessions in a cluster were observed, which no
// watch shows: by the webhook, where one is set up or was asked in that time, or in audit
// events.
func (o *observed) sessionsSeen(s seaworthy.DeclaredSource) []span {
	whole := span{o.window.From, o.window.DueAt}
	var out []span
	for _, a := range o.trail.agents[s.ID] {
		there := span{a.EnrolledAt, whole.to}
		if !a.RevokedAt.IsZero() {
			there.to = a.RevokedAt
		}
		if o.trail.asked[s.ID] || o.trail.sighted[s.ID][seaworthy.SeenByWebhook] > 0 {
			out = append(out, there.within(whole)...)
		}
	}
	out = without(out, o.gapsOf(s.ID, store.GapAgent, store.GapWebhook, store.GapMessages))
	return append(out, o.audited(s)...)
}

// audited says in which times of a window audit events of a cluster came in.
func (o *observed) audited(s seaworthy.DeclaredSource) []span {
	v, had := o.trail.streams[s.ID]
	if !had || v.EventAt.IsZero() {
		return nil
	}
	there := span{v.Since, o.window.DueAt}
	if _, expected := s.ExpectsAudit(true); !expected {
		there.to = v.EventAt
	}
	return without(there.within(span{o.window.From, o.window.DueAt}), o.gapsOf(s.ID, store.GapAudit))
}

// gapsOf are the times of the window in which a source had gaps of some kinds.
func (o *observed) gapsOf(source string, kinds ...string) []span {
	var out []span
	for _, g := range o.gaps {
		if g.SourceID == source && slices.Contains(kinds, g.Kind) {
			to := g.To
			if to.IsZero() {
				to = o.window.DueAt
			}
			out = append(out, span{g.From, to}.within(span{o.window.From, o.window.DueAt})...)
		}
	}
	return out
}

// dependsOn are the kinds of gap in which a part of the change trail is not there.
var dependsOn = map[string][]string{
	seaworthy.TrailChanges:   {store.GapAgent, store.GapWatch, store.GapMessages, store.GapAudit},
	seaworthy.TrailDuties:    {store.GapAgent, store.GapWatch, store.GapMessages, store.GapAudit},
	seaworthy.TrailSessions:  {store.GapAgent, store.GapWebhook, store.GapMessages, store.GapAudit},
	seaworthy.TrailAdmission: {store.GapAgent, store.GapWebhook},
	seaworthy.TrailAudit:     {store.GapAudit},
}

// trail tests a control by what was changed: was it observed, was it approved, and was what
// nobody had approved explained in time by somebody else.
func (t *test) trail() {
	whole := span{t.seen.window.From, t.seen.window.DueAt}
	for _, s := range t.sources {
		seen := t.seen.watched(s)
		if t.control.Trail == seaworthy.TrailSessions {
			seen = t.seen.sessionsSeen(s)
		}
		there := span{later(t.seen.begins(), s.CreatedAt), whole.to}.within(whole)
		blind := without(there, seen)
		switch {
		case lasts(blind) == lasts(there):
			t.noData = append(t.noData, fmt.Sprintf("%s (nothing observed its %ss)", s.Name, t.noun()))
			continue
		case len(blind) > 0:
			t.deviations = append(t.deviations, fmt.Sprintf("%s: its %ss were not observed %s", s.Name, t.noun(), spell(blind, whole)))
		}
		t.performed, t.received = later(t.performed, whole.to), later(t.received, whole.to)
	}
	t.approvals()
	t.explanations()
	if t.control.Trail == seaworthy.TrailDuties {
		t.duties()
	}
}

// begins is when the first program of the time begins: what was before is nobody's to show.
func (o *observed) begins() time.Time {
	if len(o.programs) == 0 {
		return o.window.From
	}
	return slices.MinFunc(o.programs, func(a, b seaworthy.Program) int { return a.From.Compare(b.From) }).From
}

// noun is what the test counts.
func (t *test) noun() string {
	if t.control.Trail == seaworthy.TrailSessions {
		return "session"
	}
	return "change"
}

// isAbout tells whether the test is about what writes, or is a session.
func (t *test) isAbout(writes, session bool) bool {
	switch t.control.Trail {
	case seaworthy.TrailSessions:
		return session
	case seaworthy.TrailDuties:
		return writes
	}
	return writes || t.control.Kind != "preventive"
}

// by is until when somebody else has to have said why: the next business day; of sessions
// that are looked at every week or every month, one such window later.
func (t *test) by(at time.Time) time.Time {
	due := explainBy(at)
	if t.control.Trail == seaworthy.TrailSessions {
		due = later(due, at.Add(t.seen.window.DueAt.Sub(t.seen.window.From)))
	}
	return due
}

// looksAt tells whether the test is about a namespace of a cluster.
func (t *test) looksAt(source, namespace string) bool {
	return t.seen.inScope(source, namespace) && applies(t.control, source, namespace) &&
		slices.ContainsFunc(t.sources, func(s seaworthy.DeclaredSource) bool { return s.ID == source })
}

// approvals counts how the changes of the window stand to an approval.
func (t *test) approvals() {
	var verified, claimed, late, exempt int
	for _, n := range t.seen.trail.tallies {
		if !t.looksAt(n.Source, n.Namespace) || !t.isAbout(n.Writes, n.Session) {
			continue
		}
		switch n.Match {
		case seaworthy.MatchVerified:
			verified += n.Count
		case seaworthy.MatchClaimed:
			claimed += n.Count
		case seaworthy.MatchExempt:
			exempt += n.Count
			continue
		case seaworthy.MatchOutOfBand:
			t.failed += n.Count
		default:
			continue
		}
		t.inScope, late = t.inScope+n.Count, late+n.Late
	}
	t.passed = verified + claimed
	switch {
	case t.inScope > 0:
		t.notes = append(t.notes, fmt.Sprintf("%s: %d verified, %d claimed, %d out of band", count(t.inScope, t.noun()), verified, claimed, t.failed))
	case t.control.Trail == seaworthy.TrailSessions:
		t.notes = append(t.notes, "no session began in this time")
	default:
		t.notes = append(t.notes, "nothing was changed that needs an approval")
	}
	if t.control.Trail == seaworthy.TrailDuties { // of what is only claimed nobody knows who approved it
		t.passed, t.inScope = verified, t.inScope-claimed
	}
	if late > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d approved only after the change", late))
	}
	if exempt > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d that a rule exempts", exempt))
	}
}

// explanations looks for what nobody approved: explained in time by somebody else it fails
// nothing, past its due date it is a deviation of preventive and detective controls alike.
func (t *test) explanations() {
	from, to := t.seen.window.From, t.seen.window.DueAt
	var inTime, waits, overdue, late int
	for i := range t.seen.trail.outOfBand {
		c := &t.seen.trail.outOfBand[i]
		writes := c.Verb == seaworthy.VerbCreate || c.Verb == seaworthy.VerbUpdate || c.Verb == seaworthy.VerbDelete
		if !t.looksAt(c.SourceID, c.Object.Namespace) || !t.isAbout(writes, t.seen.trail.sessions[c.ID]) {
			continue
		}
		due, said := t.by(c.At), explained(c)
		switch {
		case said.IsZero() || !said.Before(to): // it was open at the end of the window
			if due.Before(to) {
				overdue++
			} else if !c.At.Before(from) {
				waits++
			}
		case said.After(due) && !said.Before(from):
			late++
		case !c.At.Before(from):
			inTime++
		}
	}
	if overdue > 0 {
		t.deviations = append(t.deviations, count(overdue, t.noun())+" out of band past the time to explain it")
	}
	if late > 0 {
		t.deviations = append(t.deviations, count(late, t.noun())+" out of band explained too late")
	}
	if t.control.Trail == seaworthy.TrailSessions { // what somebody else explained was looked at
		t.passed, t.failed = t.passed+inTime, t.failed-inTime
	}
	if inTime > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d out of band explained in time by somebody else than who made them", inTime))
	}
	if waits > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d out of band to be explained yet", waits))
	}
	if around := inTime + waits; t.control.Kind == "preventive" && around > 0 {
		t.notes = append(t.notes, fmt.Sprintf("went around it: %s", count(around, t.noun())))
	}
}

// explained is when somebody else than who made a change said why; zero: nobody did.
func explained(c *seaworthy.Change) time.Time {
	e := c.Explained
	if e == nil || c.Actor.Person != "" && e.By == "user:"+c.Actor.Person {
		return time.Time{}
	}
	return e.At
}

// judgeLateGaps judges anew the days of controls that depend on the change trail in which, as
// only became known since, something of it was not there.
func (a *Audit) judgeLateGaps(ctx context.Context, s *state) error {
	after, err := a.store.GapsJudged(ctx)
	if err != nil {
		return err
	}
	list, err := a.store.GapsLogged(ctx, after)
	if err != nil || len(list) == 0 {
		return err
	}
	from := slices.MinFunc(list, func(a, b store.KnownGap) int { return a.From.Compare(b.From) }).From
	done, err := a.known(ctx, s, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Performed, seaworthy.Late}, From: from.Add(-day)})
	if err != nil {
		return err
	}
	done = slices.DeleteFunc(done, func(o seaworthy.Occurrence) bool {
		c := s.version(o)
		return !slices.ContainsFunc(list, func(g store.KnownGap) bool {
			return slices.Contains(dependsOn[c.Trail], g.Kind) && g.Overlaps(o.From, o.DueAt) && g.LoggedAt.After(o.UpdatedAt.Add(-time.Minute)) && applies(c, g.SourceID, "")
		})
	})
	if err := a.judgeAll(ctx, s, done); err != nil {
		return err
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SetGapsJudged(list[len(list)-1].Index) })
}

// span is a time from and to.
type span struct{ from, to time.Time }

// within is what of a span lies within another.
func (s span) within(o span) []span {
	if s.from.Before(o.from) {
		s.from = o.from
	}
	if s.to.After(o.to) {
		s.to = o.to
	}
	if !s.from.Before(s.to) {
		return nil
	}
	return []span{s}
}

// without is what of spans lies in none of others.
func without(list, others []span) []span {
	for _, o := range others {
		var rest []span
		for _, s := range list {
			rest = append(rest, s.within(span{s.from, o.from})...)
			rest = append(rest, s.within(span{later(s.from, o.to), s.to})...)
		}
		list = rest
	}
	return list
}

// lasts is how long spans last that do not overlap.
func lasts(list []span) (sum time.Duration) {
	for _, s := range list {
		sum += s.to.Sub(s.from)
	}
	return sum
}

// spell says spans of a window in words.
func spell(list []span, whole span) string {
	slices.SortFunc(list, func(a, b span) int { return a.from.Compare(b.from) })
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = fmt.Sprintf("from %s to %s", s.from.UTC().Format("15:04:05"), s.to.UTC().Format("15:04:05"))
		if lasts([]span{whole}) > day {
			words[i] = fmt.Sprintf("from %s to %s", s.from.UTC().Format(time.RFC3339), s.to.UTC().Format(time.RFC3339))
		}
	}
	return strings.TrimSpace(enumerate(words))
}
