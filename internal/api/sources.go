// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) sourceRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/sources", action: seaworthy.ReadFindings, id: "list-sources", tag: "Sources",
		summary: "Clusters and repositories, by name, with what their latest report left behind",
	}, a.sources)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/sources", action: seaworthy.ManageSources, id: "declare-source", tag: "Sources",
		summary: "Declare a cluster or a repository", status: http.StatusCreated,
	}, a.declareSource)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/sources/{id}", action: seaworthy.ReadFindings, id: "get-source", tag: "Sources",
		summary: "A cluster or a repository",
	}, a.source)
	route(a, operation{
		method: http.MethodPut, path: "/api/v1/sources/{id}", action: seaworthy.ManageSources, id: "change-source", tag: "Sources",
		summary: "Change what is declared of a source, or retire it",
		doc:     "Kind and name are what reports know a source by; they stay.",
	}, a.changeSource)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/runs", action: seaworthy.ReadFindings, id: "list-runs", tag: "Sources",
		summary: "Reports that were taken, newest first",
		doc:     "A page holds 20 at most, since each says what came of every check. Through a program checks are counted without the namespaces that it leaves out; a report by its id is as it was taken.",
	}, a.runs)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/runs/{id}", action: seaworthy.ReadFindings, id: "get-run", tag: "Sources",
		summary: "A report that was taken: how it came about and what it counted",
	}, a.run)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/gaps", action: seaworthy.ReadFindings, id: "list-gaps", tag: "Sources",
		summary: "Intervals in which something expected was not observed, newest first",
	}, a.gaps)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/programs/{id}/sources", action: seaworthy.ReadProgramme, id: "reconcile-sources", tag: "Programs",
		summary: "Sources that are declared, compared with those that report, as a program sees them",
	}, a.reconcile)
}

// sourceView is a source with what its latest report left behind.
type sourceView struct {
	seaworthy.DeclaredSource
	State *store.SourceState `json:"state,omitempty" doc:"Absent until the first report."`
}

func (a *API) sources(ctx context.Context, in *struct{ Through }) (*list[sourceView], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	states, err := a.Store.SourceStates(ctx)
	if err != nil {
		return nil, err
	}
	out := []sourceView{}
	for _, s := range all {
		if program != nil && !program.HasSource(s.ID) {
			continue
		}
		v := sourceView{DeclaredSource: s}
		if state, ok := states[s.ID]; ok {
			v.State = &state
		}
		out = append(out, v)
	}
	return whole(ctx, out), nil
}

type ByID struct {
	ID string `path:"id" maxLength:"200"`
}

