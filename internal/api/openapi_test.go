// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seaworthy-dev/seaworthy/internal/api"
)

// validator holds answers to the description of the API.
type validator struct {
	mu       sync.Mutex // a compiler serves one at a time
	compiler *jsonschema.Compiler
	paths    map[string]map[string]struct {
		Responses map[string]struct{ Content map[string]json.RawMessage }
	}
	mux *http.ServeMux
}

const document = "https://seaworthy.example.com/api/v1/openapi.json"

func newValidator(t *testing.T, a *api.API) *validator {
	t.Helper()
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, document, nil))
	v := &validator{compiler: jsonschema.NewCompiler(), mux: http.NewServeMux()}
	var d struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct{ Content map[string]json.RawMessage }
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	v.paths = d.Paths
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	v.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := v.compiler.AddResource(document, doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range v.paths {
		for method := range methods {
			v.mux.HandleFunc(strings.ToUpper(method)+" "+path, http.NotFound)
		}
	}
	return v
}

// check holds an answer to what is described. What is not under /api/v1 is not described.
func (v *validator) check(method, path string, rec *httptest.ResponseRecorder) error {
	_, pattern := v.mux.Handler(httptest.NewRequest(method, base+path, nil))
	_, path, found := strings.Cut(pattern, " ")
	kind, _, _ := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	if rec.Code >= 400 && kind != "application/problem+json" {
		return fmt.Errorf("status %d with a body of type %q", rec.Code, kind)
	}
	if !found {
		return nil
	}
	at := strconv.Itoa(rec.Code)
	described, ok := v.paths[path][strings.ToLower(method)].Responses[at]
	if !ok && rec.Code >= 400 {
		at = "default"
		described, ok = v.paths[path][strings.ToLower(method)].Responses[at]
	}
	switch {
	case !ok:
		return fmt.Errorf("the status %d is not described", rec.Code)
	case rec.Body.Len() == 0 || len(described.Content) == 0:
		return nil
	case described.Content["*/*"] != nil && rec.Code < 400:
		return nil
	case described.Content[kind] == nil:
		return fmt.Errorf("the type %q is not described", kind)
	}
	if bytes.Equal(described.Content[kind], []byte(`{"schema":{}}`)) {
		return nil
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	pointer := "#/paths/" + escape(path) + "/" + strings.ToLower(method) + "/responses/" + at + "/content/" + escape(kind) + "/schema"
	v.mu.Lock()
	schema, err := v.compiler.Compile(document + pointer)
	v.mu.Unlock()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Body.Bytes()))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// The description and the routes are one.
func TestOpenAPIEqualsRoutes(t *testing.T) {
	w := here(t, api.Config{})
	described, routed := []string{}, []string{}
	for path, methods := range w.valid.paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range w.api.Routes() {
		if strings.HasPrefix(r.Path, "/api/v1/") {
			routed = append(routed, r.Method+" "+r.Path)
		}
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described and not routed, or the other way round:\n%v\n%v", described, routed)
	}
	if len(slices.Compact(routed)) != len(described) {
		t.Error("a route is there twice")
	}
}

func TestOpenAPIVersion(t *testing.T) {
	w := here(t, api.Config{})
	var d struct{ OpenAPI string }
	w.do("", http.MethodGet, "/api/v1/openapi.json", nil).want(http.StatusOK, &d)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("the description is of OpenAPI %q, want 3.1.0", d.OpenAPI)
	}
}
