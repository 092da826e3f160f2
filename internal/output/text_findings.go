// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// detail is how much text tells of a check.
type detail struct {
	examples int // findings shown; negative: all
	why, fix bool
	snippet  bool
	together bool // with the checks around it, without a line between
}

// details of a severity: less of what matters less, and less of everything where there
// is much.
func (x *text) detail(s seaworthy.Severity, checks int) detail {
	d := detail{examples: 5, why: s.AtLeast(seaworthy.Medium), fix: true, snippet: checks < few}
	switch {
	case x.o.All:
		d.examples, d.snippet = -1, false
	case x.o.Examples > 0:
		d.examples = x.o.Examples
	case checks <= many && s == seaworthy.Medium:
		d.examples = 3
	case checks <= many && !s.AtLeast(seaworthy.Medium):
		d.examples = 2
	case checks <= many:
	case s.AtLeast(seaworthy.High):
		d.examples = 3
	case s == seaworthy.Medium:
		d = detail{examples: 1, fix: true}
	default:
		d = detail{examples: 1, together: true}
	}
	return d
}

// How many checks with findings are few enough to read all of them, and how many are
// too many to tell everything of each.
const (
	few  = 8
	many = 12
)

// first picks what to fix first: the worst checks, where there are so many that a
// choice helps.
func (x *text) first(groups []*group) []*group {
	if len(groups) < few {
		return nil
	}
	return groups[:3]
}

// fixFirst shows the worst checks with all that is needed to fix them.
func (x *text) fixFirst(groups []*group) error {
	if len(groups) == 0 {
		return nil
	}
	x.heading("Fix these first", "")
	for i, g := range groups {
		x.t.gap()
		lead := span{fmt.Sprintf("%d  ", i+1), bold}
		x.headline(g, lead)
		d := detail{examples: 3, why: true, fix: true, snippet: true}
		x.advice(g, 5, d)
		if err := x.where(g, 5, d); err != nil {
			return err
		}
	}
	return nil
}

// findings shows everything by severity and check. What the first checks are about has
// been told already.
func (x *text) findings(groups []*group, told int) error {
	var last seaworthy.Severity
	for i, g := range groups {
		if g.severity != last {
			last = g.severity
			x.severity(last, groups)
		}
		d := x.detail(g.severity, len(groups))
		if !d.together || i == 0 || groups[i-1].severity != g.severity {
			x.t.gap()
		}
		x.headline(g, span{})
		if i >= told {
			x.advice(g, 2, d)
		}
		if err := x.where(g, 2, d); err != nil {
			return err
		}
	}
	return nil
}

// severity heads the checks of one severity, with a line across.
func (x *text) severity(s seaworthy.Severity, groups []*group) {
	findings, checks := 0, 0
	for _, g := range groups {
		if g.severity == s {
			findings += g.count[open]
			checks++
		}
	}
	note := count(findings, "finding") + " of " + count(checks, "check")
	rest := min(x.t.width, 100) - width(named(s)) - width(note) - 2
	x.t.gap()
	x.t.line(0, span{named(s), severityStyles[s]}, span{" " + strings.Repeat("─", max(3, rest)) + " ", faint}, span{note, faint})
}

// advice tells why a check matters and how to fix what it found.
func (x *text) advice(g *group, n int, d detail) {
	if d.why {
		x.t.prose(n, span{}, sentence(clean(g.check.Rationale)), faint)
	}
	if d.fix {
		x.t.prose(n, span{"Fix: ", green}, g.check.Remediation, "")
	}
	if d.snippet {
		x.snippet(n+5, g.check.Snippet)
	}
}

// headline is the title of the check and its id, with the count at the right edge.
func (x *text) headline(g *group, lead span) {
	tally := number(g.count[open])
	if g.result.InScope > 0 {
		tally = number(g.result.Failed) + " of " + count(g.result.InScope, "object")
	}
	cols := min(x.t.width, 100)
	title, id := clean(g.check.Title), clean(g.id)
	room := cols - 2 - width(lead.text) - width(tally) - 2
	style := severityStyles[g.severity]
	if style == faint {
		style = ""
	}
	if lead.text != "" {
		id = string(g.severity) + " · " + id
	}
	if width(title)+2+width(id) <= room {
		fill := room - width(title) - 2 - width(id)
		x.t.line(2, lead, span{title, bold}, span{"  " + id, faint}, span{strings.Repeat(" ", fill+2), ""}, span{tally, style})
		return
	}
	x.t.prose(2, lead, title, bold)
	x.t.line(2+width(lead.text), span{clip(id, room), faint}, span{"  " + tally, style})
}

