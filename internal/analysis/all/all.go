// SPDX-License-Identifier: Apache-2.0

// Package all lists every analyzer. Add one here and nowhere else.
package all

import (
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/availability"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/backup"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/capacity"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/controlplane"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/deprecation"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/exposure"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/imported"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/netpol"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/observability"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/podsecurity"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/rbac"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/references"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/schemacheck"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/storage"
)

// Analyzers lists every analyzer in the order in which they run.
var Analyzers = []*analysis.Analyzer{
	availability.Analyzer,
	backup.Analyzer,
	capacity.Analyzer,
	controlplane.CIS,
	controlplane.Analyzer,
	deprecation.Analyzer,
	exposure.Analyzer,
	imported.Analyzer,
	netpol.Analyzer,
	observability.Analyzer,
	podsecurity.Analyzer,
	rbac.Analyzer,
	references.Analyzer,
	schemacheck.Analyzer,
	storage.Analyzer,
}
