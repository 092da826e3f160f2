// SPDX-License-Identifier: Apache-2.0

package live

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// index holds every object that is watched. It is the handler of the watch: what comes in
// is packed, told as an observation, and left for the judge.
type index struct {
	cfg   *Config
	log   *slog.Logger
	nudge func()
	now   func() time.Time
	packs *packer
	// status tells that policies of the user may read any status.
	status bool

	mu    sync.Mutex
	kinds map[kschema.GroupResource]*kind
	named map[kschema.GroupKind]*kind
	// beside are single objects that are observed and not judged, by their names: nothing
	// but what is told of changes knows of them.
	beside map[beside]*kind
	dirty  []*entry // to be judged, or gone
	// dependents are objects whose controller is no kind of Kubernetes', by its UID: they
	// are judged by themselves while it is not there.
	dependents map[uid]map[*entry]bool
	findings   int // as of the newest delta
}

// kind is a kind of object with its objects.
type kind struct {
	*kube.Kind
	entries map[place]*entry
	sorted  []*entry          // as the API server lists them; nil: to be sorted
	listed  bool              // to its end, once
	round   uint32            // of listings
	rounds  map[string]uint32 // by namespace: that of the listing that goes on
}

type beside struct {
	kschema.GroupResource
	name string
}

type place struct{ namespace, name string }

func (p place) path() string { return strings.TrimPrefix(p.namespace+"/"+p.name, "/") }

// uid is the digest of an object's UID.
type uid [16]byte

// entry is one object. What stands last is the judge's, the rest the index's.
type entry struct {
	*place
	kind    *kind
	uid     uid
	version string
	packed  []byte
	content [sha256.Size]byte // of [changes.Digest]
	status  [16]byte          // digest of what is kept of the status
	owner   uid               // the controller, where it is no kind of Kubernetes'
	round   uint32
	waits   bool // among the dirty
	gone    bool
	runs    bool // pods: others may be judged through it, or it through another

	object *snapshot.Object
	marks  []mark
	labels uint64 // of a pod that runs
}

// identity is what findings call the object.
func (e *entry) identity() seaworthy.Object {
	return seaworthy.Object{APIVersion: e.kind.GroupVersion().String(), Kind: e.kind.Kind.Kind, Namespace: e.namespace, Name: e.name}
}

func newIndex(cfg *Config, nudge func()) *index {
	return &index{
		cfg: cfg, log: cfg.Logger, nudge: nudge, now: time.Now, packs: newPacker(), status: readsStatus(cfg.Scan),
		kinds: map[kschema.GroupResource]*kind{}, named: map[kschema.GroupKind]*kind{}, beside: map[beside]*kind{},
		dependents: map[uid]map[*entry]bool{},
	}
}

// of gives the place of a kind.
func (x *index) of(k *kube.Kind) *kind {
	if k.Named != "" {
		id := beside{k.GroupResource(), k.Named}
		if x.beside[id] == nil {
			x.beside[id] = &kind{Kind: k, entries: map[place]*entry{}, rounds: map[string]uint32{}}
		}
		return x.beside[id]
	}
	have := x.kinds[k.GroupResource()]
	if have == nil {
		have = &kind{Kind: k, entries: map[place]*entry{}, rounds: map[string]uint32{}}
		x.kinds[k.GroupResource()] = have
		x.named[kschema.GroupKind{Group: k.Group, Kind: k.Kind}] = have
	}
	if have.GroupVersionResource != k.GroupVersionResource {
		have.Kind = k // it is asked for in another version now
	}
	return have
}

// Listing implements [kube.Handler].
func (x *index) Listing(k *kube.Kind, namespace string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	in := x.of(k)
	in.round++
	in.rounds[namespace] = in.round
}

// Listed takes away what the list did not show.
func (x *index) Listed(k *kube.Kind, namespace string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	in := x.of(k)
	for at, e := range in.entries {
		if !e.gone && e.round < in.rounds[namespace] && (namespace == "" || at.namespace == namespace) {
			x.observe(e, nil, seaworthy.VerbDelete, "", seaworthy.Sighting{ID: shownAs(e.version, e.uid, e.content) + "-gone", Relisted: true})
			x.remove(e)
		}
	}
	if !in.listed {
		in.listed = true
		x.listedNow(in)
	}
}

