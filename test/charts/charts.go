// SPDX-License-Identifier: Apache-2.0

// Package charts tests the charts of deploy/charts: what they render, what their schemas
// refuse, what our own scan says of them, and how they install into a real API server.
//
// They are installed with Helm itself, which the module test/helm pins and `make helm`
// builds. A test without it is skipped, unless SEAWORTHY_REQUIRE_HELM is set: then it fails.
package charts

import "github.com/seaworthy-dev/seaworthy/test/beside"

// Helm is what is built.
var Helm = beside.Program{
	Name: "Helm", Module: "helm", Package: "helm.sh/helm/v4/cmd/helm", Binary: "helm",
	Sources: []string{"go.mod", "go.sum"}, Without: "no chart was installed",
}
