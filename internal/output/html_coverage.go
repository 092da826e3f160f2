// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// The picture of a framework: a cell for each requirement, in the colour and with the
// mark of its standing, and below it a line with what stands behind it.
type (
	htmlFramework struct {
		Anchor, Title, Short, Shows, Scope string
		Legend                             []htmlLegend
		Bands                              []htmlBand
		Judged, Unseen                     []htmlRequirement
		UnseenNote                         string
	}
	htmlLegend struct {
		Standing, Mark, Words, Count string
	}
	// htmlBand is a category; its runs are the requirements that share a prefix.
	htmlBand struct {
		Name string
		Runs []htmlRun
	}
	htmlRun         struct{ Requirements []htmlRequirement }
	htmlRequirement struct {
		Anchor, ID, Title     string
		Standing, Mark, Words string
		Count                 string // "25 of 31 objects passed", empty where nothing was judged
		Bar                   int    // of 100
		Controls              []htmlControl
		Upload                []string
	}
	htmlControl struct {
		ID, Title, Sources string
		Checks             []htmlLink
	}
	htmlLink struct{ Name, Anchor string }
)

func htmlCoverage(c seaworthy.FrameworkCoverage, shown map[string]string) htmlFramework {
	f := htmlFramework{Anchor: anchor(c.Framework), Title: clean(c.Title), Shows: shows(c)}
	f.Short, _, _ = strings.Cut(f.Title, " (")
	if len(c.Categories) > 0 {
		f.Scope = "In scope: " + clean(strings.Join(c.Categories, ", ")) + "."
	}
	n := map[seaworthy.Standing]int{}
	prefix := ""
	for i, r := range c.Requirements {
		n[r.Standing]++
		if i == 0 || r.Category != c.Requirements[i-1].Category {
			f.Bands = append(f.Bands, htmlBand{Name: strings.ReplaceAll(clean(r.Category), "-", " ")})
			prefix = ""
		}
		band := &f.Bands[len(f.Bands)-1]
		if p := prefixOf(r.ID); p != prefix || len(band.Runs) == 0 {
			band.Runs, prefix = append(band.Runs, htmlRun{}), p
		}
		run := &band.Runs[len(band.Runs)-1]
		requirement := htmlRequirementOf(c.Framework, r, shown)
		run.Requirements = append(run.Requirements, requirement)
		if r.Standing == seaworthy.StandingInvisible {
			f.Unseen = append(f.Unseen, requirement)
		} else {
			f.Judged = append(f.Judged, requirement)
		}
	}
	f.UnseenNote = count(len(f.Unseen), "more requirement") + " of which a scan sees nothing, and what shows them instead"
	for _, s := range standings {
		if n[s] > 0 {
			f.Legend = append(f.Legend, htmlLegend{string(s), standingMarks[s], standingWords[s], number(n[s])})
		}
	}
	return f
}

func htmlRequirementOf(framework string, r seaworthy.RequirementCoverage, shown map[string]string) htmlRequirement {
	out := htmlRequirement{
		Anchor: anchor(framework, r.ID), ID: clean(r.ID), Title: clean(r.Title),
		Standing: string(r.Standing), Mark: standingMarks[r.Standing], Words: standingWords[r.Standing], Upload: cleaned(r.Upload),
	}
	if r.InScope > 0 {
		out.Count, out.Bar = number(r.Passed)+" of "+count(r.InScope, "object")+" passed", r.Passed*100/r.InScope
	}
	for _, c := range r.Controls {
		control := htmlControl{ID: clean(c.ID), Title: clean(c.Title), Sources: clean(strings.Join(c.Sources, ", "))}
		for _, id := range c.Checks {
			control.Checks = append(control.Checks, htmlLink{clean(id), shown[clean(id)]})
		}
		out.Controls = append(out.Controls, control)
	}
	return out
}

// prefixOf is what a requirement's id shares with its neighbours: CC6 of CC6.1.
func prefixOf(id string) string {
	prefix, _, _ := strings.Cut(id, ".")
	return prefix
}
