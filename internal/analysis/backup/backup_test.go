// SPDX-License-Identifier: Apache-2.0

package backup_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/backup"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, backup.Analyzer, nil) }
