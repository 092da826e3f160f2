// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "slices"

// Standing is what a scan can say of a requirement, never more than what was counted.
type Standing string

// The standings of a requirement in one report, in the order in which they win.
const (
	StandingFailing      Standing = "failing"       // some object of some check failed
	StandingError        Standing = "error"         // some check could not be judged
	StandingPassing      Standing = "passing"       // every judged object passed; never called satisfied
	StandingNotEvaluated Standing = "not-evaluated" // the checks lack their data
	StandingProvider     Standing = "provider"      // the provider answers for the checks
	StandingNoObject     Standing = "not-applicable"
	StandingInvisible    Standing = "nothing-seen" // nothing that a scan can see
)

// FrameworkCoverage is what a scan shows for each requirement in scope.
type FrameworkCoverage struct {
	Framework string `json:"framework"`
	Title     string `json:"title"`
	// Shows is "design" for files and "operation" for a live cluster.
	Shows        string                `json:"shows"`
	Categories   []string              `json:"categories,omitempty"`
	Requirements []RequirementCoverage `json:"requirements"`
}

// RequirementCoverage counts the checks behind one requirement. Passed and InScope are
// sums over its checks of objects judged ('n of N').
type RequirementCoverage struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Category string            `json:"category,omitempty"`
	Standing Standing          `json:"standing"`
	Passed   int               `json:"passed"`
	InScope  int               `json:"inScope"`
	ByStatus map[Status]int    `json:"byStatus"` // of its checks
	Controls []ControlCoverage `json:"controls"`
	// People and Records count the controls that checks cannot show.
	Upload []string `json:"upload,omitempty"`
}

// ControlCoverage is a control and the checks behind it that were run.
type ControlCoverage struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Sources []string `json:"sources"`
	Checks  []string `json:"checks"`
}

// Cover rolls check results up to the requirements of a framework, through controls
// only. Categories limits it to requirements of those categories; requirements without
// a category are always in scope. It is pure.
func Cover(f Framework, controls []Control, results []CheckResult, sourceKind string, categories []string) FrameworkCoverage {
	byControl := map[string][]CheckResult{}
	for _, r := range results {
		for _, c := range r.Controls {
			byControl[c] = append(byControl[c], r)
		}
	}
	byID := map[string]Control{}
	for _, c := range controls {
		byID[c.ID] = c
	}
	out := FrameworkCoverage{Framework: f.ID, Title: f.Title, Shows: "design", Categories: categories}
	if sourceKind == SourceCluster {
		out.Shows = "operation"
	}
	for _, req := range f.Requirements {
		if req.Category != "" && len(categories) > 0 && !slices.Contains(categories, req.Category) {
			continue
		}
		out.Requirements = append(out.Requirements, coverRequirement(req, byID, byControl))
	}
	return out
}

func coverRequirement(req Requirement, controls map[string]Control, results map[string][]CheckResult) RequirementCoverage {
	rc := RequirementCoverage{
		ID: req.ID, Title: req.Title, Category: req.Category, Upload: req.Upload,
		ByStatus: map[Status]int{}, Controls: []ControlCoverage{},
	}
	counted := map[string]bool{}
	for _, id := range req.Controls {
		c := controls[id]
		cc := ControlCoverage{ID: id, Title: c.Title, Sources: c.Sources, Checks: []string{}}
		for _, r := range results[id] {
			cc.Checks = append(cc.Checks, r.ID)
			if counted[r.ID] {
				continue
			}
			counted[r.ID] = true
			rc.ByStatus[r.Status]++
			rc.Passed += r.Passed
			rc.InScope += r.InScope
		}
		rc.Controls = append(rc.Controls, cc)
	}
	rc.Standing = standing(rc.ByStatus)
	return rc
}

func standing(n map[Status]int) Standing {
	switch {
	case n[StatusFailed] > 0:
		return StandingFailing
	case n[StatusError] > 0:
		return StandingError
	case n[StatusPassed] > 0:
		return StandingPassing
	case n[StatusNotEvaluated] > 0:
		return StandingNotEvaluated
	case n[StatusProvider] > 0:
		return StandingProvider
	case n[StatusNotApplicable] > 0:
		return StandingNoObject
	}
	return StandingInvisible
}

// RequirementsOf lists, for each control, the requirements that it supports as
// "framework:id", in the order of the frameworks.
func RequirementsOf(frameworks []Framework) map[string][]string {
	out := map[string][]string{}
	for _, f := range frameworks {
		for _, r := range f.Requirements {
			for _, c := range r.Controls {
				out[c] = append(out[c], f.ID+":"+r.ID)
			}
		}
	}
	return out
}
