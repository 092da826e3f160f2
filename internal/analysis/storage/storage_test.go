// SPDX-License-Identifier: Apache-2.0

package storage_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/storage"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, storage.Analyzer, nil) }
