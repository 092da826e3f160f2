// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// notJudged lists the checks that say nothing about what was scanned, by reason.
func (x *text) notJudged(tr *seaworthy.Trailer) {
	x.reasons("Not evaluated", "the data for it was not there; this is not a pass", byReason(tr, seaworthy.StatusNotEvaluated))
	x.reasons("The provider's responsibility", "show it with the provider's own report", byReason(tr, seaworthy.StatusProvider))
	x.reasons("Checks that ended in an error", "this is not a pass", byReason(tr, seaworthy.StatusError))
}

func (x *text) reasons(name, note string, r *reasons) {
	if len(r.order) == 0 {
		return
	}
	x.heading(name, note)
	for _, reason := range r.sorted() {
		x.t.prose(2, span{}, reason, "")
		ids := r.by[reason]
		rest := 0
		if most := 12; len(ids) > most && !x.o.All {
			rest, ids = len(ids)-most, ids[:most]
		}
		x.t.prose(4, span{}, strings.Join(ids, ", "), faint)
		x.more(4, rest)
	}
}

// problems lists what could not be read or was left out, by reason.
func (x *text) problems(name, note string, all []seaworthy.Problem) {
	if len(all) == 0 {
		return
	}
	var r reasons
	for _, p := range all {
		r.add(p.Message, subject(p, ""))
	}
	x.heading(name, note)
	for i, reason := range r.sorted() {
		if i == 10 && !x.o.All {
			x.more(2, len(r.order)-i)
			return
		}
		x.t.prose(2, span{}, reason, "")
		subjects := r.by[reason]
		for j, s := range subjects {
			if j == 3 && !x.o.All {
				x.more(4, len(subjects)-j)
				break
			}
			if s != "" {
				x.t.line(4, span{clipStart(clean(s), x.t.width-4), faint})
			}
		}
	}
}

// waivers lists those that did nothing or have run out.
func (x *text) waivers(tr *seaworthy.Trailer) {
	if len(tr.Waivers) == 0 {
		return
	}
	x.heading("Waivers to look at", "")
	for _, n := range tr.Waivers {
		x.t.prose(2, span{}, n.Message, "")
		x.t.prose(4, span{}, target(n.Waiver)+" · "+n.Waiver.Owner+" · until "+n.Waiver.Expires.String(), faint)
	}
}

// standingStyles colour the standings of requirements.
var standingStyles = map[seaworthy.Standing]style{
	seaworthy.StandingFailing:      red,
	seaworthy.StandingError:        red,
	seaworthy.StandingPassing:      green,
	seaworthy.StandingNotEvaluated: "33",
	seaworthy.StandingProvider:     cyan,
	seaworthy.StandingNoObject:     faint,
	seaworthy.StandingInvisible:    faint,
}

// coverage is the table of a framework: a line for each requirement of which a scan can
// say something, then the others by why it cannot.
func (x *text) coverage(c seaworthy.FrameworkCoverage) {
	note := shows(c)
	if len(c.Categories) > 0 {
		note += " In scope: " + strings.Join(c.Categories, ", ") + "."
	}
	x.heading(clean(c.Title), "")
	x.t.prose(2, span{}, note, faint)
	x.t.gap()
	cols := min(x.t.width, 120)
	ids, titles, counts := 0, 0, 0
	for _, r := range c.Requirements {
		ids = max(ids, width(clean(r.ID)))
		if r.InScope > 0 {
			titles = max(titles, width(clean(r.Title)))
			counts = max(counts, width(ofN(r)))
		}
	}
	ids = min(ids, 24, x.t.width/4)
	words := width(standingWords[seaworthy.StandingError])
	narrow := cols < 2+ids+2+30+2+counts+2+words+2
	if titles = min(titles, cols-2-ids-2-counts-2-words-4); narrow {
		titles = cols - 2 - ids - 2
	}
	rest := map[seaworthy.Standing][]string{}
	for _, r := range c.Requirements {
		if r.InScope == 0 && r.Standing != seaworthy.StandingError {
			rest[r.Standing] = append(rest[r.Standing], r.ID)
			continue
		}
		s := standingStyles[r.Standing]
		title := wrap(clean(r.Title), titles)
		if len(title) == 0 {
			title = []string{""}
		}
		lead := span{pad(clip(clean(r.ID), ids), ids), bold}
		facts := []span{{"  " + padLeft(ofN(r), counts), ""}, {"  " + standingMarks[r.Standing] + " " + standingWords[r.Standing], s}}
		if narrow {
			x.t.line(2, lead, span{"  " + title[0], ""})
		} else {
			x.t.line(2, append([]span{lead, {"  " + pad(title[0], titles), ""}}, facts...)...)
		}
		for _, l := range title[1:] {
			x.t.line(2+ids+2, span{l, ""})
		}
		if narrow {
			x.t.flow(2+ids, facts...)
		}
	}
	for _, s := range standings {
		if all := rest[s]; len(all) > 0 {
			x.t.prose(2, span{standingMarks[s] + " " + pad(standingWords[s]+":", min(31, x.t.width/2)), standingStyles[s]}, strings.Join(all, " "), faint)
		}
	}
	x.t.prose(2, span{}, "n of N counts an object once for each check that judged it.", faint)
}

// ofN is the count of a requirement: objects passed of objects judged.
func ofN(r seaworthy.RequirementCoverage) string {
	if r.InScope == 0 {
		return ""
	}
	return number(r.Passed) + " of " + number(r.InScope) + " passed"
}
