// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// controlsPage is what pages/controls.html needs.
type controlsPage struct {
	page
	Views    []viewRow
	Rows     []controlRow
	Columns  []column
	Standing []facetItem
	Classes  []facetItem
	Owners   []choice
	Inactive int
	At       time.Time
	Past     bool
}

// controlRow is a control in a list.
type controlRow struct {
	seaworthy.ReadyControl
	Owner string
	Href  string
}

func (u *UI) controls(w http.ResponseWriter, r *http.Request) error {
	p, err := u.controlsOf(r)
	if err != nil {
		return err
	}
	if err := u.viewsBeside(r, p.page, "controls", &p.Views); err != nil {
		return err
	}
	return u.render(w, r, "controls", p)
}

// controlsOf reads the controls that an address asks for.
func (u *UI) controlsOf(r *http.Request) (controlsPage, error) {
	ctx := r.Context()
	p := controlsPage{page: u.page(r, "Controls")}
	ready, at, err := u.ready(ctx, p.page)
	if err != nil {
		return p, err
	}
	p.At, p.Past = at, at.Before(p.Now)
	names, err := u.names(ctx)
	if err != nil {
		return p, err
	}
	p.Inactive = ready.Inactive
	standing, class, owner, text := p.Q.Get("standing"), p.Q.Get("class"), p.Q.Get("owner"), strings.ToLower(p.Q.Get("q"))
	counts, owners := map[string]int{}, map[string]int{}
	for _, c := range ready.Controls {
		counts[string(c.Standing)]++
		counts[c.Class]++
		owners[c.OwnerUser]++
		if standing != "" && string(c.Standing) != standing || class != "" && c.Class != class ||
			owner == "-" && c.OwnerUser != "" || owner != "" && owner != "-" && c.OwnerUser != owner ||
			text != "" && !strings.Contains(strings.ToLower(c.Title+" "+c.ID), text) {
			continue
		}
		p.Rows = append(p.Rows, controlRow{c, names.user(c.OwnerUser), p.To("/controls/", c.ID)})
	}
	slices.SortStableFunc(p.Rows, func(a, b controlRow) int { return standingOrder(a.Standing, b.Standing) })
	order[controlRow]{
		"control": func(a, b controlRow) int { return fold(a.Title, b.Title) }, "standing": func(a, b controlRow) int { return standingOrder(a.Standing, b.Standing) },
		"owner": func(a, b controlRow) int { return fold(a.Owner, b.Owner) }, "next": func(a, b controlRow) int { return soonest(a.NextDue, b.NextDue) },
		"late": func(a, b controlRow) int { return cmp.Compare(b.Tally.Late, a.Tally.Late) }, "missed": func(a, b controlRow) int { return cmp.Compare(b.Tally.Missed, a.Tally.Missed) },
		"cadence": func(a, b controlRow) int {
			return cmp.Compare(slices.Index(seaworthy.Cadences, a.Cadence), slices.Index(seaworthy.Cadences, b.Cadence))
		},
	}.sort(p.Rows, p.Q)
	p.Columns = []column{
		p.Q.by("control", "Control", ""), p.Q.by("standing", "Standing", ""), p.Q.by("cadence", "Cadence", ""), {Text: "Shown by"}, p.Q.by("owner", "Owner", ""), {Text: "Performed", Class: "num"},
		p.Q.by("late", "Late", "num"), p.Q.by("missed", "Missed", "num"), p.Q.by("next", "Next due", ""),
	}
	for _, s := range seaworthy.ControlStandings {
		p.Standing = append(p.Standing, toggled(p.Q, "standing", string(s), meanings[string(s)].word, counts[string(s)]))
	}
	for _, c := range seaworthy.Classes {
		p.Classes = append(p.Classes, toggled(p.Q, "class", c, c, counts[c]))
	}
	p.Owners = append(p.Owners, choice{Value: "-", Text: "Nobody (" + num(owners[""]) + ")", Chosen: owner == "-"})
	for _, one := range sortedUsers(names) {
		if owners[one.ID] > 0 {
			p.Owners = append(p.Owners, choice{Value: one.ID, Text: names.user(one.ID), Chosen: owner == one.ID})
		}
	}
	return p, nil
}

// toggled sets a filter, or takes it away when it is set, with how many it would leave.
func toggled(q query, key, value, text string, n int) facetItem {
	it := facetItem{Text: text, N: num(n), Current: q.Has(key, value), Href: q.With(key, value)}
	if it.Current {
		it.Href = q.With(key, "")
	}
	return it
}

