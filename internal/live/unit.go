// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"maps"
	"time"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// unit is an analyzer with what it has to look at again.
type unit struct {
	*analysis.Analyzer
	half  half
	reads all.Reads

	whole  bool
	spaces map[string]bool // namespaces, where that suffices
	each   map[*entry]bool // objects, where these suffice
	next   time.Time       // not before
	// open are the checks that were not judged everywhere when it ran last. What they did
	// not find may be gone without anything in its place having changed since, so that the
	// next run looks at everything. After a report it is not known which they are: owes.
	open map[string]bool
	owes bool
}

func newUnit(a *analysis.Analyzer, h half) *unit {
	u := &unit{Analyzer: a, half: h, reads: all.ReadsOf(a)}
	u.fresh()
	return u
}

// fresh forgets what was to be looked at.
func (u *unit) fresh() {
	u.whole, u.spaces, u.each = false, map[string]bool{}, map[*entry]bool{}
}

func (u *unit) stale() bool { return u.whole || len(u.spaces)+len(u.each) > 0 }

// running counts pods that controllers made by their labels: only which labels there are
// counts for analyzers, not how many pods bear them.
type running map[uint64]int

// relabel notes the labels of a pod that a controller made; nil: it is gone.
func (j *judge) relabel(e *entry, object map[string]any) {
	var now uint64
	if object != nil && e.kind.String() == "pods" {
		meta, _ := object["metadata"].(map[string]any)
		b, _ := json.Marshal([]any{e.namespace, meta["labels"]})
		now = maphash.Bytes(j.seed, b)
	}
	if now == e.labels {
		return
	}
	for print, n := range map[uint64]int{e.labels: -1, now: 1} {
		if print == 0 {
			continue
		}
		was := j.running[print]
		if j.running[print] = was + n; was+n == 0 {
			delete(j.running, print)
		}
		if was == 0 || was+n == 0 {
			for _, u := range j.units {
				if u.reads.Running {
					u.again(e.namespace)
				}
			}
		}
	}
	e.labels = now
}

// stale has the analyzers look again that read an object which was something else before,
// or was not there.
func (j *judge) stale(e *entry, before *snapshot.Object) {
	for _, u := range j.units {
		switch {
		case !u.concerned(e, before) && !u.concerned(e, e.object):
		case u.reads.Each:
			u.each[e] = true
		case e.kind.String() == "namespaces":
			u.again(e.name)
		default:
			u.again(e.namespace)
		}
	}
}

// again has the analyzer look at a namespace, or at everything.
func (u *unit) again(namespace string) {
	if u.reads.Local && namespace != "" {
		u.spaces[namespace] = true
	} else {
		u.whole = true
	}
}

// concerned tells whether the analyzer reads the object.
func (u *unit) concerned(e *entry, o *snapshot.Object) bool {
	return o != nil && u.reads.Object(o)
}

// due gives the analyzer that is to run now, or how long to wait.
func (j *judge) due() (*unit, time.Duration) {
	now, wait := time.Now(), time.Hour
	for _, u := range j.units {
		if !u.stale() {
			continue
		}
		if d := u.next.Sub(now); d > 0 {
			wait = min(wait, d)
			continue
		}
		return u, 0
	}
	return nil, wait
}

// analyze runs an analyzer over what it has to look at again.
func (j *judge) analyze(ctx context.Context, u *unit) error {
	began := time.Now()
	whole, spaces, each := u.whole || u.owes && !u.reads.Each, u.spaces, u.each
	u.fresh()
	seen := func(e *entry) bool {
		return whole || each[e] || spaces[e.namespace] || len(spaces) > 0 && (e.namespace == "" || e.kind.String() == "namespaces" && spaces[e.name])
	}
	meant := func(e *entry) bool {
		return whole || each[e] || e.namespace != "" && spaces[e.namespace] || e.kind.String() == "namespaces" && spaces[e.name]
	}
	entries := j.index.all()
	s := j.snapshot()
	for _, e := range entries {
		if e.object != nil && seen(e) && u.reads.Object(e.object) {
			s.Add(e.object)
		}
	}
	v := &verdicts{found: map[seaworthy.Object][]*seaworthy.Finding{}, open: map[string]bool{}, objects: map[said]bool{}}
	if err := j.alone.Analyze(ctx, u.Analyzer, s, scan.Said{Found: v.find, Open: v.leave}); err != nil {
		return err
	}
	j.settle(u, v, entries, meant, whole, spaces)
	u.open, u.owes = v.open, len(v.open) > 0
	u.next = began.Add(time.Since(began)).Add(min(share*time.Since(began), behind))
	return nil
}

