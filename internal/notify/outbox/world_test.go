// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday

// world is a server's store with its outbox and a receiver of webhooks.
type world struct {
	*testing.T
	store    *store.Store
	outbox   *outbox.Outbox
	config   outbox.Config
	receiver *receiver
	log      *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

var owner = seaworthy.Principal{Actor: "user:olivia", UserID: "olivia", Name: "Olivia", Role: seaworthy.Owner}

func each(t *testing.T, f func(w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := &world{T: t, now: began, log: &bytes.Buffer{}, receiver: newReceiver(t)}
		c.Now, c.Told = w.time, outbox.Tell
		w.store = storetest.Open(t, c)
		a, err := auth.New(auth.Config{Store: w.store, BaseURL: "https://seaworthy.example.com", KeyFile: t.TempDir() + "/secret.key"})
		w.must(err)
		w.config = outbox.Config{
			Store: w.store, Log: slog.New(slog.NewTextHandler(w.log, nil)), Seal: a.Seal, Unseal: a.Unseal, Client: w.receiver.Client(), Insecure: true,
			SlackAPI: w.receiver.URL + "/slack", BaseURL: "https://seaworthy.example.com",
		}
		w.outbox = outbox.New(w.config)
		w.write(func(tx *store.Tx) error {
			return tx.PutSource(&seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod-eu", Environment: seaworthy.Production, Team: "shop", CreatedAt: tx.At})
		})
		f(w)
	})
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) write(f func(tx *store.Tx) error) {
	w.Helper()
	w.must(w.store.Write(w.Context(), "system", f))
}

func (w *world) work() {
	w.Helper()
	w.must(w.outbox.Work(w.Context()))
}

// hook makes a destination that is the receiver's path.
func (w *world) hook(name, path string) seaworthy.Destination {
	w.Helper()
	d, _, err := w.outbox.PutDestination(w.Context(), owner, seaworthy.Destination{Name: name, Kind: seaworthy.DestinationWebhook, URL: w.receiver.URL + path}, "")
	w.must(err)
	return d
}

// changed puts a change that nobody approved.
func (w *world) changed(id string, more ...seaworthy.Flag) {
	w.Helper()
	w.write(func(tx *store.Tx) error { return tx.PutChange(change(id, tx.At, more...)) })
}

func change(id string, at time.Time, flags ...seaworthy.Flag) *seaworthy.Change {
	c := &seaworthy.Change{ID: id, SourceID: "s1", Verb: seaworthy.VerbUpdate, At: at, Outcome: seaworthy.OutcomePersisted, Match: seaworthy.MatchOutOfBand,
		Actor: seaworthy.Actor{Username: "alice"}, Edits: []seaworthy.Edit{{Path: "spec.replicas", Before: `"s3cr3t-before"`, After: `"s3cr3t-after"`}},
		Flags: flags, Sightings: []seaworthy.Sighting{{By: seaworthy.SeenByAudit, At: at, ID: id}}}
	c.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	return c
}

// deliveries lists all deliveries, oldest first.
func (w *world) deliveries() []seaworthy.Delivery {
	w.Helper()
	page, err := w.store.Deliveries(w.Context(), store.DeliveryFilter{Limit: 1000})
	w.must(err)
	var out []seaworthy.Delivery
	for i := len(page.Items) - 1; i >= 0; i-- {
		out = append(out, page.Items[i])
	}
	return out
}

// receiver is a real HTTP server that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer map[string]int // by path; 0: 200
}

type received struct {
	path   string
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: map[string]int{}}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, received{req.URL.Path, req.Header.Clone(), body})
		if code := r.answer[req.URL.Path]; code != 0 {
			w.WriteHeader(code)
			return
		}
		if strings.HasPrefix(req.URL.Path, "/slack/") {
			_, _ = w.Write([]byte(`{"ok":true,"ts":"17.42"}`))
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// say has a path answer with a status.
func (r *receiver) say(path string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer[path] = status
}

// take gives what came to a path since it was last asked.
func (r *receiver) take(path string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out, rest []received
	for _, g := range r.got {
		if g.path == path {
			out = append(out, g)
		} else {
			rest = append(rest, g)
		}
	}
	r.got = rest
	return out
}

// notices reads the notices of webhooks.
func (w *world) notices(list []received) []seaworthy.Notice {
	w.Helper()
	var out []seaworthy.Notice
	for _, g := range list {
		var body struct{ Data []seaworthy.Notice }
		w.must(json.Unmarshal(g.body, &body))
		out = append(out, body.Data...)
	}
	return out
}

func titles(list []seaworthy.Notice) string {
	var out []string
	for _, n := range list {
		out = append(out, n.Title)
	}
	return strings.Join(out, "; ")
}
