// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// world is a server's API over a real store, with an owner who is signed in and a token
// for each role.
type world struct {
	*testing.T
	store  *store.Store
	vault  *vault.Vault
	auth   *auth.Auth
	audit  *audit.Audit
	api    *api.API
	signer note.Signer
	key    note.Verifier
	now    time.Time

	owner  seaworthy.Principal
	cookie *http.Cookie
	tokens map[seaworthy.Role]string
	valid  *validator
}

const base = "https://seaworthy.example.com"

// on runs f in a world on each database.
func on(t *testing.T, f func(w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { f(newWorld(t, c, api.Config{})) })
}

// here runs f in a world on SQLite, for what no database changes.
func here(t *testing.T, c api.Config) *world {
	t.Helper()
	return newWorld(t, store.Config{Dir: t.TempDir()}, c)
}

func newWorld(t *testing.T, sc store.Config, c api.Config) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), tokens: map[seaworthy.Role]string{}}
	var clock sync.Mutex
	sc.Now = func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		w.now = w.now.Add(time.Millisecond)
		return w.now
	}
	w.store = storetest.Open(t, sc)
	folder, err := vault.OpenFolder(t.TempDir())
	w.must(err)
	t.Cleanup(func() { _ = folder.Close() })
	w.vault = vault.New(folder, folder)
	w.auth, err = auth.New(auth.Config{Store: w.store, BaseURL: base, KeyFile: t.TempDir() + "/secret.key", HashMemory: 64})
	w.must(err)
	cs, err := controls.List()
	w.must(err)
	fs, err := frameworks.List()
	w.must(err)
	w.audit = audit.New(w.store, audit.Catalogue{Controls: cs, Frameworks: fs}, w.vault)
	w.must(w.audit.Seed(t.Context()))
	private, public, err := note.GenerateKey(nil, "seaworthy.example.com/test")
	w.must(err)
	w.signer, err = note.NewSigner(private)
	w.must(err)
	w.key, err = note.NewVerifier(public)
	w.must(err)
	c.Store, c.Vault, c.Auth, c.Audit, c.LogKey, c.Signer = w.store, w.vault, w.auth, w.audit, public, w.signer
	c.Triage = triage.New(triage.Config{Store: w.store})
	c.Trail = trail.Config{Store: w.store, Key: []byte("key"), Kinds: schema.KindOf}
	c.Ingest = ingest.Config{
		Store: w.store, Vault: w.vault, TempDir: t.TempDir(), SLA: triage.SLA, Owners: triage.Owners, Waivers: triage.Waivers, Requested: triage.Requested,
	}
	w.api, err = api.New(c)
	w.must(err)
	w.valid = newValidator(t, w.api)
	w.signUp()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// signUp makes the owner by the link of the first start.
func (w *world) signUp() {
	w.Helper()
	link, err := w.auth.SetupLink(w.Context())
	w.must(err)
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, base+"/welcome", nil)
	_, secret, _ := strings.Cut(link, auth.LinkPath)
	s, err := w.auth.Setup(rec, r, secret, "ada@example.com", "Ada", "a long and good passphrase 42")
	w.must(err)
	for _, c := range rec.Result().Cookies() {
		if c.Value != "" {
			w.cookie = c
		}
	}
	w.owner = seaworthy.Principal{Actor: "user:" + s.User.ID, UserID: s.User.ID, Name: "Ada", Role: seaworthy.Owner}
}

// token makes a token and gives its text.
func (w *world) token(n auth.NewToken) string {
	w.Helper()
	if n.Name == "" {
		n.Name = string(n.Role)
	}
	_, text, err := w.auth.CreateToken(w.Context(), w.owner, n)
	w.must(err)
	return text
}

// as gives a token of a role that sees everything that the role may.
func (w *world) as(r seaworthy.Role) string {
	w.Helper()
	if w.tokens[r] == "" {
		n := auth.NewToken{Role: r}
		if r == seaworthy.Auditor {
			n.Program = w.program("of the auditor").ID
			n.Expires = w.now.Add(24 * time.Hour)
		}
		w.tokens[r] = w.token(n)
	}
	return w.tokens[r]
}

