// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"net/url"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Assign gives findings to a user who may work on them, or to nobody when user is empty.
// It tells how many changed.
func (t *Triage) Assign(ctx context.Context, who seaworthy.Principal, ids []string, user string) (int, error) {
	var assignee seaworthy.User
	return t.change(ctx, who, ids, seaworthy.EventAssigned, func(tx *store.Tx, f *seaworthy.TrackedFinding) (string, error) {
		if user == "" {
			f.Assignee = ""
			return "", nil
		}
		if assignee.ID == "" {
			var err error
			if assignee, err = active(tx, "the assignee", user); err != nil {
				return "", err
			}
			if !seaworthy.Can(assignee.Role, seaworthy.WorkFindings) {
				return "", seaworthy.Invalid("%s is %s and cannot work on findings", assignee.Name, article(assignee.Role))
			}
		}
		p := seaworthy.Principal{Role: assignee.Role, Teams: assignee.Teams}
		if !p.Owns(f.Team) {
			return "", seaworthy.Invalid("%s cannot work on the finding of %s, which is not of a team of theirs", assignee.Name, f.Object)
		}
		f.Assignee = assignee.ID
		return assignee.ID, nil
	})
}

// SetDue sets by when findings are to be fixed, with the reason; the zero time goes back
// to what the SLA says. It tells how many changed.
func (t *Triage) SetDue(ctx context.Context, who seaworthy.Principal, ids []string, due time.Time, reason string) (int, error) {
	reason, err := wanted("the reason for the due date", reason, 1000)
	if err != nil {
		return 0, err
	}
	due = due.UTC().Truncate(time.Microsecond)
	var sla seaworthy.SLA
	return t.change(ctx, who, ids, seaworthy.EventDue, func(tx *store.Tx, f *seaworthy.TrackedFinding) (string, error) {
		if f.Status == seaworthy.FindingFixed {
			return "", seaworthy.Conflict("the finding of %s is fixed: it has no due date", f.Object)
		}
		if due.IsZero() {
			if sla == nil {
				var err error
				if sla, err = SLA(tx); err != nil {
					return "", err
				}
			}
			f.DueAt = dueBy(sla, f)
			return "as the SLA says: " + reason, nil
		}
		if !due.After(tx.At) || due.After(tx.At.AddDate(5, 0, 0)) {
			return "", seaworthy.Invalid("the due date %s does not lie in the next five years", due.Format(time.DateOnly))
		}
		f.DueAt = due
		return reason, nil
	})
}

// Link gives findings the address of a ticket, or takes it away when address is empty.
// It tells how many changed.
func (t *Triage) Link(ctx context.Context, who seaworthy.Principal, ids []string, address string) (int, error) {
	address, err := clean("the address of the ticket", address, 2000)
	if err != nil {
		return 0, err
	}
	if address != "" {
		// What a browser takes for another scheme must not come through.
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return 0, seaworthy.Invalid("the address of a ticket starts with https:// or http:// and names a host, unlike %q", address)
		}
		address = u.String()
	}
	return t.change(ctx, who, ids, seaworthy.EventLinked, func(_ *store.Tx, f *seaworthy.TrackedFinding) (string, error) {
		f.Ticket = address
		return address, nil
	})
}
