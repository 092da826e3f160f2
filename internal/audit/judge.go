// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// judgeWindows judges the occurrences that reports show and whose windows have settled.
func (a *Audit) judgeWindows(ctx context.Context, s *state) error {
	due, err := a.known(ctx, s, store.OccurrenceFilter{
		States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueTo: s.now.Add(time.Microsecond - settle),
	})
	if err != nil {
		return err
	}
	return a.judgeAll(ctx, s, due)
}

// judgeLateReports judges anew what had no data, where reports came in since that speak
// of it. What was judged on data stays.
func (a *Audit) judgeLateReports(ctx context.Context, s *state) error {
	since, err := a.store.JudgedUntil(ctx)
	if err != nil {
		return err
	}
	runs, err := a.store.CompleteRunsReceived(ctx, since, s.now)
	if err != nil || len(runs) == 0 {
		return err
	}
	from := slices.MinFunc(runs, func(a, b store.JudgedRun) int { return a.FinishedAt.Compare(b.FinishedAt) }).FinishedAt
	missed, err := a.known(ctx, s, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Missed}, From: from})
	if err != nil {
		return err
	}
	missed = slices.DeleteFunc(missed, func(o seaworthy.Occurrence) bool {
		return o.Result != seaworthy.ResultNoData || !slices.ContainsFunc(runs, func(r store.JudgedRun) bool {
			return !r.ReceivedAt.Before(o.UpdatedAt) && !r.FinishedAt.Before(o.From) && r.FinishedAt.Before(o.DueAt)
		})
	})
	if err := a.judgeAll(ctx, s, missed); err != nil {
		return err
	}
	until := runs[len(runs)-1].ReceivedAt
	if until.Equal(since) {
		return nil
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SetJudgedUntil(until) })
}

// judgeAll judges occurrences window by window.
func (a *Audit) judgeAll(ctx context.Context, s *state, list []seaworthy.Occurrence) error {
	byWindow := map[seaworthy.Window][]seaworthy.Occurrence{}
	var order []seaworthy.Window
	for _, o := range list {
		if !a.byMachine(s.version(o), o) {
			continue
		}
		if byWindow[o.Window()] == nil {
			order = append(order, o.Window())
		}
		byWindow[o.Window()] = append(byWindow[o.Window()], o)
	}
	for _, w := range order {
		seen, err := a.look(ctx, s, w)
		if err != nil {
			return err
		}
		if err := a.lookFurther(ctx, s, seen, byWindow[w]); err != nil {
			return err
		}
		if err := a.judgeWindow(ctx, s, seen, byWindow[w]); err != nil {
			return err
		}
	}
	return nil
}

// observed is what is known of one window.
type observed struct {
	window   seaworthy.Window
	sources  []seaworthy.DeclaredSource // production clusters that had to report
	others   []seaworthy.DeclaredSource // what else is in scope: it shows design
	programs []seaworthy.Program        // whose periods the window touches
	runs     map[string]store.JudgedRun // by source
	checks   map[string]map[string]seaworthy.CheckResult
	findings []store.FindingTally
	gaps     []seaworthy.Gap
	trail    *trailSeen // nil where no control asks for it
	duties   *dutiesSeen
	minded   *mindedSeen
}

// lookFurther gathers what some of the controls of a window ask for besides.
func (a *Audit) lookFurther(ctx context.Context, s *state, seen *observed, list []seaworthy.Occurrence) (err error) {
	asks := map[string]bool{}
	for _, o := range list {
		asks[s.version(o).Trail] = true
	}
	if asks[seaworthy.TrailChanges] || asks[seaworthy.TrailSessions] || asks[seaworthy.TrailDuties] {
		if seen.trail, err = a.lookAtTrail(ctx, seen.window); err != nil {
			return err
		}
	}
	if asks[seaworthy.TrailDuties] {
		if seen.duties, err = a.lookAtDuties(ctx, seen.window); err != nil {
			return err
		}
	}
	if asks[seaworthy.TrailMonitoring] {
		seen.minded, err = a.lookAtMonitoring(ctx, seen)
	}
	return err
}

