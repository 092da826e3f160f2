// SPDX-License-Identifier: Apache-2.0

package observability_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/observability"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, observability.Analyzer, nil) }
