// SPDX-License-Identifier: Apache-2.0

package netpol_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/netpol"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, netpol.Analyzer, nil) }
