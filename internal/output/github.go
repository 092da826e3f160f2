// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// GitHub shows that many annotations of each level from one step and drops the rest
// without a word (https://docs.github.com/en/rest/checks/runs, "annotations").
const githubPerLevel = 10

// github writes workflow commands, which GitHub shows as annotations of the changed
// lines: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions.
// Only the worst go out, as many as GitHub shows, and a last line says how many do not.
// Waived and known findings are not annotated.
type github struct {
	w      *bufio.Writer
	o      Options
	titles map[string]string
	levels map[string][]annotation
	open   int
	other  int // waived or known
}

// annotation is one workflow command to come.
type annotation struct {
	rank        int
	file        string
	line        int
	title, text string
}

func newGitHub(w io.Writer, o Options) Handler {
	return &github{w: bufio.NewWriter(w), o: o, titles: map[string]string{}, levels: map[string][]annotation{}}
}

var githubLevels = map[seaworthy.Severity]string{
	seaworthy.Critical: "error", seaworthy.High: "error", seaworthy.Medium: "warning",
	seaworthy.Low: "notice", seaworthy.Info: "notice",
}

// Start implements [Handler].
func (g *github) Start(_ *seaworthy.Header, checks []seaworthy.Check) error {
	for _, c := range checks {
		g.titles[c.ID] = c.Title
	}
	return nil
}

// Finding implements [Handler].
func (g *github) Finding(f *seaworthy.Finding) error {
	if stateOf(f) != open {
		g.other++
		return nil
	}
	g.open++
	text := who(f) + ": " + clean(f.Message)
	if f.Remediation != "" {
		text += "\nFix: " + clean(f.Remediation)
	}
	g.keep(cmp.Or(githubLevels[f.Severity], "notice"), annotation{
		rank: f.Severity.Rank() + 1, file: f.File, line: f.Line, text: text,
		title: cmp.Or(g.titles[f.Check], f.Check) + " (" + f.Check + ")",
	})
	return nil
}

// keep holds the worst annotations of a level, the first ones where they are equal.
func (g *github) keep(level string, a annotation) {
	kept := g.levels[level]
	i := len(kept)
	for i > 0 && kept[i-1].rank > a.rank {
		i--
	}
	if i < githubPerLevel {
		kept = slices.Insert(kept, i, a)
		g.levels[level] = kept[:min(len(kept), githubPerLevel)]
	}
}

// Pass implements [Handler]. Passes are no annotations.
func (g *github) Pass(*seaworthy.Pass) error { return nil }

// End implements [Handler]. Errors are the worst there is: half the places are theirs.
func (g *github) End(t *seaworthy.Trailer) error {
	for i, p := range t.Errors {
		if i == githubPerLevel/2 {
			break
		}
		text := clean(p.Message)
		if p.Object != "" {
			text = clean(p.Object) + ": " + text
		}
		g.keep("error", annotation{file: p.File, line: p.Line, title: "Could not be read or judged", text: text})
	}
	shown := 0
	for _, level := range []string{"error", "warning", "notice"} {
		for _, a := range g.levels[level] {
			shown++
			g.command(level, a)
		}
	}
	fmt.Fprintf(g.w, "Seaworthy: %s", count(g.open, "finding"))
	if g.other > 0 {
		fmt.Fprintf(g.w, ", %s waived or known", number(g.other))
	}
	if n := len(t.Errors); n > 0 {
		fmt.Fprintf(g.w, ", %s", count(n, "error"))
	}
	if rest := g.open + len(t.Errors) - shown; rest > 0 {
		fmt.Fprintf(g.w, "; %s not shown here, because GitHub shows %d annotations of a level", number(rest), githubPerLevel)
	}
	fmt.Fprintln(g.w, ".")
	if err := g.w.Flush(); err != nil {
		return fmt.Errorf("write the annotations: %w", err)
	}
	return nil
}

// command writes one annotation. The writer remembers its error until the flush.
func (g *github) command(level string, a annotation) {
	var props []string
	if a.file != "" {
		props = append(props, "file="+githubProperty(clean(relative(a.file, g.o.Root))))
		if a.line > 0 {
			props = append(props, fmt.Sprintf("line=%d", a.line))
		}
	}
	props = append(props, "title="+githubProperty(clean(a.title)))
	fmt.Fprintf(g.w, "::%s %s::%s\n", level, strings.Join(props, ","), githubData(a.text))
}

var (
	githubDataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubPropertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubData(s string) string { return githubDataEscapes.Replace(s) }

func githubProperty(s string) string { return githubPropertyEscapes.Replace(s) }
