// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package agent runs everything that watches a cluster against a real kube-apiserver: the
// agent in a process of its own with nothing but the rights that it asks for, a real
// server on SQLite, and somebody who takes notices.
package agent

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

// TestMain has more tests run at once than there are cores: what they do for the most part is
// wait until silence is noticed.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	program.Main(m)
}

// The ways of audit events.
const (
	auditLog    = "log"     // the agent follows the API server's log
	auditSink   = "webhook" // the API server sends them to the agent, and writes a log
	auditBoth   = "both"
	auditHidden = "hidden" // the log is written, and no agent gets to see it
	auditOff    = "off"
)

// world is a cluster with an agent, a server, and somebody who takes notices.
type world struct {
	t        *testing.T
	kube     *kubeapiserver.Server
	audit    string
	secrets  bool // agents list Secrets
	nodes    int  // simulated; none: there are no controllers either
	auditLog string
	dir      string

	toAPI *wire // from the agents to the API server
	door  *wire // from the API server to the agents
	sink  sink

	server   *program.Server
	source   seaworthy.DeclaredSource
	receiver *receiver // of what agents tell
	told     *receiver // of what the server tells

	agents    []*replica
	restarted bool // the API server was
	stalls    *stalls
}

// replica is one process of the agent.
type replica struct {
	*program.Process
	health string
	hook   string // address of the webhook
	ran    bool   // it was started before
}

// enter starts everything but the agent.
func enter(t *testing.T, how ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, audit: auditLog, receiver: newReceiver(t), told: newReceiver(t), dir: t.TempDir(), stalls: newStalls(t)}
	for _, f := range how {
		f(w)
	}
	w.door = newWire(t)
	w.auditLog = filepath.Join(w.dir, "audit.log")
	if w.nodes > 0 {
		w.kube = kubeapiserver.StartCluster(t, w.nodes, w.auditFlags()...)
	} else {
		w.kube = kubeapiserver.Start(t, w.auditFlags()...)
	}
	w.toAPI = newWire(t, strings.TrimPrefix(w.kube.Config.Host, "https://"))
	w.startServer(filepath.Join(w.dir, "server"))
	w.install(name)
	return w
}

// audited says where audit events go.
func audited(where string) func(*world) { return func(w *world) { w.audit = where } }

// listsSecrets has agents list Secrets.
func listsSecrets(w *world) { w.secrets = true }

// startServer starts the server and declares the cluster.
func (w *world) startServer(data string) {
	w.t.Helper()
	w.server = program.NewServer(w.t, data, "--allow-outgoing", "127.0.0.0/8")
	w.server.Run()
	var people struct{ ID string }
	w.server.Ask(http.MethodPost, "/api/v1/destinations", object{"name": "people", "kind": "webhook", "url": w.told.URL, "secret": signingKey}, &people)
	w.server.Ask(http.MethodPost, "/api/v1/notice-rules", object{"name": "everything", "destinations": []string{people.ID}}, nil)
	w.source = w.server.Cluster("production")
	if w.nodes > 0 { // what simulates them is no kubelet by its name
		w.server.Ask(http.MethodPost, "/api/v1/change-rules", object{"name": "simulated nodes", "users": []string{"kwok"}}, nil)
	}
}

func (w *world) tryChanges(query url.Values) ([]seaworthy.Change, error) {
	q := url.Values{"limit": {"200"}}
	maps.Copy(q, query)
	var out []seaworthy.Change
	for {
		var page struct {
			Items []seaworthy.Change
			Next  string
		}
		if err := w.server.Try(http.MethodGet, "/api/v1/changes?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	slices.SortStableFunc(out, func(a, b seaworthy.Change) int { return a.At.Compare(b.At) })
	return out, nil
}

// of gives the changes of one object, but for reviews that the API server had begun a request
// with before another write came first, so that it began again: nothing came of these.
func (w *world) of(kind, namespace, name string) []seaworthy.Change {
	all, err := w.tryChanges(url.Values{"kind": {kind}, "namespace": {namespace}, "name": {name}})
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(c seaworthy.Change) bool {
		return c.Object.Kind != kind || c.Object.Namespace != namespace || c.Object.Name != name || begunAgain(&c)
	})
}

// begunAgain tells whether a change on record is nothing but a review that came to nothing.
func begunAgain(c *seaworthy.Change) bool {
	return c.Outcome == seaworthy.OutcomeFailed && !slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By != seaworthy.SeenByWebhook })
}

func (w *world) gaps() []seaworthy.Gap {
	w.t.Helper()
	var page struct{ Items []seaworthy.Gap }
	if w.server.Try(http.MethodGet, "/api/v1/gaps?limit=200", nil, &page) != nil {
		return nil
	}
	return page.Items
}

// gap finds one of a kind whose reason holds some words and that begins after a moment.
func (w *world) gap(kind, words string, after time.Time) *seaworthy.Gap {
	for _, g := range w.gaps() {
		if g.Kind == kind && strings.Contains(g.Reason, words) && !g.From.Before(after) {
			return &g
		}
	}
	return nil
}

// begun waits for a gap of a kind to be on record, and to last.
func (w *world) begun(kind string, after time.Time) (out *seaworthy.Gap) {
	w.t.Helper()
	w.until("a gap of "+kind+" is on record and lasts", 2*time.Minute, func() error {
		out = w.gap(kind, "", after)
		if out == nil || !out.To.IsZero() {
			return fmt.Errorf("gaps:\n%s", listed(w.gaps()))
		}
		return nil
	})
	return out
}

// patience is how many times longer than on a machine of its own something may take where
// other tests run beside it.
const patience = 5

// until waits for something to hold.
func (w *world) until(what string, most time.Duration, f func() error) {
	w.t.Helper()
	var err error
	late := time.Now().Add(most)
	for end := time.Now().Add(patience * most); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
		if !late.IsZero() && time.Now().After(late) {
			w.t.Logf("%s: not within %s: %v", what, most, err)
			late = time.Time{}
		}
	}
	w.t.Fatalf("%s: not within %s: %v\n%s", what, patience*most, err, w.said())
}

// said is what the processes printed.
func (w *world) said() string {
	var b strings.Builder
	for i, a := range w.agents {
		fmt.Fprintf(&b, "agent %d:\n%s\n", i, a.Printed())
	}
	if w.server != nil {
		fmt.Fprintf(&b, "server:\n%s\n", w.server.Printed())
	}
	return b.String()
}

var errNotYet = errors.New("not yet")
