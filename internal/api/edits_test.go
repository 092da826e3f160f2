// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

// edit is a record and how to change it, each time to something else.
type edit struct {
	path string
	body func(n int) any
}

// guarded lists the routes that take If-Match, by the description of the API.
func (w *world) guarded() []string {
	w.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, document, nil))
	var d struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	w.must(json.Unmarshal(rec.Body.Bytes(), &d))
	var out []string
	for path, methods := range d.Paths {
		for method, op := range methods {
			if slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.In == "header" && p.Name == "If-Match" }) {
				out = append(out, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// edits makes a record for each route that takes If-Match.
func (w *world) edits() map[string]edit {
	w.Helper()
	source, team := w.declare("prod", ""), w.team("platform")
	program, closing, dropped := w.program("p"), w.program("q"), w.team("to go")
	var user struct{ User seaworthy.User }
	w.do("session", http.MethodPost, "/api/v1/users", map[string]any{"email": "bob@example.com", "name": "Bob", "role": "viewer"}).want(http.StatusCreated, &user)
	var rule seaworthy.OwnershipRule
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/ownership", map[string]any{"namespace": "shop-*", "team": team.ID}).want(http.StatusCreated, &rule)
	var control seaworthy.TrackedControl
	w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/controls/access-review", nil).want(http.StatusOK, &control)
	var place struct{ ID string }
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/destinations", map[string]any{"name": "hook", "kind": "webhook", "url": "https://example.com/hook"}).want(http.StatusCreated, &place)
	var sends seaworthy.NoticeRule
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/notice-rules", map[string]any{"name": "all", "destinations": []string{place.ID}}).want(http.StatusCreated, &sends)
	named := func(n int) string { return fmt.Sprint("name ", n) }
	return map[string]edit{
		"PUT /api/v1/teams/{id}":    {"teams/" + team.ID, func(n int) any { return map[string]any{"name": named(n)} }},
		"DELETE /api/v1/teams/{id}": {"teams/" + dropped.ID, func(int) any { return nil }},
		"PATCH /api/v1/users/{id}":  {"users/" + user.User.ID, func(n int) any { return map[string]any{"name": named(n)} }},
		"PUT /api/v1/sources/{id}": {"sources/" + source.ID, func(n int) any {
			return map[string]any{"environment": "production", "every": (2 + n) * 3_600_000_000_000} // one hour is what it is
		}},
		"PUT /api/v1/programs/{id}": {"programs/" + program.ID, func(n int) any {
			return map[string]any{"name": named(n), "type": "II", "from": program.From, "to": program.To, "categories": []string{"security"}}
		}},
		"POST /api/v1/programs/{id}/close": {"programs/" + closing.ID, func(int) any { return nil }},
		"PUT /api/v1/ownership/{id}":       {"ownership/" + rule.ID, func(n int) any { return map[string]any{"namespace": fmt.Sprint("ns-", n), "team": team.ID} }},
		"PUT /api/v1/controls/{id}": {"controls/access-review", func(n int) any {
			return map[string]any{"version": control.Version, "title": named(n), "statement": control.Statement, "owner": control.Owner, "kind": control.Kind,
				"cadence": control.Cadence, "evidence": control.Evidence, "sources": control.Sources, "checks": control.Checks}
		}},
		"PUT /api/v1/destinations/{id}": {"destinations/" + place.ID, func(n int) any {
			return map[string]any{"name": named(n), "url": "https://example.com/hook"}
		}},
		"PUT /api/v1/notice-rules/{id}": {"notice-rules/" + sends.ID, func(n int) any {
			return map[string]any{"name": named(n), "destinations": []string{place.ID}}
		}},
		"PUT /api/v1/settings/retention": {"settings/retention", func(n int) any {
			return map[string]any{"rawReports": 400 + n, "findingEvents": 0, "evidence": 0, "sessions": 90}
		}},
		"PUT /api/v1/settings/links": {"settings/links", func(n int) any {
			return map[string]any{"ticket": "https://tickets.example/" + named(n) + "/{ticket}"}
		}},
		"PUT /api/v1/settings/sla": {"settings/sla", func(n int) any { return map[string]any{"critical": (1 + n) * 3_600_000_000_000} }},
	}
}

// Of several writers that read the same record at once one writes; the others are told to
// read it again. None is lost, on no database.
func TestOneOfSeveralWritersWins(t *testing.T) {
	on(t, func(w *world) {
		edits := w.edits()
		for _, route := range w.guarded() {
			e, known := edits[route]
			if !known {
				w.Errorf("%s takes If-Match, and the test knows no edit of it", route)
				continue
			}
			method, path, _ := strings.Cut(route, " ")
			read := "/api/v1/" + e.path
			w.Run(strings.ReplaceAll(route, "/", "_"), func(t *testing.T) {
				tag := w.tagOf(read)
				if strings.HasSuffix(path, "/close") {
					path = read + "/close"
				} else {
					path = read
				}
				if a := w.do(w.as(seaworthy.Owner), method, path, e.body(99), "If-Match", `"of another record"`); a.Code != http.StatusPreconditionFailed {
					t.Fatalf("with the tag of another record: status %d, want 412: %s", a.Code, a.Body)
				}
				var codes [8]int
				var all sync.WaitGroup
				for n := range codes {
					all.Go(func() { codes[n] = w.do(w.as(seaworthy.Owner), method, path, e.body(n), "If-Match", tag).Code })
				}
				all.Wait()
				won := 0
				for _, code := range codes {
					switch {
					case code < 300:
						won++
					case code == http.StatusPreconditionFailed, code == http.StatusConflict, code == http.StatusNotFound && method == http.MethodDelete:
					default:
						t.Errorf("status %d", code)
					}
				}
				if won != 1 {
					t.Errorf("%d of %d writers wrote: %v", won, len(codes), codes)
				}
			})
		}
	})
}

// tagOf reads the tag of a record; that of a rule is in no answer of its own.
func (w *world) tagOf(path string) string {
	w.Helper()
	if !strings.Contains(path, "/ownership/") {
		return w.do(w.as(seaworthy.Owner), http.MethodGet, path, nil).want(http.StatusOK, nil).Header().Get("ETag")
	}
	a := w.do(w.as(seaworthy.Owner), http.MethodPut, path, map[string]any{"namespace": "shop-*"}).want(http.StatusOK, nil)
	return a.Header().Get("ETag")
}
