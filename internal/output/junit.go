// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// junit writes JUnit XML: a suite for each check, a case for each finding. An open
// finding is a failure, a waived or known one and a check without a verdict are
// skipped, an error is an error. Objects that passed are one case with their number, or
// a case each where the scan tells of passes. The counts of a suite stand before its
// cases, so findings wait in a temporary file.
type junit struct {
	tally
	w   *bufio.Writer
	err error
}

func newJUnit(w io.Writer, _ Options) Handler {
	return &junit{w: bufio.NewWriter(w), tally: tally{keep: -1, onDisk: true}}
}

// suite is what the attributes of a testsuite count.
type suite struct {
	id, title                          string
	tests, failures, errors, skipped   int
	groups                             []*group
	result                             seaworthy.CheckResult
	passes                             int // told one by one
	summarisesPasses, saysWhyNotJudged bool
}

// Pass implements [Handler].
func (j *junit) Pass(p *seaworthy.Pass) error {
	j.passed[p.Check]++
	return j.spool.add("pass "+p.Check, p)
}

// End implements [Handler].
func (j *junit) End(t *seaworthy.Trailer) error {
	defer j.Close()
	suites := j.suites(t)
	var all suite
	for _, s := range suites {
		all.tests, all.failures, all.errors, all.skipped = all.tests+s.tests, all.failures+s.failures, all.errors+s.errors, all.skipped+s.skipped
	}
	n := len(t.Errors)
	all.tests, all.errors = all.tests+n, all.errors+n
	seconds := t.Finished.Sub(j.header.Source.Started).Seconds()
	j.print(xml.Header)
	j.print("<testsuites name=%s time=\"%.3f\"%s>\n", quoted("seaworthy "+from(j.header.Source)), max(0, seconds), all.attributes())
	for _, s := range suites {
		if err := j.suite(s); err != nil {
			return err
		}
	}
	if n > 0 {
		s := suite{tests: n, errors: n}
		j.print("  <testsuite name=\"could not be read or judged\"%s>\n", s.attributes())
		for _, p := range t.Errors {
			j.testcase("error", subject(p, ""), p.File, "error", p.Message, "")
		}
		j.print("  </testsuite>\n")
	}
	j.print("</testsuites>\n")
	if j.err == nil {
		j.err = j.w.Flush()
	}
	if j.err != nil {
		return fmt.Errorf("write the report: %w", j.err)
	}
	return nil
}

// suites counts what each check has to tell, in the order of the trailer; checks that
// the trailer does not know come last.
func (j *junit) suites(t *seaworthy.Trailer) []suite {
	by := map[string][]*group{}
	for k, g := range j.groups {
		by[k.id] = append(by[k.id], g)
	}
	var out []suite
	for _, r := range t.Checks {
		out = append(out, j.count(suite{id: r.ID, title: r.Title, result: r, groups: by[r.ID]}))
		delete(by, r.ID)
	}
	var rest []suite
	for id, groups := range by {
		rest = append(rest, j.count(suite{id: id, title: groups[0].check.Title, groups: groups}))
	}
	slices.SortFunc(rest, func(a, b suite) int { return strings.Compare(a.id, b.id) })
	return append(out, rest...)
}

func (j *junit) count(s suite) suite {
	slices.SortFunc(s.groups, func(a, b *group) int { return a.severity.Rank() - b.severity.Rank() })
	for _, g := range s.groups {
		s.failures += g.count[open]
		s.skipped += g.count[waived] + g.count[known]
	}
	s.passes = j.passed[s.id]
	s.summarisesPasses = s.passes == 0 && s.result.Passed > 0
	s.tests = s.failures + s.skipped + s.passes
	if s.summarisesPasses {
		s.tests++
	}
	switch s.result.Status {
	case seaworthy.StatusError:
		s.saysWhyNotJudged, s.errors = true, s.errors+1
	case seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusNotApplicable:
		s.saysWhyNotJudged, s.skipped = true, s.skipped+1
	}
	if s.saysWhyNotJudged {
		s.tests++
	}
	return s
}

func (s suite) attributes() string {
	return fmt.Sprintf(` tests="%d" failures="%d" errors="%d" skipped="%d"`, s.tests, s.failures, s.errors, s.skipped)
}

