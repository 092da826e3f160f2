// SPDX-License-Identifier: Apache-2.0

// Package uitest makes a whole site for tests of pages: a store, accounts of every role,
// and the pages behind an HTTP server, empty or filled by the verbs that fill a real one.
package uitest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Password is that of every account.
const Password = "correct horse battery staple"

// Site is a server and what it stands on.
type Site struct {
	T      testing.TB
	Now    time.Time // the store's clock
	Store  *store.Store
	Vault  *vault.Vault
	Auth   *auth.Auth
	Audit  *audit.Audit
	UI     *ui.UI
	Signer note.Signer // of the log
	LogKey string      // as people note it
	URL    string
	Checks []seaworthy.Check
	// Users holds an account of each role.
	Users   map[seaworthy.Role]seaworthy.User
	clients map[seaworthy.Role]*http.Client
}

// New makes an empty site with an owner, configured as the tests of it need.
func New(t testing.TB, configure ...func(*ui.Config)) *Site {
	t.Helper()
	return NewWith(t, auth.Config{}, configure...)
}

// NewWith makes one that asks of accounts what rules say.
func NewWith(t testing.TB, rules auth.Config, configure ...func(*ui.Config)) *Site {
	t.Helper()
	return on(t, store.Config{Dir: t.TempDir()}, rules, configure...)
}

// Each runs f with an empty site on each database that there is.
func Each(t *testing.T, f func(t *testing.T, s *Site), configure ...func(*ui.Config)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { f(t, on(t, c, auth.Config{}, configure...)) })
}

// Fresh makes a site that nobody has set up yet, and gives the link for it.
func Fresh(t testing.TB) (s *Site, link string) {
	t.Helper()
	s = fresh(t, store.Config{Dir: t.TempDir()}, auth.Config{})
	link, err := s.Auth.SetupLink(t.Context())
	s.must(err)
	return s, link
}

func on(t testing.TB, c store.Config, rules auth.Config, configure ...func(*ui.Config)) *Site {
	t.Helper()
	s := fresh(t, c, rules, configure...)
	link, err := s.Auth.SetupLink(t.Context())
	s.must(err)
	s.SetUp(link)
	return s
}

func fresh(t testing.TB, c store.Config, rules auth.Config, configure ...func(*ui.Config)) *Site {
	t.Helper()
	s := &Site{T: t, Now: time.Date(2026, 7, 1, 6, 0, 0, 0, time.UTC), Users: map[seaworthy.Role]seaworthy.User{}, clients: map[seaworthy.Role]*http.Client{}}
	c.Now = func() time.Time { return s.Now }
	s.Store = storetest.Open(t, c)
	folder, err := vault.OpenFolder(filepath.Join(t.TempDir(), "blobs"))
	s.must(err)
	t.Cleanup(func() { _ = folder.Close() })
	s.Vault = vault.New(folder, folder)

	var handler http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	server.Start()
	t.Cleanup(server.Close)
	// Passkeys are bound to a name, and an address is none.
	s.URL = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)

	rules.Store, rules.BaseURL, rules.KeyFile, rules.HashMemory = s.Store, s.URL, filepath.Join(t.TempDir(), "key"), 64
	s.Auth, err = auth.New(rules)
	s.must(err)
	private, public, err := note.GenerateKey(nil, "harbour.example/log")
	s.must(err)
	s.LogKey = public
	s.Signer, err = note.NewSigner(private)
	s.must(err)
	catalogue := audit.Catalogue{}
	catalogue.Controls, err = controls.List()
	s.must(err)
	catalogue.Frameworks, err = frameworks.List()
	s.must(err)
	sources, err := checks.List()
	s.must(err)
	for _, c := range sources {
		s.Checks = append(s.Checks, c.Check)
	}
	catalogue.Checks = s.Checks
	s.Audit = audit.New(s.Store, catalogue, s.Vault)
	s.must(s.Audit.Seed(t.Context()))
	pages := ui.Config{Store: s.Store, Auth: s.Auth, Audit: s.Audit, Vault: s.Vault, Checks: s.Checks, Example: true, Sealer: audit.Sealer{Signer: s.Signer}, LogKey: s.LogKey, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range configure {
		f(&pages)
	}
	s.UI, err = ui.New(pages)
	s.must(err)
	handler = s.UI
	return s
}

func (s *Site) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// SetUp makes the owner as the first start does, by its link.
func (s *Site) SetUp(to string) {
	s.T.Helper()
	c := s.client()
	s.Post(c, strings.TrimPrefix(to, s.URL), url.Values{"name": {"Maya Lindqvist"}, "email": {"maya@harbour.example"}, "password": {Password}, "again": {Password}})
	s.clients[seaworthy.Owner] = c
	all, err := s.Store.Users(s.T.Context(), store.UserFilter{})
	s.must(err)
	if len(all) != 1 {
		s.T.Fatalf("after the setup there are %d users, want 1", len(all))
	}
	s.Users[seaworthy.Owner] = all[0]
}

