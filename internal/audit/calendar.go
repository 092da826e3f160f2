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

const day = 24 * time.Hour

const (
	// settle is how long after its end a window is judged that reports show: the last
	// report of a day comes in on the next.
	settle = time.Hour
	// spool is how late a report may come in without the occurrence being late: agents
	// keep reports while the server is away.
	spool = day
)

// lateAt is when the evidence of an occurrence has to be in.
func lateAt(c seaworthy.TrackedControl, due time.Time) time.Time {
	if c.Machine() || c.Daily() {
		return due.Add(spool)
	}
	return due.AddDate(0, 0, c.GraceDays)
}

// versions are all versions of one control, oldest first.
type versions []seaworthy.TrackedControl

// at is the version that held at a time; before the first, the first.
func (v versions) at(t time.Time) seaworthy.TrackedControl {
	for _, c := range slices.Backward(v) {
		if !c.EffectiveFrom.After(t) {
			return c
		}
	}
	return v[0]
}

func (v versions) present() seaworthy.TrackedControl { return v[len(v)-1] }

// windows are the occurrences that the calendar expects since start. A window belongs to
// the version that held when it began; the first version also holds for the time before
// it, since a year begins before the server did. Nothing is expected of a control that
// was not active when its window, or the period, began.
func (v versions) windows(start, now time.Time) []seaworthy.Occurrence {
	var out []seaworthy.Occurrence
	for i, c := range v {
		if !c.Active {
			continue
		}
		for _, w := range seaworthy.Windows(c.Calendar(), start, now) {
			before := i > 0 && w.From.Before(c.EffectiveFrom)
			after := i+1 < len(v) && !w.From.Before(v[i+1].EffectiveFrom)
			if before || after || !v.at(later(w.From, start)).Active {
				continue
			}
			out = append(out, seaworthy.Occurrence{ControlID: c.ID, Version: c.Version, From: w.From, DueAt: w.DueAt, State: seaworthy.Expected})
		}
	}
	return out
}

// Advance brings occurrences up to the store's clock: it makes those whose windows
// began, judges those that reports show, and says of those whose evidence had to be in
// that they were missed. It keeps the trend. Doing it again changes nothing.
func (a *Audit) Advance(ctx context.Context) error {
	s, err := a.state(ctx)
	if err != nil {
		return fmt.Errorf("advance the programme: %w", err)
	}
	for _, step := range []func(context.Context, *state) error{a.expectWindows, a.retireWindows, a.missWindows, a.judgeWindows, a.judgeLateReports, a.judgeLateGaps, a.judgeForPrograms, a.testWindows, a.keepTrend} {
		if err := step(ctx, s); err != nil {
			return fmt.Errorf("advance the programme: %w", err)
		}
	}
	return nil
}

// state is what Advance works from.
type state struct {
	now      time.Time
	start    time.Time // of the earliest period of an open program; zero: there is none
	programs []seaworthy.Program
	controls map[string]versions
	sources  []seaworthy.DeclaredSource
}

func (a *Audit) state(ctx context.Context) (*state, error) {
	s := &state{now: a.store.Now(), controls: map[string]versions{}}
	var err error
	if s.programs, err = a.store.Programs(ctx); err != nil {
		return nil, err
	}
	for _, p := range s.programs {
		if p.Open() && (s.start.IsZero() || p.From.Before(s.start)) {
			s.start = p.From
		}
	}
	all, err := a.store.AllControlVersions(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		s.controls[c.ID] = append(s.controls[c.ID], c)
	}
	s.sources, err = a.store.Sources(ctx)
	return s, err
}

// version is the version of a control that an occurrence is of.
func (s *state) version(o seaworthy.Occurrence) seaworthy.TrackedControl {
	for _, c := range s.controls[o.ControlID] {
		if c.Version == o.Version {
			return c
		}
	}
	return s.controls[o.ControlID].at(o.From)
}

