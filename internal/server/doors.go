// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
)

// doors lays out everything that is served. Below /log pages and the API share: the API
// has the log in the form that witnesses read, and the pages show it to people.
func (s *Server) doors(pages http.Handler, a *api.API) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", s.healthz)
	m.HandleFunc("GET /readyz", s.readyz)
	m.HandleFunc("GET /metrics", s.metricsPage)
	m.Handle(apiPath, a)
	for _, r := range a.Routes() {
		if !strings.HasPrefix(r.Path, apiPath) {
			m.Handle(r.Path, a) // without its method: the API says which it has
		}
	}
	m.Handle("/", pages)
	return s.around(m)
}

const apiPath = "/api/v1/"

// healthz tells that the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz tells whether requests can be answered.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		s.log.Warn("not ready", "error", err)
		w.Header().Set("Retry-After", "5")
		say(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": "the database does not answer"})
		return
	}
	say(w, http.StatusOK, map[string]string{"status": "ok"})
}

// metricsPage serves metrics to who may read the log: they tell how much there is.
func (s *Server) metricsPage(w http.ResponseWriter, r *http.Request) {
	who, err := s.auth.FromRequest(r.Context(), r)
	switch {
	case err != nil:
		w.Header().Set("WWW-Authenticate", "Bearer")
		say(w, http.StatusUnauthorized, map[string]string{"status": "a token is needed, or --metrics-listen"})
	case !who.Can(seaworthy.ReadLog):
		say(w, http.StatusForbidden, map[string]string{"status": "the role " + string(who.Role) + " may not read metrics"})
	default:
		s.metrics.handler().ServeHTTP(w, r)
	}
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who went away needs no answer
}
