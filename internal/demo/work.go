// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/examples"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// plan is what people do for the controls, as examples/history/work.yaml tells it.
type plan struct {
	// Late, Missed and Deviating list occurrences that do not go as they should: a control,
	// and which of its occurrences of the period, from 1.
	Late      map[string][]int  `yaml:"late"`
	Missed    map[string][]int  `yaml:"missed"`
	Deviating map[string]string `yaml:"deviating"` // the last one, and why
	// NotRequired says why the first occurrence of a control need not be performed.
	NotRequired map[string]string `yaml:"notRequired"`
	Events      []happening       `yaml:"events"`
	Records     map[string]record `yaml:"records"`
}

// happening is an event that a control has to answer.
type happening struct {
	Control string `yaml:"control"`
	Event   string `yaml:"event"`
	Ago     int    `yaml:"ago"`
	Within  int    `yaml:"within"` // days until it is due
	After   int    `yaml:"after"`  // days until it was performed; 0: never
	Text    string `yaml:"text"`
}

// record is what the evidence of a control looks like.
type record struct {
	Kind   string   `yaml:"kind"` // csv, text, pdf, link or attestation
	Title  string   `yaml:"title"`
	System string   `yaml:"system"`
	Query  string   `yaml:"query"`
	URL    string   `yaml:"url"`
	Lines  []string `yaml:"lines"`
}

func newPlan() (*plan, error) {
	data, err := fs.ReadFile(examples.History(), "work.yaml")
	if err != nil {
		return nil, fmt.Errorf("read the work of the example: %w", err)
	}
	p := &plan{}
	if err := yaml.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("read the work of the example: %w", err)
	}
	return p, nil
}

// work is what people do for the controls.
func (s *story) work() {
	due := &calendar{story: s, when: map[string]time.Time{}}
	for ago := days - 4; ago >= 0; ago-- {
		s.on(ago, 11*time.Hour, "perform what is due", due.perform)
	}
	for _, m := range s.months() {
		s.on(s.ago(m.AddDate(0, 1, 0)), 10*time.Hour, "export the records of the month", func(ctx context.Context) error { return s.export(ctx, m) })
	}
	for _, h := range s.plan.Events {
		s.on(h.Ago, 12*time.Hour, h.Event, func(ctx context.Context) error { return s.happens(ctx, h) })
	}
}

// months are the starts of the months whose records are exported.
func (s *story) months() []time.Time {
	var out []time.Time
	first := s.start.Add(3 * day)
	for m := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC); m.AddDate(0, 1, 3).Before(s.now); m = m.AddDate(0, 1, 0) {
		out = append(out, m)
	}
	return out
}

// calendar decides when each expected occurrence is performed.
type calendar struct {
	*story
	when map[string]time.Time // by control and start of the window; zero: never
	seen map[string]int
}

// perform performs what was decided for this day.
func (c *calendar) perform(ctx context.Context) error {
	open, err := c.Store.AllOccurrences(ctx, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Expected, seaworthy.Missed}})
	if err != nil {
		return err
	}
	controls, err := c.controls(ctx)
	if err != nil {
		return err
	}
	now := c.clock.Now()
	for _, o := range open {
		k, ok := controls[o.ControlID]
		daily := slices.Contains([]string{"continuous", "daily"}, k.Calendar())
		if !ok || k.Machine() || daily || o.Event != "" {
			continue
		}
		if err := c.one(ctx, k, o, now); err != nil {
			return fmt.Errorf("perform %s: %w", k.ID, err)
		}
	}
	return nil
}

func (c *calendar) one(ctx context.Context, k seaworthy.TrackedControl, o seaworthy.Occurrence, now time.Time) error {
	key := k.ID + o.From.String()
	at, known := c.when[key]
	if !known {
		at = c.decide(k.ID, o)
		c.when[key] = at
	}
	if at.IsZero() || now.Before(at) {
		return nil
	}
	c.when[key] = time.Time{}
	if reason, ok := c.plan.NotRequired[k.ID]; ok && c.count(k.ID) == 1 {
		_, err := c.audit.NotRequired(ctx, c.as(leonie), o.ID, reason)
		return err
	}
	from := later(o.From, c.start)
	how := audit.Performance{}
	if why, ok := c.plan.Deviating[k.ID]; ok && c.now.Sub(now) < 100*day {
		how = audit.Performance{Result: seaworthy.ResultDeviation, Reason: why}
	}
	return c.bring(ctx, k, []string{o.ID}, from, now, now, period(k.Cadence, o.From), how)
}

