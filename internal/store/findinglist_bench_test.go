// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// The shape of the generated company.
const (
	genSources    = 20
	genNamespaces = 50 // of each source
	genChecks     = 60
	genTeams      = 25
)

// generated is finding i of a company of clusters.
func generated(i int, at time.Time) seaworthy.TrackedFinding {
	source := "source-" + strconv.Itoa(i%genSources)
	namespace := i / genSources % genNamespaces
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "ns-" + strconv.Itoa(namespace), Name: fmt.Sprintf("app-%d", i/5)}
	if i%7 == 0 {
		o = seaworthy.Object{APIVersion: "v1", Kind: "Service", Namespace: o.Namespace, Name: o.Name}
	}
	check := i * 7919 % genChecks
	fingerprint := fmt.Sprintf("%032x", i)
	f := seaworthy.TrackedFinding{
		ID: store.FindingID(source, fingerprint), SourceID: source, ObjectID: store.ObjectID(source, o), Fingerprint: fingerprint,
		Check: "check-" + strconv.Itoa(check), Severity: seaworthy.Severities[check%5], Category: "Security", Object: o, Container: "app",
		Path: "spec.template.spec.containers[0].securityContext.privileged", Message: "container app is privileged " + strconv.Itoa(i%1000),
		Status: seaworthy.FindingOpen, Cause: seaworthy.CauseObjectNew, FirstSeenAt: at, OpenedAt: at, DueAt: at.AddDate(0, 0, 30),
		RunID: "run-1", Team: "team-" + strconv.Itoa(namespace%genTeams),
	}
	if i%1000 == 0 {
		f.Assignee = "user-" + strconv.Itoa(i/1000%10)
	}
	return f
}

