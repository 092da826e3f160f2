// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"path"
	"slices"
	"strings"
	"time"
)

// The places from which a write or a privileged request in a cluster is seen. None sees
// everything: a webhook is not asked about webhook configurations and denied requests, an
// audit stream loses events by design, a watch shows what persisted and not who did it.
const (
	SeenByWebhook = "webhook"
	SeenByAudit   = "audit"
	SeenByWatch   = "watch"
)

// Sighting is what one place saw of one request or of its result.
type Sighting struct {
	By string    `json:"by"` // [SeenByWebhook], [SeenByAudit] or [SeenByWatch]
	At time.Time `json:"at"` // when the API server handled it, as that place tells
	// ID is the place's own name for it: the audit ID, the UID of the admission request,
	// the resource version that a watch showed; the first and the last with a digest behind
	// an @ of what else tells it from others, for these may come twice.
	ID string `json:"id"`
	// Relisted: found by listing again after a break. What happened in between, and how
	// often, was not seen.
	Relisted bool `json:"relisted,omitempty"`
	// Judged is what admission said of the request, as far as the place tells, the gravest
	// first; JudgedLeftOut counts what is beyond the limit of a record.
	Judged        []Judgement `json:"judged,omitempty"`
	JudgedLeftOut int         `json:"judgedLeftOut,omitempty"`
	// Reviews are the UIDs of the admission reviews that were made of the request: the
	// webhook writes that of each into the audit event, and so both tell of the same.
	Reviews []string `json:"reviews,omitempty"`
	// Unasked: the audit event names no such review, so that the webhook was not asked, or
	// is of a version that did not say so.
	Unasked bool `json:"unasked,omitempty"`
	// Unanswered is when the API server let the request through although the webhook had not
	// answered: a review of until then may be of it.
	Unanswered time.Time `json:"unanswered,omitzero"`
}

// The doors at which a request is judged.
const (
	DoorWebhook = "webhook" // the product's own
	DoorPolicy  = "policy"  // a ValidatingAdmissionPolicy in the API server
	// DoorImpersonation is before admission: who asks in another's name needs the right to.
	DoorImpersonation = "impersonation"
)

// Judgement is what one check said of a request at one door of admission.
type Judgement struct {
	Door string `json:"door"` // [DoorWebhook], [DoorPolicy] or [DoorImpersonation]
	// Check is the id of the check, or the name of somebody else's policy; empty: the
	// request as a whole.
	Check string `json:"check,omitempty"`
	// Mode is what came of it: "deny", "warn" or "audit"; empty: that was not told.
	Mode string `json:"mode,omitempty"`
	// Items are what is at fault, each with what is said of it.
	Items []string `json:"items,omitempty"`
	// Error is why it could not be judged.
	Error string `json:"error,omitempty"`
	// Waived: approved waivers accept all of it.
	Waived bool `json:"waived,omitempty"`
}

// Actor is who made a request, as the API server knew it.
type Actor struct {
	Username  string   `json:"username,omitempty"` // empty: no place that saw it names one
	Groups    []string `json:"groups,omitempty"`
	UserAgent string   `json:"userAgent,omitempty"`
	SourceIPs []string `json:"sourceIPs,omitempty"`
	// Impersonator is who acted as Username.
	Impersonator string `json:"impersonator,omitempty"`
	// Manager is the field manager of what persisted. It is what a client says of itself
	// and proves nothing.
	Manager string `json:"manager,omitempty"`
	// Person is the id of the user of this server behind the request, where a session, a
	// commit or a mapping tells; empty: person unknown.
	Person string `json:"person,omitempty"`
	// PersonBy says how the person is known: [PersonByMapping] and its kin.
	PersonBy string `json:"personBy,omitempty"`
	// Extra is what else the authentication told and helps to find the person behind a
	// shared identity, such as the name of a session. It holds no credential.
	Extra map[string][]string `json:"extra,omitempty"`
}

// How it is known who is behind a request.
const (
	PersonByMapping = "mapping"        // an administrator said so: [KnownActor]
	PersonByEmail   = "e-mail address" // the cluster calls people by it
	PersonBySession = "session"        // of a shared identity: a role, a proxy
	PersonByCommit  = "commit"         // its author, where the git host names one
)

