// SPDX-License-Identifier: Apache-2.0

package availability_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/availability"
)

func TestAnalyzer(t *testing.T) {
	analysistest.Run(t, availability.Analyzer, nil)
}