// look gathers what is known of a window.
func (a *Audit) look(ctx context.Context, s *state, w seaworthy.Window) (*observed, error) {
	o := &observed{window: w, checks: map[string]map[string]seaworthy.CheckResult{}}
	for _, p := range s.programs {
		if p.From.Before(w.DueAt) && p.To.After(w.From) {
			o.programs = append(o.programs, p)
		}
	}
	var err error
	if o.runs, err = a.store.LatestCompleteRuns(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	if o.gaps, err = a.store.GapsBetween(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	for _, source := range s.sources {
		switch {
		case !o.inScope(source.ID, ""):
		case source.Kind != seaworthy.KindCluster || source.Environment != seaworthy.Production:
			o.others = append(o.others, source)
		case o.hadToReport(source):
			o.sources = append(o.sources, source)
		}
	}
	if len(o.runs) == 0 {
		return o, nil
	}
	for _, source := range o.sources {
		if run, ok := o.runs[source.ID]; ok {
			if o.checks[source.ID], err = a.store.RunChecks(ctx, run.ID); err != nil {
				return nil, err
			}
		}
	}
	o.findings, err = a.store.FindingTallies(ctx, w.From, w.DueAt)
	return o, err
}

// hadToReport tells whether a cluster existed for the whole window, or reported in it.
func (o *observed) hadToReport(s seaworthy.DeclaredSource) bool {
	if _, ok := o.runs[s.ID]; ok {
		return true
	}
	return !s.CreatedAt.After(o.window.From) && (s.RetiredAt.IsZero() || !s.RetiredAt.Before(o.window.DueAt))
}

// inScope tells whether some program of the time looks at a namespace of a source, or
// at the source as a whole. Without any program everything is looked at.
func (o *observed) inScope(source, namespace string) bool {
	return len(o.programs) == 0 || slices.ContainsFunc(o.programs, func(p seaworthy.Program) bool {
		return p.HasNamespace(source, namespace)
	})
}

// judgeWindow judges the occurrences of one window and keeps what shows it.
func (a *Audit) judgeWindow(ctx context.Context, s *state, seen *observed, list []seaworthy.Occurrence) error {
	var out []verdict
	for _, o := range list {
		now := o
		of := seen.of(o.ProgramID)
		if of == nil { // the program does not look at this time any more
			continue
		}
		if err := a.judge(ctx, of, s.version(o), &now); err != nil {
			return err
		}
		if o.ProgramID == "" && seen.differ() {
			own, err := a.apart(ctx, s, seen, o, seen.programs)
			if err != nil {
				return err
			}
			now.ProgramID = seaworthy.OfNoProgram
			for _, v := range own {
				out = append(out, verdict{before: v, now: v})
			}
		}
		out = append(out, verdict{before: o, now: now})
	}
	return a.keep(ctx, s, seen, out)
}

// verdict is an occurrence as it was and as it came to be. Where its result was not judged
// but is that of another occurrence, like is the id of that one.
type verdict struct {
	before, now seaworthy.Occurrence
	like        string
}

// keep writes what occurrences came to, unless somebody else changed them in between, and
// what shows it.
func (a *Audit) keep(ctx context.Context, s *state, seen *observed, list []verdict) error {
	runs, err := a.runsOf(ctx, seen)
	if err != nil {
		return err
	}
	trails, err := a.trailEvidence(ctx, seen)
	if err != nil {
		return err
	}
	minded, err := a.mindedEvidence(ctx, seen)
	if err != nil {
		return err
	}
	shown, err := a.evidenceLike(ctx, list)
	if err != nil {
		return err
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error {
		var kept []seaworthy.Occurrence
		copies := map[string][]string{} // ids by the id of what they are like
		for _, v := range list {
			changed, err := changedSince(tx, v.before)
			if err != nil {
				return err
			}
			o := v.now
			if changed || o == v.before && o.ID != "" {
				continue
			}
			was := v.before
			was.ProgramID = o.ProgramID
			shown := o.ID != "" && o == was // before, by the same reports
			if err := tx.PutOccurrence(&o, lateAt(s.version(o), o.DueAt)); err != nil {
				return err
			}
			switch {
			case v.like != "":
				copies[v.like] = append(copies[v.like], o.ID)
			case !shown:
				kept = append(kept, o)
			}
		}
		if err := keepLike(tx, shown, copies); err != nil {
			return err
		}
		if err := a.keepTrail(tx, s, seen, trails, kept); err != nil {
			return err
		}
		if err := a.keepMinded(tx, s, seen, minded, kept); err != nil {
			return err
		}
		return a.keepRuns(tx, s, seen, runs, kept)
	})
}

// judge says whether a control was performed in a window and what came of it.
func (a *Audit) judge(ctx context.Context, seen *observed, c seaworthy.TrackedControl, o *seaworthy.Occurrence) error {
	t := test{control: c, seen: seen}
	for _, s := range seen.sources {
		if applies(c, s.ID, "") {
			t.sources = append(t.sources, s)
		}
	}
	if err := t.run(ctx, a.store); err != nil {
		return err
	}
	t.conclude(o)
	return nil
}

// test is one test of one control in one window.
type test struct {
	control seaworthy.TrackedControl
	seen    *observed
	sources []seaworthy.DeclaredSource

	noData     []string // sources of which nothing can be said
	deviations []string
	notes      []string
	inScope    int
	passed     int
	failed     int
	performed  time.Time // when the last report was finished
	received   time.Time // when the last report came in
}

func (t *test) run(ctx context.Context, s *store.Store) error {
	switch {
	case t.control.Trail == seaworthy.TrailMonitoring:
		t.monitoring()
	case t.control.Trailed():
		t.trail()
	}
	if t.control.Trailed() && !t.control.Checked() {
		t.gaps()
		return nil
	}
	for _, source := range t.sources {
		run, ok := t.seen.runs[source.ID]
		if !ok {
			t.noData = append(t.noData, source.Name)
			continue
		}
		if err := t.source(ctx, s, source); err != nil {
			return err
		}
		t.performed, t.received = later(t.performed, run.FinishedAt), later(t.received, run.ReceivedAt)
	}
	t.gaps()
	t.findings()
	return nil
}

// gaps looks for times in which a source was silent: then a detective control did not
// run when it was expected to. Gaps of the change trail are noted where the control does
// not depend on what they lack; where it does, it was not in force, or nothing of it was
// seen, which is no data if it was so for the whole window.
func (t *test) gaps() {
	whole := span{t.seen.window.From, t.seen.window.DueAt}
	for _, s := range t.sources {
		kinds := dependsOn[t.control.Trail]
		if lack := t.seen.gapsOf(s.ID, kinds...); !t.control.Trailed() && len(lack) > 0 && len(without([]span{whole}, lack)) == 0 {
			t.noData = append(t.noData, fmt.Sprintf("%s (the whole day without %s)", s.Name, lacks[t.control.Trail]))
		}
		for _, g := range t.seen.gaps {
			if g.SourceID != s.ID || !ofTrail(g.Kind) && !t.control.Checked() || t.control.Trail == seaworthy.TrailMonitoring {
				continue
			}
			when := "since " + g.From.Format(time.RFC3339)
			says := gapSays[g.Kind]
			if over := !g.To.IsZero() && !g.To.After(t.seen.window.DueAt); over {
				when, says = fmt.Sprintf("from %s to %s", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339)), past(says)
			}
			text := fmt.Sprintf("%s: %s %s", s.Name, g.Kind, when)
			if ofTrail(g.Kind) {
				text = s.Name + " " + says + " " + when
			}
			if t.fails(g) {
				t.deviations = append(t.deviations, text)
			} else {
				t.notes = append(t.notes, text)
			}
		}
	}
}

// fails tells whether a gap is a deviation of the control. What a place of the trail did not
// see another may have: of that, [test.trail] tells.
func (t *test) fails(g seaworthy.Gap) bool {
	if !ofTrail(g.Kind) {
		return t.control.Kind != "preventive"
	}
	return !t.control.Trailed() && slices.Contains(dependsOn[t.control.Trail], g.Kind)
}

// lacks says what is not there in a gap of a part of the change trail.
var lacks = map[string]string{seaworthy.TrailAdmission: "word of the admission webhook", seaworthy.TrailAudit: "audit events"}

// findings tells what went around a preventive control, and what is past its due date
// under any.
func (t *test) findings() {
	var open, opened, overdue int
	for _, f := range t.seen.findings {
		if !slices.Contains(t.control.Checks, f.Check) || !t.looksAt(f.Source, f.Namespace) {
			continue
		}
		open, opened, overdue = open+f.Open, opened+f.Opened, overdue+f.Overdue
	}
	if overdue > 0 {
		t.deviations = append(t.deviations, count(overdue, "finding")+" past the due date")
	}
	if open+opened == 0 {
		return
	}
	text := fmt.Sprintf("%s open, %d opened", count(open, "finding"), opened)
	if t.control.Kind == "preventive" {
		text = "went around it: " + text
	}
	t.notes = append(t.notes, text)
}

// conclude writes what the test found into the occurrence.
func (t *test) conclude(o *seaworthy.Occurrence) {
	if len(t.sources) == 0 {
		t.noData = []string{"no production cluster in scope was known"}
	}
	if len(t.noData) > 0 {
		o.State, o.Result, o.Reason = seaworthy.Missed, seaworthy.ResultNoData, t.lacked()
		return
	}
	o.State, o.Result = seaworthy.Performed, seaworthy.ResultAsExpected
	o.PerformedAt, o.PerformedBy = t.performed, "system"
	o.InScope, o.Passed, o.Failed = t.inScope, t.passed, t.failed
	if t.received.After(lateAt(t.control, o.DueAt)) {
		o.State = seaworthy.Late
		t.notes = append(t.notes, "the last report came in at "+t.received.Format(time.RFC3339))
	}
	if len(t.deviations) > 0 {
		o.Result = seaworthy.ResultDeviation
	}
	o.Reason = strings.Join(slices.Concat(t.deviations, t.notes), "; ")
}

// lacked says what there is no data of.
func (t *test) lacked() string {
	what := "no change trail: "
	switch {
	case t.control.Checked():
		what = "no complete report: "
	case t.control.Trail == seaworthy.TrailMonitoring:
		what = "nothing to watch over: "
	}
	return what + enumerate(t.noData)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
