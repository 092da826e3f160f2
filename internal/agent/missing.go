// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/live"
)

// watched is when this replica watched the cluster, as far as it matters for what it did not
// see.
type watched struct {
	state   live.State
	watches bool // at all
	// breaks are intervals in which something was not followed; a zero To: it lasts.
	breaks []seaworthy.AgentGap
}

// broke notes an interval in which something was not followed. t.mu is held.
func (t *teller) broke(g seaworthy.AgentGap) {
	if g.Place != seaworthy.SeenByWatch {
		return
	}
	old := t.a.now().Add(-window)
	t.breaks = slices.DeleteFunc(t.breaks, func(o seaworthy.AgentGap) bool {
		return o.From.Equal(g.From) || !o.To.IsZero() && o.To.Before(old)
	})
	t.breaks = append(t.breaks, g)
}

// shows tells whether the watch was there before and after a request, and shows such objects.
func (w *watched) shows(c *seaworthy.Change, now time.Time) bool {
	if !w.watches || !w.state.Synced || w.state.Broken != "" || w.state.Watching.IsZero() {
		return false
	}
	from, to := c.At.Add(-changes.Window), c.At.Add(changes.Window)
	_, kind := w.state.Unlisted[c.Object.Kind]
	_, version := w.state.Unlisted[c.Object.APIVersion]
	return w.state.Watching.Before(from) && now.After(to) && !kind && !version && !slices.ContainsFunc(w.breaks, func(g seaworthy.AgentGap) bool {
		return !g.From.After(to) && (g.To.IsZero() || !g.To.Before(from))
	})
}

// missed notes that nothing came of a request that the webhook alone told of: the watch, which
// was there to show what persists, does not show it. Whatever tells of it after all knows
// better. t.mu is held.
func (t *teller) missed(c *seaworthy.Change, of *recent, d *told, w *watched) {
	if !changes.Unconfirmed(c) || !w.shows(c, t.a.now()) || changes.OtherForm(c, &of.Ledger) {
		return
	}
	c.Outcome, c.Unseen, d.missed = seaworthy.OutcomeFailed, append(c.Unseen, seaworthy.SeenByWatch), true
}

// cameAfterAll has a change be judged again that counted as one that came to nothing. t.mu is
// held.
func (t *teller) cameAfterAll(c *seaworthy.Change, d *told) {
	if d.missed && !c.Missing() {
		d.missed, d.at = false, t.a.elapsed()
		t.due = append(t.due, d)
	}
}
