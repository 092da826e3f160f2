// SPDX-License-Identifier: Apache-2.0

// Package kubeaudit reads audit events of Kubernetes' API server as they can be had: from
// its log file or webhook (audit.k8s.io/v1), and as the log streams of EKS, GKE and AKS
// deliver them. Each event becomes an observation of the change trail, or nothing.
//
// An audit stream loses events by design, so nothing is concluded from what it lacks.
package kubeaudit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// event is what is read of an audit.k8s.io/v1 Event.
type event struct {
	Kind                     string            `json:"kind"`
	Level                    string            `json:"level"`
	AuditID                  string            `json:"auditID"`
	Stage                    string            `json:"stage"`
	RequestURI               string            `json:"requestURI"`
	Verb                     string            `json:"verb"`
	User                     user              `json:"user"`
	ImpersonatedUser         *user             `json:"impersonatedUser"`
	SourceIPs                []string          `json:"sourceIPs"`
	UserAgent                string            `json:"userAgent"`
	ObjectRef                *reference        `json:"objectRef"`
	ResponseStatus           *status           `json:"responseStatus"`
	RequestObject            options           `json:"requestObject"`
	ResponseObject           map[string]any    `json:"responseObject"`
	RequestReceivedTimestamp time.Time         `json:"requestReceivedTimestamp"`
	StageTimestamp           time.Time         `json:"stageTimestamp"`
	Annotations              map[string]string `json:"annotations"`
	// Partial: the form in which it came may hold fewer annotations than there were.
	Partial bool `json:"-"`
	// part: it is one of several that tell of the request, each with a time of its own.
	part bool
}

