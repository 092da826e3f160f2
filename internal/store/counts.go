// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// place is one combination of what findings are counted by.
type place struct {
	source, namespace, check, team string
	status                         seaworthy.FindingStatus
	severity                       int
}

func placeOf(f *seaworthy.TrackedFinding) place {
	return place{f.SourceID, f.Object.Namespace, f.Check, f.Team, f.Status, rank(f.Severity)}
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.source, q.source), cmp.Compare(p.namespace, q.namespace), cmp.Compare(p.check, q.check),
		cmp.Compare(p.team, q.team), cmp.Compare(p.status, q.status), cmp.Compare(p.severity, q.severity))
}

// dayPlace is one combination of what trends are kept by.
type dayPlace struct {
	source, namespace string
	severity          int
	status            seaworthy.FindingStatus
}

func (p dayPlace) compare(q dayPlace) int {
	return cmp.Or(cmp.Compare(p.source, q.source), cmp.Compare(p.namespace, q.namespace), cmp.Compare(p.severity, q.severity), cmp.Compare(p.status, q.status))
}

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
	days := map[dayPlace]int{}
	for p, n := range places {
		days[dayPlace{p.source, p.namespace, p.severity, p.status}] += n
	}
	if err := bump(t, `INSERT INTO finding_counts (source_id, namespace, check_id, team, severity, status, count)`,
		`ON CONFLICT (source_id, namespace, check_id, team, severity, status) DO UPDATE SET count = finding_counts.count + excluded.count`,
		places, place.compare, func(p place) []any {
			return []any{p.source, p.namespace, p.check, p.team, p.severity, string(p.status)}
		}); err != nil {
		return err
	}
	if t.counted == nil {
		t.counted = map[place]int{}
	}
	for p, n := range places {
		t.counted[p] += n
	}
	today := dayOf(t.At)
	return bump(t, `INSERT INTO finding_days (day, source_id, namespace, severity, status, change)`,
		`ON CONFLICT (day, source_id, namespace, severity, status) DO UPDATE SET change = finding_days.change + excluded.change`,
		days, dayPlace.compare, func(d dayPlace) []any {
			return []any{today, d.source, d.namespace, d.severity, string(d.status)}
		})
}

// bump adds to counters, in an order that is the same for all, so that two transactions
// do not wait for each other.
func bump[K comparable](t *Tx, head, tail string, by map[K]int, compare func(K, K) int, key func(K) []any) error {
	var rows [][]any
	for _, k := range slices.SortedFunc(maps.Keys(by), compare) {
		if n := by[k]; n != 0 {
			rows = append(rows, append(key(k), n))
		}
	}
	return t.insert(head, tail, rows)
}

// countChange is how one counter changed.
type countChange struct {
	place
	by int
}

// MarshalJSON writes a change as a list, which is short.
func (c countChange) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{c.source, c.namespace, c.check, c.team, c.status, c.severity, c.by})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *countChange) UnmarshalJSON(data []byte) error {
	fields := []any{&c.source, &c.namespace, &c.check, &c.team, &c.status, &c.severity, &c.by}
	n := len(fields)
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if len(fields) != n {
		return fmt.Errorf("%d fields; a change of a counter has %d", len(fields), n)
	}
	return nil
}

// keptChanges is for how long changes of counters are kept for servers to follow; one that
// was busy otherwise for longer reads all counters anew.
const keptChanges = time.Hour

// noteCounts notes for all servers what the transaction changed in the counters. The state
// of the log is locked: transactions that come later in it are noted later.
func (t *Tx) noteCounts(size int64) error {
	var changes []countChange
	for _, p := range slices.SortedFunc(maps.Keys(t.counted), place.compare) {
		if n := t.counted[p]; n != 0 {
			changes = append(changes, countChange{p, n})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	data, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	if err := t.exec(`INSERT INTO finding_count_changes (size, previous, at, changes)
		VALUES ($1, (SELECT COALESCE(MAX(size), 0) FROM finding_count_changes), $2, $3)`, size, micros(t.At), string(data)); err != nil {
		return err
	}
	return t.exec(`DELETE FROM finding_count_changes WHERE at < $1 AND size < $2`, micros(t.At.Add(-keptChanges)), size)
}
