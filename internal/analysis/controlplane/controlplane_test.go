// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/controlplane"
)

func TestCIS(t *testing.T) {
	analysistest.Run(t, controlplane.CIS, nil, controlplane.Analyzer)
}

func TestAnalyzer(t *testing.T) {
	analysistest.Run(t, controlplane.Analyzer, nil, controlplane.CIS)
}