// verdicts are what one run of an analyzer says.
type verdicts struct {
	found   map[seaworthy.Object][]*seaworthy.Finding
	open    map[string]bool // checks that were not judged everywhere
	objects map[said]bool   // or not for an object
}

type said struct {
	check  string
	object seaworthy.Object
}

func (v *verdicts) find(f *seaworthy.Finding) { v.found[f.Object] = append(v.found[f.Object], f) }

func (v *verdicts) leave(check string, o *snapshot.Object) {
	if o == nil {
		v.open[check] = true
	} else {
		v.objects[said{check, o.Object}] = true
	}
}

// settle puts the verdicts in the place of those before, for what was looked at.
func (j *judge) settle(u *unit, v *verdicts, entries []*entry, meant func(*entry) bool, whole bool, spaces map[string]bool) {
	checks := j.cfg.Scan.Catalogue.Checks
	open := func(o seaworthy.Object) func(mark) bool {
		return func(m mark) bool {
			id := checks[m.check].ID
			return v.open[id] || v.objects[said{id, o}]
		}
	}
	j.adopt()
	for _, e := range entries {
		if !meant(e) || e.object == nil {
			continue
		}
		found := v.found[e.object.Object]
		delete(v.found, e.object.Object)
		if len(found) > 0 || marked(e.marks, u.half) {
			j.replace(e.object.Object, &e.marks, u.half, found, open(e.object.Object))
		}
	}
	inside := func(o seaworthy.Object) bool {
		return whole || o.Kind == "Namespace" && spaces[o.Name] || o.Namespace != "" && spaces[o.Namespace]
	}
	for o, marks := range j.others {
		if inside(o) && marked(*marks, u.half) {
			j.replace(o, marks, u.half, v.found[o], open(o))
			delete(v.found, o)
			if len(*marks) == 0 {
				delete(j.others, o)
			}
		}
	}
	for o, found := range v.found {
		if inside(o) && j.index.missing(o) {
			j.replace(o, j.marks(o), u.half, found, open(o))
		}
	}
}

// adopt moves findings about what was no object of its own to the object that it is now,
// as when a Namespace that workloads named is shown.
func (j *judge) adopt() {
	for o, marks := range j.others {
		if e := j.index.find(kschema.GroupKind{Group: o.Group(), Kind: o.Kind}, place{o.Namespace, o.Name}); e != nil && e.object != nil {
			e.marks = append(e.marks, *marks...)
			delete(j.others, o)
		}
	}
}

// listing has every analyzer look again when other kinds could be listed than before.
func (j *judge) listing() {
	now := j.said().Unlisted
	if maps.Equal(now, j.unlisted) {
		return
	}
	j.unlisted = now
	for _, u := range j.units {
		u.whole = u.whole || !u.reads.Each
	}
}

// marked tells whether the half has found something.
func marked(marks []mark, by half) bool {
	for _, m := range marks {
		if m.half == by {
			return true
		}
	}
	return false
}

// snapshot makes an empty one of how it stands with the cluster.
func (j *judge) snapshot() *snapshot.Snapshot {
	source := j.cfg.Source
	source.Started = j.cfg.Scan.Now().UTC()
	s := snapshot.New(source)
	s.Target = j.cfg.Scan.Target
	maps.Copy(s.Unlisted, j.unlisted)
	return s
}
