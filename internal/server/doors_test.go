// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// Pages and API share one listener, and some of their paths begin alike. Each route of
// either must answer there, and not the other in its place.
func TestEveryRouteHasItsDoor(t *testing.T) {
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(method, path string) *http.Response {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Result()
	}
	pages, routes := s.Routes()
	for _, r := range pages {
		res := ask(r.Method, r.Example())
		if kind := res.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/problem+json") {
			t.Errorf("%s %s = %d of type %s, which no page is", r.Method, r.Example(), res.StatusCode, kind)
		}
		if to := res.Header.Get("Location"); r.Method == http.MethodGet && r.Action != "" && !strings.HasPrefix(to, "/sign-in?") {
			t.Errorf("GET %s as nobody = %d to %q, want to be sent to sign in", r.Example(), res.StatusCode, to)
		}
	}
	for _, r := range routes {
		path := strings.NewReplacer("{path...}", "000", "{", "", "}", "").Replace(r.Path)
		res := ask(r.Method, path)
		if kind := res.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") || res.Header.Get("Location") != "" {
			t.Errorf("%s %s = %d of type %s, which is of the pages", r.Method, path, res.StatusCode, kind)
		}
		if r.Action != "" && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s as nobody = %d, want 401", r.Method, path, res.StatusCode)
		}
	}
}
