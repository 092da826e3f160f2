// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// mark is what is held of a finding: enough to tell that it is there, and the same.
type mark struct {
	print [16]byte // the fingerprint
	sum   uint64   // of the whole finding
	check int32    // index in the catalogue
	half  half
}

// half says who found it. A check that is a policy and an analyzer at once has two.
type half int16

const (
	alone half = 0  // by what judges an object for itself; analyzers follow, by their index + 1
	whole half = -1 // by what only a whole report judges
)

// judge keeps the findings. One goroutine uses it.
type judge struct {
	cfg   *Config
	index *index
	said  func() *kube.Result // what a listing would say
	dec   *snapshot.Decoder
	alone *scan.Alone
	seed  maphash.Seed
	// checks are the checks of the catalogue by id; halves tells which analyzer judges one.
	checks map[string]int32
	halves map[string]half
	units  []*unit
	// unlisted are the kinds that could not be listed when analyzers last ran.
	unlisted map[string]string
	// others are the findings about what is no object of its own: the cluster.
	others  map[seaworthy.Object]*[]mark
	running running
	// namespaces are those that policies have looked at since the objects were taken.
	namespaces map[string]map[string]any

	pending pending // not told yet
	told    bool    // something was, since the newest digest
	late    bool    // in a report: everything was read
	holds   int     // how many findings do
}

func newJudge(cfg *Config, x *index, said func() *kube.Result) *judge {
	j := &judge{
		cfg: cfg, index: x, said: said, pending: pending{}, dec: snapshot.NewDecoder(), alone: scan.NewAlone(cfg.Scan, cfg.Source), seed: maphash.MakeSeed(),
		checks: map[string]int32{}, halves: map[string]half{}, others: map[seaworthy.Object]*[]mark{}, running: running{},
	}
	for i, k := range cfg.Scan.Catalogue.Checks {
		j.checks[k.ID] = int32(i)
	}
	for id := range cfg.Scan.Catalogue.Crossing() {
		j.halves[id] = whole
	}
	for i, a := range cfg.Scan.Catalogue.Analyzers() {
		j.units = append(j.units, newUnit(a, half(i+1)))
		for _, k := range a.Checks {
			j.halves[k.ID] = half(i + 1)
		}
	}
	return j
}

