// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/references"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, references.Analyzer, nil) }
