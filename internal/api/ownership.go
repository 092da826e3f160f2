// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

func (a *API) ownershipRoutes() {
	const rules = "/api/v1/ownership"
	route(a, operation{
		method: http.MethodGet, path: rules, action: seaworthy.ReadFindings, id: "list-ownership-rules", tag: "Ownership",
		summary: "Rules by which objects belong to teams, in the order in which they are tried",
	}, a.ownership)
	route(a, operation{
		method: http.MethodPost, path: rules, action: seaworthy.ManageSources, id: "create-ownership-rule", tag: "Ownership",
		summary: "Add a rule after all others", status: http.StatusCreated,
	}, a.createRule)
	route(a, operation{
		method: http.MethodPut, path: rules + "/{id}", action: seaworthy.ManageSources, id: "change-ownership-rule", tag: "Ownership",
		summary: "Change a rule",
	}, a.changeRule)
	route(a, operation{
		method: http.MethodDelete, path: rules + "/{id}", action: seaworthy.ManageSources, id: "drop-ownership-rule", tag: "Ownership",
		summary: "Remove a rule", status: http.StatusNoContent,
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Triage.DropRule(ctx, who(ctx), in.ID)
	})
	route(a, operation{
		method: http.MethodPost, path: rules + "/order", action: seaworthy.ManageSources, id: "order-ownership-rules", tag: "Ownership",
		summary: "Have rules tried in an order, which names every rule once", status: http.StatusNoContent,
	}, a.orderRules)
	route(a, operation{
		method: http.MethodPost, path: rules + "/codeowners", action: seaworthy.ManageSources, id: "import-codeowners", tag: "Ownership",
		summary: "Make rules of a CODEOWNERS file, in the place of those of the source before",
	}, a.codeowners)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/settings/sla", action: seaworthy.ReadFindings, id: "get-sla", tag: "Settings",
		summary: "How long findings of each severity may stay open, in nanoseconds",
	}, a.sla)
	route(a, operation{
		method: http.MethodPut, path: "/api/v1/settings/sla", action: seaworthy.ManageProgramme, id: "set-sla", tag: "Settings",
		summary: "Set how long findings of each severity may stay open", doc: "A severity that is absent has no due date.",
	}, a.setSLA)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/views", action: seaworthy.OwnAccount, id: "list-views", tag: "Account",
		summary: "One's own saved views",
	}, a.views)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/views", action: seaworthy.OwnAccount, id: "save-view", tag: "Account",
		summary: "Save a view", doc: "One of the same page and name is replaced.", status: http.StatusCreated,
	}, a.saveView)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/views/{id}", action: seaworthy.OwnAccount, id: "drop-view", tag: "Account",
		summary: "Remove a view", status: http.StatusNoContent,
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		return nil, a.Triage.DropView(ctx, who(ctx), in.ID)
	})
}

func (a *API) ownership(ctx context.Context, _ *struct{}) (*list[seaworthy.OwnershipRule], error) {
	all, err := a.Store.OwnershipRules(ctx)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

// ruleBody is what people say of a rule; what is absent matches anything.
type ruleBody struct {
	Source    string `json:"source,omitempty" maxLength:"300"`
	Namespace string `json:"namespace,omitempty" maxLength:"300"`
	Label     string `json:"label,omitempty" maxLength:"500" doc:"key, or key=value. Without a team, the label's value is the team's name."`
	Path      string `json:"path,omitempty" maxLength:"1000" doc:"A pattern of files as in CODEOWNERS."`
	Team      string `json:"team,omitempty" maxLength:"100" doc:"The id of the team."`
}

func (b ruleBody) rule(id string) seaworthy.OwnershipRule {
	return seaworthy.OwnershipRule{ID: id, Source: b.Source, Namespace: b.Namespace, Label: b.Label, Path: b.Path, Team: b.Team}
}

func (a *API) createRule(ctx context.Context, in *struct{ Body ruleBody }) (*made[seaworthy.OwnershipRule], error) {
	r, err := a.Triage.PutRule(ctx, who(ctx), in.Body.rule(""))
	if err != nil {
		return nil, err
	}
	return created("/api/v1/ownership/"+r.ID, r)
}

func (a *API) changeRule(ctx context.Context, in *struct {
	ByID
	Edit
	Body ruleBody
}) (*one[seaworthy.OwnershipRule], error) {
	present, err := a.rule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.OwnershipRule(in.ID) })
	next := in.Body.rule(in.ID)
	next.Place, next.From = present.Place, present.From
	r, err := a.Triage.PutRule(ctx, who(ctx), next)
	if err != nil {
		return nil, err
	}
	return record(r)
}

