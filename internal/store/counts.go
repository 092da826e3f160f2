// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// place is one combination of what findings are counted by.
type place struct {
	source, namespace, check, team string
	severity                       int
	status                         seaworthy.FindingStatus
}

func placeOf(f *seaworthy.TrackedFinding) place {
	return place{f.SourceID, f.Object.Namespace, f.Check, f.Team, rank(f.Severity), f.Status}
}

// total is one combination of what sums are kept by.
type total struct {
	facet, value, source string
	severity             int
	status               seaworthy.FindingStatus
}

// day is one combination of what trends are kept by.
type dayPlace struct {
	source, namespace string
	severity          int
	status            seaworthy.FindingStatus
}

// The facets whose sums are kept.
const (
	facetAll       = ""
	facetCheck     = "check"
	facetNamespace = "namespace"
	facetTeam      = "team"
)

// count notes what changes mean for the counters.
func (b *FindingBulk) count(changes []FindingChange) {
	for i := range changes {
		if before := changes[i].Before; before != nil {
			b.places[placeOf(before)]--
		}
		b.places[placeOf(&changes[i].After)]++
	}
}

// addCounts brings the counters in step.
func (t *Tx) addCounts(places map[place]int) error {
	totals, days := map[total]int{}, map[dayPlace]int{}
	for p, n := range places {
		if n == 0 {
			continue
		}
		for _, f := range [...][2]string{{facetAll, ""}, {facetCheck, p.check}, {facetNamespace, p.namespace}, {facetTeam, p.team}} {
			totals[total{f[0], f[1], p.source, p.severity, p.status}] += n
		}
		days[dayPlace{p.source, p.namespace, p.severity, p.status}] += n
	}
	if err := bump(t, `INSERT INTO finding_counts (source_id, namespace, check_id, team, severity, status, count)`,
		`ON CONFLICT (source_id, namespace, check_id, team, severity, status) DO UPDATE SET count = finding_counts.count + excluded.count`,
		places, func(p place) []any {
			return []any{p.source, p.namespace, p.check, p.team, p.severity, string(p.status)}
		}); err != nil {
		return err
	}
	if err := bump(t, `INSERT INTO finding_totals (facet, value, source_id, severity, status, count)`,
		`ON CONFLICT (facet, value, source_id, severity, status) DO UPDATE SET count = finding_totals.count + excluded.count`,
		totals, func(k total) []any { return []any{k.facet, k.value, k.source, k.severity, string(k.status)} }); err != nil {
		return err
	}
	today := dayOf(t.At)
	return bump(t, `INSERT INTO finding_days (day, source_id, namespace, severity, status, change)`,
		`ON CONFLICT (day, source_id, namespace, severity, status) DO UPDATE SET change = finding_days.change + excluded.change`,
		days, func(d dayPlace) []any {
			return []any{today, d.source, d.namespace, d.severity, string(d.status)}
		})
}

// bump adds to counters, in an order that is the same for all, so that two transactions
// do not wait for each other.
func bump[K comparable](t *Tx, head, tail string, by map[K]int, key func(K) []any) error {
	var rows [][]any
	for k, n := range by {
		if n != 0 {
			rows = append(rows, append(key(k), n))
		}
	}
	slices.SortFunc(rows, func(a, b []any) int {
		for i := range a {
			c := 0
			switch x := a[i].(type) {
			case string:
				c = strings.Compare(x, b[i].(string))
			case int:
				c = x - b[i].(int)
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return t.insert(head, tail, rows)
}
