// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Lists and counts, whatever way they are read, are what going through all findings gives.
func TestListsAreWhatGoingThroughAllGives(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		n := 3000
		if testing.Short() {
			n = 500
		}
		at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		now := at.Add(31 * 24 * time.Hour)
		c.Now = func() time.Time { return now }
		s := storetest.Open(t, c)
		fillFindings(t, s, n, at)
		var all []seaworthy.TrackedFinding
		for i := range n {
			f := generated(i, at.Add(time.Duration(i)*time.Second))
			if i%50 == 0 {
				f.Status, f.WaiverID = seaworthy.FindingWaived, "waiver-"+strconv.Itoa(i/50%20)
			}
			all = append(all, f)
		}
		queries := benchQueries(n, at.Add(time.Duration(n)*time.Second))
		queries = append(queries,
			benchQuery{"text_check", store.FindingFilter{Text: "check-1"}}, benchQuery{"text_namespace", store.FindingFilter{Text: "ns-4"}},
			benchQuery{"text_message", store.FindingFilter{Text: "Container app is privileged 99"}}, benchQuery{"text_many", store.FindingFilter{Text: "container"}},
			benchQuery{"all", store.FindingFilter{}}, benchQuery{"two_statuses_two_teams", store.FindingFilter{
				Status: []seaworthy.FindingStatus{seaworthy.FindingWaived, seaworthy.FindingOpen}, Teams: []string{"team-1", "team-2"}, Sort: store.ByDue}})
		for _, q := range queries {
			want := map[string]bool{}
			for _, f := range all {
				if matches(q.filter, f, now) {
					want[f.ID] = true
				}
			}
			got := pages(t, s, q.filter)
			if len(got) != len(want) || slices.ContainsFunc(got, func(f seaworthy.TrackedFinding) bool { return !want[f.ID] }) {
				t.Errorf("%s: listed %d findings, want %d", q.name, len(got), len(want))
			}
			if facets, err := s.FindingFacets(t.Context(), q.filter); err != nil || facets.Total != len(want) || facets.More {
				t.Errorf("%s: counted %d (%v), want %d", q.name, facets.Total, err, len(want))
			}
		}
	})
}

// pages reads a whole list page by page, and holds its order.
func pages(t *testing.T, s *store.Store, f store.FindingFilter) (all []seaworthy.TrackedFinding) {
	t.Helper()
	f.Limit = 37
	for {
		p, err := s.Findings(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			break
		}
		f.Cursor = p.Next
	}
	order := func(a, b seaworthy.TrackedFinding) int {
		first := cmp.Compare(a.Severity.Rank(), b.Severity.Rank())
		switch f.Sort {
		case store.ByAge:
			first = a.OpenedAt.Compare(b.OpenedAt)
		case store.ByDue:
			first = a.DueAt.Compare(b.DueAt)
		}
		return cmp.Or(first, strings.Compare(a.ID, b.ID))
	}
	if !slices.IsSortedFunc(all, order) {
		t.Errorf("the list %+v is not in order", f)
	}
	return all
}

// matches is the meaning of a filter, in plain words.
func matches(q store.FindingFilter, f seaworthy.TrackedFinding, now time.Time) bool {
	has := func(list []string, v string) bool {
		return len(list) == 0 || slices.Contains(list, v) || v == "" && slices.Contains(list, "-")
	}
	begins := func(s string) bool { return strings.HasPrefix(strings.ToLower(s), strings.ToLower(q.Text)) }
	return (len(q.Status) == 0 || slices.Contains(q.Status, f.Status)) &&
		(len(q.Severities) == 0 || slices.Contains(q.Severities, f.Severity)) &&
		has(q.Checks, f.Check) && has(q.Sources, f.SourceID) && has(q.Namespaces, f.Object.Namespace) && has(q.Teams, f.Team) &&
		has(q.Assignees, f.Assignee) && has(q.Kinds, f.Object.Kind) && (q.Waiver == "" || q.Waiver == f.WaiverID) &&
		(!q.Overdue || f.Overdue(now)) && (q.OpenedFrom.IsZero() || !f.OpenedAt.Before(q.OpenedFrom)) &&
		(q.Text == "" || begins(f.Object.Name) || begins(f.Check) || begins(f.Object.Namespace) || begins(f.Message)) &&
		(q.Program == nil || q.Program.HasNamespace(f.SourceID, f.Object.Namespace))
}
