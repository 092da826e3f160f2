// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"slices"
	"time"
)

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notice.
const (
	NoticeOutOfBand    NoticeKind = "change-out-of-band"
	NoticeReverted     NoticeKind = "change-reverted"
	NoticeSession      NoticeKind = "session-in-production" // exec, attach, portforward
	NoticeOwnConfig    NoticeKind = "trail-configuration"   // of the trail itself: agent, webhook, rules
	NoticeBypassed     NoticeKind = "admission-bypassed"    // the webhook was there and was not asked
	NoticeWidened      NoticeKind = "access-widened"
	NoticeSecretRead   NoticeKind = "secret-read"
	NoticeGap          NoticeKind = "gap"             // something expected was not observed, whether that lasts or is over
	NoticeGapEnded     NoticeKind = "gap-ended"       // of a gap that was told of before
	NoticeLog          NoticeKind = "log-integrity"   // the self-check or a witness found something
	NoticeUndelivered  NoticeKind = "undelivered"     // a destination takes nothing
	NoticeFinding      NoticeKind = "finding-opened"  //
	NoticeOverdue      NoticeKind = "finding-overdue" //
	NoticeWaiverAsked  NoticeKind = "waiver-asked"
	NoticeWaiverEnds   NoticeKind = "waiver-ends"
	NoticeDue          NoticeKind = "occurrence-due"
	NoticeMissed       NoticeKind = "occurrence-missed"
	NoticeMention      NoticeKind = "mention"
	NoticeCheckpoint   NoticeKind = "checkpoint" // the log's signed head, for those who keep it elsewhere
	NoticeDestinations NoticeKind = "test"       // somebody tries a destination
)

// NoticeKinds lists them in the order in which people choose from them.
var NoticeKinds = []NoticeKind{
	NoticeOutOfBand, NoticeReverted, NoticeSession, NoticeOwnConfig, NoticeBypassed, NoticeWidened, NoticeSecretRead, NoticeGap, NoticeGapEnded,
	NoticeLog, NoticeUndelivered, NoticeFinding, NoticeOverdue, NoticeWaiverAsked, NoticeWaiverEnds, NoticeDue, NoticeMissed,
	NoticeMention, NoticeCheckpoint, NoticeDestinations,
}

// Urgent tells whether notices of the kind are never held back, neither by quiet hours nor
// for a digest: who could hold them back could act unseen for as long.
func (k NoticeKind) Urgent() bool {
	return slices.Contains([]NoticeKind{
		NoticeOutOfBand, NoticeReverted, NoticeSession, NoticeOwnConfig, NoticeBypassed, NoticeWidened, NoticeGap, NoticeLog, NoticeUndelivered, NoticeDestinations,
	}, k)
}

// Notice is something that people are told of. It holds no secret and no content of
// objects beyond their names.
type Notice struct {
	ID         string         `json:"id"`
	Kind       NoticeKind     `json:"kind"`
	Also       []NoticeKind   `json:"also,omitempty"` // what it is besides
	At         time.Time      `json:"at"`             // when it happened
	Severity   Severity       `json:"severity,omitempty"`
	SourceID   string         `json:"sourceId,omitempty"`
	SourceName string         `json:"sourceName,omitempty"`
	Namespace  string         `json:"namespace,omitempty"`
	Team       string         `json:"team,omitempty"`   // id
	People     []string       `json:"people,omitempty"` // ids of users whom it is for
	Title      string         `json:"title"`            // one sentence without a period
	Details    []NoticeDetail `json:"details,omitempty"`
	// Path is the page of the server that shows it, such as /changes/…
	Path string `json:"path,omitempty"`
	// Thread joins notices about one thing, where a destination has threads.
	Thread string `json:"thread,omitempty"`
}

// Kinds are all that a notice is about, the foremost first.
func (n *Notice) Kinds() []NoticeKind { return append([]NoticeKind{n.Kind}, n.Also...) }

// Urgent tells whether the notice is never held back.
func (n *Notice) Urgent() bool { return slices.ContainsFunc(n.Kinds(), NoticeKind.Urgent) }

// NoticeDetail is one line of a notice.
type NoticeDetail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The kinds of destination.
const (
	DestinationSlackWebhook = "slack-webhook"
	DestinationSlack        = "slack" // a bot with a token: threads
	DestinationTeams        = "teams"
	DestinationWebhook      = "webhook" // Standard Webhooks
	DestinationEmail        = "email"
)

// Destination is where notices go. Its secret (the token of a bot, the address of an
// incoming webhook, the key that signs, a password) is kept sealed and never shown.
type Destination struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	URL     string   `json:"url,omitempty"`     // of a webhook; those of Slack and Teams are secrets
	Channel string   `json:"channel,omitempty"` // of a bot
	To      []string `json:"to,omitempty"`      // addresses of e-mail
	// People has e-mail go to those whom a notice is for, where it is for somebody; to To
	// only else.
	People    bool      `json:"people,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// RemovedAt is when somebody removed it. It is told of that, and of nothing after.
	RemovedAt time.Time `json:"removedAt,omitzero"`
}

// Active tells whether notices go there.
func (d *Destination) Active() bool { return !d.Disabled && d.RemovedAt.IsZero() }

// How often a rule lets notices that can wait go out.
const (
	DigestNone   = ""
	DigestDaily  = "daily"
	DigestWeekly = "weekly"
)

// NoticeRule says which notices go where. Empty lists mean any.
type NoticeRule struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Kinds        []NoticeKind `json:"kinds,omitempty"`
	Severity     Severity     `json:"severity,omitempty"` // at least this, for notices that have one
	Sources      []string     `json:"sources,omitempty"`  // ids
	Namespaces   []string     `json:"namespaces,omitempty"`
	Teams        []string     `json:"teams,omitempty"`
	Destinations []string     `json:"destinations"`
	Digest       string       `json:"digest,omitempty"`
	// Quiet hours, as minutes of the day in Zone; equal: none. They may cross midnight.
	QuietFrom int       `json:"quietFrom,omitempty"`
	QuietTo   int       `json:"quietTo,omitempty"`
	Zone      string    `json:"zone,omitempty"` // as time.LoadLocation has it; empty: UTC
	CreatedAt time.Time `json:"createdAt"`
}

// The states of a delivery.
const (
	DeliveryPending   = "pending"
	DeliveryDelivered = "delivered"
	DeliveryFailed    = "failed" // given up, with its reason
)

// Delivery is one message to one destination: that it is to go, that it went, or why not.
// A message may arrive twice and is never lost silently.
type Delivery struct {
	ID            string    `json:"id"`
	DestinationID string    `json:"destinationId"`
	RuleID        string    `json:"ruleId,omitempty"`
	NoticeIDs     []string  `json:"noticeIds"` // several in a digest
	Title         string    `json:"title"`     // of the message
	Digest        bool      `json:"digest,omitempty"`
	State         string    `json:"state"`
	CreatedAt     time.Time `json:"createdAt"`
	NextAt        time.Time `json:"nextAt,omitzero"` // of the next attempt
	Attempts      int       `json:"attempts"`
	DeliveredAt   time.Time `json:"deliveredAt,omitzero"`
	Error         string    `json:"error,omitempty"` // of the latest attempt, without secrets
	Reference     string    `json:"reference,omitempty"`
}
