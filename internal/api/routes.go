// SPDX-License-Identifier: Apache-2.0

package api

import "net/http"

// route lists every resource.
func (a *API) route() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/openapi.json", action: public, id: "get-openapi", tag: "About",
		summary: "This description", media: "application/openapi+json",
	}, a.openAPI)
	a.accountRoutes()
	a.reportRoutes()
	a.sourceRoutes()
	a.findingRoutes()
	a.workRoutes()
	a.waiverRoutes()
	a.ownershipRoutes()
	a.programRoutes()
	a.controlRoutes()
	a.evidenceRoutes()
	a.listRoutes()
	a.packageRoutes()
	a.changeRoutes()
	a.approvalRoutes()
	a.changeRuleRoutes()
	a.actorRoutes()
	a.noticeRoutes()
	a.agentRoutes()
	a.peopleRoutes()
	a.eraseRoutes()
	a.settingRoutes()
	a.logRoutes()
}