// controlPage is what pages/control.html needs.
type controlPage struct {
	page
	Talk         talk
	Control      seaworthy.TrackedControl
	Ready        *seaworthy.ReadyControl // nil when it is in no scope
	Owner        string
	Strip        *strip
	Rows         []occurrenceRow // the latest
	Evidence     []evidenceRow
	Checks       []checkRow
	Requirements []link
	Versions     []entryRow
	People       []choice
	Cadences     []choice
	Findings     string
	Scope        []scopeText // where it applies; empty: wherever the program looks
	ScopeLines   string      // the same for the form
	Shown        []facetItem // which of the performances
	At           time.Time
	Past         bool   // as of a moment before now
	ByItself     string // what shows it without anybody; empty: people do
}

// NextVersion is the version that a change would make.
func (p controlPage) NextVersion() int { return p.Control.Version + 1 }

// occurrenceRow is an occurrence in a list.
type occurrenceRow struct {
	seaworthy.Occurrence
	By, Href string
	ByDay    bool // its window is a day
}

// LastDay is the last day of the window.
func (o occurrenceRow) LastDay() time.Time { return o.DueAt.Add(-time.Second) }

func (u *UI) control(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := u.Store.Control(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := controlPage{page: u.page(r, c.Title, link{"Controls", "/controls"}), Control: c}
	if c.Machine() {
		p.ByItself = shownBy(c)
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Owner = names.user(c.OwnerUser)
	p.Scope = scopeTexts(r, names, c)
	var text []string
	for _, s := range p.Scope {
		text = append(text, s.Line())
	}
	p.ScopeLines = p.Was("scope", strings.Join(text, "\n"))
	if p.Program != nil {
		if err := u.controlInProgram(ctx, &p, names); err != nil {
			return err
		}
	}
	if err := u.controlEvidence(ctx, &p, names); err != nil {
		return err
	}
	if err := u.controlChecks(ctx, &p); err != nil {
		return err
	}
	for _, one := range sortedUsers(names) {
		p.People = append(p.People, choice{Value: one.ID, Text: names.user(one.ID), Chosen: one.ID == p.Was("owner", c.OwnerUser)})
	}
	for _, cadence := range seaworthy.Cadences {
		p.Cadences = append(p.Cadences, choice{Value: cadence, Text: cadence, Chosen: cadence == p.Was("cadence", c.Cadence)})
	}
	p.Findings = p.To("/findings?control=" + queryEscape(c.ID))
	for v := c.Version; v > 0 && v > c.Version-10; v-- {
		rows, err := u.history(ctx, p.page, names, "control", c.ID+"/"+strconv.Itoa(v))
		if err != nil {
			return err
		}
		p.Versions = append(p.Versions, rows...)
	}
	if p.Talk, err = u.talk(ctx, p.page, names, seaworthy.OnControl, c.ID); err != nil {
		return err
	}
	p.Talk.May = p.Talk.May && (p.Who.Role != seaworthy.Engineer || c.OwnerUser == p.Who.UserID)
	return u.render(w, r, "control", p)
}

// controlInProgram fills what the program says of the control.
func (u *UI) controlInProgram(ctx context.Context, p *controlPage, names names) error {
	ready, at, err := u.ready(ctx, p.page)
	if err != nil {
		return err
	}
	p.At, p.Past = at, at.Before(p.Now)
	if rc, ok := ready.Control(p.Control.ID); ok {
		p.Ready = &rc
		for _, q := range rc.Requirements {
			p.Requirements = append(p.Requirements, link{q, p.To("/requirements/", q)})
		}
	}
	all, err := u.performances(ctx, p)
	if err != nil {
		return err
	}
	var windows []window
	for _, o := range all {
		windows = append(windows, window{o.From, o.DueAt, stripState(o), occurrenceSays(o), p.To("/occurrences/", o.ID)})
	}
	p.Strip = newStrip("strip", "Performances of the control in the period", p.Program.From, p.Program.To, windows)
	if len(windows) == 0 {
		p.Strip = nil
	}
	p.showPerformances(u, names, all)
	return nil
}

// performances lists the occurrences of the control in the period, as they were at the
// moment of the page.
func (u *UI) performances(ctx context.Context, p *controlPage) ([]seaworthy.Occurrence, error) {
	all, err := u.Store.AllOccurrences(ctx, store.OccurrenceFilter{Control: p.Control.ID, Program: p.Program.ID, From: p.Program.From, To: p.Program.To})
	if err != nil || !p.Past {
		return all, err
	}
	then, err := u.Store.OccurrencesThen(ctx, p.Control.ID, p.Program.From, p.Program.To, p.At)
	out := all[:0]
	for _, o := range all {
		was, there := then[o.ID]
		if !there {
			continue
		}
		if o.State != was.State || o.Result != was.Result { // what came later is not told
			o = seaworthy.Occurrence{ID: o.ID, ControlID: o.ControlID, ProgramID: o.ProgramID, Version: o.Version, From: o.From, DueAt: o.DueAt, LateAt: o.LateAt, Event: o.Event, State: was.State, Result: was.Result}
		}
		if o.UpdatedAt.After(p.At) {
			o.Tested, o.TestedSays = "", ""
		}
		out = append(out, o)
	}
	return out, err
}

// performanceKinds are the choices of which performances are listed.
var performanceKinds = []struct{ value, text string }{{"missed", "Missed"}, {"gap", "No data"}, {"deviation", "Deviated"}, {"late", "Late"}, {"performed", "As expected"}}

// showPerformances lists the latest performances, or all of one kind.
func (p *controlPage) showPerformances(u *UI, names names, all []seaworthy.Occurrence) {
	show, most, counts := p.Q.Get("show"), 12, map[string]int{}
	if show != "" {
		most = 1000
	}
	for i := len(all) - 1; i >= 0; i-- {
		o := all[i]
		state := stripState(o)
		if counts[state]++; o.From.After(p.At) || show != "" && state != show || len(p.Rows) == most {
			continue
		}
		p.Rows = append(p.Rows, u.occurrenceRow(p.page, names, o))
	}
	for _, k := range performanceKinds {
		if counts[k.value] > 0 {
			p.Shown = append(p.Shown, toggled(p.Q, "show", k.value, k.text, counts[k.value]))
		}
	}
}

func (u *UI) occurrenceRow(p page, names names, o seaworthy.Occurrence) occurrenceRow {
	row := occurrenceRow{Occurrence: o, Href: p.To("/occurrences/", o.ID), ByDay: o.DueAt.Sub(o.From) <= 25*time.Hour}
	if o.PerformedBy != "" {
		row.By = names.actor(o.PerformedBy)
	}
	return row
}

// stripState is what an occurrence shows in a strip: one that was missed for want of data
// is a gap.
func stripState(o seaworthy.Occurrence) string {
	switch o.Result {
	case seaworthy.ResultNoData:
		return "gap"
	case seaworthy.ResultDeviation:
		return "deviation"
	}
	return string(o.State)
}

func occurrenceSays(o seaworthy.Occurrence) string {
	says := o.From.Format("2 Jan 2006")
	if o.DueAt.Sub(o.From) > 25*time.Hour {
		says += " to " + o.DueAt.Add(-time.Second).Format("2 Jan 2006")
	}
	says += ": " + strings.ToLower(meanings[stripState(o)].word)
	if o.Result == seaworthy.ResultDeviation {
		says += ", " + string(o.State)
	}
	if o.InScope > 0 {
		says += ", " + num(o.Passed) + " of " + num(o.InScope) + " passed"
	}
	return says
}

func (u *UI) controlEvidence(ctx context.Context, p *controlPage, names names) error {
	list, err := u.Store.EvidenceList(ctx, store.EvidenceFilter{Control: p.Control.ID, Program: p.Program, Limit: 8})
	if err != nil {
		return err
	}
	for _, e := range list {
		if visitIn(ctx).seesEvidence(e) == nil {
			p.Evidence = append(p.Evidence, u.evidenceRow(p.page, names, e))
		}
	}
	return nil
}

func (u *UI) controlChecks(ctx context.Context, p *controlPage) error {
	if len(p.Control.Checks) == 0 {
		return nil
	}
	tallies, err := u.Store.Checks(ctx, p.Program)
	if err != nil {
		return err
	}
	byID := map[string]store.CheckTally{}
	for _, t := range tallies {
		byID[t.ID] = t
	}
	for _, id := range p.Control.Checks {
		if t, ok := byID[id]; ok {
			p.Checks = append(p.Checks, u.checkRow(p.page, t))
		}
	}
	return nil
}

// changeControl changes the owner, cadence or words of a control.
func (u *UI) changeControl(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := u.Store.Control(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := r.PostForm
	if v, err := strconv.Atoi(f.Get("version")); err == nil {
		c.Version = v
	}
	c.OwnerUser, c.Cadence, c.Statement, c.Test = f.Get("owner"), f.Get("cadence"), strings.TrimSpace(f.Get("statement")), strings.TrimSpace(f.Get("test"))
	c.Active, c.Reason = f.Get("active") == "yes", strings.TrimSpace(f.Get("reason"))
	if grace := f.Get("grace"); grace != "" {
		if c.GraceDays, err = strconv.Atoi(grace); err != nil {
			return seaworthy.Invalid("The days of grace must be a number.")
		}
	}
	if f.Has("scope") {
		names, err := u.names(ctx)
		if err != nil {
			return err
		}
		if c.Scope, err = scopeOfForm(f.Get("scope"), names); err != nil {
			return err
		}
	}
	if _, err := u.Audit.ChangeControl(ctx, visitOf(r).who, c); err != nil {
		return err
	}
	return u.done(w, r, "/controls/"+c.ID, "saved")
}
