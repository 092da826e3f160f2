// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// gap tells that something expected is not observed, and that it is again.
func (t *telling) gap(g *seaworthy.Gap) error {
	d := draft{of: g.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeGap}, Notice: seaworthy.Notice{
		At: g.From, Path: "/sources/" + g.SourceID, Thread: "gap/" + g.ID,
	}}
	if err := t.at(&d.Notice, g.SourceID); err != nil {
		return err
	}
	d.title = func(k seaworthy.NoticeKind) string {
		switch {
		case k == seaworthy.NoticeGapEnded:
			return fmt.Sprintf("%s is observed again (%s)", d.SourceName, g.Kind)
		case !g.To.IsZero():
			return fmt.Sprintf("%s was not observed for %s (%s)", d.SourceName, span(g.To.Sub(g.From)), g.Kind)
		}
		return fmt.Sprintf("%s is not observed (%s)", d.SourceName, g.Kind)
	}
	detail(&d.Notice, "Why", g.Reason)
	detail(&d.Notice, "Since", moment(g.From))
	if !g.To.IsZero() {
		d.after = []seaworthy.NoticeKind{seaworthy.NoticeGapEnded}
		detail(&d.Notice, "Until", moment(g.To))
	}
	t.drafts = append(t.drafts, d)
	return nil
}

// span writes a duration without what nobody reads.
func span(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Minute)
	}
	text := strings.TrimSuffix(d.Round(time.Second).String(), "0s")
	if d >= time.Hour {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "" {
		return "less than a second"
	}
	return text
}

func (t *telling) waiver(w *seaworthy.TrackedWaiver) error {
	if w.State != seaworthy.WaiverRequested {
		return nil
	}
	who, err := t.person(w.RequestedBy)
	if err != nil {
		return err
	}
	d := draft{of: w.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeWaiverAsked}, Notice: seaworthy.Notice{
		At: w.RequestedAt, Path: "/waivers/" + w.ID, Thread: "waiver/" + w.ID,
	}}
	if err := t.at(&d.Notice, w.SourceID); err != nil {
		return err
	}
	d.title = func(seaworthy.NoticeKind) string { return who + " asks for a waiver of " + w.Check }
	detail(&d.Notice, "In", d.SourceName)
	detail(&d.Notice, "Asked", moment(w.RequestedAt))
	t.drafts = append(t.drafts, d)
	return nil
}

// places are the pages of what people comment on.
var places = map[string]string{
	seaworthy.OnFinding: "/findings/", seaworthy.OnControl: "/controls/", seaworthy.OnOccurrence: "/occurrences/",
	seaworthy.OnEvidence: "/evidence/", seaworthy.OnWaiver: "/waivers/",
}

// comment tells those whom a comment mentions. What it says stays on the server: it may be
// erased there.
func (t *telling) comment(c *seaworthy.Comment) error {
	if len(c.Mentions) == 0 || !c.ErasedAt.IsZero() {
		return nil
	}
	who, err := t.person(c.Author)
	if err != nil {
		return err
	}
	var whom []string
	for _, id := range c.Mentions {
		name, err := t.person(id)
		if err != nil {
			return err
		}
		whom = append(whom, name)
	}
	t.drafts = append(t.drafts, draft{
		of: c.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeMention},
		Notice: seaworthy.Notice{At: c.At, People: c.Mentions, Path: places[c.SubjectKind] + c.Subject, Thread: c.SubjectKind + "/" + c.Subject},
		title: func(seaworthy.NoticeKind) string {
			return who + " mentioned " + named(whom) + " in a comment on " + aKind(c.SubjectKind)
		},
	})
	return nil
}

func aKind(kind string) string {
	if strings.ContainsAny(kind[:1], "aeiou") {
		return "an " + kind
	}
	return "a " + kind
}

// occurrence tells that a control was not performed in time.
func (t *telling) occurrence(v *seaworthy.Occurrence) error {
	if v.State != seaworthy.Missed {
		return nil
	}
	c, err := t.tx.Control(v.ControlID)
	if err != nil {
		return err
	}
	d := draft{of: v.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeMissed}, Notice: seaworthy.Notice{
		At: v.UpdatedAt, Path: "/occurrences/" + v.ID, Thread: "control/" + v.ControlID,
	}}
	if c.OwnerUser != "" {
		d.People = []string{c.OwnerUser}
	}
	d.title = func(seaworthy.NoticeKind) string { return "Not performed in time: " + c.Title }
	detail(&d.Notice, "Window", moment(v.From)+" to "+moment(v.DueAt))
	detail(&d.Notice, "Why", v.Reason)
	t.drafts = append(t.drafts, d)
	return nil
}

