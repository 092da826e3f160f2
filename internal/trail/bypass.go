// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// BypassAfter is how long after a change went on record the webhook's word on it is waited
// for: it may come by another replica of the agent.
const BypassAfter = changes.Window + 15*time.Second

// Bypassed marks the changes that went on record from one moment up to another and that
// persisted although the webhook, which was there to be asked, was not. A webhook that tells
// of it later takes the mark away.
func Bypassed(ctx context.Context, c Config, from, to time.Time) error {
	hooks := map[string]*hook{}
	for after := ""; ; {
		list, err := c.Store.Unasked(ctx, from, to, after, lot)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		list = slices.DeleteFunc(list, func(c seaworthy.Change) bool { return !concerns(&c) })
		for i := range list {
			h := hooks[list[i].SourceID]
			if h == nil {
				if h, err = hookOf(ctx, c.Store, list[i].SourceID, from); err != nil {
					return err
				}
				hooks[list[i].SourceID] = h
			}
		}
		list = slices.DeleteFunc(list, func(c seaworthy.Change) bool { return !hooks[c.SourceID].expected(c.At) })
		if len(list) == 0 {
			continue
		}
		var known map[string]*hook // with the gaps that are written
		err = c.Store.Write(ctx, "system", func(tx *store.Tx) error {
			known = map[string]*hook{}
			for _, one := range list {
				if known[one.SourceID] == nil {
					h := hooks[one.SourceID]
					known[one.SourceID] = &hook{since: h.since, gaps: slices.Clone(h.gaps), agent: h.agent}
				}
				marked, err := bypassed(tx, one.ID)
				if err == nil && marked {
					err = known[one.SourceID].unasked(tx, &one)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		maps.Copy(hooks, known)
	}
}

// canaries is how often an agent proves that the webhook is asked: what is shorter it may not
// notice.
const canaries = 5 * time.Second

// unasked puts on record that the webhook was not asked around a change, where the agent knows
// of no such time: what does not persist, sessions and what is refused, went unseen then, and
// no mark on a change tells of it.
func (h *hook) unasked(tx *store.Tx, c *seaworthy.Change) error {
	from, to := c.At.Add(-canaries), c.At.Add(canaries)
	if now := tx.At; to.After(now) {
		to = now
	}
	if within(h.gaps, c.At) || within(h.agent, c.At) || to.Before(c.At) || slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.Relisted }) {
		return nil // or when it was is not known
	}
	for _, n := range h.gaps { // what is known of already is not told twice
		switch {
		case n.Reason == store.ReasonUnasked:
		case n.From.After(c.At) && n.From.Before(to):
			to = n.From
		case n.To.Before(c.At) && n.To.After(from):
			from = n.To
		}
	}
	g := seaworthy.Gap{ID: tx.NewID(), SourceID: c.SourceID, Kind: store.GapWebhook, From: from, To: to, Reason: store.ReasonUnasked}
	for i := range h.gaps {
		if n := h.gaps[i]; n.Reason == store.ReasonUnasked && !n.From.After(to) && !n.To.Before(from) {
			g.ID, g.From, g.To = n.ID, earliest(n.From, from), latest(n.To, to)
			h.gaps[i] = g
			return tx.PutGap(&g)
		}
	}
	h.gaps = append(h.gaps, g)
	return tx.PutGap(&g)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// concerns tells whether the webhook would have been asked about a change.
func concerns(c *seaworthy.Change) bool {
	o := &c.Object
	switch {
	case slices.Contains(c.Flags, seaworthy.FlagBypassed):
		return false // is marked
	case c.Match == seaworthy.MatchFolded:
		return false // what it follows from is marked
	case slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return len(s.Reviews) > 0 }):
		return false // the audit event tells of its answer
	case c.Verb != seaworthy.VerbCreate && c.Verb != seaworthy.VerbUpdate && c.Verb != seaworthy.VerbDelete:
		return false
	case c.Outcome != seaworthy.OutcomePersisted || o.Subresource != "":
		return false
	case slices.Contains(unsent, o.Group()) || slices.Contains(unsentKinds, o.Kind) && c.Verb == seaworthy.VerbUpdate:
		return false
	case c.Verb == seaworthy.VerbUpdate && len(c.Edits) > 0 && !slices.ContainsFunc(c.Edits, func(e seaworthy.Edit) bool { return !follows(o.Kind, e.Path) }):
		return false
	}
	return true
}

// unsent are groups about which no webhook is asked, by the API server's own rule or by the
// match conditions of the agent's; unsentKinds are those that kubelets keep their books in.
var (
	unsent      = []string{"admissionregistration.k8s.io", "coordination.k8s.io", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io"}
	unsentKinds = []string{"Node", "CSINode", "Event", "PodCertificateRequest"}
)

// follows tells whether an edit is what comes of another request: of a deletion that waits
// for finalizers, or of the scheduler's, about which nobody is asked.
func follows(kind, path string) bool {
	return strings.HasPrefix(path, "metadata.deletion") || path == "metadata.generation" || kind == "Pod" && path == "spec.nodeName"
}

// hook is when the webhook of a cluster was there to be asked.
type hook struct {
	since time.Time // it works; zero: it does not
	gaps  []seaworthy.Gap
	agent []seaworthy.Gap // in which nobody was heard of who could have answered
}

func hookOf(ctx context.Context, s *store.Store, source string, from time.Time) (*hook, error) {
	h := &hook{}
	instances, err := s.AgentInstances(ctx, source)
	if err != nil {
		return nil, err
	}
	for _, i := range instances {
		if p := i.Beat.Places[seaworthy.SeenByWebhook]; p.State == seaworthy.PlaceWorks && (h.since.IsZero() || p.Since.Before(h.since)) {
			h.since = p.Since
		}
	}
	page, err := s.Gaps(ctx, store.GapFilter{Source: source, Kind: store.GapWebhook, From: from.Add(-maxPast), Limit: lot})
	if err != nil {
		return nil, err
	}
	h.gaps = page.Items
	page, err = s.Gaps(ctx, store.GapFilter{Source: source, Kind: store.GapAgent, From: from.Add(-maxPast), Limit: lot})
	h.agent = page.Items
	return h, err
}

// expected tells whether the webhook was there, or should have been.
func (h *hook) expected(at time.Time) bool {
	return !h.since.IsZero() && !at.Before(h.since) || within(h.gaps, at)
}

// within tells whether a moment is in one of some gaps.
func within(gaps []seaworthy.Gap, at time.Time) bool {
	return slices.ContainsFunc(gaps, func(g seaworthy.Gap) bool { return !at.Before(g.From) && (g.To.IsZero() || !at.After(g.To)) })
}

// bypassed marks one change, unless the webhook has told of it meanwhile: of the object, or
// of a part of it that the watch shows as the whole, such as its scale.
func bypassed(tx *store.Tx, id string) (bool, error) {
	c, err := tx.Change(id)
	if err != nil {
		return false, err
	}
	near, err := tx.ChangesOf(c.SourceID, &c.Object)
	if err != nil {
		return false, err
	}
	for i := range near {
		n := &near[i]
		if seen(n, seaworthy.SeenByWebhook) && (n.ID == c.ID || n.Object.Subresource != "" && n.At.Sub(c.At).Abs() <= changes.Window) {
			return false, nil
		}
	}
	flag(&c, seaworthy.FlagBypassed)
	c.Unseen = append(c.Unseen, seaworthy.SeenByWebhook)
	return true, tx.PutChange(&c)
}

func seen(c *seaworthy.Change, by string) bool {
	return slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By == by })
}

// asked takes the mark away from a change of which the webhook tells after all.
func asked(c *seaworthy.Change) {
	if !slices.Contains(c.Unseen, seaworthy.SeenByWebhook) || !seen(c, seaworthy.SeenByWebhook) {
		return
	}
	c.Unseen = slices.DeleteFunc(c.Unseen, func(by string) bool { return by == seaworthy.SeenByWebhook })
	c.Flags = slices.DeleteFunc(c.Flags, func(f seaworthy.Flag) bool { return f == seaworthy.FlagBypassed })
}
