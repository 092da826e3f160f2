// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// world is a server that takes reports, and a clock that the test moves.
type world struct {
	t      *testing.T
	store  *store.Store
	config ingest.Config
	now    time.Time
}

// each runs f in a world on each database.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := &world{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
		c.Now = func() time.Time { return w.now }
		w.store = storetest.Open(t, c)
		folder, err := vault.OpenFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = folder.Close() })
		w.config = ingest.Config{Store: w.store, Vault: vault.New(folder, folder), TempDir: t.TempDir()}
		f(t, w)
	})
}

var robot = seaworthy.Principal{Actor: "token:t1", Name: "ci", Role: seaworthy.Reporter}

// take takes a report an hour after the one before.
func (w *world) take(r *seaworthy.Report, objects ...seaworthy.SeenObject) seaworthy.Run {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	if r.Source.Started.IsZero() {
		r.Source.Started, r.Finished = w.now.Add(-2*time.Minute), w.now.Add(-time.Minute)
	}
	run, err := w.try(context.Background(), robot, "prod", text(w.t, r, objects...))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) try(ctx context.Context, who seaworthy.Principal, source string, body []byte) (seaworthy.Run, error) {
	return ingest.Report(ctx, w.config, who, source, bytes.NewReader(body))
}

// text is the JSON of a report; with objects it lists them.
func text(t *testing.T, r *seaworthy.Report, objects ...seaworthy.SeenObject) []byte {
	t.Helper()
	var v any = r
	if objects != nil {
		// The list is no part of the contract's struct yet.
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		list, err := json.Marshal(objects)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{
			[]byte(`{"apiVersion":`), m["apiVersion"], []byte(`,"source":`), m["source"], []byte(`,"catalogue":`), m["catalogue"],
			[]byte(`,"findings":`), m["findings"], []byte(`,"objects":`), list, []byte(`,"finished":`), m["finished"],
			[]byte(`,"checks":`), m["checks"], []byte(`,"errors":`), m["errors"], []byte(`,"skipped":`), m["skipped"],
			[]byte(`,"summary":`), m["summary"], []byte(`}`),
		}, nil)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// cluster is a report of a cluster with findings.
func cluster(findings ...seaworthy.Finding) *seaworthy.Report {
	r := &seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "prod", ClusterUID: "uid-1", Asked: []string{"deployments.apps", "services"}},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: 2, Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{
				{ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.Critical, Category: "Security", Status: seaworthy.StatusPassed, Controls: []string{"workload-isolation"}},
				{ID: "latest-tag", Title: "Images have the tag latest", Severity: seaworthy.Medium, Category: "Images", Status: seaworthy.StatusPassed, Controls: []string{"releases"}},
			},
		},
	}
	for _, f := range findings {
		r.Findings = append(r.Findings, f)
		for i := range r.Checks {
			if r.Checks[i].ID == f.Check {
				r.Checks[i].Status = seaworthy.StatusFailed
				r.Checks[i].Failed++
				r.Checks[i].InScope++
			}
		}
	}
	return r
}

func deployment(namespace, name string) seaworthy.Object {
	return seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name}
}

func finding(check string, o seaworthy.Object) seaworthy.Finding {
	severity := seaworthy.Medium
	if check == "privileged-container" {
		severity = seaworthy.Critical
	}
	return seaworthy.Finding{
		Check: check, Severity: severity, Category: "Security", Message: "container app is privileged", Object: o, Container: "app",
		Path: "spec.template.spec.containers[0]", Controls: []string{}, Requirements: []string{},
		Fingerprint: seaworthy.Fingerprint("prod", check, o, "spec.containers[app]"), New: true,
	}
}

func seenAll(objects ...seaworthy.Object) []seaworthy.SeenObject {
	out := []seaworthy.SeenObject{}
	for _, o := range objects {
		out = append(out, seaworthy.SeenObject{Object: o, Labels: map[string]string{"app": o.Name}})
	}
	return out
}

// the only finding of the source, and its last event.
func (w *world) only() (seaworthy.TrackedFinding, store.Event) {
	w.t.Helper()
	page, err := w.store.Findings(w.t.Context(), store.FindingFilter{})
	if err != nil || len(page.Items) != 1 {
		w.t.Fatalf("Findings = %d, %v, want 1", len(page.Items), err)
	}
	f := page.Items[0]
	events, err := w.store.FindingEvents(w.t.Context(), f.ID)
	if err != nil || len(events) == 0 {
		w.t.Fatalf("FindingEvents(%s) = %d, %v", f.ID, len(events), err)
	}
	last := events[len(events)-1]
	if state, err := store.FindingState(&f); err != nil || state != last.State {
		w.t.Fatalf("the row of %s is not what its latest event says (%v)", f.ID, err)
	}
	return f, last
}

func TestFindingsOpenAndClose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		api := deployment("shop", "api")
		first := w.take(cluster(finding("privileged-container", api)))
		if first.Opened != 1 || first.Fixed != 0 || !first.Complete {
			t.Fatalf("first run = %+v", first)
		}
		f, e := w.only()
		if f.Status != seaworthy.FindingOpen || f.Cause != seaworthy.CauseObjectNew || e.Kind != seaworthy.EventOpened || !f.OpenedAt.Equal(w.now) {
			t.Fatalf("finding %+v, event %+v", f, e)
		}
		if want := w.now.Add(7 * 24 * time.Hour); !f.DueAt.Equal(want) {
			t.Errorf("due at %s, want %s", f.DueAt, want)
		}
		second := w.take(cluster(), seenAll(api)...)
		if second.Fixed != 1 || second.Opened != 0 {
			t.Fatalf("second run = %+v", second)
		}
		f, e = w.only()
		if f.Status != seaworthy.FindingFixed || f.Cause != seaworthy.CauseObjectChanged || e.Kind != seaworthy.EventFixed || !f.ClosedAt.Equal(w.now) {
			t.Fatalf("finding %+v, event %+v", f, e)
		}
	})
}
