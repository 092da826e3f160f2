// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// mindGaps ends the silence of a source, and opens or closes its gap of incomplete
// reports.
func (t *taking) mindGaps() error {
	open, err := t.tx.OpenGaps(t.source.ID)
	if err != nil {
		return err
	}
	lasts := false
	for _, g := range open {
		switch {
		case g.Kind != store.GapSilent && g.Kind != store.GapIncomplete: // no report ends it
			continue
		case g.Kind == store.GapIncomplete && !t.run.Complete:
			lasts = true
			continue
		}
		g.To = t.tx.At
		if err := t.tx.PutGap(&g); err != nil {
			return err
		}
	}
	if t.run.Complete || lasts {
		return nil
	}
	return t.tx.PutGap(&seaworthy.Gap{
		ID: t.tx.NewID(), SourceID: t.source.ID, Kind: store.GapIncomplete, From: t.tx.At, Reason: t.missing(),
	})
}

// missing says in one sentence what a report could not see.
func (t *taking) missing() string {
	if errors := t.report.errors; len(errors) > 0 {
		return fmt.Sprintf("the report could not see or judge everything; the first of %d errors: %s", len(errors), errors[0].Message)
	}
	i := slices.IndexFunc(t.run.Checks, func(c seaworthy.CheckResult) bool { return c.Status == seaworthy.StatusError || c.Errors > 0 })
	return fmt.Sprintf("the report could not judge everything: check %s ended in an error", t.run.Checks[i].ID)
}

// Silences opens a gap for each source whose report is overdue, and gives the gaps that
// it opened. It is called from time to time; once is enough for each silence.
func Silences(ctx context.Context, s *store.Store) ([]seaworthy.Gap, error) {
	var opened []seaworthy.Gap
	err := s.Write(ctx, "system", func(tx *store.Tx) error {
		opened = nil
		sources, err := tx.Sources()
		if err != nil {
			return err
		}
		states, err := tx.SourceStates()
		if err != nil {
			return err
		}
		lasting, err := tx.OpenGaps("")
		if err != nil {
			return err
		}
		for _, v := range sources {
			from, silent := silence(v, states[v.ID].ReportedAt, tx.At)
			known := slices.ContainsFunc(lasting, func(g seaworthy.Gap) bool { return g.SourceID == v.ID && g.Kind == store.GapSilent })
			if !silent || known {
				continue
			}
			// A report that is being taken beside this is waited for.
			state, err := tx.LockSource(v.ID)
			if err != nil {
				return err
			}
			if from, silent = silence(v, state.ReportedAt, tx.At); !silent {
				continue
			}
			g := seaworthy.Gap{ID: tx.NewID(), SourceID: v.ID, Kind: store.GapSilent, From: from, Reason: "no report came when one was expected"}
			if err := tx.PutGap(&g); err != nil {
				return err
			}
			opened = append(opened, g)
		}
		return nil
	})
	return opened, err
}

// silence tells whether a source is silent, and since when a report was expected.
func silence(v seaworthy.DeclaredSource, reported, now time.Time) (from time.Time, silent bool) {
	from = store.Next(v, reported)
	return from, !from.IsZero() && now.After(from.Add(store.Grace(v.Every)))
}
