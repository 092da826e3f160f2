// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

const day = 24 * time.Hour

var (
	manager = seaworthy.Principal{Actor: "user:meg", UserID: "meg", Name: "Meg", Role: seaworthy.ComplianceManager}
	owner   = seaworthy.Principal{Actor: "user:olu", UserID: "olu", Name: "Olu", Role: seaworthy.Owner}
	viewer  = seaworthy.Principal{Actor: "user:vic", UserID: "vic", Name: "Vic", Role: seaworthy.Viewer}
)

// company is a small programme under a clock that the test moves.
type company struct {
	*audit.Audit
	t     testing.TB
	store *store.Store
	blobs *blobs
	now   time.Time
	runs  int
}

func date(s string) time.Time {
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t
		}
	}
	panic(s)
}

// small is a catalogue with a control of each sort, and a framework that asks for them.
func small() audit.Catalogue {
	control := func(id, kind, cadence string, sources ...string) seaworthy.Control {
		return seaworthy.Control{ID: id, Title: id, Statement: "The company does " + id, Owner: "security-lead", Kind: kind,
			Cadence: cadence, Evidence: []string{"a record"}, Sources: sources}
	}
	return audit.Catalogue{
		Controls: []seaworthy.Control{
			control("access-review", "detective", "quarterly", "records", "people"),
			control("backup-monitoring", "detective", "daily", "records"),
			control("board-oversight", "detective", "annual", "people"),
			control("offboarding", "preventive", "event", "records"),
			control("pod-security", "preventive", "continuous", "checks", "records"),
			control("vulnerability-scan", "detective", "continuous", "checks"),
		},
		Frameworks: []seaworthy.Framework{{ID: "soc2", Title: "SOC 2", Requirements: []seaworthy.Requirement{
			{ID: "CC1.2", Title: "Oversight", Category: "security", Controls: []string{"board-oversight"}},
			{ID: "CC6.1", Title: "Access", Category: "security", Controls: []string{"pod-security", "vulnerability-scan"}},
			{ID: "CC6.2", Title: "Leavers", Category: "security", Controls: []string{"offboarding"}},
			{ID: "CC6.3", Title: "Reviews", Category: "security", Controls: []string{"access-review", "pod-security"}},
			{ID: "A1.2", Title: "Backups", Category: "availability", Controls: []string{"backup-monitoring"}},
		}}},
		Checks: []seaworthy.Check{
			{ID: "no-privileged", Controls: []string{"pod-security"}},
			{ID: "no-host-path", Controls: []string{"pod-security"}},
			{ID: "image-current", Controls: []string{"vulnerability-scan"}},
		},
	}
}

// each runs f on both databases with a company that was seeded on 2026-01-01.
func each(t *testing.T, catalogue audit.Catalogue, f func(*company)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { f(founded(t, catalogue, c)) })
}

// founded gives a company that was seeded on 2026-01-01.
func founded(t testing.TB, catalogue audit.Catalogue, c store.Config) *company {
	t.Helper()
	co := &company{t: t, now: date("2026-01-01"), blobs: newBlobs()}
	c.Now = func() time.Time { return co.now }
	co.store = storetest.Open(t, c)
	co.Audit = audit.New(co.store, catalogue, co.blobs)
	co.must(co.Seed(t.Context()))
	return co
}

func whole(t testing.TB) audit.Catalogue {
	cs, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	fs, err := frameworks.List()
	if err != nil {
		t.Fatal(err)
	}
	return audit.Catalogue{Controls: cs, Frameworks: fs}
}

func (c *company) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// at moves the clock and advances.
func (c *company) at(when string) {
	c.t.Helper()
	c.now = date(when)
	c.must(c.Advance(c.t.Context()))
}

// program makes a program of half a year with the sources in scope.
func (c *company) program(sources ...string) seaworthy.Program {
	c.t.Helper()
	p := seaworthy.Program{Name: "SOC 2 2026", Type: seaworthy.TypeII, From: date("2026-01-01"), To: date("2026-07-01"), Categories: []string{"security", "availability"}}
	for _, s := range sources {
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: s, In: true})
	}
	p, err := c.CreateProgram(c.t.Context(), manager, p)
	c.must(err)
	return p
}

// cluster declares a cluster.
func (c *company) cluster(id, environment string) {
	c.t.Helper()
	c.must(c.store.Write(c.t.Context(), "user:meg", func(tx *store.Tx) error {
		return tx.PutSource(&seaworthy.DeclaredSource{ID: id, Kind: seaworthy.KindCluster, Name: id, Environment: environment,
			Declared: true, Every: day, CreatedAt: tx.At})
	}))
}

