// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// analyze runs what needs all objects: policies that look at namespaces, and analyzers.
func (g *gathering) analyze(ctx context.Context) error {
	g.yield(g.last)
	if g.summary.Objects == 0 && len(g.errors) == 0 {
		// A path that leads to the wrong place must not look like a clean one.
		g.errors = append(g.errors, seaworthy.Problem{Message: "nothing that was scanned is a Kubernetes object, so nothing was judged"})
	}
	g.summary.Workloads = len(g.snapshot.Workloads())
	if err := g.judgeLate(ctx); err != nil {
		return err
	}
	for _, a := range g.cfg.Catalogue.analyzers {
		r := &reporter{ctx: ctx, g: g}
		pass := &analysis.Pass{Snapshot: g.snapshot, Params: g.cfg.Catalogue.params, Enabled: g.cfg.Catalogue.Runs, Report: r}
		if err := a.Run(ctx, pass); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for _, k := range a.Checks {
				r.Error(k.ID, nil, fmt.Errorf("analyzer %s: %w", a.Name, err))
			}
		}
		if r.err != nil {
			return r.err
		}
	}
	return g.settleJoined()
}

// reporter takes the verdicts of one analyzer.
type reporter struct {
	ctx context.Context // of the scan
	g   *gathering
	err error // of the handler
}

// Judge counts the object and hands on a finding for each item.
func (r *reporter) Judge(check string, o *snapshot.Object, items ...seaworthy.Item) {
	i, ok := r.g.cfg.Catalogue.index[check]
	if !ok || r.err != nil || !r.g.cfg.Catalogue.judges(i, o) {
		return
	}
	v := verdict{check: i}
	for _, it := range items {
		v.items = append(v.items, item{it, r.line(o, it.Path)})
	}
	r.err = r.g.verdict(o, &v)
}

func (r *reporter) line(o *snapshot.Object, path string) int {
	if line := schemaLine(o, path); line > 0 {
		return line
	}
	if path == "" || r.g.in.Line == nil || o.Source.File == "" {
		return o.Source.Line
	}
	return r.g.in.Line(r.ctx, o, path)
}

// schemaLine is where the text breaks its type at the path, or 0. Of a key that stands
// there twice it is the second, which wins.
func schemaLine(o *snapshot.Object, path string) int {
	for _, p := range o.Schema {
		if p.Path == path {
			return p.Line
		}
	}
	return 0
}

// NotEvaluated remembers why the check could not judge.
func (r *reporter) NotEvaluated(check, reason string) {
	if i, ok := r.g.cfg.Catalogue.index[check]; ok {
		t := &r.g.tallies[i]
		t.unevaluated = appendOnce(t.unevaluated, reason)
	}
}

// Provider remembers that the provider answers for the check.
func (r *reporter) Provider(check, reason string) {
	if i, ok := r.g.cfg.Catalogue.index[check]; ok {
		t := &r.g.tallies[i]
		t.provider = appendOnce(t.provider, reason)
	}
}

// Error counts an object that the check could not judge. One of which the data is lacking
// is not judged, which is no error: what was found in it before stands.
func (r *reporter) Error(check string, o *snapshot.Object, err error) {
	i, ok := r.g.cfg.Catalogue.index[check]
	if !ok || o != nil && !r.g.cfg.Catalogue.judges(i, o) {
		return
	}
	var lack *analysis.LackError
	if o != nil && errors.As(err, &lack) {
		r.g.tallies[i].lacking++
		r.g.skipped = append(r.g.skipped, seaworthy.Problem{
			File: o.Source.File, Line: o.Source.Line, Check: check, Object: o.String(), Message: lack.Reason,
		})
		return
	}
	if o != nil {
		r.err = firstError(r.err, r.g.verdict(o, &verdict{check: i, err: err}))
		return
	}
	r.g.tallies[i].Errors++
	r.g.errors = append(r.g.errors, seaworthy.Problem{Check: check, Message: err.Error()})
}

func appendOnce(l []string, s string) []string {
	if slices.Contains(l, s) {
		return l
	}
	return append(l, s)
}

// trailer closes the report.
func (g *gathering) trailer() *seaworthy.Trailer {
	now := g.cfg.Now().UTC()
	t := &seaworthy.Trailer{Finished: now, Waivers: g.notices(now), Errors: nonNilProblems(g.errors), Skipped: nonNilProblems(g.skipped)}
	if g.cfg.SkipUnreadable {
		t.Skipped, t.Errors = append(t.Skipped, t.Errors...), []seaworthy.Problem{}
	}
	s := &g.summary
	s.ByStatus = map[seaworthy.Status]int{}
	for i, k := range g.cfg.Catalogue.Checks {
		r := g.tallies[i].result(k)
		r.ByNamespace = g.divided.of(i, r.InScope)
		s.ByStatus[r.Status]++
		t.Checks = append(t.Checks, r)
	}
	for _, f := range g.cfg.Frameworks {
		if slices.Contains(g.cfg.Cover, f.ID) {
			t.Covered = append(t.Covered, seaworthy.Cover(f, g.cfg.Controls, t.Checks, g.in.Source.Kind, g.cfg.Categories))
		}
	}
	s.Errors, s.FailOn = len(t.Errors), g.cfg.FailOn
	switch {
	case s.Errors > 0:
		s.Exit = ExitInput
	case s.Failing > 0:
		s.Exit = ExitFindings
	}
	if s.BySev == nil {
		s.BySev = map[seaworthy.Severity]int{}
	}
	t.Summary = *s
	return t
}

func nonNilProblems(p []seaworthy.Problem) []seaworthy.Problem {
	if p == nil {
		return []seaworthy.Problem{}
	}
	return p
}

// result decides the status of a check. A failure is never hidden; what could not be
// judged never passes.
func (t *tally) result(k seaworthy.Check) seaworthy.CheckResult {
	r := seaworthy.CheckResult{
		ID: k.ID, Title: k.Title, Severity: k.Severity, Category: k.Category, Controls: nonNil(k.Controls), Custom: k.Custom,
		InScope: t.InScope, Passed: t.Passed, Failed: t.Failed, Waived: t.Waived, Errors: t.Errors, Findings: t.findings,
	}
	lacking := t.lacks()
	switch {
	case t.Failed > 0:
		r.Status, r.Lacking = seaworthy.StatusFailed, lacking
	case t.Errors > 0:
		r.Status, r.Reason, r.Lacking = seaworthy.StatusError, seaworthy.ReasonErrors, lacking
	case lacking != "":
		r.Status, r.Reason = seaworthy.StatusNotEvaluated, lacking
	case len(t.provider) > 0 && t.InScope == 0:
		r.Status, r.Reason = seaworthy.StatusProvider, strings.Join(t.provider, "; ")
	case t.InScope == 0:
		r.Status, r.Reason = seaworthy.StatusNotApplicable, seaworthy.ReasonNoObject
	default:
		r.Status = seaworthy.StatusPassed
	}
	return r
}

// lacks says why something was not evaluated.
func (t *tally) lacks() string {
	switch {
	case len(t.unevaluated) > 0:
		return strings.Join(t.unevaluated, "; ")
	case t.lacking > 0:
		return fmt.Sprintf("data is lacking or too old for %d %s", t.lacking, plural(t.lacking, "object", "objects"))
	}
	return ""
}