type user struct {
	Username string              `json:"username"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type reference struct {
	Resource        string `json:"resource"`
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	UID             string `json:"uid"`
	APIGroup        string `json:"apiGroup"`
	APIVersion      string `json:"apiVersion"`
	ResourceVersion string `json:"resourceVersion"`
	Subresource     string `json:"subresource"`
}

type status struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// sessions are subresources through which one talks to what runs. Clients ask with get
// (WebSocket) or create (SPDY).
var sessions = map[string]string{
	"exec": seaworthy.VerbExec, "attach": seaworthy.VerbAttach, "portforward": seaworthy.VerbPortForward, "proxy": seaworthy.VerbProxy,
}

// writes maps verbs to those of the trail.
var writes = map[string]string{
	"create": seaworthy.VerbCreate, "update": seaworthy.VerbUpdate, "patch": seaworthy.VerbUpdate,
	"delete": seaworthy.VerbDelete, "deletecollection": seaworthy.VerbDelete,
}

// reads are the verbs by which the values of a Secret are read.
var reads = map[string]bool{"get": true, "list": true, "watch": true}

// reviews are resources that are created to ask a question; nothing persists.
var reviews = map[string]bool{
	"tokenreviews": true, "subjectaccessreviews": true, "selfsubjectaccessreviews": true, "selfsubjectrulesreviews": true,
	"localsubjectaccessreviews": true, "selfsubjectreviews": true,
}

// at is when the API server wrote the event down.
func (e *event) at() time.Time {
	if e.StageTimestamp.IsZero() {
		return e.RequestReceivedTimestamp
	}
	return e.StageTimestamp
}

// verb gives the verb of the trail, empty for what is no part of it. Reads of what is no
// Secret are part of it only where they were denied: somebody tried.
func (e *event) verb() string {
	if v := e.asked(); v != "" {
		return v
	}
	ref := e.ObjectRef
	switch {
	case e.actingAs() != nil:
		return seaworthy.VerbImpersonate
	case e.forbidden() && reads[e.Verb] && ref != nil && ref.Resource != "":
		return seaworthy.VerbRead
	}
	return ""
}

// asked gives the verb of what is part of the trail whatever came of it; empty: of none.
func (e *event) asked() string {
	ref := e.ObjectRef
	if ref == nil || ref.Resource == "" || reviews[ref.Resource] {
		return ""
	}
	if v := sessions[ref.Subresource]; v != "" {
		return v
	}
	if ref.Resource == "secrets" && ref.APIGroup == "" && reads[e.Verb] {
		return seaworthy.VerbRead
	}
	switch ref.Subresource {
	case "", "scale", "ephemeralcontainers", "resize", "eviction", "approval", "token", "finalize":
	default:
		return "" // status and its kin: what controllers observe
	}
	v := writes[e.Verb]
	if v == seaworthy.VerbUpdate && e.ResponseStatus != nil && e.ResponseStatus.Code == http.StatusCreated {
		v = seaworthy.VerbCreate // server-side apply of a new object
	}
	return v
}

// over tells whether the event is the one that counts of its request: the last, or for a
// session its beginning, since its end may be days away.
func (e *event) over(verb string) bool {
	switch e.Stage {
	case "ResponseComplete", "Panic", "":
		return true
	case "ResponseStarted":
		return verb == seaworthy.VerbExec || verb == seaworthy.VerbAttach || verb == seaworthy.VerbPortForward
	}
	return false
}

// id is what the request is called: its audit ID with a digest of what no client chooses.
// The API server takes the audit ID from whoever sends one, and another request must not
// pass for one that was told. All stages and deliveries of one request have the same.
func (e *event) id() string {
	what := e.RequestURI
	if r := e.ObjectRef; what == "" && r != nil { // as Google tells it
		what = strings.Join([]string{r.APIGroup, r.APIVersion, r.Namespace, r.Resource, r.Name, r.Subresource}, "/")
	}
	var at time.Time
	if !e.part {
		at = e.RequestReceivedTimestamp
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%s", at.UnixMicro(), e.User.Username, e.Verb, what))
	return e.AuditID + "@" + hex.EncodeToString(sum[:8])
}

func (e *event) outcome(verb string) seaworthy.Outcome {
	code := 0
	if e.ResponseStatus != nil {
		code = e.ResponseStatus.Code
	}
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code >= 400 && e.refused():
		return seaworthy.OutcomeDenied
	case code >= 400 || e.Stage == "Panic":
		return seaworthy.OutcomeFailed
	case code == 0:
		return seaworthy.OutcomeUnknown
	case verb == seaworthy.VerbExec || verb == seaworthy.VerbAttach || verb == seaworthy.VerbPortForward || verb == seaworthy.VerbProxy || verb == seaworthy.VerbRead:
		return seaworthy.OutcomeConnected
	}
	return seaworthy.OutcomePersisted
}

// observation makes of an event what it tells; nil when it is no part of the trail.
func (r *Reader) observation(e *event) *changes.Observation {
	if r.Heard != nil {
		r.Heard(e.AuditID)
	}
	verb := e.verb()
	if verb == "" || !e.over(verb) || e.dry(verb) {
		return nil
	}
	o := &changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, At: e.RequestReceivedTimestamp, ID: e.id()},
		Verb:     verb, Outcome: e.outcome(verb), Actor: e.actor(),
	}
	if o.At.IsZero() {
		o.At = e.StageTimestamp
	}
	changes.KeepJudged(&o.Sighting, e.judged())
	o.Reviews, o.Unasked, o.Unanswered = e.reviews(o)
	if verb == seaworthy.VerbImpersonate {
		o.Object.Object = *e.actingAs()
		return o
	}
	ref := e.ObjectRef
	o.Object = seaworthy.ChangedObject{
		Object: seaworthy.Object{
			APIVersion: strings.TrimPrefix(ref.APIGroup+"/"+cmp.Or(ref.APIVersion, "v1"), "/"), Kind: r.kind(ref),
			Namespace: ref.Namespace, Name: ref.Name,
		},
		UID: ref.UID, Subresource: ref.Subresource,
	}
	if e.Verb == "deletecollection" || verb == seaworthy.VerbRead && ref.Name == "" {
		o.Object.Name = "*" // which ones, the event does not tell
	}
	r.objects(e, o)
	return o
}

func (e *event) actor() seaworthy.Actor {
	a := seaworthy.Actor{Username: e.User.Username, Groups: e.User.Groups, UserAgent: e.UserAgent, SourceIPs: e.SourceIPs, Extra: changes.Extra(e.User.Extra)}
	if e.ImpersonatedUser != nil && e.ImpersonatedUser.Username != "" {
		a.Impersonator = a.Username
		a.Username, a.Groups = e.ImpersonatedUser.Username, e.ImpersonatedUser.Groups
	}
	return a
}

// objects takes what the response tells of the object. What was asked for is not used: it
// may be a patch, and it is not what persisted.
func (r *Reader) objects(e *event, o *changes.Observation) {
	response := e.ResponseObject
	if response == nil || o.Verb == seaworthy.VerbRead || o.Outcome != seaworthy.OutcomePersisted {
		return
	}
	if response["kind"] == "Status" { // of a deletion: the UID of what is gone
		details, _ := response["details"].(map[string]any)
		uid, _ := details["uid"].(string)
		o.Object.UID = cmp.Or(o.Object.UID, uid)
		return
	}
	kind, _ := response["kind"].(string)
	if strings.HasSuffix(kind, "List") || o.Object.Name == "*" {
		return
	}
	redacted := changes.Redact(response, r.Key)
	if o.Verb == seaworthy.VerbDelete {
		o.Before = redacted
	} else {
		o.After = redacted
	}
	switch o.Object.Subresource {
	case "scale", "ephemeralcontainers", "resize", "approval": // what is answered is of the object's own version
		o.Describe()
	case "":
		o.Object.Kind, o.Object.APIVersion = "", "" // the object knows better
		fallback := r.kind(e.ObjectRef)
		o.Describe()
		o.Object.Kind = cmp.Or(o.Object.Kind, fallback)
		o.Object.APIVersion = cmp.Or(o.Object.APIVersion, strings.TrimPrefix(e.ObjectRef.APIGroup+"/"+cmp.Or(e.ObjectRef.APIVersion, "v1"), "/"))
	}
}

func (r *Reader) kind(ref *reference) string {
	if r.Kinds != nil {
		if k := r.Kinds(ref.APIGroup, ref.Resource); k != "" {
			return k
		}
	}
	return ref.Resource // better the resource's name than none
}

func decodeEvent(text []byte) (*event, error) {
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	return &e, nil
}