// KnownActor says which user of this server is behind a name by which clusters, sessions
// and git hosts know people.
type KnownActor struct {
	ID       string    `json:"id"`
	SourceID string    `json:"sourceId,omitempty"` // of the cluster; empty: every one
	Name     string    `json:"name"`
	UserID   string    `json:"userId"`
	Note     string    `json:"note,omitempty"`
	SetAt    time.Time `json:"setAt"`
	SetBy    string    `json:"setBy"` // actor of this server
}

// The verbs of changes. A request through a subresource has its verb here: exec, attach,
// portforward and proxy arrive as connections, or in audit events as get.
const (
	VerbCreate      = "create"
	VerbUpdate      = "update"
	VerbDelete      = "delete"
	VerbExec        = "exec"
	VerbAttach      = "attach"
	VerbPortForward = "portforward"
	VerbProxy       = "proxy"
	// VerbRead is a read of a Secret, or one of anything that was denied; audit events alone
	// show it.
	VerbRead = "read"
	// VerbImpersonate is an attempt to act as somebody else that was denied: of the name * where
	// the API server does not tell as whom. What was let through has its own verb, and
	// [Actor.Impersonator].
	VerbImpersonate = "impersonate"
)

// Edit is one difference between an object before and after. Values of Secrets are keyed
// digests, never the values.
type Edit struct {
	Path   string `json:"path"`             // as in the findings, list elements by name
	Before string `json:"before,omitempty"` // JSON; empty: was not there
	After  string `json:"after,omitempty"`  // JSON; empty: is not there any more
}

// ChangedObject names what a change is about, at one moment of its life.
type ChangedObject struct {
	Object
	UID         string `json:"uid,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	// ResourceVersion is that of what persisted; empty when no watch or audit event told.
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// Previous is the resource version that the change was made to.
	Previous string `json:"previous,omitempty"`
	// Content is the SHA-256, in hexadecimal, of the object after the change without its
	// resource version: what a webhook is shown and what a watch then shows have the same.
	Content string `json:"content,omitempty"`
	// Intent and Was are the same, after and before, of what people mean by an object:
	// without UID, generation and what controllers count in annotations. They tell when a
	// change was undone.
	Intent string `json:"intent,omitempty"`
	Was    string `json:"was,omitempty"`
	// Template is the digest of the pods that the object makes, or of the Pod that it is:
	// what a controller makes has that of its owner. OwnedBy is the owner that controls it.
	Template string `json:"template,omitempty"`
	OwnedBy  *Owned `json:"ownedBy,omitempty"`
}

// Owned names the object that controls another, of the same namespace.
type Owned struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Outcome is what came of a request.
type Outcome string

// The outcomes.
const (
	OutcomePersisted Outcome = "persisted" // a watch or the audit event's response shows it
	OutcomeDenied    Outcome = "denied"
	OutcomeConnected Outcome = "connected" // exec and its kin
	OutcomeFailed    Outcome = "failed"    // it was let in and did not persist, as when another write came first
	OutcomeUnknown   Outcome = "unknown"   // it was asked for; whether it persisted was not seen
)

// Match is how a change stands to an approval.
type Match string

// The matches. An annotation never makes more than a claim, and an explanation never
// makes an out-of-band change another one: it is kept beside it.
const (
	MatchVerified  Match = "verified"     // the git host says that someone else approved
	MatchClaimed   Match = "claimed"      // a deployment, a revision or an annotation says so
	MatchOutOfBand Match = "out-of-band"  // nothing says so, or something contradicts it
	MatchExempt    Match = "not required" // a rule of the cluster says so, or nothing came of it
	MatchFolded    Match = "controller"   // the cluster's own work: no spec and no RBAC written
)

// Change is one write, or one privileged request, in a cluster, joined from everything
// that saw it. It is recorded once.
type Change struct {
	ID       string        `json:"id"`
	SourceID string        `json:"sourceId"` // of the cluster
	Verb     string        `json:"verb"`
	Object   ChangedObject `json:"object"`
	Actor    Actor         `json:"actor"`
	At       time.Time     `json:"at"` // the earliest sighting
	Outcome  Outcome       `json:"outcome"`
	Edits    []Edit        `json:"edits,omitempty"`
	// EditsLeftOut counts edits beyond the limit of a record.
	EditsLeftOut int        `json:"editsLeftOut,omitempty"`
	Sightings    []Sighting `json:"sightings"`
	// Unseen names the places that should have seen it and did not: a change that the
	// webhook did not see has bypassed admission, one that the watch did not see came to
	// nothing.
	Unseen []string `json:"unseen,omitempty"`
	// Images are those that the object runs after the change.
	Images []string `json:"images,omitempty"`
	// Cause is the id of the change that this one follows from, such as the rollout of a
	// Deployment; Folded counts the writes of controllers that were folded under this one.
	Cause  string `json:"cause,omitempty"`
	Folded int    `json:"folded,omitempty"`
	// Pods are the first of those that controllers made of what was changed, PodsLeftOut
	// counts those beyond the limit of a record.
	Pods        []ChangedPod `json:"pods,omitempty"`
	PodsLeftOut int          `json:"podsLeftOut,omitempty"`
	// Flags say what is remarkable about it.
	Flags []Flag `json:"flags,omitempty"`

	Match    Match  `json:"match"`
	MatchID  string `json:"matchId,omitempty"`  // of the deployment
	MatchWhy string `json:"matchWhy,omitempty"` // in words
	// Late: the approval came after the change.
	Late bool `json:"late,omitempty"`
	// Explained is what someone other than the actor said of an out-of-band change.
	Explained *Explanation `json:"explained,omitempty"`
}

// ChangedPod is a Pod that ran what a change made.
type ChangedPod struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"` // when it was made
	// Images are as its spec has them; nil: no place that saw it tells.
	Images []string `json:"images,omitempty"`
}