// listedNow has judged again what names an owner of a kind of which it is known only now
// what there is.
func (x *index) listedNow(owners *kind) {
	if !ownKind(owners) {
		return
	}
	for _, in := range x.kinds {
		for _, e := range in.entries {
			if e.runs && !e.gone && in.Compare(owners.Kind) > 0 {
				x.touch(e)
			}
		}
	}
}

// Set takes an object in.
func (x *index) Set(k *kube.Kind, object map[string]any, how kube.Manner) {
	x.mu.Lock()
	defer x.mu.Unlock()
	in := x.of(k)
	meta, _ := object["metadata"].(map[string]any)
	at, id, version := placeOf(meta), uidOf(meta), text(meta, "resourceVersion")
	e := in.entries[at]
	if e != nil {
		e.round = in.round
		if !e.gone && e.uid == id && (e.version == version || how == kube.Anew && older(version, e.version)) {
			return
		}
	}
	redacted := changes.Redact(object, x.cfg.Key)
	if !delivers[in.String()] {
		delete(redacted, "status")
	}
	content, status := contentOf(redacted), x.statusOf(in, object)
	known := e != nil && !e.gone && e.uid == id
	if known && e.content == content && e.status == status {
		e.version = strings.Clone(version)
		return
	}
	seen := seaworthy.Sighting{ID: shownAs(version, id, content), Relisted: how == kube.Anew}
	if e != nil && !e.gone && !known {
		x.observe(e, nil, seaworthy.VerbDelete, "", seaworthy.Sighting{ID: shownAs(e.version, e.uid, e.content) + "-gone", Relisted: true})
		x.remove(e)
	}
	if e == nil {
		e = &entry{place: &place{shared(at.namespace), strings.Clone(at.name)}, kind: in}
		in.entries[*e.place], in.sorted = e, nil
	}
	judged := !known || e.content != content || !delivers[in.String()]
	switch {
	case how == kube.Initially && !known:
		x.show(in, nil, redacted)
	case !known:
		x.show(in, nil, redacted)
		x.observe(e, redacted, seaworthy.VerbCreate, manager(meta), seen)
	case e.content != content:
		x.observe(e, redacted, seaworthy.VerbUpdate, manager(meta), seen)
	case delivers[in.String()]:
		x.show(in, x.whole(e), redacted)
	}
	e.uid, e.version, e.content, e.status, e.gone, e.round = id, strings.Clone(version), content, status, false, in.round
	x.keep(e, redacted, object)
	if judged {
		x.touch(e)
	}
}

// keep packs what stays of an object, and notes how it stands to its controller.
func (x *index) keep(e *entry, redacted, object map[string]any) {
	e.packed = x.packs.pack(x.kept(e.kind, redacted, object))
	was := e.runs
	e.runs = e.kind.RunsPods(object)
	x.depends(e, object)
	if (e.runs || was) && !ownKind(e.kind) {
		for d := range x.dependents[e.uid] {
			x.touch(d)
		}
	}
}

// depends notes the controller of an object that is no kind of Kubernetes'.
func (x *index) depends(e *entry, object map[string]any) {
	var id uid
	if e.runs {
		if owner, of := kube.Controller(object); owner != nil && !kube.Templated(owner) {
			id = digestUID(of)
		}
	}
	if id == e.owner {
		return
	}
	delete(x.dependents[e.owner], e)
	if e.owner = id; id == (uid{}) {
		return
	}
	if x.dependents[id] == nil {
		x.dependents[id] = map[*entry]bool{}
	}
	x.dependents[id][e] = true
}

// Deleted takes an object away.
func (x *index) Deleted(k *kube.Kind, object map[string]any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	in := x.of(k)
	meta, _ := object["metadata"].(map[string]any)
	e := in.entries[placeOf(meta)]
	if e == nil || e.gone || e.uid != uidOf(meta) {
		return // told when it was found to be gone, or replaced
	}
	x.observe(e, nil, seaworthy.VerbDelete, "", seaworthy.Sighting{ID: shownAs(text(meta, "resourceVersion"), e.uid, e.content)})
	x.remove(e)
}

