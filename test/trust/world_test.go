// SPDX-License-Identifier: Apache-2.0

// Package trust tries to get something past the proof: it alters, removes, adds and
// reorders what a server keeps, kills the server while it works, and takes its disk and
// its database away.
package trust

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

const day = 24 * time.Hour

var (
	manager = seaworthy.Principal{Actor: "user:meg", UserID: "meg", Name: "Meg", Role: seaworthy.ComplianceManager}
	robot   = seaworthy.Principal{Actor: "token:t1", Name: "ci", Role: seaworthy.Reporter}
)

// world is a server that has collected evidence for some days.
type world struct {
	t       *testing.T
	config  server.Config
	server  *server.Server
	audit   *audit.Audit
	key     note.Verifier
	signer  note.Signer
	program seaworthy.Program
	now     time.Time
}

// each runs f in a world on each database.
func each(t *testing.T, f func(w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := newWorld(t, server.Config{Database: c.Database})
		w.fill()
		f(w)
	})
}

func newWorld(t *testing.T, c server.Config) *world {
	t.Helper()
	w := &world{t: t, config: c, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var err1, err2 error
	w.config.Controls, err1 = controls.List()
	w.config.Frameworks, err2 = frameworks.List()
	w.must(errors.Join(err1, err2))
	w.config.Checks = []seaworthy.Check{
		{ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.Critical, Controls: []string{"workload-isolation"}},
		{ID: "latest-tag", Title: "Images have the tag latest", Severity: seaworthy.Medium, Controls: []string{"workload-isolation"}},
	}
	w.config.BaseURL = "https://seaworthy.example.com"
	w.config.Now = func() time.Time {
		w.now = w.now.Add(time.Millisecond)
		return w.now
	}
	if w.config.Data == "" {
		w.config.Data = storetest.Dir(t)
	}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := server.Open(w.t.Context(), w.config)
	w.must(err)
	w.server = s
	w.t.Cleanup(func() { w.must(s.Close()) })
	w.audit = audit.New(s.Store(), audit.Catalogue{Controls: w.config.Controls, Frameworks: w.config.Frameworks, Checks: w.config.Checks}, s.Vault())
	private, err := os.ReadFile(cmp.Or(w.config.LogKey, filepath.Join(w.config.Data, "log.key")))
	w.must(err)
	w.signer, err = note.NewSigner(strings.TrimSpace(string(private)))
	w.must(err)
	w.key, err = note.NewVerifier(s.LogKey())
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// db is where the database is, for those who go around the server.
func (w *world) db() store.Config {
	return store.Config{Database: w.config.Database, Dir: w.config.Data}
}

// begin declares a cluster, and a program that it is in scope of.
func (w *world) begin() {
	w.t.Helper()
	ctx, s := w.t.Context(), w.server.Store()
	w.must(s.Write(ctx, manager.Actor, func(tx *store.Tx) error {
		return tx.PutSource(&seaworthy.DeclaredSource{ID: "prod", Kind: seaworthy.KindCluster, Name: "prod", Environment: seaworthy.Production,
			Declared: true, Every: day, CreatedAt: tx.At})
	}))
	var err error
	w.program, err = w.audit.CreateProgram(ctx, manager, seaworthy.Program{
		Name: "SOC 2 2026", Type: seaworthy.TypeII, From: w.now.Truncate(day), To: w.now.Truncate(day).AddDate(0, 6, 0),
		Categories: []string{"security"}, Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "prod", In: true}},
	})
	w.must(err)
}

// fill collects evidence for some days and signs the log.
func (w *world) fill() {
	w.t.Helper()
	w.begin()
	ctx, s := w.t.Context(), w.server.Store()
	for n := range 3 {
		w.now = w.now.Truncate(day).Add(day + 8*time.Hour)
		w.report(6 - n)
	}
	w.now = w.now.Add(day)
	w.must(w.audit.Advance(ctx))
	for _, text := range []string{"who may do what", "who was asked"} {
		w.upload(text)
	}
	w.deviate()
	_, err := w.audit.Freeze(ctx, manager, audit.FreezeRequest{Name: "Performances", Program: w.program.ID, List: "occurrences"})
	w.must(err)
	_, err = s.Checkpoint(ctx, w.signer)
	w.must(err)
}