func (a *API) source(ctx context.Context, in *ByID) (*one[seaworthy.DeclaredSource], error) {
	if err := a.seesSource(ctx, "source", in.ID, in.ID); err != nil {
		return nil, err
	}
	s, err := a.Store.Source(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(s)
}

// SourceBody is what people say of a source.
type SourceBody struct {
	Kind        string        `json:"kind,omitempty" enum:"cluster,repository"`
	Name        string        `json:"name,omitempty" maxLength:"300"`
	Environment string        `json:"environment" enum:"production,staging,development"`
	Team        string        `json:"team,omitempty" maxLength:"100" doc:"The id of the team that owns it."`
	Every       time.Duration `json:"every,omitempty" minimum:"0" doc:"How often a report is expected; 0: none is."`
	// AuditSilence is of clusters.
	AuditSilence time.Duration `json:"auditSilence,omitempty" doc:"For how long audit events of a cluster that are sent to the server may stay away before that is a gap; 0: for 15 minutes once some came; less than 0: none are expected."`
}

func (a *API) declareSource(ctx context.Context, in *struct{ Body SourceBody }) (*made[seaworthy.DeclaredSource], error) {
	var s seaworthy.DeclaredSource
	err := a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) error {
		s = seaworthy.DeclaredSource{ID: tx.NewID(), Kind: in.Body.Kind, Name: in.Body.Name, CreatedAt: tx.At}
		known, err := tx.SourceNamed(s.Kind, s.Name)
		switch {
		case err == nil && known.Declared:
			return seaworthy.Conflict("the %s %s is declared already", s.Kind, s.Name)
		case err == nil: // it reported before anybody declared it
			s = known
		case kindOf(err) != seaworthy.KindNotFound:
			return err
		}
		return a.putSource(tx, &s, in.Body)
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/sources/"+s.ID, s)
}

func (a *API) changeSource(ctx context.Context, in *struct {
	ByID
	Edit
	Body struct {
		SourceBody
		Retired bool `json:"retired,omitempty" doc:"No report is expected any more."`
	}
}) (*one[seaworthy.DeclaredSource], error) {
	var s seaworthy.DeclaredSource
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.LockedSource(in.ID) })
	err := a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) (err error) {
		if s, err = tx.LockedSource(in.ID); err != nil {
			return err
		}
		if in.Body.Kind != "" && in.Body.Kind != s.Kind || in.Body.Name != "" && in.Body.Name != s.Name {
			return seaworthy.Invalid("kind and name are what reports know a source by; declare another source and retire this one")
		}
		switch {
		case !in.Body.Retired:
			s.RetiredAt = time.Time{}
		case s.RetiredAt.IsZero():
			s.RetiredAt = tx.At
		}
		return a.putSource(tx, &s, in.Body.SourceBody)
	})
	if err != nil {
		return nil, err
	}
	return record(s)
}

func (a *API) putSource(tx *store.Tx, s *seaworthy.DeclaredSource, b SourceBody) error {
	s.Environment, s.Team, s.Every, s.AuditSilence, s.Declared = b.Environment, b.Team, b.Every, b.AuditSilence, true
	if s.Team != "" {
		unknown, err := tx.UnknownTeam([]string{s.Team})
		if err != nil {
			return err
		}
		if unknown != "" {
			return seaworthy.Invalid("there is no team %s", unknown)
		}
	}
	return tx.PutSource(s)
}

// mostRuns is how many runs a page holds at most: each says what came of every check.
const mostRuns = 20

func (a *API) runs(ctx context.Context, in *struct {
	Paging
	Through
	Source string `query:"source" maxLength:"200"`
}) (*list[seaworthy.Run], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Runs(ctx, store.RunFilter{Source: in.Source, Program: program, Cursor: in.Cursor, Limit: min(in.size(), mostRuns)})
	if err != nil {
		return nil, err
	}
	divider := a.Store.Divider()
	for i := range page.Items {
		r := &page.Items[i]
		if r.Checks, _, err = divider.Checks(ctx, *r, program); err != nil {
			return nil, err
		}
		*r = tidy(*r)
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) run(ctx context.Context, in *ByID) (*one[seaworthy.Run], error) {
	r, err := a.Store.Run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.seesSource(ctx, "run", in.ID, r.SourceID); err != nil {
		return nil, err
	}
	return record(tidy(r))
}

func (a *API) gaps(ctx context.Context, in *struct {
	Paging
	Through
	Source string    `query:"source" maxLength:"200"`
	Kind   string    `query:"kind" enum:"silent,incomplete,agent,watch,webhook,audit,messages"`
	From   time.Time `query:"from" doc:"Gaps that touch the interval from here."`
	To     time.Time `query:"to"`
	Open   bool      `query:"open" doc:"Only gaps that last."`
}) (*list[seaworthy.Gap], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Gaps(ctx, store.GapFilter{
		Source: in.Source, Kind: in.Kind, From: in.From, To: in.To, Open: in.Open, Program: program, Cursor: in.Cursor, Limit: in.size(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) reconcile(ctx context.Context, in *ByID) (*list[audit.SourceStanding], error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	all, err := a.Audit.Reconcile(ctx, *program)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}
