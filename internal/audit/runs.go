// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// runsOf reads the runs that a window is judged by, and those that show design.
func (a *Audit) runsOf(ctx context.Context, seen *observed) ([]seaworthy.Run, error) {
	var out []seaworthy.Run
	for _, s := range slices.Concat(seen.sources, seen.others) {
		judged, ok := seen.runs[s.ID]
		if !ok {
			continue
		}
		run, err := a.store.Run(ctx, judged.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, run)
	}
	return out, nil
}

// keepRuns makes evidence of the runs that a window was judged by: of operation where
// they are of a production cluster in scope, and of design, once each, otherwise.
func (a *Audit) keepRuns(tx *store.Tx, s *state, seen *observed, runs []seaworthy.Run, judged []seaworthy.Occurrence) error {
	for _, run := range runs {
		e := evidenceOf(run, s.sources)
		if e.Shows = seaworthy.Operation; !slices.ContainsFunc(seen.sources, func(d seaworthy.DeclaredSource) bool { return d.ID == run.SourceID }) {
			e.Shows = seaworthy.Design
			if kept, err := tx.EvidenceOfRun(run.ID); err != nil || kept {
				if err != nil {
					return err
				}
				continue
			}
		}
		for _, o := range judged {
			c := s.version(o)
			switch {
			case !applies(c, run.SourceID, "") || !seen.counts(o, run.SourceID):
			case !saysSomething(run, c) && (c.Trail != seaworthy.TrailMonitoring || e.Shows == seaworthy.Design):
			case e.Shows == seaworthy.Design:
				e.Controls = append(e.Controls, c.ID)
			case o.State == seaworthy.Performed || o.State == seaworthy.Late:
				e.Occurrences = append(e.Occurrences, o.ID)
			}
		}
		if len(e.Controls)+len(e.Occurrences) == 0 {
			continue
		}
		if err := tx.AddEvidence(&e); err != nil {
			return err
		}
	}
	return nil
}

// evidenceLike reads the evidence of the occurrences whose results others take over, each
// piece once.
func (a *Audit) evidenceLike(ctx context.Context, list []verdict) ([]seaworthy.Evidence, error) {
	var out []seaworthy.Evidence
	asked, have := map[string]bool{"": true}, map[string]bool{}
	for _, v := range list {
		if asked[v.like] {
			continue
		}
		asked[v.like] = true
		for f := (store.EvidenceFilter{Occurrence: v.like, Limit: 1000}); ; {
			page, err := a.store.EvidenceList(ctx, f)
			if err != nil {
				return nil, err
			}
			for _, e := range page {
				if !have[e.ID] && e.ErasedAt.IsZero() {
					have[e.ID], out = true, append(out, e)
				}
			}
			if len(page) < f.Limit {
				break
			}
			f.Before = page[len(page)-1].ID
		}
	}
	return out, nil
}

// keepLike adds evidence once more, for the copies of the occurrences that it is of.
func keepLike(tx *store.Tx, list []seaworthy.Evidence, copies map[string][]string) error {
	for _, e := range list {
		of := e.Occurrences
		e.Controls, e.Occurrences = nil, nil
		for _, id := range of {
			e.Occurrences = append(e.Occurrences, copies[id]...)
		}
		if len(e.Occurrences) == 0 {
			continue
		}
		if err := tx.AddEvidence(&e); err != nil {
			return err
		}
	}
	return nil
}

// saysSomething tells whether a run judged any check of a control.
func saysSomething(run seaworthy.Run, c seaworthy.TrackedControl) bool {
	return slices.ContainsFunc(run.Checks, func(r seaworthy.CheckResult) bool {
		return r.Status != seaworthy.StatusNotEvaluated && r.Status != seaworthy.StatusError && slices.Contains(c.Checks, r.ID)
	})
}

// evidenceOf states how a run came about.
func evidenceOf(run seaworthy.Run, sources []seaworthy.DeclaredSource) seaworthy.Evidence {
	src := run.Header.Source
	name := src.Name
	if i := slices.IndexFunc(sources, func(s seaworthy.DeclaredSource) bool { return s.ID == run.SourceID }); i >= 0 {
		name = sources[i].Name
	}
	e := seaworthy.Evidence{
		Kind: seaworthy.EvidenceRun, Title: fmt.Sprintf("Report of %s, %s", name, run.FinishedAt.Format(time.DateOnly)),
		Digest: run.Blob, MediaType: "application/zstd", FileName: "report-" + run.ID + ".json.zst", Collector: run.Actor, SourceID: run.SourceID, System: name,
		RunID: run.ID, Rows: run.Summary.Objects, Query: enumerate(src.Asked), Scope: src.Namespaces,
		EffectiveFrom: src.Started, EffectiveTo: run.FinishedAt, CollectedAt: run.FinishedAt, ReceivedAt: run.ReceivedAt,
	}
	e.Statement = fmt.Sprintf("%s %s with catalogue %s, parameters %s, as %q: %s judged by %s; SHA-256 of the report %s",
		run.Header.Tool.Name, run.Header.Tool.Version, short(run.Header.Catalogue.Digest), short(run.Header.Catalogue.ParametersDigest),
		src.Identity, count(run.Summary.Objects, "object"), count(len(run.Checks), "check"), run.Digest)
	if ahead := e.CollectedAt.Sub(e.ReceivedAt); ahead > 0 {
		e.Statement += fmt.Sprintf("; the reporter's clock was at least %s ahead, its times are cut to when the report came in", ahead)
		e.CollectedAt, e.EffectiveTo = e.ReceivedAt, e.ReceivedAt
	}
	if e.EffectiveFrom.IsZero() || e.EffectiveFrom.After(e.EffectiveTo) {
		e.EffectiveFrom = e.EffectiveTo
	}
	return e
}

func short(digest string) string { return digest[:min(len(digest), 12)] }