// snippet shows what can be pasted, as it is written.
func (x *text) snippet(n int, snippet string) {
	const most = 12
	lines := strings.Split(strings.TrimRight(snippet, "\n"), "\n")
	for i, l := range lines {
		switch {
		case strings.TrimSpace(snippet) == "":
			return
		case i == most && len(lines) > most+1:
			x.t.line(n, span{"│ ", faint}, span{"… and " + count(len(lines)-most, "more line"), faint})
			return
		}
		x.t.line(n, span{"│ ", faint}, span{strings.TrimRight(l, " \r"), cyan})
	}
}

// where lists where the check failed, as columns: the object and its container, the
// place in the source, and what else there is to say.
func (x *text) where(g *group, n int, d detail) error {
	same := ""
	if !g.mixed && g.count[open] > 1 {
		same = says(&seaworthy.Finding{Message: g.message}, g.check.Title)
		x.t.prose(n, span{}, same, "")
	}
	if d.examples < 0 { // as they come: nobody has seen the widest yet
		return x.spots(g, same == "", func(s *spot) bool {
			x.spot(s, n+2, min(g.widest, 48))
			return x.t.err == nil
		})
	}
	var all []*spot
	widest, shown := 0, 0
	err := x.spots(g, same == "", func(s *spot) bool {
		if len(all) == d.examples {
			return false
		}
		all = append(all, s)
		widest, shown = max(widest, width(s.who())), shown+s.findings
		return true
	})
	for _, s := range all {
		x.spot(s, n+2, min(widest, 48))
	}
	if !d.together {
		x.more(n+2, g.count[open]-shown)
	}
	return err
}

// who names the object and the container.
func who(f *seaworthy.Finding) string {
	name := clean(f.Object.String())
	if f.Container != "" {
		name += " (" + clean(f.Container) + ")"
	}
	return name
}

// notCounted lists the findings that do not count: waived ones with who answers for
// them and, where everything is asked for, those that the baseline knows.
func (x *text) notCounted(tr *seaworthy.Trailer) error {
	groups := x.sorted(tr, waived)
	if len(groups) > 0 {
		x.heading("Waived", "they stay failures in n of N")
	}
	for _, g := range groups {
		if err := x.listed(g, waived, func(f *seaworthy.Finding) string { return waiverOf(f.Waiver) }); err != nil {
			return err
		}
	}
	if !x.o.All {
		return nil
	}
	if groups = x.sorted(tr, known); len(groups) > 0 {
		x.heading("Known from the baseline", "")
	}
	for _, g := range groups {
		if err := x.listed(g, known, func(f *seaworthy.Finding) string { return says(f, g.check.Title) }); err != nil {
			return err
		}
	}
	return nil
}

// listed shows findings of one check and state, in one line each and a remark.
func (x *text) listed(g *group, s state, remark func(*seaworthy.Finding) string) error {
	x.t.flow(2, span{clean(g.check.Title), ""}, span{"  " + clean(g.id), faint}, span{"  " + named(g.severity), severityStyles[g.severity]})
	shown := 0
	err := x.each(g, s, func(f *seaworthy.Finding) bool {
		if shown == 3 && !x.o.All {
			return false
		}
		shown++
		x.place(who(f), place(f), 4, 0)
		x.t.prose(6, span{}, remark(f), faint)
		return x.t.err == nil
	})
	x.more(4, g.count[s]-shown)
	return err
}

// more tells how many are not shown.
func (x *text) more(n, rest int) {
	if rest <= 0 {
		return
	}
	x.cut = true
	x.t.line(n, span{"… and " + number(rest) + " more", faint})
}
