// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"fmt"
	"time"
)

// Unread is an interval of which some audit events could not be read.
type Unread struct {
	// From is the time of the event before the first of them, To that of the one after the last;
	// zero: there is none.
	From, To time.Time
	Records  int
	Why      string // the first could not be read
}

// gathered is for how long an API server gathers audit events before it sends them.
const gathered = 30 * time.Second

// Between gives the interval of what came in by now.
func (u *Unread) Between(now time.Time) (from, to time.Time) {
	if to = u.To; to.IsZero() || to.After(now) {
		to = now
	}
	if from = u.From; from.IsZero() {
		from = to.Add(-gathered)
	}
	if from.After(to) { // events are not always in order
		from, to = to, from
		if to.After(now) {
			to = now
		}
	}
	return from, to
}

// maxWhy bounds what is said of why events could not be read.
const maxWhy = 300

// String says what the gap is about.
func (u *Unread) String() string {
	return fmt.Sprintf("%d records of audit events could not be read; the first %.*s", u.Records, maxWhy, u.Why)
}

// unread notes a record that could not be read and may have been an event, and goes on.
func (out *Result) unread(format string, args ...any) error {
	if out.Unread == nil {
		out.Unread = &Unread{From: out.Last, Why: fmt.Sprintf(format, args...)}
	}
	out.Unread.To = time.Time{}
	out.Unread.Records++
	return out.problem(format, args...)
}
