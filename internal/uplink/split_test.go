// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

func TestLargeDeltasAreSplit(t *testing.T) {
	d := seaworthy.Delta{Gone: make([]string, 1200), Vanished: make([]seaworthy.Object, 3)}
	parts := split(d)
	n := 0
	for _, p := range parts {
		n += len(p.Gone)
	}
	if len(parts) != 4 || n != 1200 || len(parts[0].Vanished) != 3 {
		t.Errorf("%d parts with %d gone", len(parts), n)
	}
}
