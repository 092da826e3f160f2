// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// company is a store with findings, and what they are.
func company(t *testing.T, c store.Config, n int) (s *store.Store, all []seaworthy.TrackedFinding, now time.Time) {
	t.Helper()
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	now = at.Add(30*24*time.Hour + time.Duration(n/2)*time.Second) // when half of them are overdue
	c.Now = func() time.Time { return now }
	s = storetest.Open(t, c)
	fillFindings(t, s, n, at)
	for i := range n {
		f := generated(i, at.Add(time.Duration(i)*time.Second))
		if i%50 == 0 {
			f.Status, f.WaiverID = seaworthy.FindingWaived, "waiver-"+strconv.Itoa(i/50%20)
		}
		all = append(all, f)
	}
	return s, all, now
}

// scoped is a program of the first sources, of each of which a namespace is out.
func scoped(sources int) *seaworthy.Program {
	p := &seaworthy.Program{ID: "p"}
	for i := range sources {
		id := "source-" + strconv.Itoa(i)
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: id, In: true},
			seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: id, Name: "ns-" + strconv.Itoa(i), Reason: "sandbox"})
	}
	return p
}

// Facets are, value by value, what going through all findings gives, for programs of few
// sources and of many, whichever way they are counted.
func TestFacetsAreWhatGoingThroughAllGives(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		s, all, now := company(t, c, 4000)
		open := []seaworthy.FindingStatus{seaworthy.FindingOpen}
		filters := map[string]store.FindingFilter{
			"all": {}, "open": {Status: open}, "critical": {Status: open, Severities: []seaworthy.Severity{seaworthy.Critical}},
			"overdue": {Overdue: true}, "overdue and high": {Overdue: true, Severities: []seaworthy.Severity{seaworthy.High}},
			"overdue of a check": {Overdue: true, Checks: []string{"check-1"}}, "kind": {Kinds: []string{"Service"}}, "waiver": {Waiver: "waiver-3", Status: []seaworthy.FindingStatus{seaworthy.FindingWaived}},
			"opened from": {OpenedFrom: all[2000].OpenedAt}, "opened to": {OpenedTo: all[500].OpenedAt, Status: open},
			"a message of all": {Text: "container app"}, "a message of all, open": {Text: "container", Status: open}, "a check": {Text: "check-4"}, "a namespace": {Text: "ns-1", Status: open},
			"names of many": {Text: "app-"}, "names of some": {Text: "app-2", Severities: []seaworthy.Severity{seaworthy.Low}}, "nothing": {Text: "zzz"},
			"text and team": {Text: "app-", Teams: []string{"team-4"}},
		}
		for name, f := range filters {
			for _, p := range []*seaworthy.Program{nil, scoped(1), scoped(3), scoped(12)} {
				f.Program = p
				got, err := s.FindingFacets(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tallied(all, f, now), flat(got)); diff != "" || got.More {
					t.Errorf("%s of %d sources (more: %t, -want +got):\n%s", name, sourcesOf(p), got.More, diff)
				}
				if list := pages(t, s, f); len(list) != got.Total {
					t.Errorf("%s of %d sources: counted %d, listed %d", name, sourcesOf(p), got.Total, len(list))
				}
			}
		}
	})
}

func sourcesOf(p *seaworthy.Program) int {
	if p == nil {
		return 0
	}
	return len(p.Scope) / 2
}

// tallied goes through all findings.
func tallied(all []seaworthy.TrackedFinding, f store.FindingFilter, now time.Time) map[string]int {
	out := map[string]int{}
	for _, v := range all {
		if !matches(f, v, now) || !f.OpenedTo.IsZero() && !v.OpenedAt.Before(f.OpenedTo) {
			continue
		}
		for _, key := range []string{"", "status " + string(v.Status), "severity " + string(v.Severity), "source " + v.SourceID, "check " + v.Check,
			"namespace " + v.Object.Namespace, "team " + v.Team} {
			out[key]++
		}
	}
	return out
}

