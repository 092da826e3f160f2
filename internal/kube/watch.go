// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
)

// Manner is how an object came to be seen.
type Manner int

// The manners.
const (
	Initially Manner = iota // listed when its kind was first listed: it was there before
	Anew                    // listed again after a break: what happened in between, and how often, was not seen
	Live                    // the watch told of it as it happened
)

// Handler takes what a watch shows. Its methods are called one at a time; the objects are
// its own, whole as the API server sent them, with apiVersion and kind.
type Handler interface {
	// Listing says that a kind is being listed, in one namespace or everywhere (empty).
	// What Set brings from here to Listed is everything there is; without Listed, as when
	// the list breaks off, it is not.
	Listing(k *Kind, namespace string)
	Set(k *Kind, object map[string]any, how Manner)
	Listed(k *Kind, namespace string)
	// Deleted brings the last state of an object that is no more.
	Deleted(k *Kind, object map[string]any)
	// Dropped says that the kind is not served any more.
	Dropped(k *Kind)
	// Synced is called once, when every kind was listed, or refused.
	Synced()
	// Gap tells of an interval in which something may not have been seen.
	Gap(seaworthy.AgentGap)
}

// Watch follows every object that [Cluster.Batches] lists. Unlike client-go's reflector it
// hands on objects page by page, never holds a list, and after a break it first goes on
// from where it was: only when the API server has forgotten that version is there a gap.
type Watch struct {
	*Cluster
	handler Handler
	log     *slog.Logger
	now     func() time.Time
	replan  chan struct{}

	mu      sync.Mutex // of handler's calls and what follows
	served  *served
	streams map[streamID]*stream
	named   []placeID // Secrets that are followed by name
	// crds are the custom resources that are defined, once defined says that all are known.
	crds    map[kschema.GroupResource]bool
	defined bool
	synced  time.Time
	latest  time.Time // of the newest event
	outage  *outage
}

// NewWatch makes a watch of the cluster that tells the handler. Run starts it.
func NewWatch(c *Cluster, h Handler, log *slog.Logger) *Watch {
	return &Watch{
		Cluster: c, handler: h, log: log, now: time.Now, replan: make(chan struct{}, 1),
		streams: map[streamID]*stream{}, crds: map[kschema.GroupResource]bool{},
	}
}

// The times of a watch.
const (
	discoverEvery = 10 * time.Minute // what is served changes mostly with definitions, which are watched
	settle        = 2 * time.Second  // from a new definition to asking what is served
	pollEvery     = 5 * time.Minute  // of what cannot be watched
	checkEvery    = 5 * time.Second
)

// Run watches until the context ends.
func (w *Watch) Run(ctx context.Context) error {
	var followers sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer followers.Wait()
	defer cancel()
	followers.Go(func() { w.mind(ctx) })
	var pause backoff
	for {
		next := discoverEvery
		if err := w.plan(ctx, &followers); err != nil {
			next = pause.next()
			w.log.Warn("cluster cannot be asked for its resources", "error", err)
		} else {
			pause = backoff{}
		}
		if err := w.wait(ctx, next); err != nil {
			return err
		}
	}
}

// wait waits for the time of the next plan, or for a change of what is served.
func (w *Watch) wait(ctx context.Context, next time.Duration) error {
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-w.replan:
		return sleep(ctx, settle)
	}
	return nil
}

// mind keeps an eye on breaks that last.
func (w *Watch) mind(ctx context.Context) {
	for sleep(ctx, checkEvery) == nil {
		w.mu.Lock()
		w.checkOutage()
		w.mu.Unlock()
	}
}

// plan asks what is served, lists what is new one after the other, in the order of a scan,
// and has it followed.
func (w *Watch) plan(ctx context.Context, followers *sync.WaitGroup) error {
	served, err := w.discover()
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.served = served
	w.mu.Unlock()
	planned := map[streamID]bool{}
	for _, r := range served.plan(w.secrets) {
		if !w.follows(r) {
			continue
		}
		for _, p := range w.places(r) {
			id := streamID{r.GroupVersionResource, p.namespace, p.name}
			planned[id] = true
			if err := w.run(ctx, w.start(id, newKind(r)), followers); err != nil {
				return err
			}
		}
	}
	for _, p := range w.named {
		id := streamID{secrets.GroupVersionResource, p.namespace, p.name}
		planned[id] = true
		if err := w.run(ctx, w.start(id, namedSecret(p.name)), followers); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop(planned)
	if w.synced.IsZero() {
		w.synced = w.now()
		w.handler.Synced()
	}
	return nil
}

// run lists what a new stream is of, and has it followed; nil: it is not new. An error is that
// of the context.
func (w *Watch) run(ctx context.Context, s *stream, followers *sync.WaitGroup) error {
	if s != nil {
		err := s.first(ctx)
		following, stop := context.WithCancel(ctx)
		s.stop = stop
		followers.Go(func() {
			defer stop()
			s.follow(following, err)
		})
	}
	return ctx.Err()
}

// follows tells whether the resource is followed: not an aggregated API of its own.
func (w *Watch) follows(r resource) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !r.optional || !w.defined || w.crds[r.GroupResource()]
}

