// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) changeRuleRoutes() {
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/change-rules/order", action: seaworthy.ManageSources, id: "order-change-rules", tag: "Changes",
		summary: "Have rules tried in an order, which names every rule once", status: http.StatusNoContent,
		doc: "It counts for changes from now on.",
	}, a.orderChangeRules)
}

func (a *API) orderChangeRules(ctx context.Context, in *struct {
	Body struct {
		Rules []string `json:"rules" nullable:"false" maxItems:"10000" doc:"Ids."`
	}
}) (*struct{}, error) {
	if err := everyone(ctx, "rules of changes"); err != nil {
		return nil, err
	}
	return nil, trail.OrderRules(ctx, a.Trail.Store, who(ctx), in.Body.Rules)
}
