// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A path that names a tile names that of the same path by another implementation, and one
// whose entries can be counted.
func FuzzParseTile(f *testing.F) {
	for _, path := range []string{"000", "067.p/8", "x001/x234/067", "x001/x234/067.p/255", "x999/x999/x999/x999/x999/999", "x000/001", "", "../x", "000.p/256", "-01", "x001"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		n, width, err := parseTile(path)
		if err != nil {
			return
		}
		if n < 0 || n > math.MaxInt64/tileWidth-1 || width < 1 || width > tileWidth {
			t.Fatalf("parseTile(%q) = %d, %d", path, n, width)
		}
		other, err := tlog.ParseTilePath("tile/8/0/" + path)
		if err != nil || other.N != n || other.W != width {
			t.Errorf("parseTile(%q) = %d, %d; golang.org/x/mod/sumdb/tlog reads %+v, %v", path, n, width, other, err)
		}
	})
}
