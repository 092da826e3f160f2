// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// overviewPage is what pages/overview.html needs.
type overviewPage struct {
	page
	Ready   *seaworthy.Readiness // nil before the first program
	Groups  []cellGroup
	Classes []classRow
	Needs   []needRow
	Trend   *trend
	Due     []dueRow
	Changed []changeRow
	Since   since
	days    []seaworthy.ReadinessDay
	Sources []sourceRow
	Log     logHealth
	Steps   []step
	Honesty audit.Honesty
	Left    string // of the period
	At      time.Time
	Past    bool // as of a moment before now
}

// FirstNeeds are as many of the controls that need somebody as the page shows at once.
func (p overviewPage) FirstNeeds() []needRow { return p.Needs[:min(len(p.Needs), 7)] }

// Suppressed counts what was found and is not open, of all that stands.
func (p overviewPage) Suppressed() string {
	return num(p.Honesty.Waived) + " of " + num(p.Honesty.Waived+p.Honesty.Open)
}

// FirstDue are the first of what is due.
func (p overviewPage) FirstDue() []dueRow { return p.Due[:min(len(p.Due), 8)] }

// FirstSources are the sources that somebody should look at, and then the others, as many
// as the page shows at once.
func (p overviewPage) FirstSources() []sourceRow {
	out := slices.Clone(p.Sources)
	slices.SortStableFunc(out, func(a, b sourceRow) int {
		switch {
		case a.Amiss() == b.Amiss():
			return 0
		case a.Amiss():
			return -1
		}
		return 1
	})
	return out[:min(len(out), 6)]
}

// cellGroup is a column of the readiness picture: the criteria that begin alike.
type cellGroup struct {
	Name  string
	Cells []cell
}

// cell is one requirement: its colour, a letter, and what it says when pointed at.
type cell struct {
	ID, Name, Href, Class, Letter, Says string
}

// classRow counts the controls of one class.
type classRow struct {
	Name string
	seaworthy.Standings
	Stack stack
}

// Title is the class as a row says it.
func (c classRow) Title() string { return strings.ToUpper(c.Name[:1]) + c.Name[1:] }

// needRow is a control that needs somebody.
type needRow struct {
	seaworthy.ReadyControl
	Owner string
}

func (u *UI) overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := overviewPage{page: u.page(r, "Overview")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	sources := func(ctx context.Context) (err error) {
		p.Sources, err = u.sourceRows(ctx, p.page, names)
		return err
	}
	health := func(ctx context.Context) (err error) {
		p.Log, err = u.logHealth(ctx)
		return err
	}
	if p.Program == nil {
		if err := together(ctx, sources, health); err != nil {
			return err
		}
		if p.Steps, err = u.steps(ctx, p); err != nil {
			return err
		}
		return u.render(w, r, "overview", p)
	}
	// Each fills fields of its own.
	if err := together(ctx, sources, health, func(ctx context.Context) error {
		return u.assess(ctx, &p, names)
	}, func(ctx context.Context) (err error) {
		p.Honesty, err = u.Audit.Honesty(ctx, *p.Program)
		return err
	}, func(ctx context.Context) (err error) {
		p.Due, err = u.dueRows(ctx, p.page, names, p.Now.AddDate(0, 0, 14))
		return err
	}, func(ctx context.Context) (err error) {
		p.Changed, err = u.changes(ctx, p.page, names, 10)
		return err
	}); err != nil {
		return err
	}
	before, err := u.here(ctx, p.page)
	if err != nil {
		return err
	}
	if err := u.since(ctx, &p, before); err != nil {
		return err
	}
	if p.Steps, err = u.steps(ctx, p); err != nil {
		return err
	}
	return u.render(w, r, "overview", p)
}

