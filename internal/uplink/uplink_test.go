// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// receiver is the other end: it holds messages to their signatures and numbers, and fails
// when it is told to.
type receiver struct {
	t     *testing.T
	agent seaworthy.Agent
	key   ed25519.PrivateKey
	http  *httptest.Server

	mu       sync.Mutex
	last     map[string]uint64 // by instance and stream
	messages []seaworthy.AgentMessage
	reports  []string // digests, in the order in which they came
	order    []string // what came, in one order
	beats    []seaworthy.Heartbeat
	fail     func() int // status of the next answer; 0: it works
	drop     int        // answers that are lost after messages were taken
	configs  int
	answer   seaworthy.HeartbeatAnswer
}

func newReceiver(t *testing.T) *receiver {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{
		t: t, key: key, last: map[string]uint64{}, answer: seaworthy.HeartbeatAnswer{Configuration: `"1"`},
		agent: seaworthy.Agent{ID: "a1", SourceID: "s1", PublicKey: base64.StdEncoding.EncodeToString(public)},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/agent/messages", r.take)
	mux.HandleFunc("POST /api/v1/agent/heartbeat", r.beat)
	mux.HandleFunc("GET /api/v1/agent/configuration", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.configs++
		w.Header().Set("ETag", r.answer.Configuration)
		json.NewEncoder(w).Encode(seaworthy.AgentConfiguration{Key: []byte("k")})
	})
	mux.HandleFunc("GET /api/v1/sources/s1/reports/{digest}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	mux.HandleFunc("POST /api/v1/sources/s1/reports", r.report)
	r.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		status := 0
		if r.fail != nil {
			status = r.fail()
		}
		r.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		mux.ServeHTTP(w, q)
	}))
	t.Cleanup(r.http.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	z, err := gzip.NewReader(q.Body)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	acknowledged := map[string]uint64{}
	for dec := json.NewDecoder(z); ; {
		var m seaworthy.AgentMessage
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			r.t.Error(err)
			return
		}
		if !m.SignedBy(&r.agent) {
			r.t.Errorf("message %d of %s is not signed by the agent", m.Sequence, m.Stream)
		}
		key := m.Instance + m.Stream
		if m.Sequence > r.last[key] {
			if m.Sequence != r.last[key]+1 {
				r.t.Errorf("after message %d of %s comes %d", r.last[key], m.Stream, m.Sequence)
			}
			r.last[key] = m.Sequence
			r.messages = append(r.messages, m)
			r.order = append(r.order, m.Kind)
		}
		acknowledged[m.Stream] = r.last[key]
	}
	if r.drop > 0 {
		r.drop--
		panic(http.ErrAbortHandler)
	}
	json.NewEncoder(w).Encode(seaworthy.MessagesTaken{Acknowledged: acknowledged})
}

func (r *receiver) beat(w http.ResponseWriter, q *http.Request) {
	var h seaworthy.Heartbeat
	if err := json.NewDecoder(q.Body).Decode(&h); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats = append(r.beats, h)
	json.NewEncoder(w).Encode(r.answer)
}

func (r *receiver) report(w http.ResponseWriter, q *http.Request) {
	z, err := gzip.NewReader(q.Body)
	if err != nil {
		r.t.Error(err)
		return
	}
	text, err := io.ReadAll(z)
	if err != nil {
		r.t.Error(err)
	}
	sum := sha256.Sum256(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, hex.EncodeToString(sum[:]))
	r.order = append(r.order, "upload")
	io.WriteString(w, "{}")
}

func (r *receiver) failing(f func() int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = f
}

// open opens an uplink to the receiver.
func (r *receiver) open(dir string, and func(*Config)) *Uplink {
	r.t.Helper()
	c, err := client.New(client.Config{URL: r.http.URL, Key: client.NewAgentKey(r.agent.ID, r.key), Tries: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := Config{Client: c, Agent: r.agent, Key: r.key, Dir: dir, Every: 20 * time.Millisecond, Pause: time.Millisecond}
	if and != nil {
		and(&cfg)
	}
	u, err := Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

// run runs the uplink until what it holds was sent, and closes it.
func (r *receiver) run(u *Uplink) {
	r.t.Helper()
	ctx, stop := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Millisecond) {
		l := u.Link()
		if l.Waiting[seaworthy.StreamChanges]+l.Waiting[seaworthy.StreamFindings] == 0 {
			break
		}
		if time.Now().After(end) {
			r.t.Fatalf("messages still wait: %+v", l)
		}
	}
	stop()
	if err := <-done; err != nil {
		r.t.Error(err)
	}
	if err := u.Close(); err != nil {
		r.t.Error(err)
	}
}

func observation(i int) changes.Observation {
	return changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: fmt.Sprint(i), At: time.Unix(int64(i), 0).UTC()}, Verb: seaworthy.VerbCreate,
		After: map[string]any{"html": "<&>"},
	}
}