// decide gives the moment at which an occurrence is performed: between a third of its
// window and its end, as far as that lies in the half year.
func (c *calendar) decide(control string, o seaworthy.Occurrence) time.Time {
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[control]++
	n := c.seen[control]
	if slices.Contains(c.plan.Missed[control], n) {
		return time.Time{}
	}
	if slices.Contains(c.plan.Late[control], n) {
		return o.DueAt.Add(2*day + 5*time.Hour)
	}
	from, to := later(o.From, c.program.From), o.DueAt
	if end := c.now.Add(4 * day); to.After(end) {
		to = end
	}
	h := fnv.New32a()
	fmt.Fprint(h, control, n)
	part := 0.30 + 0.55*float64(h.Sum32()%1000)/1000
	return from.Add(time.Duration(float64(to.Sub(from)) * part)).Truncate(time.Minute)
}

func (c *calendar) count(control string) int { return c.seen[control] }

func (s *story) controls(ctx context.Context) (map[string]seaworthy.TrackedControl, error) {
	list, err := s.Store.Controls(ctx)
	out := map[string]seaworthy.TrackedControl{}
	for _, c := range list {
		if c.Active {
			out[c.ID] = c
		}
	}
	return out, err
}

// period names a window for people.
func period(cadence string, from time.Time) string {
	switch cadence {
	case "weekly":
		y, w := from.ISOWeek()
		return fmt.Sprintf("week %d of %d", w, y)
	case "monthly":
		return from.Format("January 2006")
	case "quarterly":
		return fmt.Sprintf("quarter %d of %d", (int(from.Month())-1)/3+1, from.Year())
	case "semi-annual":
		return fmt.Sprintf("half %d of %d", (int(from.Month())-1)/6+1, from.Year())
	}
	return from.Format("2006")
}

// export brings the records of a month for the controls that are performed every day
// and shown by records alone.
func (s *story) export(ctx context.Context, month time.Time) error {
	controls, err := s.controls(ctx)
	if err != nil {
		return err
	}
	now := s.clock.Now()
	nth := 1 + int(month.Sub(s.start.Add(-31*day))/(30*day))
	for _, id := range sortedKeys(controls) {
		k := controls[id]
		if daily := slices.Contains([]string{"continuous", "daily"}, k.Calendar()); !daily || k.Machine() || k.Daily() || k.OwnerUser == "" {
			continue
		}
		if slices.Contains(s.plan.Missed[id], nth) {
			continue
		}
		end := month.AddDate(0, 1, 0)
		if err := s.bring(ctx, k, nil, later(month, s.start), end, now.Add(-20*time.Minute), month.Format("January 2006"), audit.Performance{}); err != nil {
			return fmt.Errorf("export records for %s: %w", id, err)
		}
	}
	return nil
}

// happens has something happen that a control has to answer, and the answer later.
func (s *story) happens(ctx context.Context, h happening) error {
	now := s.clock.Now()
	o, err := s.audit.Expect(ctx, s.as(leonie), h.Control, h.Event, now, now.Add(time.Duration(h.Within)*day))
	if err != nil || h.After == 0 {
		return err
	}
	s.later(h.After, now, h.Event, func(ctx context.Context) error {
		controls, err := s.controls(ctx)
		if err != nil {
			return err
		}
		k := controls[h.Control]
		at := s.clock.Now()
		return s.bringText(ctx, k, []string{o.ID}, now, at, at, h.Event, h.Text, audit.Performance{})
	})
	return nil
}

// later puts something into the days to come.
func (s *story) later(after int, now time.Time, what string, do func(context.Context) error) {
	s.insert(event{now.Add(time.Duration(after) * day).Add(2 * time.Hour), what, do})
}

// who brings evidence for a control: its owner if that one may, else the compliance
// manager.
func (s *story) who(k seaworthy.TrackedControl) seaworthy.Principal {
	for email, u := range s.users {
		if u.ID == k.OwnerUser && u.ID != "" && u.Role != seaworthy.Viewer && u.Role != seaworthy.Auditor {
			return s.as(email)
		}
	}
	return s.as(leonie)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fileName makes a name of a title.
func fileName(title, extension string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(title))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return strings.Trim(name[:min(len(name), 60)], "-") + "." + extension
}
