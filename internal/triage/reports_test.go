// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// report takes a report of the cluster prod that finds the tag latest on the named
// deployments of the namespace shop. A name with an exclamation mark asks for a waiver.
func (w *world) report(names ...string) seaworthy.Run {
	w.Helper()
	w.now = w.now.Add(time.Hour)
	folder, err := vault.OpenFolder(w.TempDir())
	w.must(err)
	w.Cleanup(func() { _ = folder.Close() })
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "prod", ClusterUID: "u", Asked: []string{"deployments.apps"}, Started: w.now.Add(-time.Minute)},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c", ParametersDigest: "sha256:p", Checks: 1, Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: w.now, Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{{ID: "latest-tag", Title: "t", Severity: seaworthy.High, Category: "Images", Status: seaworthy.StatusFailed, InScope: 9, Failed: len(names), Passed: 9 - len(names), Controls: []string{}}},
		},
	}
	for _, name := range names {
		name, asks := cutMark(name)
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name}
		f := seaworthy.Finding{Check: "latest-tag", Severity: seaworthy.High, Category: "Images", Message: "m", Object: o, Controls: []string{}, Requirements: []string{},
			Fingerprint: seaworthy.Fingerprint("prod", "latest-tag", o, "")}
		if asks {
			f.WaiverRequested = "the vendor's"
		}
		r.Findings = append(r.Findings, f)
	}
	body, err := json.Marshal(r)
	w.must(err)
	run, err := ingest.Report(w.Context(), ingest.Config{
		Store: w.store, Vault: vault.New(folder, folder), TempDir: w.TempDir(),
		SLA: triage.SLA, Owners: triage.Owners, Waivers: triage.Waivers, Requested: triage.Requested,
	}, robot, "s1", bytes.NewReader(body))
	w.must(err)
	return run
}

func cutMark(name string) (string, bool) {
	if n := len(name) - 1; name[n] == '!' {
		return name[:n], true
	}
	return name, false
}

// Reports are taken with what was decided: owners, dates and waivers, of findings that
// are new and of those that come back.
func TestReportsFollowWhatWasDecided(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		_, err := w.triage.PutRule(ctx, ada, seaworthy.OwnershipRule{Namespace: "shop", Team: "shop"})
		w.must(err)
		w.must(w.triage.SetSLA(ctx, ada, seaworthy.SLA{seaworthy.High: 5 * aDay}))
		asked, err := w.triage.RequestWaiver(ctx, bob, "", seaworthy.Waiver{Check: "latest-tag", Name: "api-*", Reason: "r", Expires: w.day(10)})
		w.must(err)
		_, err = w.triage.Approve(ctx, ada, []string{asked.ID}, triage.Decision{})
		w.must(err)

		run := w.report("api-1", "web", "old!")
		if run.Opened != 3 || run.Checks[0].InScope != 9 || run.Checks[0].Failed != 3 {
			w.Errorf("run %+v, want three of nine, whatever is waived", run)
		}
		byName := func() map[string]seaworthy.TrackedFinding {
			page, err := w.store.Findings(ctx, store.FindingFilter{})
			w.must(err)
			out := map[string]seaworthy.TrackedFinding{}
			for _, f := range page.Items {
				out[f.Object.Name] = f
			}
			return out
		}
		got := byName()
		if f := got["api-1"]; f.Status != seaworthy.FindingWaived || f.WaiverID != asked.ID || f.Team != "shop" || !f.DueAt.Equal(w.now.Add(5*aDay)) {
			w.Errorf("api-1: %+v, want waived, of shop, due in five days", f)
		}
		if f := got["web"]; f.Status != seaworthy.FindingOpen {
			w.Errorf("web is %s", f.Status)
		}
		requests, err := w.store.Waivers(ctx, store.WaiverFilter{States: []string{seaworthy.WaiverRequested}})
		if err != nil || len(requests.Items) != 1 || requests.Items[0].Name != "old" || requests.Items[0].From != "annotation" {
			w.Fatalf("requests %+v, %v, want one of old's annotation", requests.Items, err)
		}
		w.report("web", "old!") // api-1 is fixed
		if f := byName()["api-1"]; f.Status != seaworthy.FindingFixed || f.WaiverID != "" {
			w.Errorf("api-1: %+v, want fixed", f)
		}
		w.report("api-1", "web", "old!") // and back
		if f := byName()["api-1"]; f.Status != seaworthy.FindingWaived || f.Regressions != 1 {
			w.Errorf("api-1: %+v, want back and waived", f)
		}
		if requests, err = w.store.Waivers(ctx, store.WaiverFilter{}); err != nil || len(requests.Items) != 2 {
			w.Errorf("%d waivers, %v, want no further request", len(requests.Items), err)
		}
		w.now = w.now.AddDate(0, 0, 11)
		w.report("api-1", "web", "old!", "api-2")
		got = byName()
		if a, b := got["api-1"], got["api-2"]; b.Status != seaworthy.FindingOpen || a.Status != seaworthy.FindingWaived {
			w.Errorf("after the end api-1 is %s until it is settled and api-2 %s, want open", a.Status, b.Status)
		}
		w.settle()
		if f := byName()["api-1"]; f.Status != seaworthy.FindingOpen || f.Cause != seaworthy.CauseWaiverEnded {
			w.Errorf("settled: %+v, want open", f)
		}
	})
}