func (a *API) rule(ctx context.Context, id string) (seaworthy.OwnershipRule, error) {
	all, err := a.Store.OwnershipRules(ctx)
	if err != nil {
		return seaworthy.OwnershipRule{}, err
	}
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
	}
	return seaworthy.OwnershipRule{}, seaworthy.NotFound("there is no rule of ownership %s", id)
}

func (a *API) orderRules(ctx context.Context, in *struct {
	Body struct {
		Rules []string `json:"rules" nullable:"false" maxItems:"10000" doc:"Ids."`
	}
}) (*struct{}, error) {
	return nil, a.Triage.OrderRules(ctx, who(ctx), in.Body.Rules)
}

func (a *API) codeowners(ctx context.Context, in *struct {
	Body struct {
		Source string `json:"source" maxLength:"300"`
		Text   string `json:"text" maxLength:"900000"`
	}
}) (*one[triage.Imported], error) {
	out, err := a.Triage.ImportCodeowners(ctx, who(ctx), in.Body.Source, in.Body.Text)
	if err != nil {
		return nil, err
	}
	return record(out)
}

// slaBody is how long findings may stay open; absent: they have no due date.
type slaBody struct {
	Critical time.Duration `json:"critical,omitempty" minimum:"0"`
	High     time.Duration `json:"high,omitempty" minimum:"0"`
	Medium   time.Duration `json:"medium,omitempty" minimum:"0"`
	Low      time.Duration `json:"low,omitempty" minimum:"0"`
	Info     time.Duration `json:"info,omitempty" minimum:"0"`
}

func (b *slaBody) each(f func(seaworthy.Severity, *time.Duration)) {
	for i, d := range []*time.Duration{&b.Critical, &b.High, &b.Medium, &b.Low, &b.Info} {
		f(seaworthy.Severities[i], d)
	}
}

func (a *API) sla(ctx context.Context, _ *struct{}) (*one[slaBody], error) {
	sla, err := a.Triage.SLA(ctx)
	if err != nil {
		return nil, err
	}
	return record(slaOf(sla))
}

func slaOf(sla seaworthy.SLA) slaBody {
	var out slaBody
	out.each(func(s seaworthy.Severity, d *time.Duration) { *d = sla[s] })
	return out
}

func (a *API) setSLA(ctx context.Context, in *struct {
	Edit
	Body slaBody
}) (*one[slaBody], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) {
		present, err := triage.ChangeableSLA(tx)
		return slaOf(present), err
	})
	sla := seaworthy.SLA{}
	in.Body.each(func(s seaworthy.Severity, d *time.Duration) {
		if *d > 0 {
			sla[s] = *d
		}
	})
	if err := a.Triage.SetSLA(ctx, who(ctx), sla); err != nil {
		return nil, err
	}
	return record(in.Body)
}

func (a *API) views(ctx context.Context, in *struct {
	Page string `query:"page" maxLength:"100"`
}) (*list[seaworthy.SavedView], error) {
	all, err := a.Triage.Views(ctx, who(ctx), in.Page)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) saveView(ctx context.Context, in *struct {
	Body struct {
		Page  string `json:"page" minLength:"1" maxLength:"100"`
		Name  string `json:"name" minLength:"1" maxLength:"200"`
		Query string `json:"query" maxLength:"4000"`
	}
}) (*made[seaworthy.SavedView], error) {
	v, err := a.Triage.SaveView(ctx, who(ctx), seaworthy.SavedView{Page: in.Body.Page, Name: in.Body.Name, Query: in.Body.Query})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/views", v)
}
