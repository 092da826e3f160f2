// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// trailStatement is what the change trail says of one cluster in one window: how it was
// observed, what was counted, and what nobody had approved.
type trailStatement struct {
	Source      string    `json:"source"`
	Cluster     string    `json:"cluster"`
	Environment string    `json:"environment"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	// Agents and AuditSince say who observed; NotObserved when nobody saw what changed.
	Agents      []string         `json:"agents"`
	AuditSince  time.Time        `json:"auditSince,omitzero"`
	AuditLatest time.Time        `json:"auditLatest,omitzero"`
	NotObserved []trailSpan      `json:"notObserved"`
	Gaps        []seaworthy.Gap  `json:"gaps"`
	SeenBy      map[string]int   `json:"seenBy"`
	Counts      []trailStanding  `json:"counts"`
	OutOfBand   []trailOutOfBand `json:"outOfBand"` // also older ones that were open, up to [mostOutOfBand]
	Left        int              `json:"leftOut,omitempty"`
	// Of a window in which it was tested who does what.
	Releases []trailRelease   `json:"releases,omitempty"`
	Touched  []trailOutOfBand `json:"touchedRecords,omitempty"` // changes of what records changes
}

type trailSpan struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type trailStanding struct {
	Namespace string          `json:"namespace"`
	Match     seaworthy.Match `json:"match"`
	Writes    bool            `json:"writes"`
	Session   bool            `json:"session,omitempty"`
	Count     int             `json:"count"`
	Late      int             `json:"late,omitempty"`
}

type trailOutOfBand struct {
	Change    string                 `json:"change"`
	At        time.Time              `json:"at"`
	Verb      string                 `json:"verb"`
	Object    seaworthy.Object       `json:"object"`
	User      string                 `json:"user"`
	Person    string                 `json:"person,omitempty"`
	ExplainBy time.Time              `json:"explainBy"`
	Explained *seaworthy.Explanation `json:"explained,omitempty"`
}

// mostOutOfBand bounds how many changes a statement names.
const mostOutOfBand = 10_000

// trailEvidence keeps the statements of the clusters whose trail a window was judged by, and
// makes evidence of them. Namespaces out of scope are left out.
func (a *Audit) trailEvidence(ctx context.Context, seen *observed) ([]seaworthy.Evidence, error) {
	if seen.trail == nil || a.blobs == nil {
		return nil, nil
	}
	var out []seaworthy.Evidence
	for _, s := range seen.sources {
		if len(seen.watched(s)) == 0 {
			continue
		}
		v := seen.statement(s)
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return nil, err
		}
		digest, size, err := a.blobs.Put(ctx, bytes.NewReader(text), maxPopulation)
		if err != nil {
			return nil, fmt.Errorf("keep what the change trail says of %s: %w", s.Name, err)
		}
		out = append(out, v.evidence(digest, size))
	}
	return out, nil
}

func (o *observed) statement(s seaworthy.DeclaredSource) *trailStatement {
	whole := span{o.window.From, o.window.DueAt}
	v := &trailStatement{
		Source: s.ID, Cluster: s.Name, Environment: s.Environment, From: whole.from, To: whole.to, Agents: []string{}, NotObserved: []trailSpan{},
		Gaps: []seaworthy.Gap{}, SeenBy: o.trail.sighted[s.ID], Counts: []trailStanding{}, OutOfBand: []trailOutOfBand{},
	}
	for _, agent := range o.trail.agents[s.ID] {
		v.Agents = append(v.Agents, agent.ID)
	}
	v.AuditSince, v.AuditLatest = o.trail.streams[s.ID].Since, o.trail.streams[s.ID].EventAt
	for _, x := range without([]span{whole}, o.watched(s)) {
		v.NotObserved = append(v.NotObserved, trailSpan{x.from, x.to})
	}
	for _, g := range o.gaps {
		if g.SourceID == s.ID && ofTrail(g.Kind) {
			v.Gaps = append(v.Gaps, g)
		}
	}
	for _, n := range o.trail.tallies {
		if n.Source == s.ID && o.inScope(s.ID, n.Namespace) {
			v.Counts = append(v.Counts, trailStanding{n.Namespace, n.Match, n.Writes, n.Session, n.Count, n.Late})
		}
	}
	for i := range o.trail.outOfBand {
		c := &o.trail.outOfBand[i]
		said := explained(c)
		if c.SourceID != s.ID || !o.inScope(s.ID, c.Object.Namespace) || c.At.Before(whole.from) && !said.IsZero() && said.Before(whole.from) {
			continue
		}
		if len(v.OutOfBand) == mostOutOfBand {
			v.Left++
			continue
		}
		v.OutOfBand = append(v.OutOfBand, outOfBandOf(c))
	}
	if o.duties != nil {
		o.duties.state(v, func(namespace string) bool { return o.inScope(s.ID, namespace) })
	}
	return v
}

func outOfBandOf(c *seaworthy.Change) trailOutOfBand {
	return trailOutOfBand{c.ID, c.At, c.Verb, c.Object.Object, c.Actor.Username, c.Actor.Person, explainBy(c.At), c.Explained}
}

// dayNames names the days of a window.
func dayNames(from, to time.Time) string {
	first, last := from.Format(time.DateOnly), to.Add(-time.Second).Format(time.DateOnly)
	if first == last {
		return first
	}
	return first + " to " + last
}

// evidence says how a statement came about.
func (v *trailStatement) evidence(digest string, size int64) seaworthy.Evidence {
	changes := 0
	for _, n := range v.Counts {
		changes += n.Count
	}
	how := ""
	for _, place := range []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch} {
		if n := v.SeenBy[place]; n > 0 {
			how += fmt.Sprintf("; %s saw %d", place, n)
		} else {
			how += "; " + place + " told of none"
		}
	}
	blind := "observed without a break"
	if len(v.NotObserved) > 0 {
		blind = count(len(v.NotObserved), "interval") + " in which nothing observed it"
	}
	return seaworthy.Evidence{
		Kind: seaworthy.EvidenceTrail, Title: fmt.Sprintf("Change trail of %s, %s", v.Cluster, dayNames(v.From, v.To)), Shows: seaworthy.Operation,
		Digest: digest, Size: size, MediaType: "application/json", FileName: fmt.Sprintf("change-trail-%s.json", v.From.Format(time.DateOnly)),
		Collector: "system", SourceID: v.Source, System: v.Cluster, Query: "changes that came of something, in namespaces in scope, from " + stamp(v.From) + " until " + stamp(v.To),
		Scope: []string{}, Rows: changes, Controls: []string{}, Occurrences: []string{}, EffectiveFrom: v.From, EffectiveTo: v.To,
		Statement: fmt.Sprintf("%s; %s%s; %s open or made then; %s; by %s%s", count(changes, "change"), blind, how, count(len(v.OutOfBand)+v.Left, "change out of band"),
			count(len(v.Gaps), "gap"), count(len(v.Agents), "agent"), v.audit()),
	}
}

func (v *trailStatement) audit() string {
	if v.AuditSince.IsZero() {
		return ", no audit events sent here"
	}
	return ", audit events sent here since " + stamp(v.AuditSince)
}

// keepTrail adds the evidence to what it shows.
func (a *Audit) keepTrail(tx *store.Tx, s *state, seen *observed, list []seaworthy.Evidence, judged []seaworthy.Occurrence) error {
	for _, e := range list {
		e.Controls, e.Occurrences = slices.Clone(e.Controls), slices.Clone(e.Occurrences)
		for _, o := range judged {
			c := s.version(o)
			shown := o.State == seaworthy.Performed || o.State == seaworthy.Late
			if c.Assisted() {
				shown = o.Tested != seaworthy.ResultNoData
			}
			if shown && c.Trailed() && c.Trail != seaworthy.TrailMonitoring && applies(c, e.SourceID, "") && seen.counts(o, e.SourceID) {
				e.Occurrences = append(e.Occurrences, o.ID)
			}
		}
		if err := addCollected(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// keepMinded adds what monitoring found to the days of monitoring.
func (a *Audit) keepMinded(tx *store.Tx, s *state, seen *observed, list []seaworthy.Evidence, judged []seaworthy.Occurrence) error {
	for _, e := range list {
		for _, o := range judged {
			c := s.version(o)
			if c.Trail == seaworthy.TrailMonitoring && o.State == seaworthy.Performed && applies(c, e.SourceID, "") && seen.counts(o, e.SourceID) {
				e.Occurrences = append(e.Occurrences, o.ID)
			}
		}
		if err := addCollected(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// addCollected adds evidence that was collected now, if it is for anything.
func addCollected(tx *store.Tx, e seaworthy.Evidence) error {
	if len(e.Occurrences) == 0 {
		return nil
	}
	e.CollectedAt, e.ReceivedAt = tx.At, tx.At
	return tx.AddEvidence(&e)
}