// observed lists the observations that arrived, by id.
func (r *receiver) observed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, m := range r.messages {
		if m.Kind != seaworthy.MessageObservations {
			continue
		}
		var list []changes.Observation
		if err := json.Unmarshal(m.Body, &list); err != nil {
			r.t.Error(err)
		}
		for _, o := range list {
			out = append(out, o.ID)
		}
	}
	return out
}

// TestEveryObservationArrivesOnce lets many goroutines observe while the server fails now
// and then, loses answers, and the agent is restarted in between.
func TestEveryObservationArrivesOnce(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	calls := 0
	r.failing(func() int {
		if calls++; calls%3 == 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	lose := func() { // few at a time: the pause after each is twice the one before
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drop = 2
	}
	const rounds, writers, each = 4, 8, 50
	instance := ""
	for round := range rounds {
		lose()
		u := r.open(dir, nil)
		if instance == "" {
			instance = u.Instance()
		} else if u.Instance() != instance {
			t.Errorf("the instance is %s after a restart, was %s", u.Instance(), instance)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- u.Run(ctx) }()
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					u.Observe(observation((round*writers+w)*each + i))
				}
			})
		}
		all.Wait()
		stop() // whatever waits still waits
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	}
	lose()
	r.run(r.open(dir, nil))
	got := r.observed()
	if len(got) != rounds*writers*each {
		t.Errorf("%d observations arrived, want %d", len(got), rounds*writers*each)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != rounds*writers*each {
		t.Errorf("%d different observations arrived, want %d", n, rounds*writers*each)
	}
}

// TestReportsKeepTheirPlace puts a report between deltas: it is sent before what is
// relative to it, and after what came before.
func TestReportsKeepTheirPlace(t *testing.T) {
	r := newReceiver(t)
	u := r.open(t.TempDir(), nil)
	u.Delta(seaworthy.Delta{Gone: []string{"before"}})
	err := u.Report(t.Context(), func(_ context.Context, w io.Writer, written func() error) error {
		if _, err := io.WriteString(w, `{"a":"report"}`); err != nil {
			return err
		}
		return written()
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Delta(seaworthy.Delta{Gone: []string{"after"}})
	u.Digest(seaworthy.FindingsState{Findings: 1, Digest: "d"})
	reports := filepath.Join(u.current().reports())
	r.run(u)
	want := []string{"delta", "upload", "report", "delta", "digest"}
	if !slices.Equal(r.order, want) {
		t.Errorf("they came as %q, want %q", r.order, want)
	}
	sum := sha256.Sum256([]byte(`{"a":"report"}`))
	var sent seaworthy.ReportSent
	for _, m := range r.messages {
		if m.Kind == seaworthy.MessageReport {
			json.Unmarshal(m.Body, &sent)
		}
	}
	if digest := hex.EncodeToString(sum[:]); sent.Digest != digest || !slices.Equal(r.reports, []string{digest}) {
		t.Errorf("the report %s was sent as %q and told of as %s", digest, r.reports, sent.Digest)
	}
	if left, _ := os.ReadDir(reports); len(left) != 0 {
		t.Errorf("%d files of reports are left", len(left))
	}
}

// TestAReportThatFailsLeavesNothing breaks off while a report is written.
func TestAReportThatFailsLeavesNothing(t *testing.T) {
	r := newReceiver(t)
	u := r.open(t.TempDir(), nil)
	err := u.Report(t.Context(), func(_ context.Context, w io.Writer, _ func() error) error {
		io.WriteString(w, "half")
		return errors.New("no more")
	})
	left, _ := os.ReadDir(u.current().reports())
	if err == nil || len(left) != 0 || u.Link().Waiting[seaworthy.StreamFindings] != 0 {
		t.Errorf("%v, %d files left", err, len(left))
	}
	r.run(u)
}

// TestAFullDiskIsAGap fills the spool: what does not fit is told of as a gap once there is
// room, with the time from which on it is missing.
func TestAFullDiskIsAGap(t *testing.T) {
	r := newReceiver(t)
	u := r.open(t.TempDir(), func(c *Config) { c.Limit = 9 << 20 }) // more than one segment
	kept, large := 0, strings.Repeat("x", 700_000)
	for i := range 100 {
		o := observation(i)
		o.After["large"] = large
		u.Observe(o)
		if u.Link().Full {
			break
		}
		kept++
	}
	if kept == 0 || kept == 100 {
		t.Fatalf("%d observations were kept in 9 MiB", kept)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	for end := time.Now().Add(3 * time.Minute); u.Link().Full && time.Now().Before(end); time.Sleep(time.Millisecond) {
		o := observation(1000)
		o.After["large"] = large
		u.Observe(o)
	}
	stop()
	<-done
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	r.run(r.open(u.cfg.Dir, nil))
	var gaps []seaworthy.AgentGap
	for _, m := range r.messages {
		if m.Kind == seaworthy.MessageGap {
			var g seaworthy.AgentGap
			json.Unmarshal(m.Body, &g)
			gaps = append(gaps, g)
		}
	}
	if len(gaps) != 1 || gaps[0].Place != seaworthy.SeenByWebhook || !gaps[0].From.Equal(observation(kept).At) || gaps[0].To.IsZero() {
		t.Errorf("gaps %+v, want one from %s", gaps, observation(kept).At)
	}
}

// TestNumbersThatWereLost puts an old copy of the folder back: what is seen from then on
// goes under another instance, and nothing of it is taken for what the server has.
func TestNumbersThatWereLost(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	u := r.open(dir, nil)
	u.Observe(observation(1))
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	u.Observe(observation(2))
	u.Observe(observation(3))
	r.run(u)
	u = r.open(old, nil)
	instance := u.Instance()
	u.Observe(observation(4))
	r.run(u)
	got := r.observed()
	if u.Instance() == instance || got[len(got)-1] != "4" {
		t.Errorf("the instance is still %v, and there arrived %q", u.Instance() == instance, got)
	}
}

// TestEarlierInstances sends what another instance left in the folder.
func TestEarlierInstances(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	u := r.open(dir, nil)
	u.Observe(observation(1))
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, instanceFile)); err != nil {
		t.Fatal(err)
	}
	u = r.open(dir, nil)
	u.Observe(observation(2))
	r.run(u)
	got := r.observed()
	slices.Sort(got)
	if !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("there arrived %q", got)
	}
}

