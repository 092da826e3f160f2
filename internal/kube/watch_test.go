// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// seen notes what a watch tells, one line each.
type seen struct {
	mu    sync.Mutex
	lines []string
	gaps  []seaworthy.AgentGap
	woke  chan struct{}
}

func newSeen() *seen { return &seen{woke: make(chan struct{}, 1)} }

func (s *seen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	select {
	case s.woke <- struct{}{}:
	default:
	}
}

var manners = map[kube.Manner]string{kube.Initially: "initially", kube.Anew: "anew", kube.Live: "live"}

func (s *seen) Listing(*kube.Kind, string) {}
func (s *seen) Set(k *kube.Kind, o map[string]any, how kube.Manner) {
	s.say("%s %s %s", manners[how], k, name(o))
}
func (s *seen) Listed(k *kube.Kind, ns string)              { s.say("listed %s %s", k, ns) }
func (s *seen) Deleted(k *kube.Kind, object map[string]any) { s.say("deleted %s %s", k, name(object)) }
func (s *seen) Dropped(k *kube.Kind)                        { s.say("dropped %s", k) }
func (s *seen) Synced()                                     { s.say("synced") }
func (s *seen) Gap(g seaworthy.AgentGap) {
	s.mu.Lock()
	s.gaps = append(s.gaps, g)
	s.mu.Unlock()
	s.say("gap %v %s", !g.To.IsZero(), g.Reason)
}

// wait waits for a line that begins so, after those before, and gives the lines until it.
func (s *seen) wait(t *testing.T, want string) []string {
	t.Helper()
	end := time.After(3 * time.Minute)
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, want) })
		if i >= 0 {
			out := slices.Clone(s.lines[:i+1])
			s.lines = s.lines[i+1:]
			s.mu.Unlock()
			return out
		}
		lines := slices.Clone(s.lines)
		s.mu.Unlock()
		select {
		case <-s.woke:
		case <-end:
			t.Fatalf("no %q among %q", want, lines)
		}
	}
}

// watched is a server whose watches of one resource the test feeds by hand. Others stay
// open and silent.
type watched struct {
	*server
	path    string
	streams chan *stream
	// refuse answers the next watches of the resource with an error.
	refuse func() (code int, reason string)
}

// stream is one watch that is open.
type stream struct {
	version, selector string
	w                 http.ResponseWriter
	end               chan struct{}
	done              <-chan struct{}
}

func (s *stream) send(kind string, object map[string]any) {
	b, err := json.Marshal(map[string]any{"type": kind, "object": object})
	if err != nil {
		panic(err)
	}
	_, _ = s.w.Write(append(b, '\n'))
	s.w.(http.Flusher).Flush()
}

func (s *watched) handle(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Query().Get("watch") == "" {
		return false
	}
	if r.URL.Path == s.path && s.refuse != nil {
		if code, reason := s.refuse(); code != 0 {
			refuse(w, code, reason, reason, "")
			return true
		}
	}
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	q := r.URL.Query()
	st := &stream{version: q.Get("resourceVersion"), selector: q.Get("fieldSelector"), w: w, end: make(chan struct{}), done: r.Context().Done()}
	if r.URL.Path == s.path {
		s.streams <- st
	}
	select {
	case <-st.end:
	case <-st.done:
	}
	return true
}

// watch starts a watch of a server with ConfigMaps, whose watches are fed by hand.
func watch(t *testing.T, s *server) (*watched, *seen, *kube.Watch) {
	t.Helper()
	return watchBy(t, s, "/api/v1/configmaps")
}

// watchBy starts a watch of a server whose watches of one resource are fed by hand.
func watchBy(t *testing.T, s *server, path string) (*watched, *seen, *kube.Watch) {
	t.Helper()
	return watchNamed(t, s, path, kube.Options{})
}

