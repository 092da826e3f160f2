// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// Request is what the change trail learns of a request: who asked for what, the object
// before and after without the values of Secrets, and what was decided.
type Request struct {
	changes.Observation
	Decision *Decision
}

// sighted makes the sighting of a review that was decided.
func sighted(r *Review, d *Decision, at time.Time) *Request {
	out := &Request{Decision: d, Observation: changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, At: at.UTC(), ID: r.UID},
		Verb:     verb(r), Outcome: seaworthy.OutcomeUnknown,
		Actor: seaworthy.Actor{Username: r.User.Username, Groups: slices.Clone(r.User.Groups), Extra: changes.Extra(r.User.Extra)},
		After: r.Object, Before: r.OldObject,
	}}
	if !d.Allowed && !d.unheard {
		out.Outcome = seaworthy.OutcomeDenied
	}
	changes.KeepJudged(&out.Sighting, d.judged())
	if r.named() {
		out.Reviews = []string{r.UID}
	}
	o := &out.Object
	o.APIVersion, o.Kind, o.Namespace, o.Name = r.apiVersion(), r.Kind.Kind, r.Namespace, r.Name
	o.Subresource = r.Subresource
	if r.Subresource != "" {
		o.APIVersion, o.Kind = r.parent()
	}
	if r.Resource.Group == "" && r.Resource.Resource == "namespaces" {
		o.Namespace = "" // the API server says that a Namespace is in itself
	}
	if o.Name == "" { // drawn by the server
		o.Name = name(r.Object)
	}
	out.Describe()
	return out
}

// judged is what the trail keeps of a decision.
func (d *Decision) judged() []seaworthy.Judgement {
	if d.Failed && len(d.Verdicts) == 0 && !d.unheard {
		j := seaworthy.Judgement{Door: seaworthy.DoorWebhook, Error: d.NotJudged, Mode: string(Warn)}
		if !d.Allowed {
			j.Mode = string(Deny)
		}
		return []seaworthy.Judgement{j}
	}
	var out []seaworthy.Judgement
	if d.unheard {
		out = append(out, seaworthy.Judgement{Door: seaworthy.DoorWebhook, Mode: string(Warn), Error: "the API server did not wait for the answer"})
	}
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		j := seaworthy.Judgement{Door: seaworthy.DoorWebhook, Check: v.Check.ID, Mode: string(v.Mode), Waived: v.Err == nil && !v.open()}
		if v.Err != nil {
			j.Error = clean(v.Err.Error())
		}
		for i, f := range v.Findings {
			if f.Waiver == nil || j.Waived {
				j.Items = append(j.Items, v.said(i))
			}
		}
		out = append(out, j)
	}
	return out
}

func name(object map[string]any) string {
	m, _ := object["metadata"].(map[string]any)
	s, _ := m["name"].(string)
	if s == "" {
		s, _ = m["generateName"].(string)
	}
	return s
}

func (r *Review) apiVersion() string { return groupVersion(r.Kind.Group, r.Kind.Version) }

func groupVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// verb says what a request does. A request through a subresource has its verb there.
func verb(r *Review) string {
	if r.Operation != opConnect {
		return strings.ToLower(r.Operation)
	}
	switch r.Subresource {
	case "attach":
		return seaworthy.VerbAttach
	case "portforward":
		return seaworthy.VerbPortForward
	case "exec":
		return seaworthy.VerbExec
	}
	return seaworthy.VerbProxy
}

// parent gives version and kind of the object whose subresource is asked for: the kind of
// the request is that of the subresource, a Scale or an Eviction.
func (r *Review) parent() (apiVersion, kind string) {
	kind = kinds()[r.Resource.String()]
	if kind == "" { // a custom resource, of which only the name of the resource is told
		kind = r.Resource.Resource
	}
	return groupVersion(r.Resource.Group, r.Resource.Version), kind
}

// kinds names the kind of each built-in resource.
var kinds = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		resource, _ := meta.UnsafeGuessKindToResource(gvk)
		out[resource.GroupResource().String()] = gvk.Kind
	}
	return out
})
