// SPDX-License-Identifier: Apache-2.0

// Package all lists every analyzer. Add one here and nowhere else.
package all

import (
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/deprecation"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/podsecurity"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/rbac"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/schemacheck"
)

// Analyzers lists every analyzer in the order in which they run.
var Analyzers = []*analysis.Analyzer{
	deprecation.Analyzer,
	podsecurity.Analyzer,
	rbac.Analyzer,
	schemacheck.Analyzer,
}
