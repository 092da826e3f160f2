// SPDX-License-Identifier: Apache-2.0

package output

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// count writes n with the noun in its number: "1 finding", "2,041 findings".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + plural(noun)
}

func plural(noun string) string {
	if strings.HasSuffix(noun, "y") {
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

// number writes n with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// enumerate joins words as a sentence does: "a, b and c".
func enumerate(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// place says where a finding is: file:line, with the chart or kustomization that
// rendered the object where the file does not say so itself.
func place(f *seaworthy.Finding) string { return placeIn(f, "") }

// placeIn is place for readers in a repository: names are relative to its root.
func placeIn(f *seaworthy.Finding, root string) string {
	where := at(relative(f.File, root), f.Line)
	if f.Origin == "" || strings.HasPrefix(f.File, strings.TrimSuffix(f.Origin, "/")+"/") {
		return where
	}
	return strings.TrimSpace(where + " (" + relative(f.Origin, root) + ")")
}

func at(file string, line int) string {
	if file == "" || line <= 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// sentence is the first sentence of a text.
func sentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// says is what a finding's message adds to the title of its check; nothing where it
// only says the title again. What is longer than anyone reads is cut; JSON has it all.
func says(f *seaworthy.Finding, title string) string {
	m := strings.TrimSuffix(strings.TrimSpace(f.Message), ".")
	if strings.EqualFold(m, strings.TrimSuffix(title, ".")) {
		return ""
	}
	return clip(m, 2000)
}

// from names the source as the title of a report does.
func from(s seaworthy.Source) string {
	name := s.Name
	if name == "" {
		name = strings.Join(s.Asked, ", ")
	}
	if s.Kind != seaworthy.SourceCluster {
		return name
	}
	return strings.TrimSpace("cluster " + name)
}

// circumstances tells how the report came about, besides what was scanned.
func circumstances(h *seaworthy.Header) []string {
	s := h.Source
	var out []string
	if s.Provider != "" {
		out = append(out, s.Provider)
	}
	if s.KubernetesVersion != "" {
		out = append(out, "Kubernetes "+strings.TrimPrefix(s.KubernetesVersion, "v"))
	}
	if s.Identity != "" {
		out = append(out, "as "+s.Identity)
	}
	if len(s.Namespaces) > 0 {
		out = append(out, "only "+count(len(s.Namespaces), "namespace")+": "+strings.Join(s.Namespaces, ", "))
	}
	return out
}

// named is the word for a severity.
func named(s seaworthy.Severity) string {
	return cmp.Or(clean(string(s)), "no severity")
}

// asked names what was asked for, where the name of the source does not say it.
func asked(s seaworthy.Source) []string {
	if s.Kind == seaworthy.SourceCluster || len(s.Asked) == 0 || len(s.Asked) == 1 && s.Asked[0] == s.Name {
		return nil
	}
	const most = 3
	out := slices.Clone(s.Asked[:min(most, len(s.Asked))])
	if rest := len(s.Asked) - len(out); rest > 0 {
		out = append(out, "and "+number(rest)+" more paths")
	}
	return []string{strings.Join(out, ", ")}
}

// seen counts what was looked at.
func seen(kind string, s seaworthy.Summary) []string {
	var out []string
	if kind != seaworthy.SourceCluster {
		out = append(out, count(s.Files, "file"))
	}
	out = append(out, count(s.Objects, "object"), count(s.Workloads, "workload"))
	if s.Owned > 0 {
		out = append(out, count(s.Owned, "object")+" judged through their owner")
	}
	return out
}

// took is how long the scan lasted, in a person's precision.
func took(h *seaworthy.Header, t *seaworthy.Trailer) string {
	d := t.Finished.Sub(h.Source.Started)
	switch {
	case h.Source.Started.IsZero() || d < 0:
		return ""
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// statusWords says what came of some checks.
var statusWords = map[seaworthy.Status]string{
	seaworthy.StatusPassed:        "found nothing",
	seaworthy.StatusFailed:        "found something",
	seaworthy.StatusNotApplicable: "had no object in scope",
	seaworthy.StatusNotEvaluated:  "not evaluated",
	seaworthy.StatusProvider:      "the provider's responsibility",
	seaworthy.StatusError:         "ended in an error",
}

// statuses orders what can come of a check, for counting.
var statuses = []seaworthy.Status{
	seaworthy.StatusFailed, seaworthy.StatusPassed, seaworthy.StatusNotApplicable,
	seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusError,
}

// standingWords says what a report shows of a requirement, and never more than that.
var standingWords = map[seaworthy.Standing]string{
	seaworthy.StandingFailing:      "objects failing",
	seaworthy.StandingError:        "could not be judged",
	seaworthy.StandingPassing:      "no object failing",
	seaworthy.StandingNotEvaluated: "not evaluated",
	seaworthy.StandingProvider:     "the provider's responsibility",
	seaworthy.StandingNoObject:     "no object in scope",
	seaworthy.StandingInvisible:    "nothing a scan can see",
}

// standingMarks tell the standings apart without colour. None is a tick: a tick would
// promise more than was counted.
var standingMarks = map[seaworthy.Standing]string{
	seaworthy.StandingFailing:      "✕",
	seaworthy.StandingError:        "!",
	seaworthy.StandingPassing:      "●",
	seaworthy.StandingNotEvaluated: "?",
	seaworthy.StandingProvider:     "P",
	seaworthy.StandingNoObject:     "∅",
	seaworthy.StandingInvisible:    "·",
}

// standings in the order in which they are explained.
var standings = []seaworthy.Standing{
	seaworthy.StandingFailing, seaworthy.StandingError, seaworthy.StandingPassing, seaworthy.StandingNotEvaluated,
	seaworthy.StandingProvider, seaworthy.StandingNoObject, seaworthy.StandingInvisible,
}

// shows says what the coverage of a report is worth.
func shows(c seaworthy.FrameworkCoverage) string {
	if c.Shows == "operation" {
		return "A live cluster shows operation, at the moment of the scan."
	}
	return "Files show design; only a live cluster shows operation."
}

// reasons gathers things by the reason that they share, the most shared first.
type reasons struct {
	order []string
	by    map[string][]string
}

func (r *reasons) add(reason, what string) {
	if r.by == nil {
		r.by = map[string][]string{}
	}
	if _, ok := r.by[reason]; !ok {
		r.order = append(r.order, reason)
	}
	r.by[reason] = append(r.by[reason], what)
}

func (r *reasons) sorted() []string {
	out := slices.Clone(r.order)
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(len(r.by[b]), len(r.by[a])) })
	return out
}

// byReason gathers the checks of a status by why.
func byReason(t *seaworthy.Trailer, s seaworthy.Status) *reasons {
	var r reasons
	for _, c := range t.Checks {
		if c.Status == s {
			r.add(cmp.Or(c.Reason, "no reason given"), c.ID)
		}
	}
	return &r
}

// subject names what a problem is about; its file is relative to root where it lies
// there.
func subject(p seaworthy.Problem, root string) string {
	var parts []string
	if p.File != "" {
		parts = append(parts, at(relative(p.File, root), p.Line))
	}
	if p.Object != "" {
		parts = append(parts, p.Object)
	}
	if p.Check != "" {
		parts = append(parts, "check "+p.Check)
	}
	return strings.Join(parts, ", ")
}

// waiverOf says who answers for a waived finding, until when and why.
func waiverOf(w *seaworthy.AppliedWaiver) string {
	var parts []string
	if w.Owner != "" {
		parts = append(parts, w.Owner)
	}
	if w.Approver != "" {
		parts = append(parts, "approved by "+w.Approver)
	}
	if !w.Expires.IsZero() {
		parts = append(parts, "until "+w.Expires.String())
	}
	if w.By == "annotation" {
		parts = append(parts, "by annotation")
	}
	return strings.Join(append(parts, w.Reason), " · ")
}

// target names what a waiver speaks of.
func target(w seaworthy.Waiver) string {
	out := "check " + w.Check
	for _, part := range [...]struct{ name, value string }{
		{"kind", w.Kind}, {"namespace", w.Namespace}, {"name", w.Name}, {"container", w.Container},
		{"file", w.File}, {"fingerprint", w.Fingerprint},
	} {
		if part.value != "" {
			out += ", " + part.name + " " + part.value
		}
	}
	return out
}

// headline is the count of open findings, or that there are none. Where there was no
// object it does not say so: that would read as a result.
func headline(s seaworthy.Summary, baseline bool) string {
	noun := "finding"
	if baseline {
		noun = "new finding"
	}
	switch {
	case s.Findings > 0:
		return count(s.Findings, noun)
	case s.Objects == 0:
		return "Nothing was judged"
	}
	return "No " + plural(noun)
}
