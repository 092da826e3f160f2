// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPack(t *testing.T) {
	for _, want := range []any{
		nil, true, false, int64(0), int64(-1), int64(64), int64(math.MaxInt64), int64(math.MinInt64), 0.5, -1e300, "", "größe",
		strings.Repeat("x", 300), []any{}, map[string]any{},
		map[string]any{"a": []any{int64(1), 1.0, nil, "b", map[string]any{"": false}}, "c": map[string]any{"d": int64(-300)}},
	} {
		u := unpacker{string(pack(nil, want))}
		if diff := cmp.Diff(want, u.value()); diff != "" {
			t.Errorf("unpacked differs (-want +got):\n%s", diff)
		}
		if u.rest != "" {
			t.Errorf("%v: %d bytes are left over", want, len(u.rest))
		}
	}
	var mapping map[string]any
	var list []any
	for _, empty := range []any{mapping, list} {
		u := unpacker{string(pack(nil, empty))}
		if got := u.value(); got != nil {
			t.Errorf("%T: unpacked %v, want nil", empty, got)
		}
	}
}
