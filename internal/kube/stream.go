// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

type streamID struct {
	kschema.GroupVersionResource
	namespace, name string
}

// stream follows one kind in one place. Its fields below mu of the watch change under it.
type stream struct {
	w    *Watch
	kind *Kind
	placeID
	late bool // it began when everything else was followed: its objects are new
	stop context.CancelFunc
	// missed: it was not among what is served when that was last asked for.
	missed bool

	version string // to watch from; empty: list

	// under the mutex of the watch:
	listed bool      // to its end, at least once
	lost   bool      // the version was forgotten, and it is not listed again yet
	fresh  time.Time // until when everything was seen for certain
	err    error     // why it is not followed at present
	since  time.Time // of err
}

// first lists for the first time; a few times where no answer came, as while the API
// server starts.
func (s *stream) first(ctx context.Context) error {
	var pause backoff
	var err error
	for range attempts {
		err = s.list(ctx)
		s.note(err)
		if err == nil || answered(err) || sleep(ctx, pause.next()) != nil {
			break
		}
	}
	return err
}

// follow keeps listing and watching until the context ends. err is what came of the first
// attempt.
func (s *stream) follow(ctx context.Context, err error) {
	var pause backoff
	if err != nil {
		_ = sleep(ctx, pause.after(err))
	}
	for ctx.Err() == nil {
		began := time.Now()
		err := s.turn(ctx)
		if ctx.Err() != nil {
			return
		}
		s.note(err)
		if err == nil && (time.Since(began) > time.Second || s.version == "") {
			pause = backoff{}
			continue
		}
		if expired(err) {
			s.version = ""
		}
		_ = sleep(ctx, pause.after(err)) // also when a server ends watches at once
	}
}

// turn lists, if that has to be, or watches.
func (s *stream) turn(ctx context.Context) error {
	switch {
	case s.version == "":
		return s.list(ctx)
	case s.kind.resource.polled:
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
		return s.list(ctx)
	}
	return s.watch(ctx)
}

// list hands on everything there is, page by page.
func (s *stream) list(ctx context.Context) error {
	w := s.w
	how := Initially
	if s.late || s.listed {
		how = Anew
	}
	w.mu.Lock()
	w.handler.Listing(s.kind, s.namespace)
	w.mu.Unlock()
	version, err := w.all(ctx, s.kind.resource, s.namespace, s.name, func(items []map[string]any) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, m := range items {
			items[i] = nil
			w.learn(s.kind, m, 1)
			w.handler.Set(s.kind, m, how)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.name == s.kind.Named { // else there is more of the kind than the list shows
		w.handler.Listed(s.kind, s.namespace)
	}
	s.version, s.listed, s.lost = version, true, false
	w.defined = w.defined || s.kind.resource.rank() == 1
	return nil
}

// event is one line of a watch.
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// The times of one watch: how long it is asked for, and how much longer the answer may
// take, in case the connection is dead and nobody says so.
const (
	watchFor   = 5 * time.Minute
	watchGrace = 30 * time.Second
)

// watch hands on what happens, from the version on, until the server ends the watch.
func (s *stream) watch(ctx context.Context) error {
	limit := watchFor + rand.N(watchFor)
	ctx, cancel := context.WithTimeoutCause(ctx, limit+watchGrace, errStale)
	defer cancel()
	req := s.w.watches.Get().AbsPath(s.kind.resource.path(s.namespace)).SetHeader("Accept", "application/json").
		Param("watch", "1").Param("allowWatchBookmarks", "true").Param("resourceVersion", s.version).
		Param("timeoutSeconds", strconv.Itoa(int(limit.Seconds())))
	if s.name != "" {
		req = req.Param("fieldSelector", "metadata.name="+s.name)
	}
	body, err := req.Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	s.connected()
	dec := json.NewDecoder(body)
	for {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch %s: %w", s.kind, errors.Join(err, context.Cause(ctx)))
		}
		if err := s.take(&e); err != nil {
			return err
		}
	}
}

var errStale = errors.New("nothing came for too long")

// take hands on one event.
func (s *stream) take(e *event) error {
	if e.Type == "ERROR" {
		var status metav1.Status
		if err := json.Unmarshal(e.Object, &status); err != nil {
			return fmt.Errorf("watch %s: read an error: %w", s.kind, err)
		}
		return apierrors.FromObject(&status)
	}
	var m map[string]any
	if err := kjson.Unmarshal(e.Object, &m); err != nil {
		return fmt.Errorf("watch %s: %w", s.kind, err)
	}
	meta, _ := m["metadata"].(map[string]any)
	version, _ := meta["resourceVersion"].(string)
	if version == "" {
		return fmt.Errorf("watch %s: an event has no version", s.kind)
	}
	m["apiVersion"], m["kind"] = s.kind.GroupVersion().String(), s.kind.Kind
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s.fresh = w.now()
	switch e.Type {
	case "BOOKMARK":
	case "ADDED", "MODIFIED":
		w.latest = s.fresh
		w.learn(s.kind, m, 1)
		w.handler.Set(s.kind, m, Live)
	case "DELETED":
		w.latest = s.fresh
		w.learn(s.kind, m, 0)
		w.handler.Deleted(s.kind, m)
	default:
		return fmt.Errorf("watch %s: an event is of the unknown type %q", s.kind, e.Type)
	}
	s.version = version
	return nil
}

// connected notes that the server answers. Whether it has what happened in between shows
// with what it sends.
func (s *stream) connected() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.err = nil
}

// note keeps what came of an attempt.
func (s *stream) note(err error) {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		s.fresh = w.now()
	case s.err == nil:
		s.since = w.now()
		w.log.Debug("watch interrupted", "kind", s.String(), "error", err)
	}
	s.err = err
	if expired(err) {
		s.lost = s.listed
	}
	w.checkOutage()
}

// backoff spaces attempts that fail.
type backoff struct{ n int }

const (
	backoffLeast = 200 * time.Millisecond
	backoffMost  = 30 * time.Second
	// refusedEvery is how often is asked again for what the rights do not give.
	refusedEvery = time.Minute
)

// after is how long to wait after an attempt.
func (b *backoff) after(err error) time.Duration {
	d := b.next()
	if err != nil && answered(err) && !passing(err) && !expired(err) {
		return max(d, refusedEvery)
	}
	return d
}

func (b *backoff) next() time.Duration {
	d := min(backoffLeast<<b.n, backoffMost)
	b.n = min(b.n+1, 10)
	return d/2 + rand.N(d/2)
}