// program makes a program whose scope are sources.
func (w *world) program(name string, sources ...string) seaworthy.Program {
	w.Helper()
	p := seaworthy.Program{
		Name: name, Type: seaworthy.TypeII, From: w.now.AddDate(0, -1, 0), To: w.now.AddDate(0, 5, 0),
		Categories: []string{"security"}, Excluded: []seaworthy.ExcludedRequirement{}, Scope: []seaworthy.ScopeItem{},
	}
	for _, s := range sources {
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: s, In: true})
	}
	p, err := w.audit.CreateProgram(w.Context(), w.owner, p)
	w.must(err)
	return p
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	w *world
}

// do makes a request as the bearer of a token: the owner's browser when it is "session",
// nobody when it is empty. What comes back must fit the description of the API.
func (w *world) do(token, method, path string, body any, header ...string) answer {
	w.Helper()
	var in io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case io.Reader:
		in = b
	case []byte:
		in = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		w.must(err)
		in, kind = bytes.NewReader(data), "application/json"
	}
	r := httptest.NewRequest(method, base+path, in)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	switch token {
	case "":
	case "session":
		r.AddCookie(w.cookie)
	default:
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r.WithContext(w.Context()))
	if err := w.valid.check(method, path, rec); err != nil {
		w.Errorf("%s %s answers what the description of the API does not allow: %v\n%.500s", method, path, err, rec.Body)
	}
	return answer{rec, w}
}

// want reads the body of an answer of a status.
func (a answer) want(status int, into any) answer {
	a.w.Helper()
	if a.Code != status {
		a.w.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	if into != nil {
		if err := json.Unmarshal(a.Body.Bytes(), into); err != nil {
			a.w.Fatalf("read the answer: %v\n%s", err, a.Body)
		}
	}
	return a
}

// detail is what a problem says.
func (a answer) detail() string {
	var p struct{ Detail string }
	_ = json.Unmarshal(a.Body.Bytes(), &p)
	return p.Detail
}

// report is a report of a cluster with one finding for each namespace.
func report(cluster string, started time.Time, namespaces ...string) []byte {
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: cluster, ClusterUID: "uid-" + cluster, Asked: []string{"deployments.apps"}, Started: started},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: 1, Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: started.Add(time.Second), Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{{
				ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.Critical, Category: "Security",
				Status: seaworthy.StatusFailed, InScope: len(namespaces), Failed: len(namespaces), Controls: []string{"workload-isolation"},
			}},
		},
	}
	r.Checks[0].ByNamespace = map[string]seaworthy.NamespaceTally{}
	for _, ns := range namespaces {
		r.Checks[0].ByNamespace[ns] = seaworthy.NamespaceTally{InScope: 1, Failed: 1}
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: ns, Name: "api"}
		r.Findings = append(r.Findings, seaworthy.Finding{
			Check: "privileged-container", Severity: seaworthy.Critical, Category: "Security", Message: "container app is privileged", Object: o,
			Container: "app", Path: "spec.template.spec.containers[0]", Controls: []string{}, Requirements: []string{},
			Fingerprint: seaworthy.Fingerprint(cluster, "privileged-container", o, "spec.containers[app]"), New: true,
		})
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return data
}

// declare declares a cluster of a team and has it report.
func (w *world) declare(name, team string, namespaces ...string) seaworthy.DeclaredSource {
	w.Helper()
	var s seaworthy.DeclaredSource
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/sources", map[string]any{
		"kind": "cluster", "name": name, "environment": "production", "team": team, "every": time.Hour,
	}).want(http.StatusCreated, &s)
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/sources/"+name+"/reports", report(name, w.now.Add(-time.Minute), namespaces...)).want(http.StatusCreated, nil)
	return s
}

func (w *world) team(name string) seaworthy.Team {
	w.Helper()
	var t seaworthy.Team
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/teams", map[string]any{"name": name}).want(http.StatusCreated, &t)
	return t
}

// Context is that of the test; it lives as long as the world.
func (w *world) Context() context.Context { return w.T.Context() }
