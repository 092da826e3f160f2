// SPDX-License-Identifier: Apache-2.0

package capacity_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/capacity"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, capacity.Analyzer, nil) }