// deviate performs a control, not as expected.
func (w *world) deviate() {
	w.t.Helper()
	list, err := w.server.Store().AllOccurrences(w.t.Context(), store.OccurrenceFilter{Control: "access-review"})
	w.must(err)
	if len(list) == 0 {
		w.t.Fatal("no access review is expected")
	}
	_, err = w.audit.AddEvidence(w.t.Context(), manager, seaworthy.Evidence{
		Kind: seaworthy.EvidenceAttestation, Title: "Access review", Statement: "we looked at half of it", Shows: seaworthy.Operation,
		Occurrences: []string{list[0].ID}, EffectiveFrom: w.now.Add(-day), EffectiveTo: w.now.Add(-time.Hour),
	}, audit.Performance{Result: seaworthy.ResultDeviation, Reason: "half of the people were not asked"})
	w.must(err)
}

// upload adds text as evidence.
func (w *world) upload(text string) seaworthy.Evidence {
	w.t.Helper()
	digest, size, err := w.server.Vault().Put(w.t.Context(), strings.NewReader(text), 1<<20)
	w.must(err)
	e, err := w.audit.AddEvidence(w.t.Context(), manager, seaworthy.Evidence{
		Kind: seaworthy.EvidenceUpload, Title: text, Shows: seaworthy.Design, Digest: digest, Size: size, MediaType: "text/plain",
		Controls: []string{w.config.Controls[0].ID}, EffectiveFrom: w.now.Add(-2 * day), EffectiveTo: w.now.Add(-day),
	}, audit.Performance{})
	w.must(err)
	return e
}

// report takes a report of the cluster with so many findings.
func (w *world) report(findings int) seaworthy.Run {
	w.t.Helper()
	return w.reportOf("prod", findings)
}

// reportOf takes a report of a cluster of that name.
func (w *world) reportOf(cluster string, findings int) seaworthy.Run {
	w.t.Helper()
	c := ingest.Config{Store: w.server.Store(), Vault: w.server.Vault(), TempDir: w.t.TempDir()}
	run, err := ingest.Report(w.t.Context(), c, robot, cluster, bytes.NewReader(report(w.t, cluster, w.now, findings, 0)))
	w.must(err)
	return run
}

// report is a report of a cluster at a time, with findings numbered from first.
func report(t testing.TB, cluster string, at time.Time, findings, first int) []byte {
	t.Helper()
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: cluster, ClusterUID: "uid-" + cluster, Started: at.Add(-time.Minute), Asked: []string{"deployments.apps"}},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: 2, Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: at.Add(-time.Second), Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{
				{ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.Critical, Category: "Security",
					Status: seaworthy.StatusFailed, InScope: findings + 1, Passed: 1, Failed: findings, Findings: findings, Controls: []string{"workload-isolation"}},
				{ID: "latest-tag", Title: "Images have the tag latest", Severity: seaworthy.Medium, Category: "Images",
					Status: seaworthy.StatusPassed, InScope: 4, Passed: 4, Controls: []string{"workload-isolation"}},
			},
		},
	}
	r.Summary = seaworthy.Summary{Objects: findings + 1, Findings: findings}
	for n := first; n < first+findings; n++ {
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: fmt.Sprint("web-", n)}
		r.Findings = append(r.Findings, seaworthy.Finding{
			Check: "privileged-container", Severity: seaworthy.Critical, Category: "Security", Message: "container app is privileged", Object: o, Container: "app",
			Path: "spec.template.spec.containers[0]", Controls: []string{}, Requirements: []string{},
			Fingerprint: seaworthy.Fingerprint(cluster, "privileged-container", o, "spec.containers[app]"), New: true,
		})
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
