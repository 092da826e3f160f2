// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// noticeWithin is how long after a gap began somebody has to know of it, beside the time for
// which a source may be late.
const noticeWithin = day

// mindedSeen is what is known of how a window was watched over.
type mindedSeen struct {
	noticed map[string]time.Time       // gaps, by id: when the log first knew of them
	before  map[string]store.JudgedRun // the latest report, also of shortly before the window
}

// lookAtMonitoring gathers when the gaps of a window became known, and which reports were
// not overdue in it.
func (a *Audit) lookAtMonitoring(ctx context.Context, seen *observed) (*mindedSeen, error) {
	var ids []string
	for _, g := range seen.gaps {
		ids = append(ids, g.ID)
	}
	m := &mindedSeen{}
	var err error
	if m.noticed, err = a.store.GapsNoticed(ctx, ids); err != nil {
		return nil, err
	}
	m.before, err = a.store.LatestCompleteRuns(ctx, seen.window.DueAt.Add(-day-store.Grace(day)), seen.window.DueAt)
	return m, err
}

// watchedOver are the sources that the test of monitoring is about: clusters and
// repositories of production that are in scope.
func (t *test) watchedOver() []seaworthy.DeclaredSource {
	out := slices.Clone(t.sources)
	for _, s := range t.seen.others {
		if s.Kind == seaworthy.KindRepository && s.Environment == seaworthy.Production && t.seen.hadToReport(s) && applies(t.control, s.ID, "") {
			out = append(out, s)
		}
	}
	return out
}

// monitoring tests whether each source that should report every day did, whether it was
// noticed where one did not, and whether gaps were ended in time. That the list of sources
// is whole no machine here can tell.
func (t *test) monitoring() {
	whole := span{t.seen.window.From, t.seen.window.DueAt}
	t.performed, t.received = whole.to, whole.to
	var late []string
	seldom := 0
	for _, s := range t.watchedOver() {
		_, reported := t.seen.runs[s.ID]
		if !reported && !daily(s) {
			seldom++
			continue
		}
		t.inScope++
		switch run, ran := t.seen.minded.before[s.ID]; {
		case reported:
			t.passed++
			continue
		case len(t.seen.gapsOf(s.ID, store.GapSilent, store.GapIncomplete)) > 0:
			t.notes = append(t.notes, "no complete report of "+s.Name+", which was noticed")
		case ran && run.FinishedAt.Add(s.Every+store.Grace(s.Every)).After(whole.to):
			late = append(late, s.Name)
		default:
			t.deviations = append(t.deviations, "no complete report of "+s.Name+", and nothing noticed it")
		}
		t.failed++
	}
	if len(late) > 0 {
		t.notes = append(t.notes, "none on this day, nor overdue at its end: "+enumerate(late))
	}
	if seldom > 0 {
		t.notes = append(t.notes, count(seldom, "source")+" of which no report is expected each day")
	}
	t.minding()
}

// daily tells whether a report of a source is expected on each day.
func daily(s seaworthy.DeclaredSource) bool { return s.Declared && s.Every > 0 && s.Every <= day }

// minding tells of the gaps of the window: unnoticed for too long or lasting too long they are
// deviations, otherwise they were noticed and ended, as they are to be.
func (t *test) minding() {
	var ended, open int
	var lasting, unnoticed []string
	for _, s := range t.watchedOver() {
		for _, g := range t.seen.gaps {
			if g.SourceID != s.ID {
				continue
			}
			text := fmt.Sprintf("%s %s since %s", s.Name, gapSays[g.Kind], g.From.UTC().Format(time.RFC3339))
			if at, known := t.seen.minded.noticed[g.ID]; !g.From.Before(t.seen.window.From) && known && at.After(g.From.Add(noticeWithin+store.Grace(s.Every))) {
				unnoticed = append(unnoticed, text+", noticed only at "+stamp(at))
			}
			switch lasts := g.To.IsZero() || g.To.After(t.seen.window.DueAt); {
			case lasts && explainBy(g.From).Before(t.seen.window.DueAt):
				lasting = append(lasting, text)
			case lasts:
				open++
			default:
				ended++
			}
		}
	}
	if len(unnoticed) > 0 {
		t.deviations = append(t.deviations, enumerate(unnoticed))
	}
	if len(lasting) > 0 {
		t.deviations = append(t.deviations, "not ended in time: "+enumerate(lasting))
	}
	if ended > 0 {
		t.notes = append(t.notes, count(ended, "gap")+" noticed and ended")
	}
	if open > 0 {
		t.notes = append(t.notes, count(open, "gap")+" noticed and to be ended yet")
	}
}