func (j *junit) suite(s suite) error {
	j.print("  <testsuite name=%s%s>\n", quoted(s.id), s.attributes())
	j.print("    <properties>\n")
	for _, p := range [...]struct{ name, value string }{
		{"title", s.title}, {"severity", string(s.result.Severity)}, {"category", s.result.Category},
		{"status", string(s.result.Status)}, {"objects.inScope", fmt.Sprint(s.result.InScope)},
		{"objects.passed", fmt.Sprint(s.result.Passed)}, {"objects.failed", fmt.Sprint(s.result.Failed)},
		{"objects.waived", fmt.Sprint(s.result.Waived)},
	} {
		j.print("      <property name=%s value=%s/>\n", quoted(p.name), quoted(p.value))
	}
	j.print("    </properties>\n")
	for _, g := range s.groups {
		for _, state := range []state{open, known, waived} {
			if err := j.each(g, state, func(f *seaworthy.Finding) bool { j.finding(f, state); return j.err == nil }); err != nil {
				return err
			}
		}
	}
	if err := j.passing(s); err != nil {
		return err
	}
	if s.saysWhyNotJudged {
		kind, why := "skipped", statusWords[s.result.Status]
		if s.result.Status == seaworthy.StatusError {
			kind = "error"
		}
		if s.result.Reason != "" {
			why += ": " + s.result.Reason
		}
		j.testcase(s.id, s.title, "", kind, why, "")
	}
	j.print("  </testsuite>\n")
	return j.err
}

// passing writes what passed, one by one or as a number.
func (j *junit) passing(s suite) error {
	if s.summarisesPasses {
		j.testcase(s.id, fmt.Sprintf("%d of %d objects passed", s.result.Passed, s.result.InScope), "", "", "", "")
		return nil
	}
	var bad error
	err := j.spool.each("pass "+s.id, func(record []byte) bool {
		var p seaworthy.Pass
		if bad = json.Unmarshal(record, &p); bad == nil {
			j.testcase(s.id, p.Object.String(), p.File, "", "", "")
		}
		return bad == nil && j.err == nil
	})
	if err == nil && bad != nil {
		err = fmt.Errorf("read a pass back: %w", bad)
	}
	return err
}

func (j *junit) finding(f *seaworthy.Finding, s state) {
	name := who(f)
	if f.Path != "" {
		name += " " + f.Path
	}
	kind, message := "failure", f.Message
	switch s {
	case waived:
		kind, message = "skipped", "waived: "+waiverOf(f.Waiver)
	case known:
		kind, message = "skipped", "known from the baseline: "+f.Message
	}
	var body []string
	for _, p := range [...]struct{ name, value string }{
		{"severity", string(f.Severity)}, {"message", f.Message}, {"object", f.Object.String()}, {"container", f.Container},
		{"path", f.Path}, {"at", place(f)}, {"fix", f.Remediation}, {"fingerprint", f.Fingerprint},
	} {
		if p.value != "" {
			body = append(body, p.name+": "+clean(p.value))
		}
	}
	j.testcase(f.Check, name, f.File, kind, message, strings.Join(body, "\n"))
}

// testcase writes one case; kind is the element that says how it came out, empty for a
// pass.
func (j *junit) testcase(class, name, file, kind, message, body string) {
	j.print("    <testcase classname=%s name=%s", quoted(class), quoted(name))
	if file != "" {
		j.print(" file=%s", quoted(file))
	}
	if kind == "" {
		j.print("/>\n")
		return
	}
	j.print("><%s message=%s", kind, quoted(message))
	if kind == "failure" {
		j.print(" type=\"finding\"")
	}
	if body == "" {
		j.print("/></testcase>\n")
		return
	}
	j.print(">\n")
	for line := range strings.Lines(body) {
		j.print("%s\n", escaped(strings.TrimSuffix(line, "\n")))
	}
	j.print("</%s></testcase>\n", kind)
}

func (j *junit) print(format string, args ...any) {
	if j.err == nil {
		_, j.err = fmt.Fprintf(j.w, format, args...)
	}
}

// quoted is an attribute's value.
func quoted(s string) string { return `"` + escaped(clean(s)) + `"` }

// escaped is text that XML can hold, whatever its bytes.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder has no errors
	return b.String()
}