// selfCheck tells what the self-check found.
func (t *telling) selfCheck(c *store.SelfCheck) error {
	if c.Intact() {
		return nil
	}
	d := draft{of: c.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeLog}, Notice: seaworthy.Notice{
		At: c.FinishedAt, Severity: "critical", Path: "/log", Thread: "log",
	}}
	d.title = func(seaworthy.NoticeKind) string {
		return fmt.Sprintf("The self-check found %s altered, missing or added", counted(len(c.Problems), "record"))
	}
	for i, p := range c.Problems[:min(len(c.Problems), 3)] {
		detail(&d.Notice, fmt.Sprintf("Problem %d", i+1), p)
	}
	t.drafts = append(t.drafts, d)
	return nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// group is findings that one notice is about.
type group struct {
	source, team, namespace string
	severity                seaworthy.Severity
}

// opened tells of findings that opened or came back: those of one severity, source and
// team in one notice, and by namespace only where a rule asks for namespaces.
func (t *telling) opened() error {
	least, narrow, wanted := t.findings(seaworthy.NoticeFinding)
	if !wanted || len(t.chunks) == 0 {
		return nil
	}
	var list []store.OpenedFinding
	for _, chunk := range t.chunks {
		some, err := t.tx.OpenedIn(chunk, least)
		if err != nil {
			return err
		}
		list = append(list, some...)
	}
	return t.groups(seaworthy.NoticeFinding, "/"+t.chunks[0], list, narrow)
}

// findings says which findings rules want notices of a kind about: from which severity,
// and whether by namespace.
func (t *telling) findings(kind seaworthy.NoticeKind) (least seaworthy.Severity, narrow, wanted bool) {
	least = seaworthy.Severities[0]
	for _, r := range t.rules {
		if len(r.Kinds) > 0 && !slices.Contains(r.Kinds, kind) {
			continue
		}
		wanted, narrow = true, narrow || len(r.Namespaces) > 0
		if r.Severity == "" {
			least = seaworthy.Severities[len(seaworthy.Severities)-1]
		} else if r.Severity.Rank() > least.Rank() {
			least = r.Severity
		}
	}
	return least, narrow, wanted
}

func (t *telling) groups(kind seaworthy.NoticeKind, of string, list []store.OpenedFinding, narrow bool) error {
	by := map[group][]store.OpenedFinding{}
	var order []group
	for _, f := range list {
		g := group{source: f.SourceID, team: f.Team, severity: f.Severity}
		if narrow {
			g.namespace = f.Object.Namespace
		}
		if by[g] == nil {
			order = append(order, g)
		}
		by[g] = append(by[g], f)
	}
	for _, g := range order {
		if err := t.group(kind, of, g, by[g]); err != nil {
			return err
		}
	}
	return nil
}

// mostNamed is how many findings a notice names.
const mostNamed = 5

func (t *telling) group(kind seaworthy.NoticeKind, of string, g group, list []store.OpenedFinding) error {
	status := "open"
	if kind == seaworthy.NoticeOverdue {
		status = "overdue"
	}
	d := draft{of: strings.Join([]string{g.source, g.team, g.namespace, string(g.severity), of}, "/"), kinds: []seaworthy.NoticeKind{kind}, Notice: seaworthy.Notice{
		At: t.tx.At, Severity: g.severity, Path: "/findings?status=" + status + "&severity=" + string(g.severity) + "&source=" + g.source, Thread: "findings/" + g.source,
	}}
	if err := t.at(&d.Notice, g.source); err != nil {
		return err
	}
	d.Team, d.Namespace = g.team, g.namespace
	verb := map[seaworthy.NoticeKind]string{seaworthy.NoticeFinding: "opened", seaworthy.NoticeOverdue: "became overdue"}[kind]
	d.title = func(seaworthy.NoticeKind) string {
		return fmt.Sprintf("%s of severity %s %s in %s", counted(len(list), "finding"), g.severity, verb, d.SourceName)
	}
	if len(list) == 1 {
		d.Path = "/findings/" + list[0].ID
	}
	for _, f := range list[:min(len(list), mostNamed)] {
		value := f.Object.String()
		if f.Again {
			value += " (came back)"
		}
		detail(&d.Notice, f.Check, value)
	}
	if more := len(list) - mostNamed; more > 0 {
		detail(&d.Notice, "And", fmt.Sprintf("%d more", more))
	}
	t.drafts = append(t.drafts, d)
	return nil
}