// fillFindings opens findings, and closes and waives some.
func fillFindings(tb testing.TB, s *store.Store, n int, at time.Time) {
	tb.Helper()
	if err := s.Write(tb.Context(), "system", func(tx *store.Tx) error {
		for i := range genSources {
			id := "source-" + strconv.Itoa(i)
			v := seaworthy.DeclaredSource{ID: id, Kind: seaworthy.KindCluster, Name: id, Environment: seaworthy.Production, Declared: true}
			if err := tx.PutSource(&v); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	const portion = 20_000
	for from := 0; from < n; from += portion {
		if err := s.Write(tb.Context(), "system", func(tx *store.Tx) error {
			b := tx.BulkFindings()
			changes := make([]store.FindingChange, 0, portion)
			objects := map[string]store.TrackedObject{}
			for i := from; i < min(n, from+portion); i++ {
				f := generated(i, at.Add(time.Duration(i)*time.Second))
				objects[f.ObjectID] = store.TrackedObject{ID: f.ObjectID, SourceID: f.SourceID, Object: f.Object, FirstSeenAt: at}
				changes = append(changes, store.FindingChange{After: f, Kind: seaworthy.EventOpened, Cause: f.Cause, RunID: "run-1"})
				if i%50 == 0 {
					waived := f
					waived.Status, waived.WaiverID = seaworthy.FindingWaived, "waiver-"+strconv.Itoa(i/50%20)
					changes = append(changes, store.FindingChange{Before: &f, After: waived, Kind: seaworthy.EventWaived, Cause: seaworthy.CauseWaiver})
				}
			}
			if err := errors.Join(b.Change(changes), b.Close()); err != nil {
				return err
			}
			return tx.PutObjects(slices.Collect(maps.Values(objects)))
		}); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkFindings measures the lists and counts of pages. SEAWORTHY_BENCH_FINDINGS says
// with how many findings; 50,000 unless told.
func BenchmarkFindings(b *testing.B) {
	n := 50_000
	if v, err := strconv.Atoi(os.Getenv("SEAWORTHY_BENCH_FINDINGS")); err == nil {
		n = v
	}
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	now := at.Add(time.Duration(n) * time.Second)
	run := func(b *testing.B, c store.Config) {
		c.Now = func() time.Time { return now }
		s := storetest.Open(b, c)
		started := time.Now()
		fillFindings(b, s, n, at)
		b.Logf("filled %d in %.0f s", n, time.Since(started).Seconds())
		for _, q := range benchQueries(n, now) {
			b.Run(q.name, func(b *testing.B) {
				b.Run("list", func(b *testing.B) { measure(b, func() error { return walkPages(b, s, q.filter) }) })
				b.Run("facets", func(b *testing.B) {
					measure(b, func() error { _, err := s.FindingFacets(b.Context(), q.filter); return err })
				})
			})
		}
		f := generated(3, at)
		b.Run("finding", func(b *testing.B) {
			measure(b, func() error { _, err := s.FindingEvents(b.Context(), f.ID); return err })
		})
		b.Run("trend", func(b *testing.B) { measure(b, func() error { _, err := s.Trend(b.Context(), nil, 90); return err }) })
	}
	b.Run("sqlite", func(b *testing.B) { run(b, store.Config{Dir: b.TempDir()}) })
	b.Run("postgres", func(b *testing.B) {
		if os.Getenv(storetest.Environment) == "" {
			b.Skipf("PostgreSQL is not measured: %s is not set", storetest.Environment)
		}
		run(b, store.Config{Database: storetest.Database(b)})
	})
}

type benchQuery struct {
	name   string
	filter store.FindingFilter
}

func benchQueries(n int, now time.Time) []benchQuery {
	open := []seaworthy.FindingStatus{seaworthy.FindingOpen}
	program := &seaworthy.Program{}
	for i := range genSources / 2 {
		id := "source-" + strconv.Itoa(i)
		program.Scope = append(program.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: id, In: true},
			seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: id, Name: "ns-" + strconv.Itoa(i), Reason: "sandbox"})
	}
	return []benchQuery{
		{"open", store.FindingFilter{Status: open}},
		{"program", store.FindingFilter{Status: open, Program: program}},
		{"critical", store.FindingFilter{Status: open, Severities: []seaworthy.Severity{seaworthy.Critical}}},
		{"info", store.FindingFilter{Status: open, Severities: []seaworthy.Severity{seaworthy.Info}}},
		{"check", store.FindingFilter{Status: open, Checks: []string{"check-7"}}},
		{"control", store.FindingFilter{Status: open, Checks: []string{"check-7", "check-8", "check-19", "check-41"}}},
		{"namespace", store.FindingFilter{Status: open, Namespaces: []string{"ns-9"}}},
		{"source", store.FindingFilter{Status: open, Sources: []string{"source-3"}}},
		{"team", store.FindingFilter{Status: open, Teams: []string{"team-3"}}},
		{"team_and_check", store.FindingFilter{Status: open, Teams: []string{"team-3"}, Checks: []string{"check-7"}}},
		{"source_namespace_check", store.FindingFilter{Status: open, Sources: []string{"source-3"}, Namespaces: []string{"ns-9"}, Checks: []string{"check-7"}}},
		{"nothing_matches", store.FindingFilter{Status: open, Teams: []string{"team-3"}, Namespaces: []string{"ns-9"}}},
		{"assignee", store.FindingFilter{Status: open, Assignees: []string{"user-3"}}},
		{"nobody", store.FindingFilter{Status: open, Assignees: []string{"-"}}},
		{"kind", store.FindingFilter{Status: open, Kinds: []string{"Service"}}},
		{"waiver", store.FindingFilter{Waiver: "waiver-3"}},
		{"overdue", store.FindingFilter{Overdue: true}},
		{"old", store.FindingFilter{Status: open, Sort: store.ByAge}},
		{"old_of_team", store.FindingFilter{Status: open, Sort: store.ByAge, Teams: []string{"team-3"}}},
		{"due", store.FindingFilter{Status: open, Sort: store.ByDue}},
		{"new_today", store.FindingFilter{Status: open, OpenedFrom: now.Add(-time.Hour)}},
		{"text_name", store.FindingFilter{Status: open, Text: "app-" + strconv.Itoa(n/6)}},
		{"text_nothing", store.FindingFilter{Status: open, Text: "zzz"}},
	}
}

// walkPages reads the first two pages.
func walkPages(b *testing.B, s *store.Store, f store.FindingFilter) error {
	f.Limit = 50
	p, err := s.Findings(b.Context(), f)
	if err == nil && p.Next != "" {
		f.Cursor = p.Next
		_, err = s.Findings(b.Context(), f)
	}
	return err
}

// measure reports the 95th percentile in milliseconds.
func measure(b *testing.B, f func() error) {
	var took []time.Duration
	for b.Loop() {
		started := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}
