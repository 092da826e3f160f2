// SPDX-License-Identifier: Apache-2.0

package output

import (
	"cmp"
	"io"

	"github.com/seaworthy-dev/seaworthy"
)

// gitlab writes a Code Quality report, the array that GitLab compares between two
// branches (https://docs.gitlab.com/ci/testing/code_quality/). It has no word for
// waived: a waived finding is an information that says so. What could not be read
// stands there too, as a blocker.
type gitlab struct {
	*jsonWriter
	o      Options
	source string
	n      int
}

func newGitLab(w io.Writer, o Options) Handler { return &gitlab{jsonWriter: newJSONWriter(w), o: o} }

type (
	gitlabEntry struct {
		Description string         `json:"description"`
		Check       string         `json:"check_name"`
		Fingerprint string         `json:"fingerprint"`
		Severity    string         `json:"severity"`
		Location    gitlabLocation `json:"location"`
	}
	gitlabLocation struct {
		Path  string      `json:"path"`
		Lines gitlabLines `json:"lines"`
	}
	gitlabLines struct {
		Begin int `json:"begin"`
	}
)

var gitlabSeverities = map[seaworthy.Severity]string{
	seaworthy.Critical: "blocker", seaworthy.High: "critical", seaworthy.Medium: "major",
	seaworthy.Low: "minor", seaworthy.Info: "info",
}

// Start implements [Handler].
func (g *gitlab) Start(h *seaworthy.Header, _ []seaworthy.Check) error {
	g.source = h.Source.Name
	g.text("[")
	return g.err
}

// Finding implements [Handler].
func (g *gitlab) Finding(f *seaworthy.Finding) error {
	e := gitlabEntry{
		Description: who(f) + ": " + clean(f.Message), Check: f.Check, Fingerprint: f.Fingerprint,
		Severity: cmp.Or(gitlabSeverities[f.Severity], "info"),
		Location: gitlabLocation{located(f, g.o.Root), gitlabLines{max(1, f.Line)}},
	}
	if f.Waiver != nil {
		e.Severity = "info"
		e.Description += " (waived: " + clean(waiverOf(f.Waiver)) + ")"
	}
	return g.entry(e)
}

func (g *gitlab) entry(e gitlabEntry) error {
	g.element(g.n, g.encode(e))
	g.n++
	return g.err
}

// Pass implements [Handler]. Code Quality has no passes.
func (g *gitlab) Pass(*seaworthy.Pass) error { return nil }

// End implements [Handler].
func (g *gitlab) End(t *seaworthy.Trailer) error {
	for _, p := range t.Errors {
		path := cmp.Or(relative(p.File, g.o.Root), p.Object, g.source, ".")
		if err := g.entry(gitlabEntry{
			Description: "Could not be read or judged: " + clean(p.Message), Check: cmp.Or(p.Check, "error"), Severity: "blocker",
			Fingerprint: seaworthy.Fingerprint(g.source, cmp.Or(p.Check, "error"), seaworthy.Object{Name: p.Object}, p.File+"\n"+p.Message),
			Location:    gitlabLocation{path, gitlabLines{max(1, p.Line)}},
		}); err != nil {
			return err
		}
	}
	if g.n > 0 {
		g.text("\n")
	}
	g.text("]\n")
	return g.flush()
}
