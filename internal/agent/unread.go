// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
)

// unreadEvery is how often it is told at most that audit events could not be read: where many
// cannot, one gap stands for all of them.
const unreadEvery = time.Minute

// unread is what of the audit events that came to this replica could not be read. No other
// replica knows of it, so that it tells, whether it leads or not.
type unread struct {
	mu       sync.Mutex
	last     time.Time // of the latest event that could be read
	waits    *kubeaudit.Unread
	from, to time.Time // of what waits
	told     *time.Duration
	until    time.Time // of what was told
}

// heard notes the time of the latest event that could be read.
func (n *unread) heard(at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.After(n.last) {
		n.last = at
	}
}

// add notes what could not be read.
func (n *unread) add(u kubeaudit.Unread, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u.From.IsZero() {
		u.From = n.last
	}
	from, to := u.Between(now)
	if n.waits == nil {
		n.waits, n.from, n.to = &u, from, to
		return
	}
	n.waits.Records += u.Records
	if from.Before(n.from) {
		n.from = from
	}
	if to.After(n.to) {
		n.to = to
	}
}

// gap gives what there is to tell, if it is time to.
func (n *unread) gap(elapsed time.Duration) (g seaworthy.AgentGap, due bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waits == nil || n.told != nil && elapsed-*n.told < unreadEvery {
		return g, false
	}
	if !n.from.After(n.until) { // a gap is known by where it begins
		n.from = n.until.Add(time.Microsecond)
	}
	if n.to.Before(n.from) {
		n.to = n.from
	}
	g = seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: n.from, To: n.to, Reason: n.waits.String()}
	n.waits, n.until, n.told = nil, n.to, &elapsed
	return g, true
}

// notRead has it told that audit events could not be read.
func (a *Agent) notRead(u *kubeaudit.Unread) {
	if u != nil {
		a.unread.add(*u, a.now().UTC())
		a.tellUnread()
	}
}

func (a *Agent) tellUnread() {
	g, due := a.unread.gap(a.elapsed())
	if !due {
		return
	}
	if link := a.uplink.Load(); link != nil {
		link.Gap(g)
	}
	a.teller.gap(g)
}

// spoiled is what is not known of a text that could not be read to its end.
func spoiled(err error) *kubeaudit.Unread {
	return &kubeaudit.Unread{Records: 1, Why: "and what came after it with it: " + err.Error()}
}
