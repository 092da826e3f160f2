// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// column is a heading by which a table may be sorted. Sorted is what the table is by it:
// ascending, descending or, empty, neither. Paper is the heading in print, where it is
// another one.
type column struct{ Text, Class, Href, Sorted, Paper string }

// by is the column of a sort, which is kept in the address; a second click turns it round.
func (q query) by(key, text, class string) column {
	c := column{Text: text, Class: class, Href: q.With("sort", key)}
	switch q.Get("sort") {
	case key:
		c.Href, c.Sorted = q.With("sort", "-"+key), "ascending"
	case "-" + key:
		c.Href, c.Sorted = q.With("sort", ""), "descending"
	}
	return c
}

// order is a way to sort rows that are all at hand.
type order[T any] map[string]func(a, b T) int

// sort sorts rows as the address asks; without that, or asked for what there is not,
// they stay.
func (o order[T]) sort(rows []T, q query) {
	key, down := strings.CutPrefix(q.Get("sort"), "-")
	by, ok := o[key]
	if !ok {
		return
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		if down {
			return by(b, a)
		}
		return by(a, b)
	})
}

func fold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// soonest puts times in order, those that are not set last.
func soonest(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

func standingOrder(a, b seaworthy.ControlStanding) int {
	return cmp.Compare(slices.Index(seaworthy.ControlStandings, a), slices.Index(seaworthy.ControlStandings, b))
}

// worse compares open findings by their severities, worst first.
func worse(a, b []severityCount) int {
	at := func(list []severityCount, s seaworthy.Severity) int {
		for _, c := range list {
			if c.Severity == s {
				return c.N
			}
		}
		return 0
	}
	for _, s := range seaworthy.Severities {
		if d := cmp.Compare(at(b, s), at(a, s)); d != 0 {
			return d
		}
	}
	return 0
}