// own gives every control an owner.
func (c *company) own() {
	c.t.Helper()
	list, err := c.store.Controls(c.t.Context())
	c.must(err)
	for _, v := range list {
		v.OwnerUser = "meg"
		_, err := c.ChangeControl(c.t.Context(), manager, v)
		c.must(err)
	}
}

// report takes a run that finished at the clock: all checks passed but those named.
func (c *company) report(source string, change ...func(*seaworthy.Run)) {
	c.t.Helper()
	c.runs++
	run := seaworthy.Run{SourceID: source, FinishedAt: c.now, ReceivedAt: c.now, Complete: true, Actor: "token:agent",
		Unlisted: []seaworthy.Problem{}, Digest: strings.Repeat("0", 60) + string([]byte{byte('a' + c.runs/26/26%26), byte('a' + c.runs/26%26), byte('a' + c.runs%26), '0'})}
	var err error
	run.Blob, _, err = c.blobs.Put(c.t.Context(), strings.NewReader("report "+run.Digest), 1<<20)
	c.must(err)
	run.Header.Source.Started = c.now.Add(-time.Minute)
	for _, id := range []string{"no-privileged", "no-host-path", "image-current"} {
		run.Checks = append(run.Checks, seaworthy.CheckResult{ID: id, Status: seaworthy.StatusPassed, InScope: 10, Passed: 10,
			ByNamespace: map[string]seaworthy.NamespaceTally{"shop": {InScope: 6, Passed: 6}, "playground": {InScope: 1, Passed: 1}}})
	}
	for _, f := range change {
		f(&run)
	}
	c.must(c.store.Write(c.t.Context(), "token:agent", func(tx *store.Tx) error {
		run.ID = tx.NewID()
		return tx.PutRun(&run)
	}))
}

func status(check string, s seaworthy.Status) func(*seaworthy.Run) {
	return func(r *seaworthy.Run) {
		for i := range r.Checks {
			if r.Checks[i].ID == check {
				r.Checks[i].Status = s
			}
		}
	}
}

func (c *company) occurrences(control string) []seaworthy.Occurrence {
	c.t.Helper()
	list, err := c.store.AllOccurrences(c.t.Context(), store.OccurrenceFilter{Control: control})
	c.must(err)
	return list
}

// readiness of one control, as of now.
func (c *company) ready(p seaworthy.Program, control string) seaworthy.ReadyControl {
	c.t.Helper()
	return c.readyAt(p, control, c.now)
}

func (c *company) readyAt(p seaworthy.Program, control string, at time.Time) seaworthy.ReadyControl {
	c.t.Helper()
	r, err := c.Readiness(c.t.Context(), p.ID, at)
	c.must(err)
	v, ok := r.Control(control)
	if !ok {
		c.t.Fatalf("readiness does not speak of %s", control)
	}
	return v
}

// minutes adds minutes of a meeting as evidence of an occurrence.
func (c *company) minutes(o seaworthy.Occurrence, collected string, how audit.Performance) (seaworthy.Evidence, error) {
	at := date(collected)
	return c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{
		Kind: seaworthy.EvidenceAttestation, Title: "Minutes", Shows: seaworthy.Operation, Statement: "We looked at every right.",
		Occurrences: []string{o.ID}, EffectiveFrom: at.Add(-time.Hour), EffectiveTo: at, CollectedAt: at,
	}, how)
}

// Whoever takes a control over before the program is made still has to perform it in the
// year that had begun by then.
func TestTakingOverKeepsTheRunningWindow(t *testing.T) {
	each(t, small(), func(c *company) {
		c.now = date("2026-05-20")
		c.own()
		c.now = date("2026-05-24")
		_, err := c.CreateProgram(c.t.Context(), manager, seaworthy.Program{
			Name: "From May", Type: seaworthy.TypeII, From: date("2026-05-24"), To: date("2026-11-24"), Categories: []string{"security"},
		})
		c.must(err)
		c.at("2026-05-25")
		for control, from := range map[string]string{"board-oversight": "2026-01-01", "access-review": "2026-04-01"} {
			got := c.occurrences(control)
			if len(got) != 1 || !got[0].From.Equal(date(from)) {
				c.t.Errorf("%s: occurrences %+v, want the window from %s", control, got, from)
			}
		}
	})
}
