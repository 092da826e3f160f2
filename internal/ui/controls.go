// SPDX-License-Identifier: Apache-2.0

package ui

import (
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
	Rows     []controlRow
	Standing []facetItem
	Classes  []facetItem
	Owners   []choice
	Inactive int
	CSV      string
}

// controlRow is a control in a list.
type controlRow struct {
	seaworthy.ReadyControl
	Owner string
	Href  string
}

func (u *UI) controls(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := controlsPage{page: u.page(r, "Controls")}
	ready, _, err := u.ready(ctx, p.page)
	if err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
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
	slices.SortStableFunc(p.Rows, func(a, b controlRow) int {
		return slices.Index(seaworthy.ControlStandings, a.Standing) - slices.Index(seaworthy.ControlStandings, b.Standing)
	})
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
	p.CSV = p.To("/lists/export?list=controls")
	return u.render(w, r, "controls", p)
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
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Owner = names.user(c.OwnerUser)
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
	return u.render(w, r, "control", p)
}

// controlInProgram fills what the program says of the control.
func (u *UI) controlInProgram(ctx context.Context, p *controlPage, names names) error {
	ready, _, err := u.ready(ctx, p.page)
	if err != nil {
		return err
	}
	if rc, ok := ready.Control(p.Control.ID); ok {
		p.Ready = &rc
		for _, q := range rc.Requirements {
			p.Requirements = append(p.Requirements, link{q, p.To("/requirements/", q)})
		}
	}
	all, err := u.Store.AllOccurrences(ctx, store.OccurrenceFilter{Control: p.Control.ID, From: p.Program.From, To: p.Program.To})
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
	for i := len(all) - 1; i >= 0 && len(p.Rows) < 12; i-- {
		if o := all[i]; !o.From.After(p.Now) {
			p.Rows = append(p.Rows, u.occurrenceRow(p.page, names, o))
		}
	}
	return nil
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
	list, err := u.Store.EvidenceList(ctx, store.EvidenceFilter{Control: p.Control.ID, Limit: 8})
	if err != nil {
		return err
	}
	for _, e := range list {
		p.Evidence = append(p.Evidence, u.evidenceRow(p.page, names, e))
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
	if _, err := u.Audit.ChangeControl(ctx, visitOf(r).who, c); err != nil {
		return err
	}
	return u.done(w, r, "/controls/"+c.ID, "saved")
}
