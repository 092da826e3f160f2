// SPDX-License-Identifier: Apache-2.0

package output

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// sections are the checks with findings by severity; checks whose findings are all
// waived or known come last in theirs.
func (p *htmlPage) sections(t *seaworthy.Trailer) []htmlSection {
	groups := p.sorted(t, open)
	for _, s := range []state{waived, known} {
		for _, g := range p.sorted(t, s) {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	var out []htmlSection
	for _, sev := range severitiesOf(groups) {
		section := htmlSection{Severity: named(sev)}
		n := 0
		for _, g := range groups {
			if g.severity == sev {
				n += g.count[open]
				section.Checks = append(section.Checks, p.check(g, htmlRows, open, known, waived))
			}
		}
		if len(section.Checks) > 0 {
			section.Note = count(n, "finding") + " of " + count(len(section.Checks), "check")
			section.Open = sev == seaworthy.Critical && n <= htmlOpened
			out = append(out, section)
		}
	}
	return out
}

// check is one check with its findings of some states, which are read while the
// template shows them.
func (p *htmlPage) check(g *group, rows int, states ...state) htmlCheck {
	c := htmlCheck{
		Anchor: anchor("check", g.id, string(g.severity)), ID: clean(g.id), Title: clean(g.check.Title),
		Severity: named(g.severity), Category: clean(g.check.Category), Findings: count(g.count[open], "finding"),
		Why: clean(g.check.Rationale), Fix: clean(g.check.Remediation), Snippet: snippet(g.check.Snippet),
		Controls: clean(strings.Join(g.check.Controls, ", ")), OnlyOther: g.count[open] == 0,
	}
	if g.result.InScope > 0 {
		c.Tally = number(g.result.Failed) + " of " + count(g.result.InScope, "object") + " failed"
	}
	all := 0
	for _, s := range states {
		all += g.count[s]
	}
	c.Rows = func(yield func(htmlRow) bool) {
		left := rows
		for _, s := range states {
			goOn := true
			err := p.each(g, s, func(f *seaworthy.Finding) bool {
				if left--; left < 0 {
					goOn = false
					return false
				}
				goOn = yield(p.row(f, g, s))
				return goOn
			})
			if p.err == nil {
				p.err = err
			}
			if !goOn || err != nil {
				return
			}
		}
	}
	if all > rows {
		c.More = number(all-rows) + " more are not shown on this page; the JSON report has all of them."
	}
	return c
}

func (p *htmlPage) row(f *seaworthy.Finding, g *group, s state) htmlRow {
	r := htmlRow{
		State: string(s), Object: clean(f.Object.String()), Container: clean(f.Container), Where: clean(placeIn(f, p.o.Root)),
		What: clean(says(f, g.check.Title)), Path: clean(f.Path), Fingerprint: clean(f.Fingerprint),
	}
	switch {
	case s == waived:
		r.Note = "Waived: " + clean(waiverOf(f.Waiver))
	case s == known:
		r.Note = "Known from the baseline"
	case f.WaiverRequested != "":
		r.Note = "Waiver requested: " + clean(f.WaiverRequested)
	}
	return r
}

// snippet keeps the lines of what can be pasted.
func snippet(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(cleanLine(l), " ")
	}
	return strings.Join(lines, "\n")
}

// rest is what was not judged or not read, and the list of all checks.
func (p *htmlPage) rest(v *htmlView, t *seaworthy.Trailer, shown map[string]string) {
	for _, s := range [...]struct {
		status     seaworthy.Status
		name, note string
	}{
		{seaworthy.StatusNotEvaluated, "Not evaluated", "The data for these checks was not there. That is not a pass."},
		{seaworthy.StatusProvider, "The provider's responsibility", "The provider of the cluster answers for these; its own report shows them."},
		{seaworthy.StatusError, "Ended in an error", "These checks could not judge. That is not a pass."},
	} {
		r := byReason(t, s.status)
		section := htmlNotJudged{Name: s.name, Note: s.note, Status: string(s.status)}
		for _, reason := range r.sorted() {
			section.Reasons = append(section.Reasons, htmlReason{clean(reason), cleaned(r.by[reason])})
		}
		if len(section.Reasons) > 0 {
			v.NotJudged = append(v.NotJudged, section)
		}
	}
	for _, n := range t.Waivers {
		v.Waivers = append(v.Waivers, htmlWaiver{
			clean(n.Message), clean(target(n.Waiver)), clean(n.Waiver.Owner), n.Waiver.Expires.String(), clean(n.Waiver.Reason),
		})
	}
	for _, r := range t.Checks {
		row := htmlResult{
			ID: clean(r.ID), Title: clean(r.Title), Severity: string(r.Severity), Status: string(r.Status),
			Words: statusWords[r.Status], Reason: clean(r.Reason), Anchor: shown[clean(r.ID)],
		}
		if r.InScope > 0 {
			row.Count = number(r.Passed) + " of " + number(r.InScope)
		}
		v.Checks = append(v.Checks, row)
	}
}
