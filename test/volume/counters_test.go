// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"github.com/seaworthy-dev/seaworthy"
)

// place is one combination of what findings are counted by; the team follows from it.
type place struct {
	source, namespace, check int
	severity                 seaworthy.Severity
	status                   uint8
}

// onDay is one combination of what trends are kept by.
type onDay struct {
	day, source, namespace int
	severity               seaworthy.Severity
	status                 uint8
}

// counters are kept as the store keeps them: a row for whatever was counted once.
type counters struct {
	places map[place]int
	days   map[onDay]int
}

// move counts a finding in another status; had tells whether it was there before.
func (c *counters) move(p place, had bool, to uint8, day int) {
	if had && p.status == to {
		return
	}
	d := onDay{day, p.source, p.namespace, p.severity, p.status}
	if had {
		c.places[p]--
		c.days[d]--
	}
	p.status, d.status = to, to
	c.places[p]++
	c.days[d]++
}

var statuses = [...]string{string(seaworthy.FindingOpen), string(seaworthy.FindingWaived), string(seaworthy.FindingFixed)}

func rank(s seaworthy.Severity) int64 { return int64(len(seaworthy.Severities) - s.Rank()) }

func spaceOf(n int) string {
	if n == spaceNames {
		return ""
	}
	return space(n)
}

// counts writes the counters.
func (s *site) counts(c *counters) error {
	var rows, trend [][]any
	for p, n := range c.places {
		team, check, namespace := s.company.team(p.source, p.namespace), s.company.checks[p.check].ID, spaceOf(p.namespace)
		rows = append(rows, []any{sourceID(p.source), namespace, check, team, rank(p.severity), statuses[p.status], int64(n)})
	}
	first := began.Unix() / (24 * 60 * 60)
	for d, n := range c.days {
		if n != 0 {
			trend = append(trend, []any{first + int64(d.day), sourceID(d.source), spaceOf(d.namespace), rank(d.severity), statuses[d.status], int64(n)})
		}
	}
	for _, t := range []struct {
		table   string
		columns string
		rows    [][]any
	}{
		{"finding_counts", "source_id, namespace, check_id, team, severity, status, count", rows},
		{"finding_days", "day, source_id, namespace, severity, status, change", trend},
	} {
		s.t.Logf("%s: %d rows", t.table, len(t.rows))
		if err := s.bulk.rows(t.table, t.columns, t.rows); err != nil {
			return err
		}
	}
	return nil
}
