// SPDX-License-Identifier: Apache-2.0

package rbac_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/rbac"
)

func TestAnalyzer(t *testing.T) {
	analysistest.Run(t, rbac.Analyzer, map[string]string{
		"rbac-cluster-admin-binding": "its policy counts the bindings that pass",
	})
}
