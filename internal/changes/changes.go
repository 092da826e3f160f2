// SPDX-License-Identifier: Apache-2.0

// Package changes makes the change trail of a cluster: what several places saw of one
// write becomes one change, with who, what and how it stands to an approval.
//
// A webhook knows who asked and what for, not whether it persisted; a watch knows what
// persisted, not who asked; an audit stream knows both and loses events. None is trusted
// alone. An observation is joined to the change that another place has already told of
// ([Join]), and what only one place saw stays on record as that.
//
// Nothing here reads a clock, a cluster or a database: the server and the agent both use
// it, the server for the record and the agent for notices that cannot wait.
package changes

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
)

// Observation is a sighting with everything that it tells.
type Observation struct {
	seaworthy.Sighting
	Verb    string                  `json:"verb"`
	Object  seaworthy.ChangedObject `json:"object"`
	Actor   seaworthy.Actor         `json:"actor"`
	Outcome seaworthy.Outcome       `json:"outcome"`
	// Before and After are the object as JSON has it, after [Redact]; nil where the place
	// does not tell, or where there is none.
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	// Owner is what the place knows of the object that controls this one; nil: nothing.
	Owner *Owner `json:"owner,omitempty"`
}

// lastApplied holds the whole manifest once more, for a Secret with its values.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Redact gives an object without what must never be stored: the values of a Secret become
// keyed digests, so that a change of a value shows and the value does not. What the
// digests are keyed with stays with whoever redacts. The object itself is left as it is.
func Redact(object map[string]any, key []byte) map[string]any {
	if object == nil {
		return nil
	}
	out := maps.Clone(object)
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		delete(meta, "managedFields")
		if notes, ok := meta["annotations"].(map[string]any); ok && notes[lastApplied] != nil {
			notes = maps.Clone(notes)
			delete(notes, lastApplied)
			meta["annotations"] = notes
			if len(notes) == 0 {
				delete(meta, "annotations")
			}
		}
		out["metadata"] = meta
	}
	if out["kind"] != "Secret" || out["apiVersion"] != "v1" {
		return out
	}
	for _, field := range [...]string{"data", "stringData"} {
		values, ok := out[field].(map[string]any)
		if !ok {
			delete(out, field) // whatever it is, it is nothing to keep
			continue
		}
		hidden := make(map[string]any, len(values))
		for name, v := range values {
			hidden[name] = digestOf(v, field == "data", key)
		}
		out[field] = hidden
	}
	return out
}

// digestOf is a keyed digest of a Secret's value: the same whether it came as text or in
// base64.
func digestOf(v any, encoded bool, key []byte) string {
	text, ok := v.(string)
	value := []byte(text)
	if ok && encoded {
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			value = b
		}
	} else if !ok {
		value = fmt.Append(nil, v)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(value)
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// Digest is the identity of an object's content: SHA-256, in hexadecimal, of its JSON with
// sorted keys, without resource version, field managers and status. An admission webhook
// is shown the object as it will persist but for its resource version, so what it saw and
// what a watch then shows have the same digest. The object must be redacted.
func Digest(object map[string]any) string {
	return digest(object, nil, "resourceVersion", "managedFields", "selfLink")
}

// Intent is the same of what people mean by an object: a change that is undone leads back
// to the same intent, although the object has a new generation, or was made anew.
func Intent(object map[string]any) string {
	return digest(object, counted[:], "resourceVersion", "managedFields", "selfLink", "uid", "generation", "creationTimestamp")
}

// counted are annotations in which controllers count.
var counted = [...]string{lastApplied, "deployment.kubernetes.io/revision"}

// texts are those that digests were made of, to be written over.
var texts = sync.Pool{New: func() any { return new([]byte) }}

func digest(object map[string]any, annotations []string, metadata ...string) string {
	if object == nil {
		return ""
	}
	out := maps.Clone(object)
	delete(out, "status")
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, field := range metadata {
			delete(meta, field)
		}
		if notes, ok := meta["annotations"].(map[string]any); ok && annotations != nil {
			notes = maps.Clone(notes)
			for _, name := range annotations {
				delete(notes, name)
			}
			meta["annotations"] = notes
			if len(notes) == 0 {
				delete(meta, "annotations")
			}
		}
		out["metadata"] = meta
	}
	text := texts.Get().(*[]byte)
	defer texts.Put(text)
	*text = appendJSON((*text)[:0], out)
	sum := sha256.Sum256(*text)
	return hex.EncodeToString(sum[:])
}

// Describe fills in what an observation's objects say of themselves: name, UID, resource
// version, content.
func (o *Observation) Describe() {
	object := o.After
	if object == nil {
		object = o.Before
	}
	if object == nil {
		return
	}
	meta, _ := object["metadata"].(map[string]any)
	text := func(m map[string]any, field string, to *string) {
		if s, ok := m[field].(string); ok && *to == "" {
			*to = strings.Clone(s)
		}
	}
	text(object, "apiVersion", &o.Object.APIVersion)
	text(object, "kind", &o.Object.Kind)
	text(meta, "namespace", &o.Object.Namespace)
	text(meta, "name", &o.Object.Name)
	text(meta, "uid", &o.Object.UID)
	if o.Object.Subresource == "" { // else it is of another kind: a Scale, an Eviction
		o.Object.Content, o.Object.Intent, o.Object.Was = Digest(o.After), Intent(o.After), Intent(o.Before)
		o.Object.Template, o.Object.OwnedBy = Template(object), OwnedBy(object)
	}
	if o.By != seaworthy.SeenByWebhook && o.After != nil { // a webhook is shown the version before
		text(meta, "resourceVersion", &o.Object.ResourceVersion)
	}
	if before, ok := o.Before["metadata"].(map[string]any); ok {
		text(before, "resourceVersion", &o.Object.Previous)
	}
}

// OwnedBy reads who controls an object; nil for nobody.
func OwnedBy(object map[string]any) *seaworthy.Owned {
	meta, _ := object["metadata"].(map[string]any)
	list, _ := meta["ownerReferences"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		if m["controller"] != true {
			continue
		}
		text := func(k string) string { s, _ := m[k].(string); return strings.Clone(s) }
		return &seaworthy.Owned{APIVersion: text("apiVersion"), Kind: text("kind"), Name: text("name"), UID: text("uid")}
	}
	return nil
}

// Images lists the images that an object runs, in the order of its containers.
func Images(object map[string]any) []string {
	spec := podSpec(object)
	var out []string
	for _, field := range [...]string{"initContainers", "containers", "ephemeralContainers"} {
		list, _ := spec[field].([]any)
		for _, e := range list {
			m, _ := e.(map[string]any)
			if image, ok := m["image"].(string); ok && !slices.Contains(out, image) {
				out = append(out, image)
			}
		}
	}
	return out
}

// podSpec is the spec of the pods that an object makes, or of the Pod that it is.
func podSpec(object map[string]any) map[string]any {
	spec, _ := object["spec"].(map[string]any)
	if object["kind"] == "Pod" {
		return spec
	}
	if job, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = job["spec"].(map[string]any)
	}
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	return pod
}
