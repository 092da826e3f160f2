// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "time"

// FindingStatus is where a finding is in its life.
type FindingStatus string

// The statuses of a finding with a life.
const (
	FindingOpen   FindingStatus = "open"
	FindingWaived FindingStatus = "waived"
	FindingFixed  FindingStatus = "fixed"
)

// Cause is why a finding opened or closed.
type Cause string

// The causes. A finding that closes because what decides it changed was not fixed.
const (
	CauseObjectChanged Cause = "object changed"
	CauseObjectDeleted Cause = "object deleted"
	CauseObjectNew     Cause = "object new"
	// CauseObjectGone: the report names objects with findings only, so a changed object
	// and a deleted one look the same.
	CauseObjectGone       Cause = "object changed or deleted"
	CauseCheckChanged     Cause = "check changed"
	CauseParameterChanged Cause = "parameter changed"
	CauseScopeChanged     Cause = "scope changed"
	CauseWaiver           Cause = "waiver"
	CauseWaiverEnded      Cause = "waiver ended"
)

// TrackedFinding is a finding with a life: the store's form of a [Finding].
type TrackedFinding struct {
	ID          string   `json:"id"` // digest of source and fingerprint, 32 hex digits
	SourceID    string   `json:"sourceId"`
	ObjectID    string   `json:"objectId"`
	Fingerprint string   `json:"fingerprint"`
	Check       string   `json:"check"`
	Severity    Severity `json:"severity"`
	Category    string   `json:"category"`
	Object      Object   `json:"object"`
	Container   string   `json:"container,omitempty"`
	Path        string   `json:"path,omitempty"`
	File        string   `json:"file,omitempty"`
	Line        int      `json:"line,omitempty"`
	Origin      string   `json:"origin,omitempty"`
	Message     string   `json:"message"`
	// WaiverRequested is the reason that the object's annotation gives: a request.
	WaiverRequested string `json:"waiverRequested,omitempty"`

	Status      FindingStatus `json:"status"`
	Cause       Cause         `json:"cause,omitempty"` // of the latest change of status
	FirstSeenAt time.Time     `json:"firstSeenAt"`
	OpenedAt    time.Time     `json:"openedAt"`          // start of the present life; later than FirstSeenAt after a regression
	ClosedAt    time.Time     `json:"closedAt,omitzero"` // when it was found fixed
	DueAt       time.Time     `json:"dueAt,omitzero"`    // by the severity's SLA, from OpenedAt, or as set
	Regressions int           `json:"regressions"`
	RunID       string        `json:"runId"` // the run of the latest change

	Team     string `json:"team,omitempty"`     // id of the owning team
	Assignee string `json:"assignee,omitempty"` // id of a user
	WaiverID string `json:"waiverId,omitempty"`
	Ticket   string `json:"ticket,omitempty"` // URL
}

// Overdue tells whether the finding is open past its due date.
func (f TrackedFinding) Overdue(now time.Time) bool {
	return f.Status == FindingOpen && !f.DueAt.IsZero() && now.After(f.DueAt)
}

// The kinds of event in a finding's life.
const (
	EventOpened    = "opened"
	EventRegressed = "regressed"
	EventFixed     = "fixed"
	EventChanged   = "changed" // message, severity, place or owner
	EventWaived    = "waived"
	EventUnwaived  = "unwaived"
	EventAssigned  = "assigned"
	EventDue       = "due date set"
	EventLinked    = "ticket linked"
	EventCommented = "commented"
)

// FindingEvent is one step in a finding's life. Events are only ever added.
type FindingEvent struct {
	FindingID string    `json:"findingId"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Cause     Cause     `json:"cause,omitempty"`
	Actor     string    `json:"actor"` // "user:<id>", "token:<id>", "system"
	RunID     string    `json:"runId,omitempty"`
	Note      string    `json:"note,omitempty"`
	// State is the SHA-256, in hexadecimal, of the finding's JSON after the event.
	State string `json:"state"`
}

// The states of a waiver in the server.
const (
	WaiverRequested = "requested"
	WaiverApproved  = "approved"
	WaiverRejected  = "rejected"
	WaiverRevoked   = "revoked"
	WaiverExpired   = "expired"
)

// TrackedWaiver is a waiver with a life. It counts only while approved, by someone who
// did not ask for it, and not expired.
type TrackedWaiver struct {
	ID           string    `json:"id"`
	SourceID     string    `json:"sourceId,omitempty"` // empty: any source
	Waiver                 // Owner and Approver are ids of users; File is not used
	State        string    `json:"state"`
	RequestedBy  string    `json:"requestedBy"`
	RequestedAt  time.Time `json:"requestedAt"`
	DecidedAt    time.Time `json:"decidedAt,omitzero"`
	DecidedBy    string    `json:"decidedBy,omitempty"` // actor
	DecisionNote string    `json:"decisionNote,omitempty"`
	EndedAt      time.Time `json:"endedAt,omitzero"`
	EndNote      string    `json:"endNote,omitempty"`
	From         string    `json:"from"`             // "person", "api", "annotation" or "renewal"
	Renews       string    `json:"renews,omitempty"` // id of the waiver that this one goes on with
}

// SLA is how long findings of each severity may stay open. A severity that is not
// named has no due date.
type SLA map[Severity]time.Duration

// DefaultSLA is used until a company sets its own.
func DefaultSLA() SLA {
	const day = 24 * time.Hour
	return SLA{"critical": 7 * day, "high": 30 * day, "medium": 90 * day, "low": 180 * day}
}