// Owner is who made the site.
func (s *Site) Owner() seaworthy.Principal { return principal(s.Users[seaworthy.Owner]) }

func principal(u seaworthy.User) seaworthy.Principal {
	return seaworthy.Principal{Actor: "user:" + u.ID, UserID: u.ID, Name: u.Name, Role: u.Role, Teams: u.Teams, Program: u.Program}
}

// Join makes an account and signs it in.
func (s *Site) Join(n auth.NewUser) seaworthy.User {
	s.T.Helper()
	u, to, err := s.Auth.CreateUser(s.T.Context(), s.Owner(), n)
	s.must(err)
	c := s.client()
	s.Post(c, strings.TrimPrefix(to, s.URL), url.Values{"password": {Password}, "again": {Password}})
	if _, there := s.Users[n.Role]; !there {
		s.Users[n.Role], s.clients[n.Role] = u, c
	}
	return u
}

func (s *Site) client() *http.Client {
	jar, err := cookiejar.New(nil)
	s.must(err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// JoinAll makes an account of each role that there is none of yet.
func (s *Site) JoinAll() {
	s.T.Helper()
	program, err := s.Audit.CreateProgram(s.T.Context(), s.Owner(), seaworthy.Program{
		Name: "Program", Type: seaworthy.TypeII, From: s.Now, To: s.Now.AddDate(0, 6, 0), Categories: []string{"security"},
	})
	s.must(err)
	for _, r := range seaworthy.Roles {
		n := auth.NewUser{Email: string(r) + "@harbour.example", Name: string(r), Role: r}
		if r == seaworthy.Auditor {
			n.Program, n.Expires = program.ID, s.Now.AddDate(1, 0, 0)
		}
		if _, there := s.Users[r]; !there {
			s.Join(n)
		}
	}
}

// Do makes a request as a role, and leaves its session as it was.
func (s *Site) Do(r seaworthy.Role, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r != "" && path != "/sign-out" {
		for _, c := range s.Cookies(r) {
			req.AddCookie(c)
		}
	}
	return (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
}

// Client is the browser of an account of a role; of nobody when the role is empty.
func (s *Site) Client(r seaworthy.Role) *http.Client {
	if c := s.clients[r]; c != nil {
		return c
	}
	return s.client()
}

// SignIn signs an account in anew, for the clock has moved on.
func (s *Site) SignIn(r seaworthy.Role) {
	s.T.Helper()
	c := s.client()
	res := s.Post(c, "/sign-in", url.Values{"email": {s.Users[r].Email}, "password": {Password}})
	if res.StatusCode != http.StatusSeeOther {
		s.T.Fatalf("signing in as %s gives %d", r, res.StatusCode)
	}
	s.clients[r] = c
}

// Cookies are what the browser of a role sends.
func (s *Site) Cookies(r seaworthy.Role) []*http.Cookie {
	u, err := url.Parse(s.URL)
	s.must(err)
	return s.Client(r).Jar.Cookies(u)
}

// Get reads a page.
func (s *Site) Get(c *http.Client, path string) (code int, body string) {
	s.T.Helper()
	res, err := c.Get(s.URL + path)
	s.must(err)
	return res.StatusCode, s.Read(res)
}

// Post sends a form.
func (s *Site) Post(c *http.Client, path string, form url.Values) *http.Response {
	s.T.Helper()
	res, err := c.PostForm(s.URL+path, form)
	s.must(err)
	s.Read(res)
	return res
}

// Read gives the body of an answer.
func (s *Site) Read(res *http.Response) string {
	data, err := io.ReadAll(res.Body)
	s.must(err)
	_ = res.Body.Close()
	return string(data)
}

// write runs a transaction in the owner's name.
func (s *Site) write(f func(*store.Tx) error) {
	s.T.Helper()
	s.must(s.Store.Write(context.WithoutCancel(s.T.Context()), s.Owner().Actor, f))
}

// Pages lists every page by a name, with what stands in the store.
func (s *Site) Pages() map[string]string {
	ctx := s.T.Context()
	out := map[string]string{
		"overview": "/", "findings": "/findings", "findings-grouped": "/findings?group=check", "findings-none": "/findings?check=none", "workloads": "/workloads",
		"checks": "/checks", "check": "/checks/privileged-container", "sources": "/sources", "waivers": "/waivers", "controls": "/controls", "control": "/controls/access-review",
		"control-machine": "/controls/workload-isolation", "evidence": "/evidence", "new-evidence": "/evidence/new", "programs": "/programs", "program-new": "/programs/new",
		"log": "/log", "entry": "/log/40", "people": "/people", "person": "/people/" + s.Users[seaworthy.Owner].ID, "person-new": "/people/new",
		"tokens": "/tokens", "account": "/account", "app": "/account/app", "ownership": "/ownership", "sign-on": "/sign-on", "retention": "/retention",
		"search": "/search?q=pay", "error": "/nothing", "scope": "/scope", "timeline": "/changes", "deployments": "/deployments",
	}
	out["notifications"], out["destination-new"], out["destination-mail"] = "/notifications", "/notifications/new?kind=webhook", "/notifications/new?kind=email"
	out["notice-rule-new"], out["deliveries"], out["change-rules"] = "/notifications/rules/new", "/notifications/deliveries", "/change-rules"
	out["actors"], out["actors-name"] = "/actors", "/actors?name=kubernetes-admin"
	places, err := s.Store.Destinations(ctx)
	s.must(err)
	for _, d := range places {
		out["destination"] = "/notifications/destinations/" + d.ID
	}
	rules, err := s.Store.NoticeRules(ctx)
	s.must(err)
	for _, r := range rules {
		out["notice-rule"] = "/notifications/rules/" + r.ID
	}
	sent, err := s.Store.Deliveries(ctx, store.DeliveryFilter{State: seaworthy.DeliveryFailed, Limit: 1})
	s.must(err)
	for _, d := range sent.Items {
		out["delivery"] = "/notifications/deliveries/" + d.ID
	}
	changed, err := s.Store.Changes(ctx, store.ChangeFilter{Limit: 1})
	s.must(err)
	for _, c := range changed.Items {
		out["change"], out["timeline-narrowed"] = "/changes/"+c.ID, "/changes?match=out-of-band&open=yes&kind=Deployment"
	}
	deployed, err := s.Store.Deployments(ctx, store.DeploymentFilter{Limit: 1})
	s.must(err)
	for _, d := range deployed.Items {
		out["deployment"], out["deployments-found"], out["deployments-none"] = "/deployments/"+d.ID, "/deployments?q="+url.QueryEscape(d.Commit), "/deployments?q=nothing"
	}
	payments := store.ObjectID("prod-eu", seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "checkout", Name: "payments-api"})
	if _, err := s.Store.Object(ctx, payments); err == nil {
		out["workload-released"] = "/workloads/" + payments
	}
	released, err := s.Store.Changes(ctx, store.ChangeFilter{Image: ImageOfPayments, Limit: 1})
	s.must(err)
	for _, c := range released.Items {
		out["change-released"], out["timeline-image"] = "/changes/"+c.ID, "/changes?image="+url.QueryEscape(ImageOfPayments)
	}
	programs, err := s.Store.Programs(ctx)
	s.must(err)
	for _, p := range programs {
		out["requirements"], out["requirement"], out["requirements-past"] = "/requirements", "/requirements/CC6.1", "/requirements?as-of=2026-09-30"
		out["findings-past"] = "/findings?as-of=2026-09-30" // which says that it is of now
		out["due"], out["lists"], out["packages"], out["program"] = "/due", "/lists", "/packages", "/programs/"+p.ID
		lists, err := s.Store.Populations(ctx, p.ID, "", 1)
		s.must(err)
		for _, l := range lists {
			out["list"] = "/lists/" + l.ID
		}
	}
	findings, err := s.Store.Findings(ctx, store.FindingFilter{Limit: 1, Checks: []string{"host-network"}})
	s.must(err)
	for _, f := range findings.Items {
		out["selected"], out["selected-waivers"] = "/findings/selected?do=waive&all=yes", "/waivers/selected?do=approve&all=yes"
		out["finding"], out["workload"] = "/findings/"+f.ID, "/workloads/"+f.ObjectID
		out["source"], out["run"] = "/sources/"+f.SourceID, "/runs/"+f.RunID
	}
	hostile, err := s.Store.Objects(ctx, store.ObjectFilter{Name: Hostile[:3], Limit: 1})
	s.must(err)
	for _, o := range hostile.Items {
		out["workload-hostile"] = "/workloads/" + o.ID
	}
	if _, err := s.Store.Source(ctx, "prod-eu"); err == nil {
		out["source-watched"], out["source-gaps"] = "/sources/prod-eu", "/sources/prod-us"
	}
	waivers, err := s.Store.Waivers(ctx, store.WaiverFilter{States: []string{seaworthy.WaiverRequested}, Limit: 1})
	s.must(err)
	for _, w := range waivers.Items {
		out["waiver"] = "/waivers/" + w.ID
	}
	evidence, err := s.Store.EvidenceList(ctx, store.EvidenceFilter{Limit: 1})
	s.must(err)
	for _, e := range evidence {
		out["one-evidence"] = "/evidence/" + e.ID
	}
	occurrences, err := s.Store.Occurrences(ctx, store.OccurrenceFilter{Control: "access-review", Limit: 1})
	s.must(err)
	for _, o := range occurrences {
		out["occurrence"] = "/occurrences/" + o.ID
	}
	return out
}
