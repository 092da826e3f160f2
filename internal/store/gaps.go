// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// The kinds of gap.
const (
	GapSilent     = "silent"     // no report came when one was expected
	GapIncomplete = "incomplete" // the report could not see everything
	GapAgent      = "agent"      // no heartbeat of an agent came
	GapWatch      = "watch"      // nothing watched, or the watch broke
	GapWebhook    = "webhook"    // the API server did not reach the webhook
	GapAudit      = "audit"      // no audit events came, or some were lost
	GapMessages   = "messages"   // messages of an agent did not arrive
)

// ReasonUnasked is the reason of gaps of a webhook that the server found by what persisted
// without it. An agent that knows of the same time knows more.
const ReasonUnasked = "the API server wrote without asking the webhook"

var gaps = records[seaworthy.Gap]{
	kind: "gap", table: "gaps", key: []string{"id"}, columns: []string{"id", "source_id", "kind", "from_at", "to_at"},
	values: func(v *seaworthy.Gap) []any {
		return []any{v.ID, v.SourceID, v.Kind, micros(v.From), micros(v.To)}
	},
	subject: func(v *seaworthy.Gap) string { return v.ID },
}

// GapKinds lists them.
var GapKinds = []string{GapSilent, GapIncomplete, GapAgent, GapWatch, GapWebhook, GapAudit, GapMessages}

// PutGap opens, changes or closes a gap.
func (t *Tx) PutGap(v *seaworthy.Gap) error { return gaps.put(t, v) }

// Gap gives a gap as the transaction sees it.
func (t *Tx) Gap(id string) (seaworthy.Gap, error) {
	return gaps.one(t.ctx, t.store, t.tx, id, byID(id))
}

// OpenGaps lists the gaps of a source that last; of all sources when it is empty.
func (t *Tx) OpenGaps(source string) ([]seaworthy.Gap, error) {
	w := where{}
	w.equal("source_id", source)
	w.add("to_at = ?", 0)
	return gaps.list(t.ctx, t.store, t.tx, w, "ORDER BY from_at, id")
}

// GapsDuring lists the gaps of a kind of a source that touch an interval, as the transaction
// sees them; a zero end: it lasts.
func (t *Tx) GapsDuring(source, kind string, from, to time.Time) ([]seaworthy.Gap, error) {
	w := where{}
	w.equal("source_id", source)
	w.equal("kind", kind)
	w.add("(to_at = 0 OR to_at >= ?)", micros(from))
	if !to.IsZero() {
		w.add("from_at <= ?", micros(to))
	}
	return gaps.list(t.ctx, t.store, t.tx, w, "ORDER BY from_at, id LIMIT 1000")
}

// GapFilter narrows a list of gaps; empty fields do not.
type GapFilter struct {
	Source, Kind string
	// From and To give the gaps that touch the interval.
	From, To time.Time
	Open     bool // only those that last
	Program  *seaworthy.Program
	Cursor   string
	Limit    int
}

// Gaps lists gaps, newest first.
func (s *Store) Gaps(ctx context.Context, f GapFilter) (Page[seaworthy.Gap], error) {
	w := where{}
	w.equal("source_id", f.Source)
	w.equal("kind", f.Kind)
	if !f.To.IsZero() {
		w.add("from_at < ?", micros(f.To))
	}
	if !f.From.IsZero() {
		w.add("(to_at = 0 OR to_at > ?)", micros(f.From))
	}
	if f.Open {
		w.add("to_at = ?", 0)
	}
	w.program(f.Program, "source_id", "")
	return gaps.page(ctx, s, w, timeOrder{column: "from_at"}, f.Cursor, f.Limit, func(g *seaworthy.Gap) (time.Time, string) { return g.From, g.ID })
}

// Grace is how much later than expected a report may come before its source is silent.
func Grace(every time.Duration) time.Duration { return max(every/4, 5*time.Minute) }