// objects judges the objects that have changed, each for itself.
func (j *judge) objects(ctx context.Context) error {
	defer func() { j.namespaces = nil }()
	j.namespaces = map[string]map[string]any{}
	list := j.index.take()
	inside := j.inside(list)
	for _, e := range list {
		if err := j.object(ctx, e); err != nil {
			return err
		}
	}
	for _, e := range inside { // once their Namespace is known
		if err := j.again(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// inside lists what is in Namespaces that changed, since policies look at them.
func (j *judge) inside(list []*entry) []*entry {
	var out []*entry
	have := map[*entry]bool{}
	for _, e := range list {
		have[e] = true
	}
	x := j.index
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range list {
		if e.kind.String() != "namespaces" {
			continue
		}
		for _, in := range x.kinds {
			for at, o := range in.entries {
				if at.namespace == e.name && !have[o] {
					have[o] = true
					out = append(out, o)
				}
			}
		}
	}
	return out
}

// again judges an object that is the same as before.
func (j *judge) again(ctx context.Context, e *entry) error {
	if e.object == nil || e.object.Owner != nil {
		return nil
	}
	c := j.look(e)
	if c.gone {
		return nil
	}
	o, err := c.kind.Decode(j.dec, c.object, c.owner)
	if err != nil {
		return nil // said when it came
	}
	found, open, err := j.judgeAlone(ctx, o)
	if err != nil {
		return err
	}
	j.replace(o.Object, &e.marks, alone, found, func(m mark) bool { return open[m.check] })
	return nil
}

// current is an object at the moment of its judging.
type current struct {
	kind   *kube.Kind
	object map[string]any
	owner  *seaworthy.Object
	gone   bool
}

// look unpacks an object and finds out through whom it is judged.
func (j *judge) look(e *entry) current {
	x := j.index
	x.mu.Lock()
	c := current{kind: e.kind.Kind, gone: e.gone}
	packed, version, runs := e.packed, e.version, e.runs
	x.mu.Unlock()
	if c.gone {
		return c
	}
	c.object = x.packs.unpack(packed)
	if meta, ok := c.object["metadata"].(map[string]any); ok {
		meta["resourceVersion"] = version
	}
	if runs {
		x.mu.Lock()
		c.owner = x.ownerOf(e, c.object)
		x.mu.Unlock()
	}
	c.kind.Tidy(c.object)
	return c
}

// ownerOf gives the controller through which an object is judged, as a scan finds it: one
// that was listed before, or of a kind of Kubernetes' that was listed to its end before.
// The lock is held.
func (x *index) ownerOf(e *entry, object map[string]any) *seaworthy.Object {
	owner, id := kube.Controller(object)
	if owner == nil {
		return nil
	}
	in := x.named[kschema.GroupKind{Group: owner.Group(), Kind: owner.Kind}]
	if in == nil || in.Compare(e.kind.Kind) > 0 {
		return nil
	}
	if kube.Templated(owner) && in.listed && in != e.kind {
		return owner
	}
	o := in.entries[place{owner.Namespace, owner.Name}]
	if o == nil { // it may be outside of namespaces
		o = in.entries[place{name: owner.Name}]
	}
	if o == nil || o.gone || o.uid != digestUID(id) || !o.runs || in.Kind.Kind == "Pod" || in == e.kind && o.path() > e.path() {
		return nil
	}
	return owner
}

// object judges one object for itself, and has analyzers look at what has changed.
func (j *judge) object(ctx context.Context, e *entry) error {
	c := j.look(e)
	before := e.object
	if c.gone {
		j.forget(e)
		j.stale(e, before)
		return nil
	}
	j.relabel(e, c.object)
	if c.kind.String() == "customresourcedefinitions.apiextensions.k8s.io" {
		j.dec.Learn(c.object)
	}
	o, err := c.kind.Decode(j.dec, c.object, c.owner)
	if err != nil { // it keeps its findings: nothing was seen that says that they are gone
		j.cfg.Logger.Warn("object not understood", "kind", c.kind.String(), "namespace", e.namespace, "name", e.name, "error", err)
		return nil
	}
	if o.Owner == nil {
		j.pending.see(scan.Seen(o))
	} else if before != nil && before.Owner == nil {
		j.pending.vanish(o.Object)
	}
	found, open, err := j.judgeAlone(ctx, o)
	if err != nil {
		return err
	}
	thin(o)
	o.Release()
	e.object = o
	j.stale(e, before)
	j.replace(o.Object, &e.marks, alone, found, func(m mark) bool { return open[m.check] })
	return nil
}

// thin leaves of a pod that a controller made only its labels, which are all that is read
// of it: pods are most of a cluster, and all of those are judged through their owner.
func thin(o *snapshot.Object) {
	if pod, ok := o.Typed.(*corev1.Pod); ok && o.Owner != nil {
		o.Typed = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}}
	}
}

// judgeAlone gives what is found in the object for itself, and which checks could not say.
func (j *judge) judgeAlone(ctx context.Context, o *snapshot.Object) (found []*seaworthy.Finding, open map[int32]bool, err error) {
	if o.Owner != nil {
		return nil, nil, nil
	}
	asked := scan.Asked{Operation: "CREATE"}
	if ns := o.EffectiveNamespace(); ns != "" {
		asked.Namespace = j.namespace(ns)
	}
	err = j.alone.Judge(ctx, o, asked, func(said scan.Judged) {
		found = append(found, said.Findings...)
		if said.Err != nil {
			if open == nil {
				open = map[int32]bool{}
			}
			open[j.checks[said.Check.ID]] = true
		}
	})
	return found, open, err
}

// namespace is the Namespace as policies see it, or nil where it is not known.
func (j *judge) namespace(name string) map[string]any {
	if m, ok := j.namespaces[name]; ok {
		return m
	}
	var out map[string]any
	if e := j.index.find(kschema.GroupKind{Kind: "Namespace"}, place{name: name}); e != nil {
		if c := j.look(e); !c.gone {
			if o, err := c.kind.Decode(j.dec, c.object, nil); err == nil {
				out = o.Canonical
			}
		}
	}
	j.namespaces[name] = out
	return out
}

// forget takes an object and its findings away.
func (j *judge) forget(e *entry) {
	if e.object != nil && e.object.Owner == nil {
		j.pending.vanish(e.object.Object)
	}
	for i, m := range e.marks {
		if !slices.ContainsFunc(e.marks[:i], func(o mark) bool { return o.print == m.print }) {
			j.gone(e.identity(), m)
		}
	}
	j.relabel(e, nil)
	e.marks, e.object = nil, nil
	j.index.forget(e)
}

// find gives the entry of an object, or nil.
func (x *index) find(k kschema.GroupKind, at place) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	if in := x.named[k]; in != nil {
		return in.entries[at]
	}
	return nil
}

