// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// lasts is how long a break may be before it is told of while it lasts.
const lasts = 30 * time.Second

// outage is an interval in which something that was followed was not: one, however many
// kinds it takes in.
type outage struct {
	from   time.Time
	told   bool            // that it began
	lost   map[string]bool // kinds of which the API server has forgotten what happened
	broken map[string]bool // kinds that were not followed at some time
	reason string          // of the first
}

// checkOutage compares how it stands with the streams with the outage that is known. A
// break after which a watch goes on where it was, and soon, is none.
func (w *Watch) checkOutage() {
	now, over := w.now(), true
	for _, s := range w.ordered() {
		if !s.listed || s.err == nil && !s.lost {
			continue
		}
		over = false
		if !s.lost && now.Sub(s.since) < lasts && w.outage == nil {
			continue
		}
		w.interrupted(s)
	}
	o := w.outage
	switch {
	case o == nil:
	case over:
		w.outage = nil
		w.log.Info("watch is whole again", "since", o.from, "reason", o.said(true))
		w.handler.Gap(seaworthy.AgentGap{Place: seaworthy.SeenByWatch, From: wall(o.from), To: later(wall(o.from), wall(now)), Reason: o.said(true)})
	case !o.told && now.Sub(o.from) >= lasts:
		o.told = true
		w.log.Warn("watch is interrupted", "since", o.from, "reason", o.said(false))
		w.handler.Gap(seaworthy.AgentGap{Place: seaworthy.SeenByWatch, From: wall(o.from), Reason: o.said(false)})
	}
}

// interrupted adds a stream to the outage.
func (w *Watch) interrupted(s *stream) {
	if w.outage == nil {
		w.outage = &outage{from: s.fresh, lost: map[string]bool{}, broken: map[string]bool{}}
	}
	o := w.outage
	if s.fresh.Before(o.from) && !o.told { // once told, its beginning is its name
		o.from = s.fresh
	}
	o.broken[s.String()] = true
	if s.lost {
		o.lost[s.String()] = true
	}
	if o.reason == "" && s.err != nil {
		o.reason = w.reason(s.err)
	}
}

// said is the reason in words.
func (o *outage) said(over bool) string {
	out := "the watch of " + listed(o.broken) + " was interrupted"
	if len(o.lost) > 0 {
		out = "the API server has forgotten what happened to " + listed(o.lost) + " in between"
	} else if over {
		out += ", and went on where it had stopped"
	}
	if o.reason != "" {
		out += " (" + o.reason + ")"
	}
	return out
}

// listed names kinds, but not all of very many.
func listed(kinds map[string]bool) string {
	const most = 5
	names := slices.Sorted(maps.Keys(kinds))
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

// wall is the time as a clock shows it.
func wall(t time.Time) time.Time { return t.UTC().Round(0) }

// later is the later of two times: the clock may have gone back in between.
func later(a, b time.Time) time.Time {
	if b.Before(a) {
		return a
	}
	return b
}
