// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Agent is what watches one cluster for this server: a key that was enrolled with a token
// that works once. Its replicas share the key; each is an instance.
type Agent struct {
	ID         string    `json:"id"`
	SourceID   string    `json:"sourceId"`
	PublicKey  string    `json:"publicKey"` // Ed25519, the 32 bytes in standard base64
	EnrolledAt time.Time `json:"enrolledAt"`
	EnrolledBy string    `json:"enrolledBy"` // actor who made the token
	RevokedAt  time.Time `json:"revokedAt,omitzero"`
	// Own are the names that its own objects in the cluster have, or ever had.
	Own []OwnNames `json:"own,omitempty"`
}

// OwnNames is where an agent runs, and what its own objects are called: whoever changes
// these changes what watches them.
type OwnNames struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Identity is the user that the agent is in the cluster. It counts where it is a service
	// account of that namespace: an agent cannot speak for anybody else.
	Identity string `json:"identity,omitempty"`
}

// Is tells whether somebody is the agent.
func (n OwnNames) Is(a *Actor) bool {
	return n.Namespace != "" && n.Identity != "" && a.Username == n.Identity && a.Impersonator == "" &&
		strings.HasPrefix(n.Identity, "system:serviceaccount:"+n.Namespace+":")
}

// Owns tells whether an object is one of the agent's own: everything in its namespace, and
// what has its name where there are no namespaces.
func (n OwnNames) Owns(o *ChangedObject) bool {
	switch {
	case n.Namespace == "" || n.Name == "":
		return false
	case o.Namespace != "":
		return o.Namespace == n.Namespace
	case o.Kind == "Namespace":
		return o.Name == n.Namespace
	}
	return o.Name == n.Name || strings.HasPrefix(o.Name, n.Name+"-")
}

