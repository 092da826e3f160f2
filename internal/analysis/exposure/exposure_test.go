// SPDX-License-Identifier: Apache-2.0

package exposure_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/exposure"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, exposure.Analyzer, nil) }