// mindedStatement is what is known of one source that did not report in a window, or of which
// something was not observed.
type mindedStatement struct {
	Source   string       `json:"source"`
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	Expected string       `json:"expectedEvery"` // empty: nothing is
	Reported time.Time    `json:"reported,omitzero"`
	Run      string       `json:"run,omitempty"`
	Gaps     []noticedGap `json:"gaps"`
}

type noticedGap struct {
	seaworthy.Gap
	NoticedAt time.Time `json:"noticedAt"`
}

// mindedEvidence keeps what is known of the sources that monitoring found something about;
// of the others their reports are the evidence.
func (a *Audit) mindedEvidence(ctx context.Context, seen *observed) ([]seaworthy.Evidence, error) {
	if seen.minded == nil || a.blobs == nil {
		return nil, nil
	}
	var out []seaworthy.Evidence
	for _, s := range (&test{seen: seen, sources: seen.sources}).watchedOver() {
		v := seen.mindedOf(s)
		if len(v.Gaps) == 0 && (v.Run != "" || !daily(s)) {
			continue
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return nil, err
		}
		digest, size, err := a.blobs.Put(ctx, bytes.NewReader(text), maxPopulation)
		if err != nil {
			return nil, fmt.Errorf("keep what monitoring found about %s: %w", s.Name, err)
		}
		out = append(out, v.evidence(digest, size))
	}
	return out, nil
}

func (o *observed) mindedOf(s seaworthy.DeclaredSource) *mindedStatement {
	v := &mindedStatement{Source: s.ID, Name: s.Name, Kind: s.Kind, From: o.window.From, To: o.window.DueAt, Gaps: []noticedGap{}}
	if s.Every > 0 {
		v.Expected = s.Every.String()
	}
	if run, ok := o.runs[s.ID]; ok {
		v.Reported, v.Run = run.FinishedAt, run.ID
	}
	for _, g := range o.gaps {
		if g.SourceID == s.ID {
			v.Gaps = append(v.Gaps, noticedGap{g, o.minded.noticed[g.ID]})
		}
	}
	return v
}

// evidence says how a statement came about.
func (v *mindedStatement) evidence(digest string, size int64) seaworthy.Evidence {
	says := []string{"no complete report in the window"}
	if v.Run != "" {
		says[0] = "the last complete report of the window was finished at " + stamp(v.Reported)
	}
	for _, g := range v.Gaps {
		says = append(says, fmt.Sprintf("%s since %s, noticed at %s", gapSays[g.Kind], stamp(g.From), stamp(g.NoticedAt)))
	}
	return seaworthy.Evidence{
		Kind: seaworthy.EvidenceTrail, Title: fmt.Sprintf("Monitoring of %s, %s", v.Name, v.From.Format(time.DateOnly)), Shows: seaworthy.Operation,
		Digest: digest, Size: size, MediaType: "application/json", FileName: fmt.Sprintf("monitoring-%s.json", v.From.Format(time.DateOnly)),
		Collector: "system", SourceID: v.Source, System: v.Name, Query: "complete reports and gaps from " + stamp(v.From) + " until " + stamp(v.To),
		Scope: []string{}, Rows: len(v.Gaps), Controls: []string{}, Occurrences: []string{}, EffectiveFrom: v.From, EffectiveTo: v.To,
		Statement: strings.Join(says, "; "),
	}
}
