// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

func TestPagesAnswer(t *testing.T) {
	s := uitest.New(t)
	for _, path := range []string{"/", "/sources", "/log", "/log/0", "/people", "/people/new", "/tokens", "/account", "/account/app"} {
		code, body := s.Get(s.Client(seaworthy.Owner), path)
		if code != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, code)
			_ = body
		}
	}
}

func TestFilled(t *testing.T) {
	s := uitest.New(t)
	s.Fill()
	for _, path := range []string{"/", "/sources", "/log", "/log/10", "/people"} {
		code, body := s.Get(s.Client(seaworthy.Owner), path)
		if code != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, code)
			_ = body
		}
	}
}
