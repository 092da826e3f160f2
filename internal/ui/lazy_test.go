// SPDX-License-Identifier: Apache-2.0

package ui

import "testing"

// Pages are read when they are first asked for: that each can be is found here.
func TestEveryPageCanBeRead(t *testing.T) {
	pages, err := new(UI).parse()
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for name, p := range pages {
		if _, err := p.read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
