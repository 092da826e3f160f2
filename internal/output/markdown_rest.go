// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// section folds lines; those that do not fit are counted, and so is the section.
func (m *markdown) section(tail *budget, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	const end = "\n</details>\n\n"
	const more = "- … and 1,000,000 more\n"
	head := "<details><summary>" + mdSummary(title) + "</summary>\n\n"
	if len(head)+len(more)+len(end) > tail.left {
		m.dropped = append(m.dropped, title)
		return
	}
	tail.add(head)
	reserve := max(len(more)+len(end), tail.left-markdownFold)
	tail.left -= reserve
	shown := 0
	for _, l := range lines {
		if !tail.add(l) {
			break
		}
		shown++
	}
	tail.left += reserve
	if rest := len(lines) - shown; rest > 0 {
		tail.add("- … and " + number(rest) + " more\n")
	}
	tail.add(end)
}

func (m *markdown) notJudged(tail *budget, t *seaworthy.Trailer) {
	var lines []string
	n := 0
	for _, s := range []seaworthy.Status{seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusError} {
		r := byReason(t, s)
		for _, reason := range r.sorted() {
			ids := r.by[reason]
			n += len(ids)
			var codes []string
			for _, id := range ids[:min(len(ids), 20)] {
				codes = append(codes, mdCode(clip(clean(id), 100)))
			}
			if rest := len(ids) - len(codes); rest > 0 {
				codes = append(codes, "… and "+number(rest)+" more")
			}
			lines = append(lines, "- "+statusWords[s]+" ("+mdText(clip(clean(reason), 300))+"): "+strings.Join(codes, ", ")+"\n")
		}
	}
	m.section(tail, "Not judged: "+count(n, "check"), lines)
}

func (m *markdown) problems(tail *budget, title string, all []seaworthy.Problem) {
	var lines []string
	for _, p := range all[:min(len(all), 50)] {
		line := "- "
		if s := clean(subject(p, m.o.Root)); s != "" {
			line += mdCode(clipStart(s, 200)) + " "
		}
		lines = append(lines, line+mdText(clip(clean(p.Message), 300))+"\n")
	}
	if rest := len(all) - len(lines); rest > 0 {
		lines = append(lines, "- … and "+number(rest)+" more\n")
	}
	m.section(tail, title+": "+number(len(all)), lines)
}

// waived lists the waived findings, and the waivers that did nothing or have run out.
func (m *markdown) waived(tail *budget, t *seaworthy.Trailer) {
	var lines []string
	n := 0
	for _, g := range m.sorted(t, waived) {
		n += g.count[waived]
		kept := g.kept[waived]
		for i := range kept {
			f := &kept[i]
			lines = append(lines, "- "+mdCode(clip(clean(g.id), 100))+" "+mdCode(clipMiddle(who(f), 120))+" "+mdText(clip(clean(waiverOf(f.Waiver)), 300))+"\n")
		}
		if rest := g.count[waived] - len(kept); rest > 0 {
			lines = append(lines, "- … and "+number(rest)+" more of "+mdCode(clip(clean(g.id), 100))+"\n")
		}
	}
	m.section(tail, "Waived: "+count(n, "finding"), lines)
	lines = nil
	for _, w := range t.Waivers {
		lines = append(lines, "- "+mdCode(clip(clean(target(w.Waiver)), 200))+" "+mdText(clip(clean(w.Message), 300))+"\n")
	}
	m.section(tail, "Waivers to look at: "+number(len(t.Waivers)), lines)
}

// coverage is the table of a framework's requirements of which a scan can say
// something, and the others by why it cannot.
func (m *markdown) coverage(tail *budget, c seaworthy.FrameworkCoverage) {
	lines := []string{mdText(shows(c)) + "\n\n| | Requirement | Objects passed | |\n|---|---|--:|---|\n"}
	rest := map[seaworthy.Standing][]string{}
	for _, r := range c.Requirements {
		if r.InScope == 0 && r.Standing != seaworthy.StandingError {
			rest[r.Standing] = append(rest[r.Standing], mdText(clip(clean(r.ID), 40)))
			continue
		}
		lines = append(lines, "| "+mdText(clip(clean(r.ID), 40))+" | "+mdText(clip(clean(r.Title), 120))+" | "+
			number(r.Passed)+" of "+number(r.InScope)+" | "+standingMarks[r.Standing]+" "+standingWords[r.Standing]+" |\n")
	}
	for _, s := range standings {
		if ids := rest[s]; len(ids) > 0 {
			lines = append(lines, "\n"+standingMarks[s]+" "+standingWords[s]+": "+strings.Join(ids, ", ")+"\n")
		}
	}
	m.section(tail, clip(clean(c.Title), 120)+" coverage", lines)
}

func (m *markdown) foot() string {
	h := &m.header
	dropped := ""
	if len(m.dropped) > 0 {
		dropped = mdText(clip("Not shown for want of room: "+clean(strings.Join(m.dropped, ", ")), 500)) + ".\n\n"
	}
	return dropped + "<sub>Seaworthy " + mdText(clip(clean(h.Tool.Version), 60)) + " · catalogue " + mdText(clip(clean(h.Catalogue.Version), 60)) +
		" " + mdCode(clip(clean(h.Catalogue.Digest), 100)) + " · parameters " + mdCode(clip(clean(h.Catalogue.ParametersDigest), 100)) + "</sub>\n"
}