// remove leaves an object to the judge to forget.
func (x *index) remove(e *entry) {
	e.gone = true
	for d := range x.dependents[e.uid] {
		x.touch(d)
	}
	delete(x.dependents[e.owner], e)
	e.owner = uid{}
	x.touch(e)
}

// touch has an object judged, if it is one of those that are.
func (x *index) touch(e *entry) {
	if e.kind.Named != "" {
		return
	}
	if !e.waits {
		e.waits = true
		x.dirty = append(x.dirty, e)
	}
	x.nudge()
}

// Dropped implements [kube.Handler]: with their kind objects are gone.
func (x *index) Dropped(k *kube.Kind) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.of(k).entries {
		if !e.gone {
			x.observe(e, nil, seaworthy.VerbDelete, "", seaworthy.Sighting{ID: shownAs(e.version, e.uid, e.content) + "-gone", Relisted: true})
			x.remove(e)
		}
	}
}

// Synced implements [kube.Handler].
func (x *index) Synced() {
	if x.cfg.Synced != nil {
		x.cfg.Synced()
	}
}

// Gap implements [kube.Handler].
func (x *index) Gap(g seaworthy.AgentGap) {
	if x.cfg.Gap != nil {
		x.cfg.Gap(g)
	}
}

// take gives the objects that wait, each once.
func (x *index) take() []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := x.dirty
	x.dirty = nil
	for _, e := range out {
		e.waits = false
	}
	return out
}

// inOrder lists the objects of a kind as the API server does. The lock is held.
func (in *kind) inOrder() []*entry {
	if in.sorted == nil {
		in.sorted = slices.SortedFunc(maps.Values(in.entries), func(a, b *entry) int { return strings.Compare(a.path(), b.path()) })
	}
	return in.sorted
}

// all lists everything in the order of a scan.
func (x *index) all() []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*entry
	for _, in := range x.inOrder() {
		for _, e := range in.inOrder() {
			if !e.gone {
				out = append(out, e)
			}
		}
	}
	return out
}

func (x *index) inOrder() []*kind {
	return slices.SortedFunc(maps.Values(x.kinds), func(a, b *kind) int { return a.Compare(b.Kind) })
}

// missing tells whether there is no such object.
func (x *index) missing(o seaworthy.Object) bool {
	return x.find(kschema.GroupKind{Group: o.Group(), Kind: o.Kind}, place{o.Namespace, o.Name}) == nil
}

func (x *index) counts() (objects, findings int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, in := range x.kinds {
		objects += len(in.entries)
	}
	return objects, x.findings
}

func placeOf(meta map[string]any) place { return place{text(meta, "namespace"), text(meta, "name")} }

// shownAs names what a watch shows: by its version, and by what has it. A cluster that is made
// anew under its old name, or whose database was restored, counts its versions once more.
func shownAs(version string, id uid, content [sha256.Size]byte) string {
	sum := sha256.Sum256(append(id[:], content[:]...))
	return version + "@" + hex.EncodeToString(sum[:6])
}

func uidOf(meta map[string]any) uid { return digestUID(text(meta, "uid")) }

func digestUID(s string) (out uid) {
	if s == "" {
		return uid{}
	}
	sum := sha256.Sum256([]byte(s))
	copy(out[:], sum[:])
	return out
}

func text(m map[string]any, field string) string { s, _ := m[field].(string); return s }

// older tells whether a version is from before another, where both are numbers.
func older(a, b string) bool {
	return digits(a) && digits(b) && (len(a) < len(b) || len(a) == len(b) && a < b)
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func contentOf(redacted map[string]any) (out [sha256.Size]byte) {
	if _, err := hex.Decode(out[:], []byte(changes.Digest(redacted))); err != nil {
		panic("a digest is not hexadecimal")
	}
	return out
}
