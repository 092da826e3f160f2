// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) programRoutes() {
	const programs = "/api/v1/programs"
	route(a, operation{
		method: http.MethodGet, path: programs, action: seaworthy.ReadProgramme, id: "list-programs", tag: "Programs",
		summary: "Programs: what audits look at",
	}, a.programs)
	route(a, operation{
		method: http.MethodPost, path: programs, action: seaworthy.ManageProgramme, id: "create-program", tag: "Programs",
		summary: "Make a program", status: http.StatusCreated,
	}, a.createProgram)
	route(a, operation{
		method: http.MethodGet, path: programs + "/{id}", action: seaworthy.ReadProgramme, id: "get-program", tag: "Programs",
		summary: "A program",
	}, a.getProgram)
	route(a, operation{
		method: http.MethodPut, path: programs + "/{id}", action: seaworthy.ManageProgramme, id: "change-program", tag: "Programs",
		summary: "Change a program", doc: "A closed program stays as it is.",
	}, a.changeProgram)
	route(a, operation{
		method: http.MethodPost, path: programs + "/{id}/close", action: seaworthy.ManageProgramme, id: "close-program", tag: "Programs",
		summary: "Close a program", doc: "From here on retention may remove what belongs to its period.",
	}, a.closeProgram)
	route(a, operation{
		method: http.MethodGet, path: programs + "/{id}/readiness", action: seaworthy.ReadProgramme, id: "get-readiness", tag: "Programs",
		summary: "What the program could show an auditor, as of now or of a past moment",
		doc:     "For each requirement in scope the controls that support it, and of each whether it was performed as expected. Counts, never one number, and no opinion on whether controls work.",
	}, a.readiness)
	route(a, operation{
		method: http.MethodGet, path: programs + "/{id}/readiness/trend", action: seaworthy.ReadProgramme, id: "get-readiness-trend", tag: "Programs",
		summary: "Readiness by day, oldest first",
	}, a.trend)
}

func (a *API) programs(ctx context.Context, _ *struct{}) (*list[seaworthy.Program], error) {
	all, err := a.Store.Programs(ctx)
	if err != nil {
		return nil, err
	}
	own := all
	if only := who(ctx).Program; only != "" {
		own = nil
		for _, p := range all {
			if p.ID == only {
				own = append(own, p)
			}
		}
	}
	return whole(ctx, own), nil
}

func (a *API) getProgram(ctx context.Context, in *ByID) (*one[seaworthy.Program], error) {
	p, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(*p)
}

// programBody is what people say of a program.
type programBody struct {
	Name       string                          `json:"name" minLength:"1" maxLength:"300"`
	Framework  string                          `json:"framework,omitempty" maxLength:"100" doc:"SOC 2 when absent."`
	Type       string                          `json:"type" enum:"I,II"`
	From       time.Time                       `json:"from"`
	To         time.Time                       `json:"to" doc:"Exclusive."`
	Categories []string                        `json:"categories" nullable:"false" maxItems:"10"`
	Excluded   []seaworthy.ExcludedRequirement `json:"excluded,omitempty" maxItems:"200"`
	Scope      []seaworthy.ScopeItem           `json:"scope,omitempty" maxItems:"10000"`
}

func (b programBody) apply(p *seaworthy.Program) {
	p.Name, p.Type, p.From, p.To, p.Categories = b.Name, b.Type, b.From, b.To, b.Categories
	p.Excluded, p.Scope = notNil(b.Excluded), notNil(b.Scope)
	if b.Framework != "" {
		p.Framework = b.Framework
	}
}

func (a *API) createProgram(ctx context.Context, in *struct{ Body programBody }) (*made[seaworthy.Program], error) {
	var p seaworthy.Program
	in.Body.apply(&p)
	p, err := a.Audit.CreateProgram(ctx, who(ctx), p)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/programs/"+p.ID, p)
}

func (a *API) changeProgram(ctx context.Context, in *struct {
	ByID
	Edit
	Body programBody
}) (*one[seaworthy.Program], error) {
	p, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	in.Body.apply(p)
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Program(in.ID) })
	changed, err := a.Audit.ChangeProgram(ctx, who(ctx), *p)
	if err != nil {
		return nil, err
	}
	return record(changed)
}

func (a *API) closeProgram(ctx context.Context, in *struct {
	ByID
	Edit
}) (*one[seaworthy.Program], error) {
	if _, err := a.program(ctx, in.ID); err != nil {
		return nil, err
	}
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Program(in.ID) })
	closed, err := a.Audit.CloseProgram(ctx, who(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return record(closed)
}

func (a *API) readiness(ctx context.Context, in *struct {
	ByID
	AsOf time.Time `query:"as-of" doc:"A past moment; now when absent."`
}) (*one[seaworthy.Readiness], error) {
	if _, err := a.program(ctx, in.ID); err != nil {
		return nil, err
	}
	asOf := in.AsOf
	if asOf.IsZero() {
		asOf = a.Store.Now()
	}
	r, err := a.Audit.Readiness(ctx, in.ID, asOf)
	if err != nil {
		return nil, err
	}
	return record(r)
}

func (a *API) trend(ctx context.Context, in *struct {
	ByID
	Days int `query:"days" minimum:"1" maximum:"1100" default:"90"`
}) (*list[seaworthy.ReadinessDay], error) {
	if _, err := a.program(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := a.Audit.Trend(ctx, in.ID, in.Days)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}
