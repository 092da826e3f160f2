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

// Honesty says how much of a program's good look is not work.
type Honesty struct {
	Open   int `json:"open"`
	Waived int `json:"waived"`
	// Waivers in force, and their age in days.
	Waivers      int `json:"waivers"`
	OldestWaiver int `json:"oldestWaiver"`
	MedianWaiver int `json:"medianWaiver"`
	PastExpiry   int `json:"pastExpiry"` // still in force after their end: nobody asked again yet
	NeverFixed   int `json:"neverFixed"` // open for longer than 90 days and never fixed
	// NeverFixedMore tells that there are more than the 10,000 that were counted.
	NeverFixedMore bool `json:"neverFixedMore"`
	OldestFinding  int  `json:"oldestFinding"` // for how many days the oldest open one has been open
	// RunsMissed counts reports that were expected in the period and did not come.
	RunsMissed int   `json:"runsMissed"`
	Gaps       []Gap `json:"gaps"`
	// ChecksOff are checks that are off somewhere in scope, as "check at source".
	ChecksOff []string `json:"checksOff"`
	// Inactive are controls that the company says it does not have, with the reason.
	Inactive []seaworthy.TrackedControl `json:"inactive"`
	// NotRequired counts occurrences of the period that were found not to be required.
	NotRequired int `json:"notRequired"`
}

// Gap is a gap with how many reports did not come in it.
type Gap struct {
	seaworthy.Gap
	Missed int `json:"missed"`
}

// neverFixedAfter is how long a finding may be open before it counts as never fixed.
const neverFixedAfter = 90 * day

// Honesty measures a program now.
func (a *Audit) Honesty(ctx context.Context, program seaworthy.Program) (Honesty, error) {
	now := a.store.Now()
	counts, err := a.store.Honesty(ctx, program, now.Add(-neverFixedAfter))
	if err != nil {
		return Honesty{}, err
	}
	h := Honesty{Open: counts.Open, Waived: counts.Waived, NeverFixed: counts.OldOpen, NeverFixedMore: counts.OldMore, ChecksOff: []string{}, Gaps: []Gap{}, Inactive: []seaworthy.TrackedControl{}}
	if counts.Open > 0 {
		h.OldestFinding = days(now.Sub(counts.OldestOpen))
	}
	for _, measure := range []func(context.Context, seaworthy.Program, time.Time, *Honesty) error{a.waiverAges, a.missedRuns, a.switchedOff} {
		if err := measure(ctx, program, now, &h); err != nil {
			return h, fmt.Errorf("measure honesty: %w", err)
		}
	}
	return h, nil
}

func days(d time.Duration) int { return int(d / day) }

func (a *Audit) waiverAges(ctx context.Context, program seaworthy.Program, now time.Time, h *Honesty) error {
	list, err := a.store.WaiversInForce(ctx, program)
	var ages []int
	for _, w := range list {
		ages = append(ages, days(now.Sub(w.Since)))
		if w.Expires.Over(now) {
			h.PastExpiry++
		}
	}
	slices.Sort(ages)
	if h.Waivers = len(ages); h.Waivers > 0 {
		h.OldestWaiver, h.MedianWaiver = ages[len(ages)-1], ages[len(ages)/2]
	}
	return err
}

func (a *Audit) missedRuns(ctx context.Context, program seaworthy.Program, now time.Time, h *Honesty) error {
	end := program.To
	if now.Before(end) {
		end = now
	}
	gaps, err := a.store.GapsBetween(ctx, program.From, end)
	if err != nil {
		return err
	}
	sources, err := a.store.Sources(ctx)
	if err != nil {
		return err
	}
	every := map[string]time.Duration{}
	for _, s := range sources {
		every[s.ID] = s.Every
	}
	for _, g := range gaps {
		if !program.HasSource(g.SourceID) {
			continue
		}
		v := Gap{Gap: g}
		if g.Kind == store.GapSilent && every[g.SourceID] > 0 {
			to := g.To
			if to.IsZero() || to.After(end) {
				to = end
			}
			v.Missed = max(1, int(to.Sub(later(g.From, program.From))/every[g.SourceID]))
		}
		h.RunsMissed += v.Missed
		h.Gaps = append(h.Gaps, v)
	}
	return nil
}

func (a *Audit) switchedOff(ctx context.Context, program seaworthy.Program, now time.Time, h *Honesty) error {
	off, err := a.store.ModesOf(ctx, program, "off")
	if err != nil {
		return err
	}
	for _, c := range off {
		h.ChecksOff = append(h.ChecksOff, c.ID+" at "+c.SourceID)
	}
	controls, err := a.store.Controls(ctx)
	if err != nil {
		return err
	}
	for _, c := range controls {
		if !c.Active {
			h.Inactive = append(h.Inactive, c)
		}
	}
	h.NotRequired, err = a.store.NotRequired(ctx, program.From, program.To, now)
	return err
}
