// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"fmt"
	"maps"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// changing is the namespace of the objects that are changed.
const changing = "changing"

// TestUpdatesEqualTheServer creates objects and makes others of them, as a dry-run: what
// the exported policies say of the change is what they say offline. Ephemeral containers
// are added to Pods, which is the only way for them to come into being.
func TestUpdatesEqualTheServer(t *testing.T) {
	a := ask(t)
	u := &updates{
		t: t, arena: a, count: map[string]int{}, most: 40,
		worse: a.engineOf(cel.WorseOnly), plain: a.engine(),
		c: &comparison{t: t, denials: map[string]int{}, passes: map[string]int{}},
	}
	if testing.Short() {
		u.most = 5
	}
	w := &world{t: t, server: a.server, made: map[string]bool{}}
	w.namespace(changing)
	last := map[string]*reply{}
	for _, r := range a.replies {
		o := r.subject.object
		containers, _ := sub(o.Written, "spec")["ephemeralContainers"].([]any)
		switch {
		case o.Kind == "Pod" && len(containers) > 0:
			w.account(changing, text(sub(o.Canonical, "spec"), "serviceAccountName"))
			u.debug(r)
		case r.refused != "" || o.Typed == nil || o.ReplacedAPI != "" || fixed[o.Kind]:
		case last[o.Kind] == nil:
			last[o.Kind] = r
		case u.count[o.Kind] < u.most:
			u.count[o.Kind]++
			u.change(last[o.Kind], r)
			last[o.Kind] = r
		}
	}
	if u.refused > u.made/2 {
		t.Errorf("the server accepted only %d of %d changes", u.made-u.refused, u.made)
	}
	if u.forgiven == 0 || u.debugged == 0 && !testing.Short() {
		t.Errorf("%d findings were there before the change, %d on ephemeral containers: want some", u.forgiven, u.debugged)
	}
	fmt.Printf("updates: %d pairs compared (%d denied, %d not made worse), %d of %d changes not accepted\n",
		u.c.pairs, u.c.denied, u.forgiven, u.refused, u.made)
}

// fixed are kinds of which little may change.
var fixed = map[string]bool{"Pod": true, "Job": true, "Namespace": true, "CustomResourceDefinition": true, "PersistentVolumeClaim": true, "PersistentVolume": true, "StorageClass": true}

type updates struct {
	t            *testing.T
	arena        *arena
	worse, plain offline
	c            *comparison
	count        map[string]int // by kind
	most         int

	made, refused, forgiven, debugged int
}

// change makes b of a.
func (u *updates) change(a, b *reply) {
	u.made++
	name := fmt.Sprintf("changed-%d", u.made)
	stored, err := u.create(a, named(a.subject.object, name))
	if err != nil {
		u.refused++
		return
	}
	next := named(b.subject.object, name)
	keep(stored, next)
	u.put(b, stored, next, "")
}

// debug adds the ephemeral containers to a Pod.
func (u *updates) debug(r *reply) {
	u.made++
	pod := named(r.subject.object, fmt.Sprintf("debugged-%d", u.made))
	spec := maps.Clone(sub(pod, "spec"))
	ephemeral := spec["ephemeralContainers"]
	delete(spec, "ephemeralContainers")
	pod["spec"] = spec
	stored, err := u.create(r, pod)
	if err != nil {
		u.refused++
		return
	}
	next := maps.Clone(stored)
	next["spec"] = maps.Clone(sub(stored, "spec"))
	sub(next, "spec")["ephemeralContainers"] = ephemeral
	u.debugged += u.put(r, stored, next, "ephemeralcontainers")
}

// named copies the outer mappings of an object and gives the copy its name.
func named(o *snapshot.Object, name string) object {
	out := maps.Clone(o.Written)
	meta := maps.Clone(sub(out, "metadata"))
	meta["name"] = name
	delete(meta, "generateName")
	if o.Namespaced {
		meta["namespace"] = changing
	}
	out["metadata"] = meta
	return out
}

func namespaceOf(o object) string { return text(sub(o, "metadata"), "namespace") }

func (u *updates) create(r *reply, body object) (object, error) {
	stored, _, err := u.arena.server.do(u.t.Context(), call{
		verb: "POST", path: place(r.subject.object.Resource, namespaceOf(body)), body: body, validation: "Ignore",
	})
	return stored, err
}

// keep gives the new object what may not change.
func keep(stored, next object) {
	sub(next, "metadata")["resourceVersion"] = sub(stored, "metadata")["resourceVersion"]
	for _, field := range []string{"roleRef", "type"} { // of bindings, of Secrets
		if v, ok := stored[field]; ok {
			next[field] = v
		}
	}
	before, _ := stored["spec"].(object)
	after := maps.Clone(sub(next, "spec"))
	if before == nil || after == nil {
		return
	}
	next["spec"] = after
	for _, field := range []string{"clusterIP", "clusterIPs"} {
		if text(after, "type") != "ExternalName" && before[field] != nil {
			after[field] = before[field]
		}
	}
	for _, field := range []string{"serviceName", "volumeClaimTemplates", "podManagementPolicy"} {
		if before[field] != nil && text(next, "kind") == "StatefulSet" {
			after[field] = before[field]
		}
	}
	selector, _ := before["selector"].(object)
	template, _ := after["template"].(object)
	if selector == nil || template == nil {
		return
	}
	after["selector"] = selector
	template = maps.Clone(template)
	meta := maps.Clone(sub(template, "metadata"))
	if meta == nil {
		meta = object{}
	}
	meta["labels"] = sub(before, "template", "metadata")["labels"]
	template["metadata"] = meta
	after["template"] = template
}

// put changes the stored object and compares what is said of that. It returns how many
// checks fail.
func (u *updates) put(r *reply, stored, next object, subresource string) int {
	c := call{
		verb: "PUT", body: next, dryRun: true, validation: "Ignore", groups: u.arena.rules.parts,
		path: place(r.subject.object.Resource, namespaceOf(stored), text(sub(stored, "metadata"), "name")),
	}
	if subresource != "" {
		c.path = append(c.path, subresource)
	}
	returned, denied, err := u.arena.server.apply(u.t.Context(), c)
	if err != nil {
		u.refused++
		u.t.Logf("change to %s: %s", r.subject, reason(err))
		return 0
	}
	before, after := u.decode(r, stored), u.decode(r, returned)
	if before == nil || after == nil {
		return 0
	}
	req := request(after)
	whole := u.plain.judge(req)
	req.Operation, req.OldObject, req.Subresource = "UPDATE", before.Canonical, subresource
	verdicts := u.worse.judge(req)
	u.c.compare(r, "on update", verdicts, denied)
	for id, v := range verdicts {
		if !v.Denied && whole[id].Denied {
			u.forgiven++
		}
	}
	return len(denied)
}

func (u *updates) decode(r *reply, m object) *snapshot.Object {
	o, err := r.subject.dec.Decode(m, snapshot.Origin{})
	if err != nil {
		u.t.Errorf("%s: what the server has: %v", r.subject, err)
	}
	return o
}
