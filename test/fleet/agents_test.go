// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/uplink"
)

// agent is one simulated agent: what it says is made up, how it says it is the real thing.
type agent struct {
	n      int
	source string
	link   *uplink.Uplink
	wanted chan struct{}
	asked  int
	made   int      // changes that it has told of
	found  []string // fingerprints that it holds
}

// enrol makes an agent of a one-time token.
func enrol(t *testing.T, transport *http.Transport, address, token, dir string, n int) *agent {
	t.Helper()
	c, err := client.New(client.Config{URL: "http://" + address, Token: token, HTTP: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	known, err := c.Enrol(t.Context(), public)
	if err != nil {
		t.Fatalf("enrol agent %d: %v", n, err)
	}
	signed, err := client.New(client.Config{URL: "http://" + address, Key: client.NewAgentKey(known.ID, key), HTTP: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{n: n, source: clusterName(n), wanted: make(chan struct{}, 1)}
	started := time.Now()
	a.link, err = uplink.Open(uplink.Config{
		Client: signed, Agent: known, Key: key, Dir: dir, Log: slog.New(slog.DiscardHandler),
		State: func() seaworthy.Heartbeat {
			works := seaworthy.Place{State: seaworthy.PlaceWorks, Since: started}
			return seaworthy.Heartbeat{
				Replica: fmt.Sprint("agent-", n), Version: "v1", Started: started, Leader: true, Watching: started,
				Places: map[string]seaworthy.Place{
					seaworthy.SeenByWatch: works, seaworthy.SeenByWebhook: works, seaworthy.SeenByAudit: {State: seaworthy.PlaceNotObserved, Reason: "nobody set it up"},
				},
				Objects: objects, Findings: findings,
			}
		},
		Configured: func(seaworthy.AgentConfiguration) {},
		Wanted: func() {
			select {
			case a.wanted <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func clusterName(n int) string { return fmt.Sprintf("cluster-%04d", n) }

// What a cluster of ordinary size shows.
const (
	objects  = 200
	findings = 100
)

func deployment(i int) seaworthy.Object {
	return seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: fmt.Sprint("team-", i%10), Name: fmt.Sprint("web-", i)}
}

func (a *agent) finding(i int) seaworthy.Finding {
	o := deployment(i)
	return seaworthy.Finding{
		Check: "privileged-container", Severity: seaworthy.High, Category: "Security", Message: "container app is privileged", Object: o, Container: "app",
		Path: "spec.template.spec.containers[0]", Controls: []string{"workload-isolation"}, Requirements: []string{},
		Fingerprint: seaworthy.Fingerprint(a.source, "privileged-container", o, "spec.containers[app]"), New: true,
	}
}

// report sends a whole report by the way of all reports.
func (a *agent) report(ctx context.Context) error {
	now := time.Now().UTC()
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: a.source, ClusterUID: "uid-" + a.source, Started: now.Add(-time.Second), Asked: []string{"deployments.apps"}},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: 1, Policies: []string{}},
		},
		Trailer: seaworthy.Trailer{
			Finished: now, Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{{
				ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.High, Category: "Security", Status: seaworthy.StatusFailed,
				InScope: objects, Passed: objects - findings, Failed: findings, Findings: findings, Controls: []string{"workload-isolation"},
			}},
			Summary: seaworthy.Summary{Objects: objects, Findings: findings},
		},
	}
	a.found = a.found[:0]
	for i := range findings {
		f := a.finding(i)
		r.Findings, a.found = append(r.Findings, f), append(a.found, f.Fingerprint)
	}
	return a.link.Report(ctx, func(_ context.Context, w io.Writer, written func() error) error {
		if err := json.NewEncoder(w).Encode(&r); err != nil {
			return err
		}
		return written()
	})
}

// change tells of one change of an image, as the webhook and as the watch see it.
func (a *agent) change() {
	a.made++
	now, i := time.Now().UTC(), a.made%objects
	o := deployment(i)
	object := func(version int) map[string]any {
		containers := []any{map[string]any{"name": "app", "image": fmt.Sprintf("registry.example/web:%d", version)}}
		return map[string]any{
			"apiVersion": o.APIVersion, "kind": o.Kind,
			"metadata": map[string]any{
				"name": o.Name, "namespace": o.Namespace, "uid": fmt.Sprint(a.source, "-", i), "resourceVersion": fmt.Sprint(1000 + version), "generation": version,
			},
			"spec": map[string]any{"replicas": 3, "template": map[string]any{"spec": map[string]any{"containers": containers}}},
		}
	}
	for _, by := range []string{seaworthy.SeenByWebhook, seaworthy.SeenByWatch} {
		seen := changes.Observation{
			Sighting: seaworthy.Sighting{By: by, ID: fmt.Sprintf("%s-%d", by, a.made), At: now}, Verb: seaworthy.VerbUpdate,
			Before: object(a.made), After: object(a.made + 1), Outcome: seaworthy.OutcomePersisted,
		}
		if by == seaworthy.SeenByWebhook {
			seen.Outcome = seaworthy.OutcomeUnknown
			seen.Actor = seaworthy.Actor{Username: "system:serviceaccount:ci:deployer", Groups: []string{"system:serviceaccounts"}, UserAgent: "kubectl/v1.36.3"}
		}
		seen.Describe()
		a.link.Observe(seen)
	}
}

// flip lets one finding go, and come back the next time.
func (a *agent) flip(gone bool) {
	f := a.finding(0)
	if gone {
		a.link.Delta(seaworthy.Delta{Gone: []string{f.Fingerprint}, Seen: []seaworthy.SeenObject{{Object: f.Object, Workload: true}}})
		a.link.Digest(seaworthy.FindingsState{Findings: findings - 1, Digest: seaworthy.FindingsDigest(a.found[1:])})
		return
	}
	a.link.Delta(seaworthy.Delta{Found: []seaworthy.Finding{f}, Seen: []seaworthy.SeenObject{{Object: f.Object, Workload: true}}})
	a.link.Digest(seaworthy.FindingsState{Findings: findings, Digest: seaworthy.FindingsDigest(a.found)})
}

// live behaves like an agent until the context ends: it reports once, then tells of a
// change and of a finding now and then.
func (a *agent) live(ctx context.Context, p pace) error {
	if err := a.report(ctx); err != nil {
		return fmt.Errorf("agent %d: %w", a.n, err)
	}
	// Agents do not all speak at once.
	start := time.Duration(a.n) * p.change / time.Duration(p.agents)
	changing, flipping := time.NewTimer(start), time.NewTimer(start+p.flip/2)
	defer changing.Stop()
	defer flipping.Stop()
	gone := false
	for {
		select {
		case <-ctx.Done():
			if a.made == 0 { // the machine was too slow to come to it
				a.change()
			}
			return nil
		case <-a.wanted:
			a.asked++
			if err := a.report(ctx); err != nil {
				return fmt.Errorf("agent %d: %w", a.n, err)
			}
			gone = false
		case <-changing.C:
			a.change()
			changing.Reset(p.change)
		case <-flipping.C:
			gone = !gone
			a.flip(gone)
			flipping.Reset(p.flip)
		}
	}
}