// expectWindows makes the occurrences whose windows began. Those whose evidence had to
// be in long ago are missed from the start; what reports show is judged afterwards.
func (a *Audit) expectWindows(ctx context.Context, s *state) error {
	if s.start.IsZero() {
		return nil
	}
	calendar, err := a.store.Calendar(ctx)
	if err != nil {
		return err
	}
	var missing []seaworthy.Occurrence
	for id, v := range s.controls {
		expected := v.windows(s.start, s.now)
		have := calendar[id]
		if len(expected) == 0 {
			continue
		}
		known := 0 // of those up to the last one that there is
		for known < len(expected) && !expected[known].From.After(have.Last) {
			known++
		}
		if have.Count >= known && known > 0 && !have.First.After(expected[0].From) {
			missing = append(missing, expected[known:]...)
			continue
		}
		there, err := a.store.AllOccurrences(ctx, store.OccurrenceFilter{Control: id})
		if err != nil {
			return err
		}
		starts := map[time.Time]bool{}
		for _, o := range there {
			starts[o.From] = starts[o.From] || o.Event == ""
		}
		missing = append(missing, slices.DeleteFunc(expected, func(o seaworthy.Occurrence) bool { return starts[o.From] })...)
	}
	slices.SortFunc(missing, func(a, b seaworthy.Occurrence) int { return a.From.Compare(b.From) })
	return a.put(ctx, s, missing, func(o *seaworthy.Occurrence, c seaworthy.TrackedControl) {
		if !a.byMachine(c, *o) && !s.now.Before(lateAt(c, o.DueAt)) {
			miss(o)
		}
	})
}

func miss(o *seaworthy.Occurrence) {
	o.State, o.Reason = seaworthy.Missed, "no evidence came in"
}

// retireWindows says of what is still expected of controls that the company does not
// have any more that it is not required.
func (a *Audit) retireWindows(ctx context.Context, s *state) error {
	open, err := a.known(ctx, s, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Expected}})
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, func(o seaworthy.Occurrence) bool {
		v := s.controls[o.ControlID]
		return v.present().Active || !v.present().EffectiveFrom.Before(o.DueAt) // it was still due before
	})
	return a.put(ctx, s, open, func(o *seaworthy.Occurrence, _ seaworthy.TrackedControl) {
		present := s.controls[o.ControlID].present()
		o.State = seaworthy.NotRequired
		o.Reason = fmt.Sprintf("the control is not active since %s: %s", present.EffectiveFrom.Format(time.DateOnly), present.Reason)
	})
}

// missWindows says of what people were to perform, and did not, that it was missed.
func (a *Audit) missWindows(ctx context.Context, s *state) error {
	due, err := a.known(ctx, s, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueTo: s.now.Add(time.Microsecond)})
	if err != nil {
		return err
	}
	due = slices.DeleteFunc(due, func(o seaworthy.Occurrence) bool {
		c := s.version(o)
		return a.byMachine(c, o) || s.now.Before(lateAt(c, o.DueAt))
	})
	return a.put(ctx, s, due, func(o *seaworthy.Occurrence, _ seaworthy.TrackedControl) { miss(o) })
}

// known lists occurrences of controls that there are; what somebody made behind the
// store's back is the self-check's to tell.
func (a *Audit) known(ctx context.Context, s *state, f store.OccurrenceFilter) ([]seaworthy.Occurrence, error) {
	list, err := a.store.AllOccurrences(ctx, f)
	return slices.DeleteFunc(list, func(o seaworthy.Occurrence) bool { return s.controls[o.ControlID] == nil }), err
}

// byMachine tells whether reports show an occurrence. What an event asks for is shown by
// people.
func (a *Audit) byMachine(c seaworthy.TrackedControl, o seaworthy.Occurrence) bool {
	return (c.Machine() || c.Daily()) && o.Event == ""
}

// put writes occurrences after change, unless somebody else did in between.
func (a *Audit) put(ctx context.Context, s *state, list []seaworthy.Occurrence, change func(*seaworthy.Occurrence, seaworthy.TrackedControl)) error {
	for batch := range slices.Chunk(list, 500) {
		err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
			for _, o := range batch {
				if changed, err := changedSince(tx, o); err != nil || changed {
					if err != nil {
						return err
					}
					continue
				}
				c := s.version(o)
				change(&o, c)
				if err := tx.PutOccurrence(&o, lateAt(c, o.DueAt)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changedSince tells whether an occurrence is not as it was read.
func changedSince(tx *store.Tx, o seaworthy.Occurrence) (bool, error) {
	if o.ID == "" {
		return false, nil
	}
	present, err := tx.Occurrence(o.ID)
	return err == nil && present != o, err
}
