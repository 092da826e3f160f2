// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "time"

// What can be commented on.
const (
	OnFinding    = "finding"
	OnControl    = "control"
	OnOccurrence = "occurrence"
	OnEvidence   = "evidence"
	OnWaiver     = "waiver"
)

// Comment is what somebody wrote about something. It is never changed; of an erased one
// its place and time stay.
type Comment struct {
	ID          string    `json:"id"`
	SubjectKind string    `json:"subjectKind"` // [OnFinding] and its like
	Subject     string    `json:"subject"`     // id
	Author      string    `json:"author"`      // actor
	At          time.Time `json:"at"`
	Text        string    `json:"text"`
	Mentions    []string  `json:"mentions"` // ids of users
	ErasedAt    time.Time `json:"erasedAt,omitzero"`
	ErasedFor   string    `json:"erasedFor,omitempty"` // the reason
}

// OwnershipRule says which team owns the objects that it matches; of several the first
// does. Empty fields match anything.
type OwnershipRule struct {
	ID    string `json:"id"`
	Place int    `json:"place"` // rules are tried in this order
	// Source is the name of a source, or a pattern as in path.Match.
	Source string `json:"source,omitempty"`
	// Namespace is a pattern as in path.Match.
	Namespace string `json:"namespace,omitempty"`
	// Label is "key" or "key=value". Without a team, the value of the label is the team's
	// name.
	Label string `json:"label,omitempty"`
	// Path is a pattern of files as in a CODEOWNERS file.
	Path string `json:"path,omitempty"`
	// Team is the id of the team; empty without a label: what matches is of the team of
	// its source.
	Team string `json:"team,omitempty"`
	// From says where the rule comes from: "CODEOWNERS" of the source, or empty.
	From string `json:"from,omitempty"`
}

// SavedView is a page with filters that a user keeps by a name.
type SavedView struct {
	ID        string    `json:"id"`
	UserID    string    `json:"userId"`
	Page      string    `json:"page"` // "findings"
	Name      string    `json:"name"`
	Query     string    `json:"query"` // of the page's address
	Shared    bool      `json:"shared,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

// Concerns tells whether the waiver speaks of the finding, whatever the state of both.
func (w *TrackedWaiver) Concerns(f *TrackedFinding) bool {
	if w.SourceID != "" && w.SourceID != f.SourceID {
		return false
	}
	return w.Matches(&Finding{Check: f.Check, Object: f.Object, Container: f.Container, File: f.File, Fingerprint: f.Fingerprint})
}

// Counts tells whether the waiver waives anything at a moment.
func (w *TrackedWaiver) Counts(at time.Time) bool {
	return w.State == WaiverApproved && !w.Expires.Over(at)
}

// Ends is when the waiver ends: the end of the day on which it expires. Zero: nobody has
// said yet.
func (w *TrackedWaiver) Ends() time.Time {
	if w.Expires.IsZero() {
		return time.Time{}
	}
	y, m, d := w.Expires.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}
