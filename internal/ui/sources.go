// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// sourceRow is a source, what it last said, and how that stands.
type sourceRow struct {
	audit.SourceStanding
	TeamName string
	Href     string
	Counts   []severityCount
	Waived   int
}

// State is the key of what the source shows as its state: that its last report was not
// whole is said where nothing worse is.
func (s sourceRow) State() string {
	if s.Standing == audit.SourceReporting && s.SourceStanding.State.RunID != s.SourceStanding.State.CompleteRunID {
		return "incomplete"
	}
	return s.Standing
}

// sourceRows lists the sources as a program sees them. Who is bound to it sees no others.
func (u *UI) sourceRows(ctx context.Context, p page, names names) ([]sourceRow, error) {
	program := seaworthy.Program{}
	if p.Program != nil {
		program = *p.Program
	}
	all, err := u.Audit.Reconcile(ctx, program)
	if err != nil {
		return nil, err
	}
	// What is in scope counts as the program counts it: without what it leaves out.
	views, err := u.Store.SourceViews(ctx, p.Program)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(s audit.SourceStanding) bool { return !program.HasSource(s.Source.ID) }) && p.Program != nil {
		whole, err := u.Store.SourceViews(ctx, nil)
		if err != nil {
			return nil, err
		}
		views = append(views, whole...)
	}
	var out []sourceRow
	for _, s := range all {
		outside := !program.HasSource(s.Source.ID)
		if outside && (p.Who.Program != "" || p.Within.Source() != "") || p.Within.Team() != "" && s.Source.Team != p.Within.Team() {
			continue
		}
		row := sourceRow{SourceStanding: s, TeamName: names.team(s.Source.Team), Href: p.To("/sources/", s.Source.ID)}
		if i := slices.IndexFunc(views, func(v store.SourceView) bool { return v.ID == s.Source.ID }); i >= 0 {
			row.Counts, row.Waived = bySeverity(views[i].Open), views[i].Waived
		}
		out = append(out, row)
	}
	return out, nil
}

