// SPDX-License-Identifier: Apache-2.0

package podsecurity_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/podsecurity"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, podsecurity.Analyzer, nil) }