// watchNamed starts one that follows some Secrets by name.
func watchNamed(t *testing.T, s *server, path string, o kube.Options, secrets ...types.NamespacedName) (*watched, *seen, *kube.Watch) {
	t.Helper()
	w := &watched{server: s, path: path, streams: make(chan *stream, 10)}
	before := s.answer
	s.answer = func(rw http.ResponseWriter, r *http.Request) bool {
		return before != nil && before(rw, r) || w.handle(rw, r)
	}
	out := newSeen()
	watch := kube.NewWatch(open(t, s.start(), o), out, slog.New(slog.DiscardHandler))
	watch.Follow(secrets...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = watch.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return w, out, watch
}

func versioned(o map[string]any, version string) map[string]any {
	o["metadata"].(map[string]any)["resourceVersion"] = version
	return o
}

func configMaps(t *testing.T) *server {
	return &server{
		t: t, resources: map[string][]string{"v1": {"configmaps:ConfigMap", "pods:Pod"}},
		objects: map[string][]map[string]any{"/api/v1/configmaps": {versioned(object("shop", "a"), "1")}},
	}
}

func TestWatchTellsWhatHappens(t *testing.T) {
	w, out, _ := watch(t, configMaps(t))
	before := out.wait(t, "synced")
	if want := []string{"initially configmaps a", "listed configmaps ", "listed pods ", "synced"}; !slices.Equal(before, want) {
		t.Errorf("until it was synced: %q, want %q", before, want)
	}
	s := <-w.streams
	s.send("ADDED", versioned(object("shop", "b"), "7"))
	out.wait(t, "live configmaps b")
	s.send("BOOKMARK", versioned(object("", ""), "9"))
	s.send("DELETED", versioned(object("shop", "a"), "8"))
	out.wait(t, "deleted configmaps a")
	s.send("BOOKMARK", versioned(object("", ""), "12"))
	close(s.end)
	if again := <-w.streams; again.version != "12" {
		t.Errorf("it went on from version %q, want that of the bookmark", again.version)
	}
}

// TestForgottenVersionIsAGap has the API server forget the version to go on from.
func TestForgottenVersionIsAGap(t *testing.T) {
	var forgotten time.Time // when the server said so
	for name, forget := range map[string]func(w *watched, s *stream){
		"by an event": func(_ *watched, s *stream) {
			forgotten = time.Now()
			s.send("ERROR", map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"})
		},
		"by the answer": func(w *watched, s *stream) {
			asked := false
			w.refuse = func() (int, string) {
				if asked {
					return 0, ""
				}
				asked, forgotten = true, time.Now()
				return http.StatusGone, "Gone"
			}
			close(s.end)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := configMaps(t)
			w, out, _ := watch(t, server)
			out.wait(t, "synced")
			s := <-w.streams
			server.mu.Lock()
			server.objects["/api/v1/configmaps"] = []map[string]any{versioned(object("shop", "c"), "30")}
			server.mu.Unlock()
			forget(w, s)
			lines := out.wait(t, "gap true")
			if want := []string{"anew configmaps c", "listed configmaps "}; !slices.Equal(lines[:2], want) {
				t.Errorf("after it was forgotten: %q, want %q first", lines, want)
			}
			g := out.gaps[0]
			if g.Place != seaworthy.SeenByWatch || g.From.After(forgotten) || g.To.Before(g.From) || !strings.Contains(g.Reason, "configmaps") {
				t.Errorf("gap = %+v, must begin before %s", g, forgotten)
			}
		})
	}
}

// TestShortBreakIsNoGap has the server refuse watches for a moment, as while it starts.
func TestShortBreakIsNoGap(t *testing.T) {
	w, out, watch := watch(t, configMaps(t))
	out.wait(t, "synced")
	s := <-w.streams
	n := 0
	w.refuse = func() (int, string) {
		if n++; n <= 2 {
			return http.StatusServiceUnavailable, "ServiceUnavailable"
		}
		return 0, ""
	}
	close(s.end)
	again := <-w.streams
	if again.version != "1" {
		t.Errorf("it went on from %q, want the version of the list", again.version)
	}
	again.send("MODIFIED", versioned(object("shop", "a"), "5"))
	lines := out.wait(t, "live configmaps a")
	if len(lines) != 1 || len(out.gaps) > 0 {
		t.Errorf("it told %q, want the change only", lines)
	}
	if st := watch.State(); st.Broken != "" || len(st.Result.Errors) > 0 {
		t.Errorf("state = %+v", st)
	}
}

// TestRightsLost wants what is not shown any more to be said, and nothing to be gone.
func TestRightsLost(t *testing.T) {
	w, out, watch := watch(t, configMaps(t))
	out.wait(t, "synced")
	s := <-w.streams
	w.refuse = func() (int, string) { return http.StatusForbidden, "Forbidden" }
	close(s.end)
	for watch.State().Broken == "" {
		time.Sleep(10 * time.Millisecond)
	}
	st := watch.State()
	if !strings.HasPrefix(st.Result.Unlisted["ConfigMap"], "forbidden") || st.Since.IsZero() {
		t.Errorf("state = %+v, result = %+v", st, st.Result)
	}
	if len(out.lines) > 0 {
		t.Errorf("it told %q", out.lines)
	}
}

// TestNewKindsAreFollowed installs a custom kind, and takes it away.
func TestNewKindsAreFollowed(t *testing.T) {
	definition := object("", "rollouts.argoproj.io", "spec", map[string]any{
		"group": "argoproj.io", "names": map[string]any{"kind": "Rollout", "plural": "rollouts"}, "scope": "Namespaced",
	})
	server := configMaps(t)
	server.resources["apiextensions.k8s.io/v1"] = []string{"!customresourcedefinitions:CustomResourceDefinition"}
	w, out, _ := watchBy(t, server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
	out.wait(t, "synced")
	s := <-w.streams
	server.mu.Lock()
	server.resources["argoproj.io/v1alpha1"] = []string{"rollouts:Rollout"}
	server.objects["/apis/argoproj.io/v1alpha1/rollouts"] = []map[string]any{versioned(object("shop", "web"), "40")}
	server.mu.Unlock()
	s.send("ADDED", versioned(definition, "41"))
	out.wait(t, "anew rollouts.argoproj.io web")
	server.mu.Lock()
	delete(server.resources, "argoproj.io/v1alpha1")
	server.mu.Unlock()
	s.send("DELETED", versioned(definition, "42"))
	out.wait(t, "dropped rollouts.argoproj.io")
}
