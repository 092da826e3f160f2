// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// testWindows tests, beside the people who perform controls, what machines can see of the
// windows that are over. It performs nothing: who does not bring evidence misses it all the
// same. What was tested once stays.
func (a *Audit) testWindows(ctx context.Context, s *state) error {
	var list []seaworthy.Occurrence
	for id, v := range s.controls {
		if !slices.ContainsFunc(v, seaworthy.TrackedControl.Assisted) {
			continue
		}
		all, err := a.store.AllOccurrences(ctx, store.OccurrenceFilter{Control: id, DueTo: s.now.Add(time.Microsecond - settle)})
		if err != nil {
			return err
		}
		for _, o := range all {
			if o.Tested == "" && o.Event == "" && o.State != seaworthy.NotRequired && s.version(o).Assisted() {
				list = append(list, o)
			}
		}
	}
	slices.SortFunc(list, func(a, b seaworthy.Occurrence) int { return strings.Compare(a.ID, b.ID) })
	for _, o := range list {
		if err := a.testWindow(ctx, s, o); err != nil {
			return err
		}
	}
	return nil
}

// testWindow tests one window of one control and keeps what shows it.
func (a *Audit) testWindow(ctx context.Context, s *state, o seaworthy.Occurrence) error {
	seen, err := a.look(ctx, s, o.Window())
	if err != nil {
		return err
	}
	if err := a.lookFurther(ctx, s, seen, []seaworthy.Occurrence{o}); err != nil {
		return err
	}
	c, found := s.version(o), o
	found.State = seaworthy.Expected
	if err := a.judge(ctx, seen, c, &found); err != nil {
		return err
	}
	trails, err := a.trailEvidence(ctx, seen)
	if err != nil {
		return err
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error {
		now, err := tx.Occurrence(o.ID)
		if err != nil || now.Tested != "" || now.State == seaworthy.NotRequired {
			return err
		}
		now.Tested, now.TestedSays = found.Result, found.Reason
		if found.Result != seaworthy.ResultNoData {
			now.InScope, now.Passed, now.Failed = found.InScope, found.Passed, found.Failed
		}
		now.Reconcile()
		if err := tx.PutOccurrence(&now, lateAt(c, now.DueAt)); err != nil {
			return err
		}
		return a.keepTrail(tx, s, seen, trails, []seaworthy.Occurrence{now})
	})
}
