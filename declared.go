// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "time"

// The environments of a source. Only what runs in production is evidence of operation.
const (
	Production  = "production"
	Staging     = "staging"
	Development = "development"
)

// The kinds of declared source.
const (
	KindCluster    = "cluster"
	KindRepository = "repository"
)

// DeclaredSource is a cluster or a repository that reports, or should. One that is
// declared and silent is a gap; one that reports and is not declared is noticed.
type DeclaredSource struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"` // [KindCluster] or [KindRepository]
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Team        string `json:"team,omitempty"` // id of the owning team
	// Declared is false for a source that came with a report.
	Declared bool `json:"declared"`
	// Every is how often a report is expected; zero: none is.
	Every time.Duration `json:"every"`
	// AuditSilence is for how long audit events that are sent to the server may stay away.
	// Zero: for [DefaultAuditSilence], once some came. Less: none are expected.
	AuditSilence time.Duration `json:"auditSilence,omitzero"`
	CreatedAt    time.Time     `json:"createdAt"`
	RetiredAt    time.Time     `json:"retiredAt,omitzero"`
}

// DefaultAuditSilence is for how long audit events may stay away unless a source says
// otherwise: any API server is written to every few seconds, by its own controllers if by
// nobody else, and what providers deliver comes in batches some minutes late.
const DefaultAuditSilence = 15 * time.Minute

// ExpectsAudit tells whether audit events of the source are expected, and for how long they
// may stay away; had tells whether some ever came.
func (s DeclaredSource) ExpectsAudit(had bool) (until time.Duration, expected bool) {
	switch {
	case s.Kind != KindCluster || !s.RetiredAt.IsZero() || s.AuditSilence < 0:
		return 0, false
	case s.AuditSilence > 0:
		return s.AuditSilence, true
	}
	return DefaultAuditSilence, had
}

// Validate says what a source lacks.
func (s DeclaredSource) Validate() error {
	switch {
	case s.Name == "":
		return Invalid("a source needs a name")
	case s.Kind != KindCluster && s.Kind != KindRepository:
		return Invalid("source %s: kind %q is neither cluster nor repository", s.Name, s.Kind)
	case s.Environment != Production && s.Environment != Staging && s.Environment != Development:
		return Invalid("source %s: environment %q is not one of production, staging, development", s.Name, s.Environment)
	case s.Every < 0:
		return Invalid("source %s: reports cannot be expected every %s", s.Name, s.Every)
	case s.AuditSilence > 0 && s.AuditSilence < time.Minute:
		return Invalid("source %s: audit events may stay away for a minute at least, not for %s", s.Name, s.AuditSilence)
	case s.AuditSilence > 0 && s.Kind != KindCluster:
		return Invalid("source %s is no cluster: it has no audit events", s.Name)
	}
	return nil
}

// Run is one report that was taken: how it came about and what it counted. Its raw
// bytes are kept as evidence.
type Run struct {
	ID       string `json:"id"`
	SourceID string `json:"sourceId"`
	// Header is the head of the report.
	Header     Header    `json:"header"`
	FinishedAt time.Time `json:"finishedAt"`
	ReceivedAt time.Time `json:"receivedAt"`
	// Complete is false when something could not be listed or judged: then what the
	// report does not name is not closed where it was not seen.
	Complete bool          `json:"complete"`
	Unlisted []Problem     `json:"unlisted"`
	Checks   []CheckResult `json:"checks"`
	// ByNamespace names, by check, what the report counts in each namespace: the SHA-256, in
	// hexadecimal, of a JSON object of [NamespaceTally] by namespace. Checks of which it counts
	// none are not in it.
	ByNamespace map[string]string `json:"byNamespace,omitempty"`
	Summary     Summary           `json:"summary"`
	// Digest is the SHA-256 of the report as received, in hexadecimal; Blob that of the
	// kept bytes.
	Digest string `json:"digest"`
	Blob   string `json:"blob"`
	// Set digests what the report says of findings: while it stays, findings stay.
	Set string `json:"set,omitempty"`
	// What the report changed.
	Opened    int `json:"opened"`
	Fixed     int `json:"fixed"`
	Regressed int `json:"regressed"`
	Unchanged int `json:"unchanged"`
	// Actor is who sent it: "token:<id>", "user:<id>" or "agent:<id>".
	Actor string `json:"actor"`
}
