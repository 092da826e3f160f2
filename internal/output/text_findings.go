// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// examplesOf is how many findings text shows of a check: fewer of what matters less.
var examplesOf = map[seaworthy.Severity]int{
	seaworthy.Critical: 5, seaworthy.High: 5, seaworthy.Medium: 3, seaworthy.Low: 2, seaworthy.Info: 1,
}

func (x *text) examples(s seaworthy.Severity) int {
	switch {
	case x.o.All:
		return -1
	case x.o.Examples > 0:
		return x.o.Examples
	}
	return examplesOf[s]
}

// first picks what to fix first: the worst checks, where there are so many that a
// choice helps.
func (x *text) first(groups []*group) []*group {
	if len(groups) < 8 {
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
		x.advice(g, 5, true)
		if err := x.where(g, 5, 3); err != nil {
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
		x.t.gap()
		x.headline(g, span{})
		if i >= told {
			x.advice(g, 2, told == 0)
		}
		if err := x.where(g, 2, x.examples(g.severity)); err != nil {
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
	rest := min(x.t.width, 100) - width(string(s)) - width(note) - 2
	x.t.gap()
	x.t.line(0, span{string(s), severityStyles[s]}, span{" " + strings.Repeat("─", max(3, rest)) + " ", faint}, span{note, faint})
}

// advice tells why a check matters and how to fix what it found.
func (x *text) advice(g *group, n int, snippet bool) {
	if why := sentence(clean(g.check.Rationale)); g.severity.AtLeast(seaworthy.Medium) {
		x.t.prose(n, span{}, why, faint)
	}
	x.t.prose(n, span{"Fix: ", green}, g.check.Remediation, "")
	if snippet {
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
	x.t.line(2+width(lead.text), span{id, faint}, span{"  " + tally, style})
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
func (x *text) where(g *group, n, examples int) error {
	cols := min(x.t.width, 100)
	same := ""
	if !g.mixed && g.count[open] > 1 {
		same = says(&seaworthy.Finding{Message: g.message}, g.check.Title)
		x.t.prose(n, span{}, same, "")
	}
	shown, objects := 0, min(g.widest, (cols-n)/2)
	err := x.each(g, open, func(f *seaworthy.Finding) bool {
		if examples >= 0 && shown == examples {
			return false
		}
		shown++
		x.finding(f, g, n+2, objects, cols, same == "")
		return x.t.err == nil
	})
	x.more(n+2, g.count[open]-shown)
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

func (x *text) finding(f *seaworthy.Finding, g *group, n, objects, cols int, message bool) {
	where := place(f)
	if f.Origin != "" {
		where += " (" + f.Origin + ")"
	}
	where = clean(where)
	x.t.line(n, span{pad(clipMiddle(who(f), objects), objects), ""}, span{"  " + clipStart(where, max(20, cols-n-objects-2)), faint})
	if m := says(f, g.check.Title); message && m != "" {
		lines := wrap(clean(m), cols-n-2)
		for i, l := range lines {
			if i == 2 && !x.o.All && len(lines) > 3 {
				x.t.line(n+2, span{"…", faint})
				break
			}
			x.t.line(n+2, span{l, faint})
		}
	}
	if f.WaiverRequested != "" {
		x.t.prose(n+2, span{"waiver requested: ", faint}, f.WaiverRequested, faint)
	}
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
	x.t.line(2, span{clean(g.check.Title), ""}, span{"  " + g.id, faint}, span{"  " + string(g.severity), severityStyles[g.severity]})
	shown := 0
	err := x.each(g, s, func(f *seaworthy.Finding) bool {
		if shown == 3 && !x.o.All {
			return false
		}
		shown++
		x.t.line(4, span{clipMiddle(who(f), x.t.width/2), ""}, span{"  " + clean(place(f)), faint})
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
	more := "… and " + number(rest) + " more"
	if x.o.MoreHint != "" {
		more += " (" + x.o.MoreHint + " shows them)"
	}
	x.t.line(n, span{more, faint})
}
