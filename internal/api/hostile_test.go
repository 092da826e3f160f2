// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
)

// A page of another site cannot use the session of somebody who is signed in.
func TestForeignSitesAreRefused(t *testing.T) {
	w := here(t, api.Config{})
	for _, route := range w.api.Routes() {
		if route.Method == http.MethodGet {
			continue
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			a := w.do("session", route.Method, example(route), map[string]any{}, name, value)
			if a.Code != http.StatusForbidden || !strings.Contains(a.detail(), "another site") {
				t.Errorf("%s %s with %s %s: status %d", route.Method, route.Path, name, value, a.Code)
			}
		}
	}
}

// What breaks out of a statement, a path or a line, in every parameter of every route:
// an answer of the client's fault or an empty list, and nothing else.
func TestHostileParameters(t *testing.T) {
	on(t, func(w *world) {
		w.declare("prod", "", "shop")
		owner := w.as(seaworthy.Owner)
		for _, text := range []string{
			`' OR '1'='1`, `'; DROP TABLE findings; --`, `" OR ""="`, `%' UNION SELECT * FROM users --`, `\'; --`, "a\x00b", "\xff\xfe",
			"../../../etc/passwd", "..%2f..%2fetc", "%00", "$1", "?1", "{{.}}", "a\r\nSet-Cookie: x=y", strings.Repeat("x", 5000), "😀",
		} {
			for _, route := range w.api.Routes() {
				path := strings.Replace(parameter.ReplaceAllString(route.Path, "\x01"), "\x01", url.PathEscape(text), -1)
				if path != route.Path {
					w.hostile(owner, route.Method, path, text)
				}
			}
			for path, names := range w.queries() {
				for _, name := range names {
					w.hostile(owner, http.MethodGet, path+"?"+url.Values{name: {text}}.Encode(), text)
				}
			}
		}
		var list items[any]
		w.do(owner, http.MethodGet, "/api/v1/findings", nil).want(http.StatusOK, &list)
		if len(list.Items) != 1 {
			w.Errorf("afterwards there are %d findings, want 1", len(list.Items))
		}
	})
}

// queries lists the query parameters of every route without ids, by the description.
func (w *world) queries() map[string][]string {
	w.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	w.must(json.Unmarshal(w.do("", http.MethodGet, "/api/v1/openapi.json", nil).Body.Bytes(), &d))
	out := map[string][]string{}
	for path, methods := range d.Paths {
		for _, p := range methods["get"].Parameters {
			if p.In == "query" && !strings.Contains(path, "{") {
				out[path] = append(out[path], p.Name)
			}
		}
	}
	if len(out["/api/v1/findings"]) < 10 || len(out) < 10 {
		w.Fatalf("the description tells of the parameters %v", out)
	}
	return out
}

func (w *world) hostile(token, method, path, text string) {
	w.Helper()
	a := w.do(token, method, path, nil)
	if a.Code >= 500 || a.Header().Get("Set-Cookie") != "" {
		w.Errorf("%s %q: status %d: %.200s", method, path, a.Code, a.Body)
	}
	if a.Code == http.StatusOK && strings.Contains(path, "text=") && bytes.Contains(a.Body.Bytes(), []byte(`"id"`)) && text != "" {
		w.Errorf("%s %q finds something", method, path)
	}
}

// Bodies of JSON are bounded, and what does not fit the description is refused.
func TestHostileBodies(t *testing.T) {
	on(t, func(w *world) {
		owner := w.as(seaworthy.Owner)
		for name, c := range map[string]struct {
			body string
			want int
		}{
			"large":         {`{"name":"` + strings.Repeat("x", 2<<20) + `"}`, http.StatusRequestEntityTooLarge},
			"deep":          {`{"name":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}`, http.StatusBadRequest},
			"unknown_field": {`{"name":"x","admin":true}`, http.StatusUnprocessableEntity},
			"wrong_type":    {`{"name":{"$ne":1}}`, http.StatusUnprocessableEntity},
			"no_json":       {`name=x`, http.StatusBadRequest},
			"two_documents": {`{"name":"x"}{"name":"y"}`, http.StatusBadRequest},
			"nul":           {`{"name":"a\u0000b"}`, http.StatusBadRequest},
			"empty":         {``, http.StatusBadRequest},
		} {
			a := w.do(owner, http.MethodPost, "/api/v1/teams", []byte(c.body), "Content-Type", "application/json")
			if a.Code != c.want {
				w.Errorf("%s: status %d, want %d: %.200s", name, a.Code, c.want, a.Body)
			}
			if strings.Contains(a.Body.String(), `"value"`) {
				w.Errorf("%s: the answer repeats what was sent: %.200s", name, a.Body)
			}
		}
	})
}

func TestProblems(t *testing.T) {
	w := here(t, api.Config{})
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/api/v1/nothing", http.StatusNotFound},
		{http.MethodGet, "/api/", http.StatusNotFound},
		{http.MethodPut, "/api/v1/teams", http.StatusMethodNotAllowed},
		{"BREW", "/api/v1/teams", http.StatusMethodNotAllowed},
		{http.MethodGet, "/api/v1/teams", http.StatusUnauthorized},
		{http.MethodGet, "/log/nothing", http.StatusNotFound},
	} {
		r := httptest.NewRequest(c.method, base+c.path, nil)
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code != c.want || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: status %d of type %q, want %d", c.method, c.path, rec.Code, rec.Header().Get("Content-Type"), c.want)
		}
	}
}
