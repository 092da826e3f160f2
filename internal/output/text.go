// SPDX-License-Identifier: Apache-2.0

package output

import (
	"io"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// text is the report for people: what to do first on top, then everything by severity,
// then what was not judged. It keeps a few findings of each check, or with
// [Options.All] all of them in a temporary file.
type text struct {
	tally
	t   *terminal
	o   Options
	cut bool // not everything was shown
}

func newText(w io.Writer, o Options) Handler {
	x := &text{t: newTerminal(w, o), o: o}
	x.keep = max(3*o.Examples, 15) // neighbours are shown together
	if o.All {
		x.keep, x.onDisk = -1, true
	}
	return x
}

// End implements [Handler].
func (x *text) End(tr *seaworthy.Trailer) error {
	defer x.Close()
	groups := x.sorted(tr, open)
	x.title(tr)
	x.counts(tr, groups)
	first := x.first(groups)
	if err := x.fixFirst(first); err != nil {
		return err
	}
	if err := x.findings(groups, len(first)); err != nil {
		return err
	}
	if err := x.notCounted(tr); err != nil {
		return err
	}
	x.notJudged(tr)
	x.problems("Could not be read or judged", "this is not a pass", tr.Errors)
	x.problems("Left out", "", tr.Skipped)
	x.waivers(tr)
	if x.o.Coverage {
		for _, c := range tr.Covered {
			x.coverage(c)
		}
	}
	x.verdict(tr)
	return x.t.flush()
}

// title says what was scanned, and how.
func (x *text) title(tr *seaworthy.Trailer) {
	h := &x.header
	x.t.flow(0, span{"Seaworthy", bold}, span{" " + h.Tool.Version, faint}, span{"  " + from(h.Source), bold})
	facts := slices.Concat(asked(h.Source), seen(h.Source.Kind, tr.Summary), circumstances(h))
	facts = append(facts, count(len(tr.Checks), "check"))
	if d := took(h, tr); d != "" {
		facts = append(facts, d)
	}
	x.t.prose(0, span{}, strings.Join(facts, " · "), faint)
	x.t.gap()
}

// counts is the summary: open findings by severity, then what came of the checks.
func (x *text) counts(tr *seaworthy.Trailer, groups []*group) {
	s := tr.Summary
	checks, most := map[seaworthy.Severity]int{}, 0
	for _, g := range groups {
		checks[g.severity]++
	}
	for _, v := range seaworthy.Severities {
		most = max(most, s.BySev[v])
	}
	if most > 0 {
		digits := len(number(most))
		cols := min(36, x.t.width-digits-34)
		for _, v := range seaworthy.Severities {
			n := s.BySev[v]
			style := severityStyles[v]
			if n == 0 {
				style = faint
			}
			line := []span{{pad(string(v), 8), style}, {"  " + padLeft(number(n), digits), style}}
			if n > 0 {
				line = append(line, span{"  " + pad(bar(n, most, cols), cols), style}, span{"  " + count(checks[v], "check"), faint})
			}
			x.t.line(2, line...)
		}
	}
	x.t.gap()
	x.t.prose(2, span{}, strings.Join(x.besides(s), ", ")+".", "")
	x.t.prose(2, span{}, "Of "+count(len(tr.Checks), "check")+", "+enumerate(outcomes(s))+".", "")
	if n := len(tr.Errors); n > 0 {
		x.t.prose(2, span{"! ", red}, count(n, "error")+": what could not be read or judged is listed below and is not a pass.", red)
	}
}

// besides counts the findings, those too that do not count.
func (x *text) besides(s seaworthy.Summary) []string {
	out := []string{headline(s, x.o.Baseline)}
	if s.Waived > 0 {
		out = append(out, number(s.Waived)+" waived")
	}
	if s.Baseline > 0 {
		out = append(out, number(s.Baseline)+" known from the baseline")
	}
	return out
}

// outcomes counts the checks by what came of them.
func outcomes(s seaworthy.Summary) []string {
	var out []string
	for _, status := range statuses {
		if n := s.ByStatus[status]; n > 0 {
			word := statusWords[status]
			switch {
			case status == seaworthy.StatusNotEvaluated && n == 1:
				word = "was " + word
			case status == seaworthy.StatusNotEvaluated:
				word = "were " + word
			case status == seaworthy.StatusProvider && n == 1:
				word = "is " + word
			case status == seaworthy.StatusProvider:
				word = "are " + word
			}
			out = append(out, number(n)+" "+word)
		}
	}
	return out
}

// heading starts a section.
func (x *text) heading(name, note string) {
	x.t.gap()
	x.t.flow(0, span{name, bold}, span{"  " + note, faint})
}

// verdict is the last thing on the screen, so it says the result again, in one line.
func (x *text) verdict(tr *seaworthy.Trailer) {
	s := tr.Summary
	x.t.gap()
	result := span{strings.Join(x.besides(s), ", "), bold}
	why := ""
	switch {
	case s.Exit == 3 && s.FailOn != "":
		result.style = severityStyles[s.FailOn]
		why = number(s.Failing) + " at or above " + string(s.FailOn)
	case s.Exit == 2:
		result.style = red
		why = "not everything could be read or judged"
		if s.Objects == 0 {
			why = "not everything could be read or understood"
		}
		if s.Failing > 0 && s.FailOn != "" {
			why = number(s.Failing) + " at or above " + string(s.FailOn) + ", and " + why
		}
	case s.Exit == 0 && s.Findings == 0 && s.Objects > 0:
		result.style = green
	}
	if why != "" {
		why = ": " + why
	}
	x.t.flow(0, result, span{why, ""}, span{"  exit " + number(s.Exit), faint})
	if x.cut && x.o.MoreHint != "" {
		x.t.line(0, span{x.o.MoreHint + " shows every finding.", faint})
	}
	x.t.flow(0, span{"catalogue " + x.header.Catalogue.Version + " " + x.header.Catalogue.Digest, faint})
}