// places are where a resource is listed.
func (w *Watch) places(r resource) []placeID {
	var out []placeID
	for _, n := range w.namespaces {
		if r.namespaced {
			out = append(out, placeID{namespace: n})
		} else if r.String() == "namespaces" {
			out = append(out, placeID{name: n})
		}
	}
	if out == nil {
		out = append(out, placeID{})
	}
	return out
}

// start makes the stream of something that is not followed yet, or gives nil.
func (w *Watch) start(id streamID, k *Kind) *stream {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams[id] != nil {
		return nil
	}
	s := &stream{w: w, kind: k, placeID: placeID{id.namespace, id.name}, late: !w.synced.IsZero()}
	w.streams[id] = s
	return s
}

// stop ends the streams of what is not served any more. What could not be discovered may
// well be served, and so may what is defined: an API server that has just started does not
// know yet. Of the rest it is asked twice.
func (w *Watch) stop(planned map[streamID]bool) {
	for id, s := range w.streams {
		if planned[id] || w.served.failed[id.GroupVersion()] != nil || w.crds[id.GroupResource()] && !w.covered(s) {
			s.missed = false
			continue
		}
		if !s.missed && !w.covered(s) {
			s.missed = true
			w.planAgain()
			continue
		}
		s.stop()
		delete(w.streams, id)
		if !w.covered(s) {
			w.handler.Dropped(s.kind)
		}
		w.checkOutage()
	}
}

// covered tells whether another stream shows the same objects, as when a kind is now
// followed in another version.
func (w *Watch) covered(s *stream) bool {
	for id, o := range w.streams {
		if o != s && id.GroupResource() == s.kind.GroupResource() && id.namespace == s.namespace && id.name == s.name {
			return true
		}
	}
	return false
}

// learn notes what custom resources there are; what is served changes with them.
func (w *Watch) learn(k *Kind, object map[string]any, n int) {
	switch k.String() {
	case "customresourcedefinitions.apiextensions.k8s.io":
		if r := defined(object); n > 0 {
			w.crds[r] = true
		} else {
			delete(w.crds, r)
		}
	case "apiservices.apiregistration.k8s.io":
	default:
		return
	}
	w.planAgain()
}

func (w *Watch) planAgain() {
	select {
	case w.replan <- struct{}{}:
	default: // asked for already
	}
}

// State is how it stands with a watch.
type State struct {
	Synced time.Time // since when everything is followed; zero: not yet
	Latest time.Time // of the newest event
	// Broken says why something that was followed is not now, and Since since when;
	// empty: nothing is.
	Broken string
	Since  time.Time
	// Result is what a listing would say now. Objects is not counted.
	Result *Result
}

// State tells how it stands.
func (w *Watch) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &listing{Cluster: w.Cluster, result: &Result{Unlisted: map[string]string{}}}
	if w.served != nil {
		l.undiscovered(w.served)
	}
	if !w.secrets {
		l.result.Unlisted["Secret"] = SecretsNotAsked
	}
	st := State{Synced: w.synced, Latest: w.latest, Result: l.result}
	for _, s := range w.ordered() {
		if s.kind.Named == "" {
			l.result.Asked = append(l.result.Asked, s.kind.String())
		}
		if s.err == nil {
			continue
		}
		if !s.listed || answered(s.err) || w.now().Sub(s.since) > lasts {
			l.unlisted(s.kind.resource, s.placeID, s.err)
		}
		if s.listed && (st.Since.IsZero() || s.fresh.Before(st.Since)) {
			st.Since, st.Broken = s.fresh, s.String()+": "+w.reason(s.err)
		}
	}
	l.result.Asked = slices.Compact(l.result.Asked)
	return st
}

func (w *Watch) ordered() []*stream {
	return slices.SortedFunc(maps.Values(w.streams), func(a, b *stream) int {
		if c := a.kind.Compare(b.kind); c != 0 {
			return c
		}
		return slices.Compare([]string{a.namespace, a.name}, []string{b.namespace, b.name})
	})
}

// expired tells whether the API server has forgotten the version to go on from.
func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
