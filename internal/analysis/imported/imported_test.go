// SPDX-License-Identifier: Apache-2.0

package imported_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/imported"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, imported.Analyzer, nil) }