// MaxPods is how many pods the record of a change names.
const MaxPods = 20

// Ran notes that a Pod was made of what was changed, first tells whether nobody has told of it
// before. The earliest are kept.
func (c *Change) Ran(p ChangedPod, first bool) {
	if i := slices.IndexFunc(c.Pods, func(o ChangedPod) bool { return o.Name == p.Name }); i >= 0 {
		if c.Pods[i].Images == nil {
			c.Pods[i].Images = p.Images
		}
		return
	}
	if !first {
		return
	}
	c.Pods = append(c.Pods, p)
	slices.SortStableFunc(c.Pods, func(a, b ChangedPod) int { return a.At.Compare(b.At) })
	if len(c.Pods) > MaxPods {
		c.Pods = c.Pods[:MaxPods]
		c.PodsLeftOut++
	}
}

// Unexplained tells whether somebody has to say why it was made.
func (c *Change) Unexplained() bool {
	return c.Match == MatchOutOfBand && c.Explained == nil && !c.Nothing()
}

// Nothing tells whether nothing came of it: it was denied, or did not persist.
func (c *Change) Nothing() bool { return c.Outcome == OutcomeDenied || c.Outcome == OutcomeFailed }

// Missing tells whether it counts as failed because the watch, which was there to show what
// persists, does not show it.
func (c *Change) Missing() bool {
	return c.Outcome == OutcomeFailed && slices.Contains(c.Unseen, SeenByWatch)
}

// Session tells whether somebody acted inside a pod or through it.
func (c *Change) Session() bool {
	switch c.Verb {
	case VerbExec, VerbAttach, VerbPortForward, VerbProxy:
		return true
	}
	return c.Object.Subresource == "ephemeralcontainers" ||
		slices.ContainsFunc(c.Edits, func(e Edit) bool { return strings.HasPrefix(e.Path, "spec.ephemeralContainers") })
}

