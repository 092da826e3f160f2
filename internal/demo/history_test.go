// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"testing"
)

// Every state of every place can be made of what stands in the shop today.
func TestHistoryApplies(t *testing.T) {
	h, err := readHistory()
	if err != nil {
		t.Fatal(err)
	}
	used, seen := map[int]bool{}, map[string]bool{}
	for _, p := range places() {
		for ago := days; ago >= 0; ago-- {
			state := h.of(p.name, ago)
			if key := fmt.Sprint(state); !seen[key] {
				seen[key] = true
				if err := h.write(t.TempDir(), state); err != nil {
					t.Error(err)
				}
			}
			for _, i := range state {
				used[i] = true
			}
		}
	}
	for i, e := range h.Edits {
		if !used[i] {
			t.Errorf("edit %q never holds", e.What)
		}
	}
	if len(h.of(europe, 0)) != 0 {
		t.Error("the shop of today is not as it stands in examples/shop")
	}
}
