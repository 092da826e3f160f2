// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

func TestFormats(t *testing.T) {
	for _, f := range output.Formats {
		t.Run(f.Name, func(t *testing.T) {
			golden.Compare(t, f.Name+"/rich.golden", render(t, f.Name, rich(), output.Options{Coverage: true, Baseline: true}))
			golden.Compare(t, f.Name+"/clear.golden", render(t, f.Name, clear(), output.Options{}))
		})
	}
}