// Explanation closes an out-of-band change. It is not an approval.
type Explanation struct {
	By   string    `json:"by"` // actor of this server
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// Flag is something that makes a change remarkable; each is a notice of its own.
type Flag string

// The flags.
const (
	FlagReverted     Flag = "made and undone"       // within the window
	FlagBypassed     Flag = "bypassed admission"    // the webhook was there and did not see it
	FlagOwnConfig    Flag = "own configuration"     // of the agent, its webhook or its policies
	FlagAuditRemoved Flag = "audit removed"         // webhook or audit configuration taken away
	FlagWidened      Flag = "access widened"        // RBAC grants more than before
	FlagSession      Flag = "session in production" // exec, attach, portforward
	FlagSecretRead   Flag = "secret read"
)

// Flags lists them, the gravest first.
var Flags = []Flag{FlagAuditRemoved, FlagOwnConfig, FlagReverted, FlagBypassed, FlagSession, FlagWidened, FlagSecretRead}

// Deployment is what a pipeline registered before or after it changed a cluster: a claim,
// bound to a cluster, to digests and to a time.
type Deployment struct {
	ID         string    `json:"id"`
	SourceID   string    `json:"sourceId"` // of the cluster
	Namespaces []string  `json:"namespaces,omitempty"`
	Images     []string  `json:"images,omitempty"`  // with digests
	Objects    []Object  `json:"objects,omitempty"` // empty: whatever runs the images, in the namespaces
	Identity   string    `json:"identity,omitempty"`
	Repository string    `json:"repository,omitempty"`
	Commit     string    `json:"commit,omitempty"`
	PullURL    string    `json:"pullRequest,omitempty"`
	Ticket     string    `json:"ticket,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	RecordedAt time.Time `json:"recordedAt"`
	RecordedBy string    `json:"recordedBy"` // actor of this server
	By         string    `json:"by"`         // "pipeline", "argocd", "flux" or "annotation"
	// Verified is what the git host says of the pull request, once asked.
	Verified *Approval `json:"verified,omitempty"`
}

// Approval is the git host's word on a pull request.
type Approval struct {
	Author    string    `json:"author"`
	Approvers []string  `json:"approvers"` // other than the author
	MergedBy  string    `json:"mergedBy"`
	MergedAt  time.Time `json:"mergedAt"`
	CheckedAt time.Time `json:"checkedAt"`
	Refusal   string    `json:"refusal,omitempty"` // why it is no approval, in words
	// CheckedBy is the actor whose word it is.
	CheckedBy string `json:"checkedBy,omitempty"`
}

// Confirmation is the git host's word on one commit: who wrote it, who approved it, who
// merged it. It is held against every deployment that names the commit, before or after.
type Confirmation struct {
	ID         string `json:"id"`
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit"` // that the merge made, in full
	PullURL    string `json:"pullRequest,omitempty"`
	Approval
}

// ChangeRule says of some changes of a cluster whether they need an approval. Patterns are
// as in path.Match; an empty list means any. The first rule that fits decides; what none
// fits needs one.
type ChangeRule struct {
	ID         string   `json:"id"`
	SourceID   string   `json:"sourceId,omitempty"` // of the cluster; empty: every one
	Place      int      `json:"place"`              // rules are tried in this order
	Name       string   `json:"name"`
	Namespaces []string `json:"namespaces,omitempty"`
	Kinds      []string `json:"kinds,omitempty"`
	Names      []string `json:"names,omitempty"`
	Users      []string `json:"users,omitempty"`
	Verbs      []string `json:"verbs,omitempty"`
	// Paths, when given, must cover every edit, as prefixes on whole steps: spec.replicas.
	Paths []string `json:"paths,omitempty"`
	// Approval tells whether what fits needs one.
	Approval bool `json:"approval"`
}

// Validate says what is wrong with a rule.
func (r ChangeRule) Validate() error {
	if r.Name == "" {
		return Invalid("a rule for changes needs a name")
	}
	for _, list := range [][]string{r.Namespaces, r.Kinds, r.Names, r.Users, r.Verbs} {
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil {
				return Invalid("rule %s has a malformed pattern %q", r.Name, p)
			}
		}
	}
	return nil
}

// FoldedDay counts what a cluster did by itself on one day and what is not shown one by
// one: by kind of object.
type FoldedDay struct {
	SourceID string         `json:"sourceId"`
	Day      Date           `json:"day"`
	Counts   map[string]int `json:"counts"`
}