// Enrolment lets one agent of a cluster make its key known, once.
type Enrolment struct {
	ID        string    `json:"id"`
	SourceID  string    `json:"sourceId"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"` // actor
	ExpiresAt time.Time `json:"expiresAt"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
	AgentID   string    `json:"agentId,omitempty"`
}

// The streams of an agent's messages. Each is numbered by itself, from 1 without holes, by
// each instance: what was seen does not wait for what was found.
const (
	StreamChanges  = "changes"
	StreamFindings = "findings"
)

// The kinds of message.
const (
	MessageObservations = "observations" // of the change trail: a list of internal/changes.Observation
	MessageGap          = "gap"          // an [AgentGap]
	MessageDelta        = "delta"        // a [Delta]
	MessageDigest       = "digest"       // a [FindingsState], for both sides to compare
	MessageReport       = "report"       // a [ReportSent]: a whole report was sent as reports are
	MessageClaims       = "claims"       // deployments that Argo CD or Flux tells of: []Deployment
	MessageOwners       = "owners"       // what makes pods in the cluster: a list of internal/changes.Owner
)

// AgentMessage is one message of an instance of an agent, signed with the agent's key. It
// is kept on disk until the server has taken it, and may arrive more than once; what was
// taken before changes nothing.
type AgentMessage struct {
	Instance string          `json:"instance"` // drawn anew where its numbers are lost
	Stream   string          `json:"stream"`
	Sequence uint64          `json:"sequence"`
	At       time.Time       `json:"at"` // when it was written, UTC
	Kind     string          `json:"kind"`
	Body     json.RawMessage `json:"body"`
	// Signature is Ed25519 over [AgentMessage.Signed], in standard base64.
	Signature string `json:"signature"`
}

// Signed is what the signature of a message of an agent is over.
func (m *AgentMessage) Signed(agent string) []byte {
	body := sha256.Sum256(m.Body)
	return fmt.Appendf(nil, "seaworthy.dev/agent/v1\n%s\n%s\n%s\n%d\n%s\n%s\n%s\n",
		agent, m.Instance, m.Stream, m.Sequence, m.At.UTC().Format(time.RFC3339Nano), m.Kind, hex.EncodeToString(body[:]))
}

// Sign signs the message of an agent.
func (m *AgentMessage) Sign(agent string, key ed25519.PrivateKey) {
	m.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, m.Signed(agent)))
}

// SignedBy tells whether the agent signed the message.
func (m *AgentMessage) SignedBy(a *Agent) bool {
	key, err := base64.StdEncoding.DecodeString(a.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	return err == nil && ed25519.Verify(key, m.Signed(a.ID), signature)
}

// AgentGap is an interval in which a place may not have seen everything, as the agent
// itself knows. A zero To: it lasts. Another message with the same From ends it.
type AgentGap struct {
	Place  string    `json:"place"` // [SeenByWebhook], [SeenByAudit] or [SeenByWatch]
	From   time.Time `json:"from"`
	To     time.Time `json:"to,omitzero"`
	Reason string    `json:"reason"`
}

// Delta is what became different in the findings of a cluster since the message before: not
// what is at fault now, but what came and went. It says as much as a whole report about
// what it names, and nothing about anything else.
type Delta struct {
	// Found are findings that are new, or other than before, whole as in a report.
	Found []Finding `json:"found,omitempty"`
	// Gone are the fingerprints of findings that are no more.
	Gone []string `json:"gone,omitempty"`
	// Seen are objects that are new or other than before, Vanished those that are no more.
	Seen     []SeenObject `json:"seen,omitempty"`
	Vanished []Object     `json:"vanished,omitempty"`
}

// FindingsState says what the sender of deltas holds to be at fault: [FindingsDigest] over
// the fingerprints of everything that its newest report and the deltas since found.
type FindingsState struct {
	Findings int    `json:"findings"`
	Digest   string `json:"digest"`
}

// FindingsDigest is the SHA-256, in hexadecimal, over fingerprints in ascending order, each
// once and followed by a newline.
func FindingsDigest(fingerprints []string) string {
	sorted := slices.Clone(fingerprints)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	sum := sha256.Sum256([]byte(strings.Join(append(sorted, ""), "\n")))
	return hex.EncodeToString(sum[:])
}

// ReportSent stands in the stream of findings where a whole report was sent: what comes
// after is relative to it.
type ReportSent struct {
	Digest string `json:"digest"` // SHA-256 of the report, in hexadecimal
}

// The states of a place from which changes are seen.
const (
	PlaceWorks       = "works"
	PlaceBroken      = "broken"       // it should see and does not
	PlaceNotObserved = "not observed" // it cannot be had, or nobody set it up
)

// Place is how it stands with one of the places from which changes are seen.
type Place struct {
	State  string    `json:"state"`
	Since  time.Time `json:"since,omitzero"` // of the state
	Latest time.Time `json:"latest,omitzero"`
	// Proved is until when it surely saw everything; zero: it never did, or does not say.
	Proved time.Time `json:"proved,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Heartbeat is what an instance says of itself every [HeartbeatEvery].
type Heartbeat struct {
	Instance string    `json:"instance"`
	Replica  string    `json:"replica"` // the name of its pod
	Version  string    `json:"version"`
	At       time.Time `json:"at"`
	Started  time.Time `json:"started"`
	// Own are the names of the agent's own objects.
	Own OwnNames `json:"own,omitzero"`
	// Leader watches and judges; the others answer the webhook and take audit events.
	Leader bool `json:"leader"`
	// Watching is since when the leader has watched without a break; zero: it does not.
	Watching time.Time `json:"watching,omitzero"`
	// Places are by [SeenByWebhook], [SeenByAudit] and [SeenByWatch].
	Places map[string]Place `json:"places"`
	// Unlisted names the kinds that it may not list, or does not, each with the reason;
	// Excess what it is allowed and does not need, Lacking what it needs and is not allowed.
	Unlisted map[string]string `json:"unlisted,omitempty"`
	Excess   []string          `json:"excess,omitempty"`
	Lacking  []string          `json:"lacking,omitempty"`
	Objects  int               `json:"objects"`
	Findings int               `json:"findings"`
	// Waiting counts messages that the server has not acknowledged, by stream, Last is the
	// number of the newest.
	Waiting map[string]int    `json:"waiting"`
	Last    map[string]uint64 `json:"last"`
	// Notices counts those of the agent's own that no destination has taken yet.
	Notices int `json:"notices,omitempty"`
	// Ended: it ends in good order, and sees nothing more. One that was not heard to end may
	// have seen what nobody will tell.
	Ended bool `json:"ended,omitempty"`
}

// The times of agents. Silence of a cluster's agents is noticed in [HeartbeatSilence] and
// one round of the server's jobs, which is under two minutes.
const (
	HeartbeatEvery   = 15 * time.Second
	HeartbeatSilence = time.Minute
)

// HeartbeatAnswer is what the server says to a heartbeat.
type HeartbeatAnswer struct {
	// Configuration changes whenever [AgentConfiguration] does.
	Configuration string `json:"configuration"`
	// Report asks for a whole report: the server does not hold what the agent holds.
	Report bool `json:"report"`
}

// AgentConfiguration is what an agent needs of the server.
type AgentConfiguration struct {
	Source DeclaredSource `json:"source"`
	// Waivers are the approved ones that count for the cluster.
	Waivers []TrackedWaiver `json:"waivers"`
	// Key keys digests of the values of Secrets, so that those of every instance, and of
	// audit events that reach the server otherwise, are the same. It is secret.
	Key []byte `json:"key"`
	// Rules say which changes of the cluster need an approval.
	Rules []ChangeRule `json:"rules"`
	// Deployments are those that may still cover a change of the cluster, for the notices
	// that the agent itself sends.
	Deployments []Deployment `json:"deployments,omitempty"`
}

// MessagesTaken is what the server says to messages.
type MessagesTaken struct {
	// Acknowledged is the number up to which everything of the instance's stream was taken.
	Acknowledged map[string]uint64 `json:"acknowledged"`
	// Report asks for a whole report, as in [HeartbeatAnswer].
	Report bool `json:"report"`
}
