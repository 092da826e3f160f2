// SPDX-License-Identifier: Apache-2.0

// Package api is the server for programs: resources under /api/v1 as JSON, described by
// an OpenAPI document that is made of the code, and the log in the form of
// c2sp.org/tlog-tiles under /log.
//
// A resource is a file; routes.go lists them. Every route names the one action that it
// needs, so who may do what is a table that tests read off the routes. What a principal
// may do it to, the handlers ask of the packages that do it, and of scope.go.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Config is what the API stands on.
type Config struct {
	Store *store.Store
	Vault *vault.Vault
	Auth  *auth.Auth
	Audit *audit.Audit
	// Triage works on findings and waivers.
	Triage *triage.Triage
	// Ingest says how reports are taken; its limits are those of Limits.
	Ingest ingest.Config
	// Trail says how changes of clusters are taken.
	Trail trail.Config
	Log   *slog.Logger

	// Notices says where notices go; nil: by no e-mail, and not into the server's network.
	Notices *outbox.Outbox

	// Checks is the catalogue that this server was started with.
	Checks []seaworthy.Check
	// LogKey is the public key of the log; Signer signs its checkpoints.
	LogKey string
	Signer note.Signer
	// Stamp asks for a timestamp of a checkpoint; nil: none is asked for.
	Stamp func(ctx context.Context, c store.Checkpoint) (token []byte, err error)
	// Witnesses may cosign the log.
	Witnesses []note.Verifier
	// PrivateLog serves the log's tiles only to who may read the log.
	PrivateLog bool
	Version    string
	Limits     Limits
}

// API serves the API. It is safe for concurrent use.
type API struct {
	Config
	huma    huma.API
	mux     *http.ServeMux
	routes  []Route
	spec    []byte
	handler http.Handler
	shared  shared
}

// Route is one route and what it takes to go there.
type Route struct {
	Method, Path string
	// Action is empty for routes that need nobody to be signed in.
	Action seaworthy.Action
}

// New lays out the routes.
func New(c Config) (*API, error) {
	a := &API{Config: c, mux: http.NewServeMux()}
	a.Limits = a.Limits.orDefaults()
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.Notices == nil {
		a.Notices = outbox.New(outbox.Config{Store: c.Store, Log: a.Log, Seal: c.Auth.Seal, Unseal: c.Auth.Unseal, Client: outgoing.Config{}.Client()})
	}
	config := huma.DefaultConfig("Seaworthy", "v1")
	config.CreateHooks = nil // no $schema members, no link to schemas
	config.Formats = map[string]huma.Format{"application/json": format(), "json": format()}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Info.Description = about
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, made under Settings or by POST /api/v1/tokens."},
		"session": {Type: "apiKey", In: "cookie", Name: "seaworthy", Description: "The session of a browser that is signed in."},
	}
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Transformers = []huma.Transformer{a.problems}
	a.huma = humago.New(a.mux, config)
	a.route()
	var err error
	if a.spec, err = json.Marshal(a.huma.OpenAPI()); err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, seaworthy.Forbidden("this request was sent by a page of another site"))
	}))
	a.handler = own.Handler(http.HandlerFunc(a.serve))
	return a, nil
}

const about = "Findings with a life, controls with their occurrences, evidence and the log that proves it.\n\n" +
	"Lists are paged: follow the Link header whose rel is next, until there is none. Errors are " +
	"application/problem+json (RFC 9457). Records that can be edited have an ETag; send it back in If-Match " +
	"and an edit in between is not overwritten. Durations are whole nanoseconds, times RFC 3339."

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Routes lists every route.
func (a *API) Routes() []Route { return a.routes }

// serve finds the route; what no route answers is a problem too.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Cache-Control", "no-store")
	}
	if !readable(r.URL.Path) || !readableQuery(r.URL.RawQuery) {
		a.fail(w, r, seaworthy.Invalid("the address holds what is no text in UTF-8"))
		return
	}
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	rec := &nothing{header: http.Header{}}
	h.ServeHTTP(rec, r)
	if rec.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", rec.header.Get("Allow"))
		a.write(w, problem(rec.status, "%s is not a method of %s", r.Method, r.URL.Path))
		return
	}
	a.fail(w, r, seaworthy.NotFound("there is nothing at %s", r.URL.Path))
}