// TestHeartbeats has the configuration fetched when it changes and a report asked for from
// a leader only.
func TestHeartbeats(t *testing.T) {
	r := newReceiver(t)
	var configured, wanted int
	var mu sync.Mutex
	leader := false
	u := r.open(t.TempDir(), func(c *Config) {
		c.Every = time.Minute // for which the server is waited for
		c.State = func() seaworthy.Heartbeat {
			mu.Lock()
			defer mu.Unlock()
			return seaworthy.Heartbeat{Replica: "pod", Leader: leader}
		}
		c.Configured = func(got seaworthy.AgentConfiguration) {
			if string(got.Key) != "k" {
				t.Errorf("configured with %+v", got)
			}
			configured++
		}
		c.Wanted = func() { wanted++ }
	})
	u.Observe(observation(1))
	beat := func() {
		t.Helper()
		if err := u.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	beat()
	beat()
	if configured != 1 {
		t.Errorf("configured %d times, want once", configured)
	}
	r.mu.Lock()
	r.answer = seaworthy.HeartbeatAnswer{Configuration: `"2"`, Report: true}
	r.mu.Unlock()
	beat()
	if configured != 2 || wanted != 0 {
		t.Errorf("configured %d times, a report was wanted of a follower %d times", configured, wanted)
	}
	mu.Lock()
	leader = true
	mu.Unlock()
	beat()
	if wanted != 1 {
		t.Errorf("a report was wanted %d times of the leader", wanted)
	}
	h := r.beats[0]
	if h.Instance != u.Instance() || h.Replica != "pod" || h.At.IsZero() || h.Waiting[seaworthy.StreamChanges] != 1 || h.Last[seaworthy.StreamChanges] != 1 {
		t.Errorf("the heartbeat says %+v", h)
	}
}

// TestRevoked ends when the server does not know the key any more.
func TestRevoked(t *testing.T) {
	r := newReceiver(t)
	u := r.open(t.TempDir(), nil)
	r.failing(func() int { return http.StatusUnauthorized })
	err := u.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "enrol it again") {
		t.Errorf("Run gives %v", err)
	}
}