// forget drops an entry, unless its object is there again.
func (x *index) forget(e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.gone && e.kind.entries[*e.place] == e && !e.waits {
		delete(e.kind.entries, *e.place)
		e.kind.sorted = nil
	}
}

// marks gives where the findings about an object are held.
func (j *judge) marks(o seaworthy.Object) *[]mark {
	if e := j.index.find(kschema.GroupKind{Group: o.Group(), Kind: o.Kind}, place{o.Namespace, o.Name}); e != nil {
		return &e.marks
	}
	if j.others[o] == nil {
		j.others[o] = &[]mark{}
	}
	return j.others[o]
}

// replace puts what one half has found in an object in the place of what it found before. What is
// neither found nor left open is gone, unless the other half finds it too.
func (j *judge) replace(o seaworthy.Object, marks *[]mark, by half, found []*seaworthy.Finding, open func(mark) bool) {
	before := *marks
	var now []mark
	for _, m := range before {
		if m.half != by {
			now = append(now, m)
		}
	}
	for _, f := range found {
		m := j.mark(f, by)
		if slices.ContainsFunc(now, func(n mark) bool { return n.print == m.print && n.half == by }) {
			continue
		}
		now = append(now, m)
		if !slices.ContainsFunc(before, func(o mark) bool { return o.print == m.print }) {
			j.holds++
			j.pending.find(f)
		} else if !slices.ContainsFunc(before, func(o mark) bool { return o.print == m.print && (o.sum == m.sum || o.half != by) }) {
			j.pending.find(f)
		}
	}
	for _, m := range before {
		if m.half != by || slices.ContainsFunc(now, func(o mark) bool { return o.print == m.print }) {
			continue
		}
		if open(m) {
			now = append(now, m)
		} else {
			j.gone(o, m)
		}
	}
	*marks = slices.Clip(now)
}

func (j *judge) gone(o seaworthy.Object, m mark) {
	j.holds--
	j.pending.lose(o, hex.EncodeToString(m.print[:]))
}

func (j *judge) mark(f *seaworthy.Finding, by half) mark {
	m := mark{check: j.checks[f.Check], half: by}
	if _, err := hex.Decode(m.print[:], []byte(f.Fingerprint)); err != nil {
		panic("a fingerprint is not hexadecimal")
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("digest a finding: %v", err))
	}
	m.sum = maphash.Bytes(j.seed, b)
	return m
}

// news gives what came and went since the last time.
func (j *judge) news() []seaworthy.Delta {
	out := j.pending.deltas()
	j.pending = pending{}
	if len(out) == 0 {
		return nil
	}
	j.told = true
	j.index.mu.Lock()
	defer j.index.mu.Unlock()
	j.index.findings = j.holds
	return out
}
