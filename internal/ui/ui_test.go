// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// answers visits every page and wants it to be there.
func answers(t *testing.T, s *uitest.Site) {
	t.Helper()
	for name, path := range s.Pages() {
		want := http.StatusOK
		if name == "error" {
			want = http.StatusNotFound
		}
		if code, _ := s.Get(s.Client(seaworthy.Owner), path); code != want {
			t.Errorf("GET %s = %d, want %d", path, code, want)
		}
	}
}

func TestEveryPageOfAnEmptySite(t *testing.T) { answers(t, uitest.New(t)) }

func TestEveryPageOfAFilledSite(t *testing.T) {
	s := uitest.New(t)
	s.Fill()
	answers(t, s)
}
