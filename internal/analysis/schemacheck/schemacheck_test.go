// SPDX-License-Identifier: Apache-2.0

package schemacheck_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/schemacheck"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, schemacheck.Analyzer, nil) }
