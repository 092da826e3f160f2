// SPDX-License-Identifier: Apache-2.0

package output

import (
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// jsonReport writes the contract: the JSON form of [seaworthy.Report], key by key in
// the order of its fields, with one finding a line. Findings go out as they come;
// passes wait in a temporary file, because they stand after the findings. The schema is
// docs/schema/report-v1.schema.json.
type jsonReport struct {
	*jsonWriter
	findings int
	passes   int
	spool    spool
	encoder  findingWriter
	objects  iter.Seq[seaworthy.SeenObject]
}

func newJSON(w io.Writer, o Options) Handler {
	objects := o.EachObject
	if o.Objects != nil {
		objects = func(yield func(seaworthy.SeenObject) bool) { slices.Values(o.Objects())(yield) }
	}
	return &jsonReport{jsonWriter: newJSONWriter(w), objects: objects}
}

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
	b, err := j.encoder.encode(f)
	if err != nil {
		return err
	}
	j.element(j.findings, terminalSafe(b))
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
	if j.objects != nil {
		j.text(",\n  \"objects\": [")
		n := 0
		for o := range j.objects {
			j.element(n, j.encode(o))
			n++
		}
		j.endList(n)
	}
	j.field(",\n", "finished", t.Finished)
	elements(j.jsonWriter, "checks", t.Checks, func(c seaworthy.CheckResult) seaworthy.CheckResult {
		c.Controls = list(c.Controls)
		return c
	})
	same := func(p seaworthy.Problem) seaworthy.Problem { return p }
	elements(j.jsonWriter, "errors", t.Errors, same)
	elements(j.jsonWriter, "skipped", t.Skipped, same)
	elements(j.jsonWriter, "waivers", t.Waivers, func(n seaworthy.WaiverNotice) seaworthy.WaiverNotice { return n })
	if len(t.Covered) > 0 {
		j.field(",\n", "coverage", wholeCoverage(t.Covered))
	}
	sum := t.Summary
	sum.BySev, sum.ByStatus = table(sum.BySev), table(sum.ByStatus)
	j.field(",\n", "summary", sum)
	j.text("\n}\n")
	return errors.Join(j.flush(), j.Close())
}

// Close gives up what is on disk.
func (j *jsonReport) Close() error { return j.spool.Close() }

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
