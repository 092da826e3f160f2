// SPDX-License-Identifier: Apache-2.0

package live

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unique"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// observe tells of a write. after is the redacted object, nil for one that is gone, by
// whom it was written last. What moved only a status, or what the API server counts, is
// nobody's change, and what other tools report is none either.
func (x *index) observe(e *entry, after map[string]any, verb, by string, seen seaworthy.Sighting) {
	if x.cfg.Observe == nil || reports[e.kind.Group] {
		return
	}
	seen.By, seen.At = seaworthy.SeenByWatch, x.now().UTC().Round(0)
	o := changes.Observation{Sighting: seen, Verb: verb, Outcome: seaworthy.OutcomePersisted, After: after}
	if verb != seaworthy.VerbCreate {
		o.Before = x.whole(e)
	}
	o.Describe() // of the object as the API server stores it
	if verb == seaworthy.VerbUpdate {
		x.show(e.kind, o.Before, o.After)
	}
	o.Before, o.After = intended(o.Before), intended(digested(e.kind, o.After))
	if verb == seaworthy.VerbUpdate {
		if edits, _ := changes.Diff(o.Before, o.After); len(edits) == 0 {
			return
		}
	}
	o.Actor.Manager, o.Owner = by, x.owner(o.Object.Namespace, o.Object.OwnedBy)
	x.cfg.Observe(o)
}

// intended is an object without its status, which is nobody's intent.
func intended(object map[string]any) map[string]any {
	if object["status"] == nil {
		return object
	}
	object = maps.Clone(object)
	delete(object, "status")
	return object
}

// show hands on what may claim a change.
func (x *index) show(in *kind, before, after map[string]any) {
	if x.cfg.Show != nil && !reports[in.Group] {
		x.cfg.Show(before, after, x.now().UTC().Round(0))
	}
}

// delivers lists the resources by which Argo CD and Flux deploy: their status tells of it.
var delivers = map[string]bool{
	"applications.argoproj.io": true, "kustomizations.kustomize.toolkit.fluxcd.io": true, "helmreleases.helm.toolkit.fluxcd.io": true,
}

// reports are the groups in which other tools say what they found.
var reports = map[string]bool{"aquasecurity.github.io": true, "openreports.io": true, "wgpolicyk8s.io": true}

// whole gives an object as it is kept, with its newest version. The lock is held.
func (x *index) whole(e *entry) map[string]any {
	m := x.packs.unpack(e.packed)
	if meta, ok := m["metadata"].(map[string]any); ok {
		meta["resourceVersion"] = e.version
		delete(meta, "managedFields")
	}
	return m
}

// manager is who wrote an object last, as far as the API server keeps it, other than to
// its status.
func manager(meta map[string]any) string {
	list, _ := meta["managedFields"].([]any)
	newest, name := "", ""
	for _, v := range list {
		m, _ := v.(map[string]any)
		if at := text(m, "time"); text(m, "subresource") == "" && at >= newest { // RFC 3339 in UTC sorts by time
			newest, name = at, text(m, "manager")
		}
	}
	return shared(name)
}

// kept is what stays of an object: what a scan keeps, with digests of the values of a
// Secret, and of the schemas of a CustomResourceDefinition. The object is used up.
func (x *index) kept(in *kind, redacted, object map[string]any) map[string]any {
	spec := digested(in, redacted)["spec"]
	in.Tidy(object)
	if !x.status && !statusRead[in.String()] && !delivers[in.String()] && in.Group != constraints {
		delete(object, "status")
	}
	if isCRD(in) {
		object["spec"] = spec
	}
	if in.String() == "secrets" {
		for _, field := range [...]string{"data", "stringData"} {
			if v, ok := redacted[field]; ok {
				object[field] = v
			}
		}
	}
	return object
}

func isCRD(in *kind) bool { return in.String() == "customresourcedefinitions.apiextensions.k8s.io" }

// digested has, of a CustomResourceDefinition, digests in the place of its schemas, which
// are large: that one was changed still shows.
func digested(in *kind, object map[string]any) map[string]any {
	spec, ok := object["spec"].(map[string]any)
	if !ok || !isCRD(in) {
		return object
	}
	versions, _ := spec["versions"].([]any)
	short := make([]any, len(versions))
	for i, v := range versions {
		short[i] = v
		m, _ := v.(map[string]any)
		if schema, ok := m["schema"].(map[string]any); ok {
			m = maps.Clone(m)
			m["schema"] = "sha256:" + digestJSON(schema)
			short[i] = m
		}
	}
	object, spec = maps.Clone(object), maps.Clone(spec)
	spec["versions"] = short
	object["spec"] = spec
	return object
}

// statusRead lists the resources of whose status something is judged; what else a status
// says is what controllers observe, and mostly the time.
var statusRead = map[string]bool{"pods": true, "nodes": true, "services": true}

// constraints is the group of Gatekeeper's constraints, whose status says what it found.
const constraints = "constraints.gatekeeper.sh"

// statusOf is a digest of that part of the status that is judged.
func (x *index) statusOf(in *kind, object map[string]any) (out [16]byte) {
	status, _ := object["status"].(map[string]any)
	var what any
	switch {
	case status == nil:
		return out
	case delivers[in.String()]:
		what = status
	case in.String() == "pods":
		what = status["phase"]
	case in.String() == "nodes" && !x.status:
		what = status["nodeInfo"]
	case x.status || statusRead[in.String()] || in.Group == constraints:
		what = timeless(status)
	default:
		return out
	}
	sum, _ := hex.DecodeString(digestJSON(what))
	copy(out[:], sum)
	return out
}

// timeless leaves out of a status what moves with every heartbeat.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			switch k {
			case "lastHeartbeatTime", "lastProbeTime", "lastTransitionTime", "lastUpdateTime", "observedGeneration", "auditTimestamp":
			default:
				out[k] = timeless(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = timeless(e)
		}
		return out
	}
	return v
}

// readsStatus tells whether there are policies of the user, which may read any status.
func readsStatus(cfg *scan.Config) bool {
	return slices.ContainsFunc(cfg.Catalogue.Checks, func(k seaworthy.Check) bool { return k.Custom })
}

func digestJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // nothing that was JSON before fails
		panic(fmt.Sprintf("digest a value: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ownKind tells whether the kind is one of Kubernetes' own that run pods.
func ownKind(in *kind) bool {
	return kube.Templated(&seaworthy.Object{APIVersion: in.GroupVersion().String(), Kind: in.Kind.Kind})
}

// shared gives a copy of a string that objects have in common.
func shared(s string) string { return unique.Make(s).Value() }