// readable tells whether databases and people can read a text: UTF-8 without NUL.
func readable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func readableQuery(raw string) bool {
	s, err := url.QueryUnescape(raw)
	return err == nil && readable(s)
}

// format is JSON as databases can keep it.
func format() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, v any) error {
		if bytes.Contains(data, []byte(`\u0000`)) || !utf8.Valid(data) {
			return errors.New("the body holds NUL or what is no UTF-8")
		}
		return json.Unmarshal(data, v)
	}}
}

// nothing takes an answer whose status alone matters.
type nothing struct {
	header http.Header
	status int
}

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n *nothing) WriteHeader(status int)      { n.status = status }

// operation describes a route. Its action decides who may go there.
type operation struct {
	method, path string
	action       seaworthy.Action
	id           string // "list-findings"
	tag          string
	summary      string
	doc          string
	status       int    // of success; 0: 200, or 204 without a body
	also         int    // another status of success, with the same body
	media        string // type of the answer; empty: application/json
	body         int64  // bytes of the request's body; 0: 1 MiB
	any          bool   // takes query parameters of any name
	requestBody  *huma.RequestBody
}

// public marks a route that needs nobody to be signed in.
const public seaworthy.Action = ""

// route adds a route.
func route[I, O any](a *API, o operation, f func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: o.method, Path: o.path, OperationID: camel(o.id), Summary: o.summary, Description: o.doc, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: o.body, BodyReadTimeout: -1, RejectUnknownQueryParameters: !o.any,
		Middlewares: huma.Middlewares{a.guard(o.action)}, Responses: map[string]*huma.Response{},
	}
	if o.action != public {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
		op.Extensions = map[string]any{"x-seaworthy-action": string(o.action)}
	}
	if o.media != "" {
		op.Responses[strconv.Itoa(max(o.status, http.StatusOK))] = &huma.Response{
			Description: "The bytes", Content: map[string]*huma.MediaType{o.media: {Schema: &huma.Schema{}}},
		}
	}
	a.routes = append(a.routes, Route{o.method, o.path, o.action})
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, a.explain(ctx, err)
		}
		return out, nil
	})
	if o.requestBody != nil { // which huma is not to read
		describe(a.huma.OpenAPI().Paths[o.path], o.method).RequestBody = o.requestBody
	}
	if o.also != 0 {
		op.Responses[strconv.Itoa(o.also)] = op.Responses[strconv.Itoa(o.status)]
	}
}

func describe(p *huma.PathItem, method string) *huma.Operation {
	if method == http.MethodPatch {
		return p.Patch
	}
	return p.Post
}

// camel writes an id as generators of clients like it: listFindings.
func camel(id string) string {
	words := strings.Split(id, "-")
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

type whoKey struct{}

// who is the principal of a request on a route that is not public.
func who(ctx context.Context) seaworthy.Principal {
	p, _ := ctx.Value(whoKey{}).(seaworthy.Principal)
	return p
}

// guard lets in who may do the action.
func (a *API) guard(action seaworthy.Action) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		ctx = huma.WithValue(ctx, requestKey{}, request{r, w})
		if action == public {
			next(ctx)
			return
		}
		p, err := a.Auth.FromRequest(r.Context(), r)
		if err == nil && !p.Can(action) {
			err = seaworthy.Forbidden("the role %s may not do this (%s)", p.Role, action)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		next(huma.WithValue(ctx, whoKey{}, p))
	}
}

type requestKey struct{}

// request is what net/http knows of a request, for what huma does not.
type request struct {
	r *http.Request
	w http.ResponseWriter
}

func requestOf(ctx context.Context) request {
	v, _ := ctx.Value(requestKey{}).(request)
	return v
}

// openAPI serves the description of the API.
func (a *API) openAPI(context.Context, *struct{}) (*document, error) {
	return &document{ContentType: "application/openapi+json", Cache: "public, max-age=300", Body: a.spec}, nil
}

// document is an answer of bytes.
type document struct {
	ContentType string `header:"Content-Type"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}
