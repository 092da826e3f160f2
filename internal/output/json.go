// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
)

// jsonReport writes the contract: the JSON form of [seaworthy.Report], key by key in
// the order of its fields, with one finding a line. Findings go out as they come;
// passes wait in a temporary file, because they stand after the findings. The schema is
// docs/schema/report-v1.schema.json.
type jsonReport struct {
	w        *bufio.Writer
	findings int
	passes   int
	spool    spool
	err      error
}

func newJSON(w io.Writer, _ Options) Handler { return &jsonReport{w: bufio.NewWriterSize(w, 64<<10)} }

// Start implements [Handler].
func (j *jsonReport) Start(h *seaworthy.Header, _ []seaworthy.Check) error {
	head := *h
	head.Source.Asked = list(head.Source.Asked)
	head.Catalogue.Policies = list(head.Catalogue.Policies)
	j.text("{")
	j.field("\n", "apiVersion", head.APIVersion)
	j.field(",\n", "tool", head.Tool)
	j.field(",\n", "source", head.Source)
	j.field(",\n", "catalogue", head.Catalogue)
	j.text(",\n  \"findings\": [")
	return j.err
}

// Finding implements [Handler].
func (j *jsonReport) Finding(f *seaworthy.Finding) error {
	whole := *f
	whole.Controls, whole.Requirements = list(f.Controls), list(f.Requirements)
	b := j.encode(whole)
	j.element(j.findings, b)
	j.findings++
	return j.err
}

// Pass implements [Handler].
func (j *jsonReport) Pass(p *seaworthy.Pass) error {
	j.passes++
	return j.spool.add("", p)
}

// End implements [Handler].
func (j *jsonReport) End(t *seaworthy.Trailer) error {
	j.endList(j.findings)
	if j.passes > 0 {
		j.text(",\n  \"passed\": [")
		n := 0
		if err := j.spool.each("", func(record []byte) bool {
			j.element(n, terminalSafe(record))
			n++
			return j.err == nil
		}); err != nil {
			return err
		}
		j.endList(n)
	}
	j.field(",\n", "finished", t.Finished)
	elements(j, "checks", t.Checks, func(c seaworthy.CheckResult) seaworthy.CheckResult {
		c.Controls = list(c.Controls)
		return c
	})
	same := func(p seaworthy.Problem) seaworthy.Problem { return p }
	elements(j, "errors", t.Errors, same)
	elements(j, "skipped", t.Skipped, same)
	elements(j, "waivers", t.Waivers, func(n seaworthy.WaiverNotice) seaworthy.WaiverNotice { return n })
	if len(t.Covered) > 0 {
		j.field(",\n", "coverage", wholeCoverage(t.Covered))
	}
	sum := t.Summary
	sum.BySev, sum.ByStatus = table(sum.BySev), table(sum.ByStatus)
	j.field(",\n", "summary", sum)
	j.text("\n}\n")
	if j.err != nil {
		return j.err
	}
	if err := j.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return j.Close()
}

// Close gives up what is on disk.
func (j *jsonReport) Close() error { return j.spool.Close() }

// elements writes an array with one element a line.
func elements[T any](j *jsonReport, name string, all []T, whole func(T) T) {
	j.text(",\n  \"" + name + "\": [")
	for i, v := range all {
		j.element(i, j.encode(whole(v)))
	}
	j.endList(len(all))
}

func (j *jsonReport) element(i int, b []byte) {
	if i > 0 {
		j.text(",")
	}
	j.text("\n    ")
	j.bytes(b)
}

func (j *jsonReport) endList(n int) {
	if n > 0 {
		j.text("\n  ")
	}
	j.text("]")
}

// field writes one indented member of the report.
func (j *jsonReport) field(before, name string, v any) {
	j.text(before + "  \"" + name + "\": ")
	var b bytes.Buffer
	if err := json.Indent(&b, j.encode(v), "  ", "  "); err != nil {
		j.fail(err)
	}
	j.bytes(b.Bytes())
}

func (j *jsonReport) encode(v any) []byte {
	b, err := safeJSON(v)
	j.fail(err)
	return b
}

func (j *jsonReport) text(s string) {
	if j.err == nil {
		_, err := j.w.WriteString(s)
		j.fail(err)
	}
}

func (j *jsonReport) bytes(b []byte) {
	if j.err == nil {
		_, err := j.w.Write(b)
		j.fail(err)
	}
}

func (j *jsonReport) fail(err error) {
	if j.err == nil && err != nil {
		j.err = fmt.Errorf("write the report: %w", err)
	}
}

// safeJSON is json.Marshal whose result is also safe to show on a terminal.
func safeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return terminalSafe(b), nil
}

// terminalSafe escapes what encoding/json leaves as it is but a terminal obeys: DEL, the
// C1 controls and whatever else shows as nothing or turns the direction of text. JSON
// has these in strings only, so the value stays the same.
func terminalSafe(b []byte) []byte {
	i := 0
	for i < len(b) && b[i] < 0x7f {
		i++
	}
	if i == len(b) {
		return b
	}
	out := bytes.NewBuffer(append(make([]byte, 0, len(b)+16), b[:i]...))
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError || r < 0x7f || !invisible(r):
			out.Write(b[i : i+n])
		case r > 0xffff:
			hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
		i += n
	}
	return out.Bytes()
}

// list makes an empty list of none: arrays are never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// table makes an empty map of none.
func table[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

// wholeCoverage copies the coverage without null arrays.
func wholeCoverage(all []seaworthy.FrameworkCoverage) []seaworthy.FrameworkCoverage {
	out := make([]seaworthy.FrameworkCoverage, 0, len(all))
	for _, f := range all {
		reqs := make([]seaworthy.RequirementCoverage, 0, len(f.Requirements))
		for _, r := range f.Requirements {
			controls := make([]seaworthy.ControlCoverage, 0, len(r.Controls))
			for _, c := range r.Controls {
				c.Sources, c.Checks = list(c.Sources), list(c.Checks)
				controls = append(controls, c)
			}
			r.Controls, r.ByStatus = controls, table(r.ByStatus)
			reqs = append(reqs, r)
		}
		f.Requirements = reqs
		out = append(out, f)
	}
	return out
}
