// SPDX-License-Identifier: Apache-2.0

package output

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// state is whether a finding counts.
type state string

const (
	open   state = "open"
	waived state = "waived"
	known  state = "known" // the baseline holds it
)

func stateOf(f *seaworthy.Finding) state {
	switch {
	case f.Waiver != nil:
		return waived
	case !f.New:
		return known
	}
	return open
}

// tally gathers a report for the formats that show counts before findings: of each
// check it keeps the counts and the first findings of each state.
type tally struct {
	keep   int  // findings kept of each check, severity and state; negative: all
	onDisk bool // keep them in a temporary file

	header seaworthy.Header
	checks map[string]seaworthy.Check
	groups map[groupKey]*group
	passed map[string]int // by check, of the passes told one by one
	spool  spool
}

type groupKey struct {
	id       string // of the check
	severity seaworthy.Severity
}

// group is the findings of one check at one severity.
type group struct {
	groupKey
	check  seaworthy.Check
	result seaworthy.CheckResult // zero where the trailer does not know the check
	count  map[state]int
	kept   map[state][]seaworthy.Finding // where the tally keeps them in memory

	// Of the open findings: the message of the first, whether others say something
	// else, and the columns that the longest name fills.
	message string
	mixed   bool
	widest  int
}

// Start implements [Handler].
func (t *tally) Start(h *seaworthy.Header, checks []seaworthy.Check) error {
	t.header = *h
	t.checks = make(map[string]seaworthy.Check, len(checks))
	t.groups, t.passed = map[groupKey]*group{}, map[string]int{}
	for _, c := range checks {
		t.checks[c.ID] = c
	}
	return nil
}

// Finding implements [Handler].
func (t *tally) Finding(f *seaworthy.Finding) error {
	k := groupKey{f.Check, f.Severity}
	g := t.groups[k]
	if g == nil {
		g = &group{groupKey: k, check: t.check(f), count: map[state]int{}, kept: map[state][]seaworthy.Finding{}}
		t.groups[k] = g
	}
	s := stateOf(f)
	g.count[s]++
	if s == open {
		g.widest = max(g.widest, width(who(f)))
		g.mixed = g.mixed || g.count[s] > 1 && f.Message != g.message
		g.message = f.Message
	}
	switch {
	case t.keep >= 0 && g.count[s] > t.keep:
		return nil
	case t.onDisk:
		return t.spool.add(k.spoolKey(s), f)
	}
	kept := *f
	kept.Controls, kept.Requirements = slices.Clone(f.Controls), slices.Clone(f.Requirements)
	g.kept[s] = append(g.kept[s], kept)
	return nil
}

// check describes the check of a finding, from the finding where need be.
func (t *tally) check(f *seaworthy.Finding) seaworthy.Check {
	if c, ok := t.checks[f.Check]; ok {
		c.Title = cmp.Or(c.Title, c.ID)
		return c
	}
	return seaworthy.Check{
		ID: f.Check, Title: f.Check, Severity: f.Severity, Category: f.Category,
		Remediation: f.Remediation, Controls: f.Controls,
	}
}

// Pass implements [Handler].
func (t *tally) Pass(p *seaworthy.Pass) error { t.passed[p.Check]++; return nil }

// Close gives up what is on disk.
func (t *tally) Close() error { return t.spool.Close() }

func (k groupKey) spoolKey(s state) string { return string(s) + " " + string(k.severity) + " " + k.id }

// each calls f with the findings of a group that were kept, in the order in which they
// came, until f returns false.
func (t *tally) each(g *group, s state, f func(*seaworthy.Finding) bool) error {
	for i := range g.kept[s] {
		if !f(&g.kept[s][i]) {
			return nil
		}
	}
	var bad error
	err := t.spool.each(g.spoolKey(s), func(record []byte) bool {
		var found seaworthy.Finding
		if err := json.Unmarshal(record, &found); err != nil {
			bad = fmt.Errorf("read a finding back: %w", err)
			return false
		}
		return f(&found)
	})
	return errors.Join(err, bad)
}

// sorted gives the groups, worst severity first, then the most findings of the state.
// The trailer completes them.
func (t *tally) sorted(tr *seaworthy.Trailer, s state) []*group {
	results := map[string]seaworthy.CheckResult{}
	for _, r := range tr.Checks {
		results[r.ID] = r
	}
	var out []*group
	for _, g := range t.groups {
		if g.count[s] > 0 {
			g.result = results[g.id]
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(
			cmp.Compare(a.severity.Rank(), b.severity.Rank()),
			cmp.Compare(b.count[s], a.count[s]),
			strings.Compare(a.id, b.id),
		)
	})
	return out
}

// severitiesOf lists the severities of sorted groups, each once; one that nobody knows
// is not left out.
func severitiesOf(groups []*group) []seaworthy.Severity {
	var out []seaworthy.Severity
	for _, g := range groups {
		if !slices.Contains(out, g.severity) {
			out = append(out, g.severity)
		}
	}
	slices.SortStableFunc(out, func(a, b seaworthy.Severity) int { return cmp.Compare(a.Rank(), b.Rank()) })
	return out
}