// assess fills what the readiness of the program says.
func (u *UI) assess(ctx context.Context, p *overviewPage, names names) error {
	program := *p.Program
	ready, at, err := u.ready(ctx, p.page)
	if err != nil {
		return err
	}
	p.Ready, p.At, p.Past = &ready, at, at.Before(p.Now)
	p.Groups = cells(p.page, ready)
	for _, class := range seaworthy.Classes {
		s := ready.ByClass[class]
		p.Classes = append(p.Classes, classRow{class, s, standingStack(class, s)})
	}
	for _, c := range ready.NeedingYou() {
		p.Needs = append(p.Needs, needRow{c, names.user(c.OwnerUser)})
	}
	p.Left = leftOf(program, p.At)
	if p.Within.Set() {
		return nil // days are kept of whole programs
	}
	from := p.At.AddDate(0, 0, -89)
	if program.From.After(from) {
		from = program.From
	}
	days, err := u.Store.ReadinessDays(ctx, program.ID, from)
	if err != nil {
		return err
	}
	p.days = days
	p.Trend = readinessTrend(slices.DeleteFunc(days, func(d seaworthy.ReadinessDay) bool { return d.Day.After(p.At) }))
	return nil
}

// leftOf says where in its period a program is.
func leftOf(p seaworthy.Program, now time.Time) string {
	const day = 24 * time.Hour
	switch {
	case now.Before(p.From):
		return "begins " + relative(p.From, now)
	case !now.Before(p.To):
		return "the period has ended"
	}
	return fmt.Sprintf("day %d of %d", int(now.Sub(p.From)/day)+1, int(p.To.Sub(p.From)/day))
}

func readinessTrend(days []seaworthy.ReadinessDay) *trend {
	if len(days) < 2 {
		return nil
	}
	good, needs, past := series{Name: "Performed as expected", Class: "c-good"}, series{Name: "Need you", Class: "c-bad"}, series{Name: "Deviated", Class: "c-warn"}
	for _, d := range days {
		good.Values = append(good.Values, d.Counts.AsExpected)
		needs.Values = append(needs.Values, d.Counts.NeedsYou)
		past.Values = append(past.Values, d.Counts.Deviated)
	}
	return newTrend("trend", "Controls by day", "controls", days[0].Day, good, past, needs)
}

// standingLetters are what stands in the cells of the picture.
var standingLetters = map[seaworthy.ControlStanding][2]string{
	seaworthy.ControlAsExpected:  {"good", "✓"},
	seaworthy.ControlNeedsYou:    {"bad", "!"},
	seaworthy.ControlDeviated:    {"warn", "~"},
	seaworthy.ControlWaiting:     {"low", "…"},
	seaworthy.ControlNotRequired: {"none", "–"},
}

// cells lays out the requirements in scope by what they begin with: CC6.1 under CC6, A1.2
// under A1.
func cells(p page, ready seaworthy.Readiness) []cellGroup {
	var out []cellGroup
	for _, q := range ready.Requirements {
		group, _, _ := strings.Cut(q.ID, ".")
		if len(out) == 0 || out[len(out)-1].Name != group {
			out = append(out, cellGroup{Name: group})
		}
		look := standingLetters[q.Standing]
		says := fmt.Sprintf("%s. %s: %d of %d controls performed as expected", q.Title, meanings[string(q.Standing)].word, q.Counts.AsExpected, q.Counts.Total())
		if q.Counts.Deviated > 0 {
			says += fmt.Sprintf(", %d deviated in the past", q.Counts.Deviated)
		}
		if q.Counts.NeedsYou > 0 {
			says += fmt.Sprintf(", %d need you", q.Counts.NeedsYou)
		}
		if q.Counts.Total() == 0 {
			look, says = [2]string{"none", "?"}, q.Title+". No active control supports it."
		}
		if q.Degraded {
			says += "; something that it depends on was silent"
		}
		g := &out[len(out)-1]
		g.Cells = append(g.Cells, cell{q.ID, strings.TrimLeft(q.ID, "CAPI"), p.To("/requirements/", q.ID), "c-" + look[0], look[1], says})
	}
	return out
}

// standingStack is controls by standing as one bar.
func standingStack(title string, s seaworthy.Standings) stack {
	return newStack(fmt.Sprintf("%s: %d as expected, %d deviated in the past, %d need you, %d not due yet, %d not required", title, s.AsExpected, s.Deviated, s.NeedsYou, s.Waiting, s.NotRequired),
		part{s.AsExpected, "c-good", "performed as expected"}, part{s.Deviated, "c-warn", "deviated in the past"}, part{s.NeedsYou, "c-bad", "need you"},
		part{s.Waiting, "c-low", "not due yet"}, part{s.NotRequired, "c-none", "not required"})
}
