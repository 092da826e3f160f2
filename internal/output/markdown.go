// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// GitHub refuses a comment of more than 65,536 characters. Bytes are counted, which are
// at least as many.
const (
	markdownMost = 59_000
	markdownTail = 24_000 // of these, at most that many for what is not a finding
	markdownFold = 6_000  // and that many for one section of it
	markdownRows = 10     // findings shown of a check

	markdownSection = 600 // enough for a section that says only that it has no room
)

// markdown writes a comment for a pull request: the counts, then a folded section for
// each severity, then what was not judged. Whatever the report holds, the comment stays
// below the limit and says what it leaves out.
type markdown struct {
	tally
	w       io.Writer
	o       Options
	dropped []string // sections without room
}

func newMarkdown(w io.Writer, o Options) Handler {
	return &markdown{w: w, o: o, tally: tally{keep: markdownRows}}
}

// budget is text that stays within a size.
type budget struct {
	strings.Builder
	left int
}

// add takes s, or nothing where it does not fit.
func (b *budget) add(s string) bool {
	if len(s) > b.left {
		return false
	}
	b.left -= len(s)
	b.WriteString(s)
	return true
}

// End implements [Handler].
func (m *markdown) End(t *seaworthy.Trailer) error {
	groups := m.sorted(t, open)
	doc := &budget{left: markdownMost}
	doc.add(m.head(t))
	tail := &budget{left: markdownTail}
	m.notJudged(tail, t)
	m.problems(tail, "Could not be read or judged", t.Errors)
	m.waived(tail, t)
	for _, c := range t.Covered {
		m.coverage(tail, c)
	}
	m.problems(tail, "Left out", t.Skipped)
	foot := m.foot()
	doc.left -= tail.Len() + len(foot)
	m.first(doc, groups)
	severities := severitiesOf(groups)
	for i, s := range severities {
		keep := (len(severities) - 1 - i) * markdownSection // for those that come after
		doc.left -= keep
		m.severity(doc, s, groups)
		doc.left += keep
	}
	if _, err := io.WriteString(m.w, doc.String()+tail.String()+foot); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// head is the title, the circumstances and the counts. The first line lets a bot find
// its own comment again.
func (m *markdown) head(t *seaworthy.Trailer) string {
	s := t.Summary
	title := headline(s, m.o.Baseline)
	if s.Exit == 3 && s.FailOn != "" {
		title += ", " + number(s.Failing) + " at or above " + string(s.FailOn)
	}
	var b strings.Builder
	b.WriteString("<!-- seaworthy-report -->\n## Seaworthy: " + title + "\n\n")
	facts := append([]string{mdCode(clip(clean(from(m.header.Source)), 200))}, seen(m.header.Source.Kind, s)...)
	for _, c := range circumstances(&m.header) {
		facts = append(facts, mdText(clip(clean(c), 200)))
	}
	b.WriteString(strings.Join(append(facts, count(len(t.Checks), "check")), " · ") + "\n\n")
	if s.Findings+s.Waived+s.Baseline > 0 {
		b.WriteString("| Critical | High | Medium | Low | Info | Waived | Known |\n|--:|--:|--:|--:|--:|--:|--:|\n|")
		for _, v := range seaworthy.Severities {
			b.WriteString(" " + number(s.BySev[v]) + " |")
		}
		fmt.Fprintf(&b, " %s | %s |\n\n", number(s.Waived), number(s.Baseline))
	}
	b.WriteString("Of " + count(len(t.Checks), "check") + ", " + enumerate(outcomes(s)) + ".\n\n")
	if n := len(t.Errors); n > 0 {
		b.WriteString("> **" + count(n, "error") + ":** what could not be read or judged is listed below and is not a pass.\n\n")
	}
	return b.String()
}

// first lists the three worst checks, where there are many.
func (m *markdown) first(doc *budget, groups []*group) {
	if len(groups) < 8 {
		return
	}
	list := "**Fix these first**\n\n"
	for i, g := range groups[:3] {
		list += fmt.Sprintf("%d. %s (%s, %s). %s\n", i+1, m.name(g), g.severity, m.tallied(g), mdText(clip(clean(g.check.Remediation), 300)))
	}
	doc.add(list + "\n")
}

func (m *markdown) name(g *group) string {
	return "**" + mdText(clip(clean(g.check.Title), 200)) + "** " + mdCode(clip(clean(g.id), 100))
}

func (m *markdown) tallied(g *group) string {
	if g.result.InScope > 0 {
		return number(g.result.Failed) + " of " + count(g.result.InScope, "object")
	}
	return count(g.count[open], "finding")
}

// severity folds the checks of one severity into a section. What does not fit is
// counted at its end.
func (m *markdown) severity(doc *budget, s seaworthy.Severity, groups []*group) {
	var of []*group
	findings := 0
	for _, g := range groups {
		if g.severity == s {
			of = append(of, g)
			findings += g.count[open]
		}
	}
	if len(of) == 0 {
		return
	}
	state := ""
	if s == seaworthy.Critical {
		state = " open"
	}
	head := fmt.Sprintf("<details%s><summary><b>%s</b>: %s of %s</summary>\n\n", state, mdSummary(named(s)), count(findings, "finding"), count(len(of), "check"))
	const reserve = markdownSection / 2 // for the last lines of the section
	if len(head)+reserve > doc.left {
		return
	}
	doc.add(head)
	doc.left -= reserve
	checks, left := 0, 0
	for _, g := range of {
		if !doc.add(m.check(g, markdownRows)) && !doc.add(m.check(g, 2)) && !doc.add(m.check(g, 0)) {
			checks++
			left += g.count[open]
		}
	}
	doc.left += reserve
	if checks > 0 {
		doc.add(fmt.Sprintf("… and %s more with %s, not shown here for want of room.\n\n", count(checks, "check"), count(left, "finding")))
	}
	doc.add("</details>\n\n")
}

// check is one check with the table of its first findings.
func (m *markdown) check(g *group, rows int) string {
	var b strings.Builder
	b.WriteString(m.name(g) + " · " + m.tallied(g) + "\\\n")
	if why := sentence(clean(g.check.Rationale)); why != "" {
		b.WriteString(mdText(clip(why, 300)) + " ")
	}
	if g.check.Remediation != "" {
		b.WriteString("**Fix:** " + mdText(clip(clean(g.check.Remediation), 500)))
	}
	b.WriteString("\n\n")
	if rows == 0 {
		return b.String() + count(g.count[open], "finding") + ", not shown here for want of room.\n\n"
	}
	b.WriteString("| Object | Container | Where | What |\n|---|---|---|---|\n")
	kept := g.kept[open][:min(rows, len(g.kept[open]))]
	for i := range kept {
		f := &kept[i]
		says := mdText(clip(clean(says(f, g.check.Title)), 300))
		if f.WaiverRequested != "" {
			says = strings.TrimSpace(says + " Waiver requested: " + mdText(clip(clean(f.WaiverRequested), 200)))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n",
			mdCell(clipMiddle(clean(f.Object.String()), 120)), mdCell(clipMiddle(clean(f.Container), 63)), mdCell(clipStart(clean(placeIn(f, m.o.Root)), 160)), says)
	}
	if rest := g.count[open] - len(kept); rest > 0 {
		b.WriteString("\n… and " + number(rest) + " more\n")
	}
	return b.String() + "\n"
}