func flat(f store.Facets) map[string]int {
	out := map[string]int{}
	if f.Total > 0 {
		out[""] = f.Total
	}
	for facet, values := range map[string][]store.FacetValue{"status": f.Status, "severity": f.Severities, "source": f.Sources, "check": f.Checks, "namespace": f.Namespaces, "team": f.Teams} {
		for _, v := range values {
			out[facet+" "+v.Value] = v.Count
		}
	}
	return out
}

// What a program of few sources counts, and one of many, is what going through all findings
// gives: of sources, of what is due, and of what makes numbers look better than they are.
func TestCountsOfAProgramAreWhatGoingThroughAllGives(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		s, all, now := company(t, c, 4000)
		for _, sources := range []int{1, 3, 12} {
			p, old := scoped(sources), all[1500].OpenedAt
			in := slices.DeleteFunc(slices.Clone(all), func(f seaworthy.TrackedFinding) bool { return !p.HasNamespace(f.SourceID, f.Object.Namespace) })
			views, err := s.SourceViews(t.Context(), p)
			if err != nil || len(views) != sources {
				t.Fatalf("%d views, %v", len(views), err)
			}
			for _, v := range views {
				open, waived := map[seaworthy.Severity]int{}, 0
				for _, f := range in {
					switch {
					case f.SourceID == v.ID && f.Status == seaworthy.FindingOpen:
						open[f.Severity]++
					case f.SourceID == v.ID:
						waived++
					}
				}
				if diff := cmp.Diff(open, v.Open); diff != "" || waived != v.Waived {
					t.Errorf("%d sources, %s: %d waived, want %d (-want +got):\n%s", sources, v.ID, v.Waived, waived, diff)
				}
			}
			want, due, overdue := store.Honesty{}, 0, 0
			for _, f := range in {
				if f.Status != seaworthy.FindingOpen {
					want.Waived++
					continue
				}
				want.Open++
				if f.OpenedAt.Before(old) {
					want.OldOpen++
				}
				if want.OldestOpen.IsZero() || f.OpenedAt.Before(want.OldestOpen) {
					want.OldestOpen = f.OpenedAt
				}
				if f.DueAt.Before(now.Add(10 * time.Minute)) {
					due++
				}
				if f.DueAt.Before(now) {
					overdue++
				}
			}
			got, err := s.Honesty(t.Context(), *p, old)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%d sources: honesty (%v, -want +got):\n%s", sources, err, diff)
			}
			list, more, err := s.FindingsDue(t.Context(), *p, now.Add(10*time.Minute))
			for _, d := range list {
				due, overdue = due-d.Count, overdue-d.Overdue
			}
			if due != 0 || overdue != 0 || more || err != nil {
				t.Errorf("%d sources: %d due and %d overdue are not counted (%v)", sources, due, overdue, err)
			}
		}
	})
}

// The waivers in force are those of the log as it is, also where another server changed
// them.
func TestWaiversInForceAreNeverStale(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		one := storetest.Open(t, c)
		other, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		p := *scoped(2)
		inForce := func(want ...string) {
			t.Helper()
			for name, s := range map[string]*store.Store{"one": one, "other": other} {
				list, err := s.WaiversInForce(context.Background(), p)
				got := map[string]bool{}
				for _, w := range list {
					got[w.ID] = true
				}
				if ids := slices.Sorted(maps.Keys(got)); !slices.Equal(ids, want) || err != nil {
					t.Errorf("the %s server has %q in force (%v), want %q", name, ids, err, want)
				}
			}
		}
		put := func(s *store.Store, id, source, state string) {
			t.Helper()
			if err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
				return tx.PutWaiver(&seaworthy.TrackedWaiver{ID: id, SourceID: source, State: state, RequestedAt: tx.At, Waiver: seaworthy.Waiver{Check: "c", Reason: "r", Owner: "o"}})
			}); err != nil {
				t.Fatal(err)
			}
		}
		inForce()
		put(one, "a", "source-0", seaworthy.WaiverApproved)
		inForce("a")
		put(other, "b", "", seaworthy.WaiverApproved)
		put(other, "c", "source-7", seaworthy.WaiverApproved) // of no program's source
		inForce("a", "b")
		put(one, "a", "source-0", seaworthy.WaiverExpired)
		inForce("b")
	})
}
