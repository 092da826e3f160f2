// SPDX-License-Identifier: Apache-2.0

package api

import "net/http"

// route lists every resource.
func (a *API) route() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/openapi.json", action: public, id: "openapi", tag: "About",
		summary: "This description",
	}, a.openAPI)
	a.logRoutes()
}