func sortedSources(n names) []seaworthy.DeclaredSource {
	out := make([]seaworthy.DeclaredSource, 0, len(n.sources))
	for _, s := range n.sources {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b seaworthy.DeclaredSource) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// sourcesPage is what pages/sources.html needs.
type sourcesPage struct {
	page
	Views                  []viewRow
	Clusters, Repositories []sourceRow
	Columns                []column
	Teams                  []choice
	Command                string
}

func (u *UI) sources(w http.ResponseWriter, r *http.Request) error {
	p, err := u.sourcesOf(r)
	if err != nil {
		return err
	}
	if err := u.viewsBeside(r, p.page, "sources", &p.Views); err != nil {
		return err
	}
	return u.render(w, r, "sources", p)
}

// sourcesOf reads the sources that an address asks for.
func (u *UI) sourcesOf(r *http.Request) (sourcesPage, error) {
	p := sourcesPage{page: u.page(r, "Clusters & repositories"), Command: "seaworthy scan --cluster --upload " + u.Auth.BaseURL()}
	names, err := u.names(r.Context())
	if err != nil {
		return p, err
	}
	rows, err := u.sourceRows(r.Context(), p.page, names)
	if err != nil {
		return p, err
	}
	text := strings.ToLower(p.Q.Get("q"))
	order[sourceRow]{
		"name": func(a, b sourceRow) int { return fold(a.Source.Name, b.Source.Name) }, "state": func(a, b sourceRow) int { return strings.Compare(a.State(), b.State()) },
		"report": func(a, b sourceRow) int {
			return soonest(a.SourceStanding.State.ReportedAt, b.SourceStanding.State.ReportedAt)
		},
		"owner": func(a, b sourceRow) int { return fold(a.TeamName, b.TeamName) }, "open": func(a, b sourceRow) int { return worse(a.Counts, b.Counts) },
	}.sort(rows, p.Q)
	p.Columns = []column{
		p.Q.by("name", "Name", ""), p.Q.by("state", "State", ""), {Text: "Scope"}, p.Q.by("report", "Last report", ""), {Text: "Expected"}, p.Q.by("owner", "Owner", ""), p.Q.by("open", "Open findings", ""),
	}
	for _, s := range rows {
		if !strings.Contains(strings.ToLower(s.Source.Name), text) {
			continue
		}
		if s.Source.Kind == seaworthy.KindCluster {
			p.Clusters = append(p.Clusters, s)
		} else {
			p.Repositories = append(p.Repositories, s)
		}
	}
	p.Teams = teamChoices(names, p.Was("team", ""))
	return p, nil
}

// sourceTable is sources of one kind.
type sourceTable struct {
	Columns []column
	Rows    []sourceRow
}

// Table is rows under the columns of the page.
func (p sourcesPage) Table(rows []sourceRow) sourceTable { return sourceTable{p.Columns, rows} }

func teamChoices(n names, chosen string) []choice {
	var out []choice
	for id, name := range n.teams {
		out = append(out, choice{Value: id, Text: name, Chosen: id == chosen})
	}
	slices.SortFunc(out, func(a, b choice) int { return strings.Compare(a.Text, b.Text) })
	return out
}

// declareSource declares a source, or one that reported before anybody declared it.
func (u *UI) declareSource(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	kind, name := f.Get("kind"), strings.TrimSpace(f.Get("name"))
	id := ""
	err := u.Store.Write(r.Context(), visitOf(r).who.Actor, func(tx *store.Tx) error {
		s, err := tx.SourceNamed(kind, name)
		switch {
		case err == nil && s.Declared:
			return seaworthy.Conflict("The %s %s is declared already.", kind, name)
		case isKind(err, seaworthy.KindNotFound):
			s = seaworthy.DeclaredSource{ID: tx.NewID(), Kind: kind, Name: name, CreatedAt: tx.At}
		case err != nil:
			return err
		}
		id = s.ID
		return putSource(tx, &s, r)
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/sources/"+id, "declared")
}

// changeSource changes what people say of a source. Kind and name are what its reports
// know it by.
func (u *UI) changeSource(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	err := u.Store.Write(r.Context(), visitOf(r).who.Actor, func(tx *store.Tx) error {
		s, err := tx.LockedSource(id)
		if err != nil {
			return err
		}
		if r.PostFormValue("retired") == "" {
			s.RetiredAt = time.Time{}
		} else if s.RetiredAt.IsZero() {
			s.RetiredAt = tx.At
		}
		return putSource(tx, &s, r)
	})
	if err != nil {
		return err
	}
	return u.done(w, r, "/sources/"+id, "saved")
}

func putSource(tx *store.Tx, s *seaworthy.DeclaredSource, r *http.Request) error {
	every, err := time.ParseDuration(p0(r.PostFormValue("every"), "0s"))
	if err != nil {
		return seaworthy.Invalid("Choose how often a report is expected.")
	}
	s.Environment, s.Team, s.Every, s.Declared = r.PostFormValue("environment"), r.PostFormValue("team"), every, true
	if text := r.PostFormValue("auditSilence"); text != "" {
		if s.AuditSilence, err = time.ParseDuration(text); err != nil {
			return seaworthy.Invalid("Choose for how long audit events may stay away.")
		}
	}
	if s.Team != "" {
		unknown, err := tx.UnknownTeam([]string{s.Team})
		if err != nil {
			return err
		}
		if unknown != "" {
			return seaworthy.Invalid("There is no team %s.", unknown)
		}
	}
	return tx.PutSource(s)
}

// sourcePage is what pages/source.html needs.
type sourcePage struct {
	page
	Row      sourceRow
	Runs     []seaworthy.Run
	Gaps     []seaworthy.Gap
	Teams    []choice
	Every    []choice
	Silence  []choice // for how long audit events may stay away
	Envs     []choice
	Command  string
	Findings string
	Versions []entryRow
	Watching watching
}

var everies = []choice{{Value: "0s", Text: "not expected"}, {Value: "1h0m0s", Text: "every hour"}, {Value: "6h0m0s", Text: "every 6 hours"}, {Value: "24h0m0s", Text: "every day"}, {Value: "168h0m0s", Text: "every week"}}

// silences are the choices of for how long audit events may stay away.
var silences = []choice{
	{Value: "0s", Text: "15 minutes, once some came"}, {Value: "5m0s", Text: "5 minutes"}, {Value: "1h0m0s", Text: "1 hour"}, {Value: "6h0m0s", Text: "6 hours"},
	{Value: "24h0m0s", Text: "1 day"}, {Value: "-1ns", Text: "none are expected"},
}

// choose marks what was chosen of what there is to choose from; what only the API could set
// is one more choice, so that saving the form keeps it.
func choose(list []choice, chosen, text string) []choice {
	out := slices.Clone(list)
	for i := range out {
		if out[i].Value == chosen {
			out[i].Chosen = true
			return out
		}
	}
	return append(out, choice{Value: chosen, Text: text, Chosen: true})
}

func (u *UI) source(w http.ResponseWriter, r *http.Request) error { return u.renderSource(w, r, "") }

// renderSource shows a source; token is that of an enrolment that was just made.
func (u *UI) renderSource(w http.ResponseWriter, r *http.Request, token string) error {
	ctx, id := r.Context(), r.PathValue("id")
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p := sourcePage{page: u.page(r, names.source(id), link{"Clusters & repositories", "/sources"})}
	rows, err := u.sourceRows(ctx, p.page, names)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(s sourceRow) bool { return s.Source.ID == id })
	if i < 0 {
		return seaworthy.NotFound("there is no source %s", id)
	}
	p.Row = rows[i]
	runs, err := u.Store.Runs(ctx, store.RunFilter{Source: id, Limit: 20})
	if err != nil {
		return err
	}
	p.Runs = runs.Items
	gaps, err := u.Store.Gaps(ctx, store.GapFilter{Source: id, Limit: 20})
	if err != nil {
		return err
	}
	p.Gaps = gaps.Items
	s := p.Row.Source
	p.Teams = teamChoices(names, p.Was("team", s.Team))
	p.Every = choose(everies, p.Was("every", s.Every.String()), every(s.Every))
	silence := max(s.AuditSilence, -1)
	p.Silence = choose(silences, p.Was("auditSilence", silence.String()), span(silence))
	for _, e := range []string{seaworthy.Production, seaworthy.Staging, seaworthy.Development} {
		p.Envs = append(p.Envs, choice{Value: e, Text: e, Chosen: e == p.Was("environment", s.Environment)})
	}
	p.Findings = p.To("/findings?source=" + queryEscape(id))
	p.Command = "seaworthy scan --cluster --upload " + u.Auth.BaseURL()
	if s.Kind == seaworthy.KindRepository {
		p.Command = "seaworthy scan deploy/ --upload " + u.Auth.BaseURL() + " --source " + s.Name
	}
	if p.Versions, err = u.history(ctx, p.page, names, "source", id); err != nil {
		return err
	}
	if p.Watching, err = u.watching(ctx, p.page, names, id); err != nil {
		return err
	}
	if token != "" {
		p.Watching.Secret, p.Watching.Command = token, agentCommand(u.Auth.BaseURL(), token)
	}
	return u.render(w, r, "source", p)
}

// runPage is what pages/run.html needs.
type runPage struct {
	page
	Run      seaworthy.Run
	Source   link
	Checks   []seaworthy.CheckResult // that did not pass
	Passed   int
	Whole    bool // counted with namespaces that are out of scope
	Evidence []evidenceRow
}

func (u *UI) run(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	run, err := u.Store.Run(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "report", run.ID, run.SourceID, ""); err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	name := names.source(run.SourceID)
	p := runPage{page: u.page(r, "Report of "+run.FinishedAt.Format("2 Jan 2006 15:04"), link{"Clusters & repositories", "/sources"}, link{name, "/sources/" + run.SourceID}), Run: run}
	p.Source = link{name, p.To("/sources/", run.SourceID)}
	checks, whole, err := u.Store.Divider().Checks(ctx, run, p.Program)
	if err != nil {
		return err
	}
	p.Whole = len(whole) > 0
	for _, c := range checks {
		if c.Status == seaworthy.StatusPassed || c.Status == seaworthy.StatusNotApplicable {
			p.Passed++
			continue
		}
		p.Checks = append(p.Checks, c)
	}
	list, err := u.Store.EvidenceList(ctx, store.EvidenceFilter{RunID: run.ID, Limit: 20})
	if err != nil {
		return err
	}
	for _, e := range list {
		p.Evidence = append(p.Evidence, u.evidenceRow(p.page, names, e))
	}
	return u.render(w, r, "run", p)
}
