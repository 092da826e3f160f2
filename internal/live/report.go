// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Report judges everything anew and writes the whole report to w, as a scan of the cluster
// would at this moment. Once it is written, and before any delta that is relative to it,
// written is called. Deltas wait meanwhile; observations do not.
func (l *Live) Report(ctx context.Context, w io.Writer, written func() error) error {
	if l.watch.State().Synced.IsZero() {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "report on the cluster", Err: errors.New("its objects are not all listed yet")}
	}
	l.judging.Lock()
	defer l.judging.Unlock()
	l.ready = false // until it is whole, nothing can be relative to it
	l.shrink()      // what the start needed, or what came since: a report is the height
	if err := l.judge.report(ctx, w); err != nil {
		return fmt.Errorf("report on the cluster: %w", err)
	}
	if err := written(); err != nil {
		return err
	}
	l.ready = true
	l.shrink() // what the report needed for a moment
	ring(l.reported)
	l.nudge()
	return nil
}

// result is what a listing would say now.
func (l *Live) result() *kube.Result {
	if l.watch == nil {
		return &kube.Result{}
	}
	return l.watch.State().Result
}

// batchOf is how many objects are judged between two looks at whether to go on.
const batchOf = 100

// report makes the whole report, and what holds is what it finds.
func (j *judge) report(ctx context.Context, w io.Writer) error {
	entries := j.restart()
	said := j.said()
	j.unlisted = said.Unlisted
	in := scan.Input{
		Source:   j.cfg.Source,
		Unlisted: func() map[string]string { j.late = true; return said.Unlisted },
		Batches: func(_ context.Context, next func(scan.Batch) error) (scan.Yield, error) {
			for batch := range slices.Chunk(entries, batchOf) {
				if err := next(j.batch(batch)); err != nil {
					return scan.Yield{}, err
				}
			}
			return scan.Yield{Errors: slices.Concat(j.cfg.Problems, said.Errors), Skipped: said.Skipped}, nil
		},
	}
	format, err := output.Named("json")
	if err != nil {
		return err
	}
	out := format.New(w, output.Options{EachObject: j.inventory(entries)})
	if _, err := scan.Run(ctx, *j.cfg.Scan, in, gathering{out, j}); err != nil {
		return errors.Join(err, output.Close(out))
	}
	j.index.mu.Lock()
	defer j.index.mu.Unlock()
	j.index.findings = j.holds
	return nil
}

// restart forgets what holds and gives the objects to judge.
func (j *judge) restart() []*entry {
	for _, e := range j.index.take() {
		j.index.forget(e) // if it is gone
	}
	j.others, j.running, j.holds, j.late, j.pending = map[seaworthy.Object]*[]mark{}, running{}, 0, false, pending{}
	for _, u := range j.units {
		u.fresh()
		u.owes = true // the report does not say what was not judged everywhere
	}
	entries := j.index.all()
	for _, e := range entries {
		e.marks, e.labels = nil, 0
		if e.kind.String() == "customresourcedefinitions.apiextensions.k8s.io" {
			j.dec.Learn(j.look(e).object)
		}
	}
	return entries
}

// batch hands on some objects. What analyzers read of them takes the place of what was
// held before, so that nothing is held twice.
func (j *judge) batch(entries []*entry) scan.Batch {
	return func(ctx context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
		var yield scan.Yield
		for _, e := range entries {
			c := j.look(e)
			if c.gone {
				continue
			}
			j.relabel(e, c.object)
			o, err := c.kind.Decode(j.dec, c.object, c.owner)
			if err != nil {
				yield.Errors = append(yield.Errors, c.kind.Undecoded(c.object, err))
				continue
			}
			thin(o)
			e.object = o
			if err := emit(o); err != nil {
				return yield, err
			}
		}
		return yield, ctx.Err()
	}
}

// inventory lists the objects of the report, in its order.
func (j *judge) inventory(entries []*entry) iter.Seq[seaworthy.SeenObject] {
	return func(yield func(seaworthy.SeenObject) bool) {
		list := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return e.object == nil || e.object.Owner != nil })
		slices.SortFunc(list, func(a, b *entry) int { return compareObjects(a.object.Object, b.object.Object) })
		for _, e := range list {
			c := j.look(e)
			if c.gone {
				continue
			}
			if o, err := c.kind.Decode(j.dec, c.object, nil); err == nil && !yield(scan.Seen(o)) {
				return
			}
		}
	}
}

// gathering takes the findings of a report beside its handler.
type gathering struct {
	output.Handler
	judge *judge
}

// Finding implements [scan.Handler].
func (g gathering) Finding(f *seaworthy.Finding) error {
	j, by := g.judge, alone
	if j.late {
		by = j.halves[f.Check]
	}
	marks := j.marks(f.Object)
	m := j.mark(f, by)
	if !slices.ContainsFunc(*marks, func(o mark) bool { return o.print == m.print }) {
		j.holds++
	}
	if !slices.ContainsFunc(*marks, func(o mark) bool { return o.print == m.print && o.half == by }) {
		*marks = append(*marks, m)
	}
	return g.Handler.Finding(f)
}

// Object gives an object as it is kept, anew at each call: without its status mostly, and
// with digests of what is secret.
func (l *Live) Object(r kschema.GroupVersionResource, namespace, name string) (map[string]any, bool) {
	x := l.index
	x.mu.Lock()
	defer x.mu.Unlock()
	in := x.kinds[r.GroupResource()]
	if in == nil {
		return nil, false
	}
	e := in.entries[place{namespace, name}]
	if e == nil || e.gone {
		return nil, false
	}
	return x.whole(e), true
}

// Each goes through the objects of a resource as they are kept.
func (l *Live) Each(r kschema.GroupResource, take func(object map[string]any)) {
	x := l.index
	x.mu.Lock()
	defer x.mu.Unlock()
	if in := x.kinds[r]; in != nil {
		for _, e := range in.inOrder() {
			if !e.gone {
				take(x.whole(e))
			}
		}
	}
}

// Namespace gives a Namespace as it is kept.
func (l *Live) Namespace(name string) (map[string]any, bool) {
	return l.Object(kschema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "", name)
}
