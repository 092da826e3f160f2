// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// htmlRows is how many findings of a check the page shows: more than anyone reads, few
// enough that a browser opens the page of a large cluster.
const htmlRows = 200

// htmlOpened is up to how many critical findings stand open on the page.
const htmlOpened = 30

// htmlPage writes one self-contained page: no script, no request, one style sheet whose
// digest the page's own policy names. Findings wait in a temporary file and stream
// through the template.
type htmlPage struct {
	tally
	w   io.Writer
	o   Options
	err error // of reading findings back, inside the template
}

func newHTML(w io.Writer, o Options) Handler {
	return &htmlPage{w: w, o: o, tally: tally{keep: htmlRows, onDisk: true}}
}

//go:embed html/report.html.tmpl
var htmlSource string

//go:embed html/report.css
var htmlStyle string

// End implements [Handler].
func (p *htmlPage) End(t *seaworthy.Trailer) error {
	defer p.Close()
	page, err := template.New("report").Parse(htmlSource)
	if err != nil {
		return fmt.Errorf("parse the page's template: %w", err)
	}
	w := bufio.NewWriterSize(p.w, 64<<10)
	if err := page.Execute(w, p.view(t)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if p.err != nil {
		return p.err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// The view is what the template shows, as text: every decision is made here.
type (
	htmlView struct {
		Style      template.CSS
		Policy     string
		Title      string
		Kind       string // "files" or "cluster"
		Source     string
		Facts      []string
		Verdict    string
		Tone       string // failed, found or clear
		Besides    []string
		Severities []htmlSeverity
		Outcomes   []htmlOutcome
		About      []htmlFact
		Errors     []htmlProblem
		First      []htmlCheck
		Frameworks []htmlFramework
		Sections   []htmlSection
		Waived     int
		Known      int
		NotJudged  []htmlNotJudged
		Skipped    []htmlProblem
		Waivers    []htmlWaiver
		Checks     []htmlResult
		Foot       string
	}
	htmlSeverity struct {
		Name, Count, Checks string
		Bar                 int // of 100
		None                bool
	}
	htmlOutcome struct{ Status, Count, Words string }
	htmlFact    struct {
		Name   string
		Values []string
		Code   bool
	}
	htmlProblem   struct{ Subject, Message string }
	htmlNotJudged struct {
		Name, Note, Status string
		Reasons            []htmlReason
	}
	htmlReason struct {
		Reason string
		Checks []string
	}
	htmlWaiver  struct{ Message, Target, Owner, Until, Reason string }
	htmlResult  struct{ ID, Title, Severity, Status, Words, Count, Reason, Anchor string }
	htmlSection struct {
		Severity, Note string
		Open           bool
		Checks         []htmlCheck
	}
	htmlCheck struct {
		Anchor, ID, Title, Severity, Category string
		Tally, Findings                       string
		Why, Fix, Snippet, Controls           string
		Rows                                  iter.Seq[htmlRow]
		More                                  string
		OnlyOther                             bool // no open finding
	}
	htmlRow struct {
		State, Object, Container, Where, What, Note, Path, Fingerprint string
	}
)

func (p *htmlPage) view(t *seaworthy.Trailer) *htmlView {
	h, s := &p.header, t.Summary
	sum := sha256.Sum256([]byte(htmlStyle))
	v := &htmlView{
		Style:  template.CSS(htmlStyle),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Kind:   h.Source.Kind, Source: clean(from(h.Source)), Facts: cleaned(slices.Concat(asked(h.Source), seen(h.Source.Kind, s), circumstances(h))),
		Waived: s.Waived, Known: s.Baseline, About: p.about(t),
		Foot: "Seaworthy " + clean(h.Tool.Version) + " · catalogue " + clean(h.Catalogue.Version) + " " + clean(h.Catalogue.Digest),
	}
	p.verdict(v, t)
	v.Title = v.Source + ": " + v.Verdict
	groups := p.sorted(t, open)
	p.counts(v, s, groups)
	v.Errors, v.Skipped = htmlProblems(t.Errors, p.o.Root), htmlProblems(t.Skipped, p.o.Root)
	if len(groups) > 3 {
		for _, g := range groups[:3] {
			v.First = append(v.First, p.check(g, 3, open))
		}
	}
	v.Sections = p.sections(t)
	shown := map[string]string{}
	for _, s := range v.Sections {
		for _, c := range s.Checks {
			shown[c.ID] = c.Anchor
		}
	}
	for _, c := range t.Covered {
		v.Frameworks = append(v.Frameworks, htmlCoverage(c, shown))
	}
	p.rest(v, t, shown)
	return v
}

// verdict is the result in one line.
func (p *htmlPage) verdict(v *htmlView, t *seaworthy.Trailer) {
	s := t.Summary
	v.Verdict, v.Tone = headline(s, p.o.Baseline), "clear"
	if s.Findings > 0 || s.Objects == 0 || len(t.Errors) > 0 {
		v.Tone = "found"
	}
	if s.Failing > 0 && s.FailOn != "" {
		v.Verdict, v.Tone = v.Verdict+", "+number(s.Failing)+" at or above "+string(s.FailOn), "failed"
	}
	if s.Waived > 0 {
		v.Besides = append(v.Besides, number(s.Waived)+" waived, still counted in n of N")
	}
	if s.Baseline > 0 {
		v.Besides = append(v.Besides, number(s.Baseline)+" known from the baseline")
	}
}

func (p *htmlPage) counts(v *htmlView, s seaworthy.Summary, groups []*group) {
	checks, most := map[seaworthy.Severity]int{}, 1
	for _, g := range groups {
		checks[g.severity]++
	}
	for _, sev := range seaworthy.Severities {
		most = max(most, s.BySev[sev])
	}
	for _, sev := range seaworthy.Severities {
		n := s.BySev[sev]
		row := htmlSeverity{Name: string(sev), Count: number(n), None: n == 0}
		if n > 0 {
			row.Bar, row.Checks = max(1, n*100/most), count(checks[sev], "check")
		}
		v.Severities = append(v.Severities, row)
	}
	for _, status := range statuses {
		if n := s.ByStatus[status]; n > 0 {
			v.Outcomes = append(v.Outcomes, htmlOutcome{string(status), number(n), statusWords[status]})
		}
	}
}

// about tells how the report came about: it is evidence only with that.
func (p *htmlPage) about(t *seaworthy.Trailer) []htmlFact {
	h := &p.header
	var out []htmlFact
	add := func(name string, code bool, values ...string) {
		var whole []string
		for _, v := range values {
			if v = clean(v); v != "" {
				whole = append(whole, v)
			}
		}
		if len(whole) > 0 {
			out = append(out, htmlFact{name, whole, code})
		}
	}
	add("Asked for", true, h.Source.Asked...)
	add("Namespaces", true, h.Source.Namespaces...)
	add("Cluster UID", true, h.Source.ClusterUID)
	add("Provider", false, h.Source.Provider)
	add("Kubernetes", false, h.Source.KubernetesVersion)
	add("Identity", true, h.Source.Identity)
	if !h.Source.Started.IsZero() {
		add("Started", false, h.Source.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	add("Took", false, took(h, t))
	add("Catalogue", false, h.Catalogue.Version+", "+count(h.Catalogue.Checks, "check"))
	add("Catalogue digest", true, h.Catalogue.Digest)
	add("Parameters digest", true, h.Catalogue.ParametersDigest)
	add("Own policies", true, h.Catalogue.Policies...)
	add("Program", false, cmp.Or(h.Tool.Name, "seaworthy")+" "+h.Tool.Version)
	return out
}

func cleaned(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = clean(s)
	}
	return out
}

func htmlProblems(all []seaworthy.Problem, root string) []htmlProblem {
	var out []htmlProblem
	for i, p := range all {
		if i == htmlRows {
			out = append(out, htmlProblem{Message: "… and " + number(len(all)-i) + " more, all of them in the JSON report"})
			break
		}
		out = append(out, htmlProblem{clean(subject(p, root)), clean(p.Message)})
	}
	return out
}

// anchor makes a fragment of what names a thing, distinct and without surprises.
func anchor(parts ...string) string {
	var b strings.Builder
	for _, r := range strings.Join(parts, "-") {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "_%x_", r)
		}
	}
	return b.String()
}
