// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/openid"
)

const good = "walrus under the pier"

// people are known to the provider; the password of each is its subject.
var people = []openid.Person{
	{Subject: "s-olga", Email: "olga@example.com", Name: "Olga", Verified: true, Groups: []string{"staff", "security"}},
	{Subject: "s-emil", Email: "Emil@example.com", Name: "Emil", Verified: true, Groups: []string{"staff", "shop"}},
	{Subject: "s-gast", Email: "gast@example.com", Name: "Gast", Verified: true, Groups: []string{"visitors"}},
	{Subject: "s-evil", Email: "ada@example.com", Name: "Ada", Groups: []string{"security"}},
	{Subject: "s-ada", Email: "ada@example.com", Name: "Ada L", Verified: true, Groups: []string{"security"}},
}

// site is a server with single sign-on, and its provider.
type site struct {
	*auth.Auth
	t      *testing.T
	store  *store.Store
	p      *oidc.Provider
	url    string
	issuer string
	owner  seaworthy.Principal
}

// start runs a server with an owner, ada, who signs in with a password.
func start(t *testing.T, s *store.Store, sparse bool, configure func(*oidc.Config)) *site {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a, err := auth.New(auth.Config{Store: s, BaseURL: server.URL, KeyFile: filepath.Join(t.TempDir(), "key")})
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Clone(people)
	for i := range known {
		known[i].Password = known[i].Subject
	}
	st := &site{Auth: a, t: t, store: s, url: server.URL}
	st.issuer = openid.Start(t, openid.Setup{ClientID: "seaworthy", ClientSecret: "hush", RedirectURI: server.URL + oidc.CallbackPath, People: known, Sparse: sparse})
	c := oidc.Config{
		Issuer: st.issuer, ClientID: "seaworthy", ClientSecret: "hush",
		Roles: map[string]seaworthy.Role{"staff": seaworthy.Engineer, "security": seaworthy.ComplianceManager},
		Teams: map[string]string{"shop": "t-shop"},
	}
	c.Create = true
	if configure != nil {
		configure(&c)
	}
	if st.p, err = oidc.New(a, c); err != nil {
		t.Fatal(err)
	}
	st.routes(mux)
	err = s.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutTeam(&seaworthy.Team{ID: "t-shop", Name: "Shop"})
	})
	if err != nil {
		t.Fatal(err)
	}
	link, err := a.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session, err := a.Setup(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), link[strings.LastIndex(link, "/")+1:], "ada@example.com", "Ada", good)
	if err != nil {
		t.Fatal(err)
	}
	st.owner = seaworthy.Principal{Actor: "user:" + session.UserID, UserID: session.UserID, Role: seaworthy.Owner}
	return st
}

func (st *site) routes(mux *http.ServeMux) {
	fail := func(w http.ResponseWriter, err error) {
		var told *seaworthy.Error
		if !errors.As(err, &told) {
			st.t.Errorf("an error that users cannot be told: %v", err)
			return
		}
		http.Error(w, told.Message, http.StatusForbidden)
	}
	mux.HandleFunc("/begin", func(w http.ResponseWriter, r *http.Request) {
		if err := st.p.Begin(w, r, r.FormValue("next")); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc("/link", func(w http.ResponseWriter, r *http.Request) {
		to, err := st.p.BeginLink(w, r, "/account")
		if err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	mux.HandleFunc("/password", func(w http.ResponseWriter, r *http.Request) {
		if _, err := st.SignIn(w, r, "ada@example.com", good); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc(oidc.CallbackPath, func(w http.ResponseWriter, r *http.Request) {
		next, err := st.p.Callback(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p, err := st.FromRequest(r.Context(), r)
		if err != nil {
			fail(w, err)
			return
		}
		io.WriteString(w, r.URL.RequestURI()+" "+p.Name+" "+string(p.Role)+" "+strings.Join(p.Teams, ","))
	})
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func read(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// through goes from a page of ours to the provider, signs in there, and gives the last
// page.
func (st *site) through(c *http.Client, path string, subject string) string {
	st.t.Helper()
	res, err := c.Get(st.url + path)
	if err != nil {
		st.t.Fatal(err)
	}
	form := read(st.t, res, nil)
	if !strings.Contains(form, "<form") {
		return form
	}
	at := slices.IndexFunc(people, func(p openid.Person) bool { return p.Subject == subject })
	res, err = c.PostForm(res.Request.URL.String(), url.Values{"email": {people[at].Email}, "password": {subject}})
	return read(st.t, res, err)
}

func TestSignOn(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		name := map[bool]string{false: "claims_in_the_token", true: "claims_by_user_information"}[sparse]
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				st := start(t, s, sparse, nil)
				for _, test := range []struct{ subject, want string }{
					{"s-olga", "/findings?x=1 Olga compliance-manager"},
					{"s-emil", "/findings?x=1 Emil engineer t-shop"},
					{"s-emil", "/findings?x=1 Emil engineer t-shop"}, // the second time there is an account
					{"s-gast", "none of your groups at the provider of single sign-on gives you a role here; ask an owner"},
					{"s-evil", "the provider of single sign-on gives no verified e-mail address for you; ask an owner"},
					{"s-ada", "there is an account with the address ada@example.com already; sign in to it and link single sign-on under your account"},
				} {
					if got := st.through(newClient(t), "/begin?next="+url.QueryEscape("/findings?x=1"), test.subject); got != test.want {
						t.Errorf("%s comes to %q, want %q", test.subject, got, test.want)
					}
				}
				u, err := s.Identity(t.Context(), st.issuer, "s-emil")
				if err != nil || u.Email != "emil@example.com" || u.External != st.issuer {
					t.Errorf("Identity = %+v, %v", u, err)
				}
			})
		})
	}
}

func TestNextIsOfThisSite(t *testing.T) {
	st := start(t, storetest.Open(t, store.Config{Dir: t.TempDir()}), false, nil)
	if got := st.through(newClient(t), "/begin?next=//evil.example/", "s-olga"); got != "/ Olga compliance-manager" {
		t.Errorf("after signing in: %q, want to be at /", got)
	}
}

func TestLinking(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := start(t, s, false, func(c *oidc.Config) { c.Roles = nil; c.DefaultRole = seaworthy.Viewer })
		c := newClient(t)
		res, err := c.Get(st.url + "/password")
		read(t, res, err)
		// The address does not matter: what is linked is a subject.
		if got := st.through(c, "/link", "s-evil"); got != "/account Ada owner" {
			t.Fatalf("after linking: %q", got)
		}
		if got := st.through(newClient(t), "/begin", "s-evil"); got != "/ Ada owner" {
			t.Errorf("sign-on with the linked identity: %q", got)
		}
		if got := st.through(c, "/link", "s-evil"); got != "this identity is linked to an account already" {
			t.Errorf("linking twice: %q", got)
		}
		if got := st.through(newClient(t), "/link", "s-olga"); got != "nobody is signed in" {
			t.Errorf("linking with nobody signed in: %q", got)
		}
	})
}

func TestLinkingByVerifiedAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := start(t, s, false, func(c *oidc.Config) { c.LinkVerified = true })
		if got := st.through(newClient(t), "/begin", "s-evil"); !strings.HasPrefix(got, "the provider of single sign-on gives no verified") {
			t.Errorf("an address that nobody verified: %q", got)
		}
		// The groups ask for another role, but ada is the last owner.
		if got := st.through(newClient(t), "/begin", "s-ada"); got != "/ Ada owner" {
			t.Errorf("a verified address: %q", got)
		}
	})
}

func TestRightsFollowGroups(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := start(t, s, false, nil)
		c := newClient(t)
		if got := st.through(c, "/begin", "s-emil"); got != "/ Emil engineer t-shop" {
			t.Fatal(got)
		}
		u, err := s.Identity(t.Context(), st.issuer, "s-emil")
		if err != nil {
			t.Fatal(err)
		}
		role := seaworthy.Owner
		if _, err := st.ChangeUser(t.Context(), st.owner, u.ID, auth.UserChange{Role: &role}); err != nil {
			t.Fatal(err)
		}
		if got := st.through(c, "/begin", "s-emil"); got != "/ Emil engineer t-shop" {
			t.Errorf("after somebody else made him an owner: %q", got)
		}
		off := true
		if _, err := st.ChangeUser(t.Context(), st.owner, u.ID, auth.UserChange{Disabled: &off}); err != nil {
			t.Fatal(err)
		}
		if got := st.through(c, "/begin", "s-emil"); got != "the account is disabled or has expired; ask an owner" {
			t.Errorf("disabled: %q", got)
		}
	})
}

// What no group decides, owners decide: teams without a mapping of teams stay as they
// are, and a mapping may name a team as people do.
func TestTeamsAndRolesAreMappedApart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := start(t, s, false, func(c *oidc.Config) { c.Teams = nil })
		st.through(newClient(t), "/begin", "s-emil")
		u, err := s.Identity(t.Context(), st.issuer, "s-emil")
		if err != nil {
			t.Fatal(err)
		}
		teams := []string{"t-shop"}
		if _, err := st.ChangeUser(t.Context(), st.owner, u.ID, auth.UserChange{Teams: &teams}); err != nil {
			t.Fatal(err)
		}
		if got := st.through(newClient(t), "/begin", "s-emil"); got != "/ Emil engineer t-shop" {
			t.Errorf("after an owner gave him a team: %q", got)
		}
	})
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := start(t, s, false, func(c *oidc.Config) {
			c.Roles, c.DefaultRole, c.Teams = nil, seaworthy.Viewer, map[string]string{"shop": "shop", "staff": "Gone"}
		})
		if got := st.through(newClient(t), "/begin", "s-emil"); got != "/ Emil viewer t-shop" {
			t.Errorf("a team by its name: %q", got)
		}
		u, err := s.Identity(t.Context(), st.issuer, "s-emil")
		if err != nil {
			t.Fatal(err)
		}
		role, none := seaworthy.Engineer, []string{}
		if _, err := st.ChangeUser(t.Context(), st.owner, u.ID, auth.UserChange{Role: &role, Teams: &none}); err != nil {
			t.Fatal(err)
		}
		if got := st.through(newClient(t), "/begin", "s-emil"); got != "/ Emil engineer t-shop" {
			t.Errorf("after an owner gave him another role and no team: %q", got)
		}
	})
}

func TestGroupsThatAreLeftOutAreNoGroups(t *testing.T) {
	st := start(t, storetest.Open(t, store.Config{Dir: t.TempDir()}), false, nil)
	for name, test := range map[string]struct {
		claims map[string]any
		want   bool
	}{
		"groups":    {map[string]any{"groups": []any{"staff"}}, false},
		"none":      {map[string]any{}, false},
		"elsewhere": {map[string]any{"_claim_names": map[string]any{"groups": "src1"}}, true},
		"both":      {map[string]any{"groups": []any{}, "_claim_names": map[string]any{"groups": "src1"}}, false},
		"others":    {map[string]any{"_claim_names": map[string]any{"roles": "src1"}}, false},
		"nonsense":  {map[string]any{"_claim_names": "groups"}, false},
	} {
		if got := st.p.LeftOut(test.claims); got != test.want {
			t.Errorf("%s: the groups are left out: %v, want %v", name, got, test.want)
		}
	}
}

func TestAccountsAreNotMadeUnasked(t *testing.T) {
	st := start(t, storetest.Open(t, store.Config{Dir: t.TempDir()}), false, func(c *oidc.Config) { c.Create = false })
	if got := st.through(newClient(t), "/begin", "s-olga"); got != "there is no account for olga@example.com; ask an owner for one" {
		t.Errorf("a stranger: %q", got)
	}
}

// callback goes to the provider and gives the address that it sends the browser back to.
func (st *site) callback(c *http.Client, path, subject string) *url.URL {
	st.t.Helper()
	res, err := c.Get(st.url + path)
	if err != nil {
		st.t.Fatal(err)
	}
	read(st.t, res, nil)
	stay := *c
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	at := slices.IndexFunc(people, func(p openid.Person) bool { return p.Subject == subject })
	res, err = stay.PostForm(res.Request.URL.String(), url.Values{"email": {people[at].Email}, "password": {subject}})
	read(st.t, res, err)
	back, err := res.Location()
	if err != nil {
		st.t.Fatal(err)
	}
	return back
}

func TestForgedCallbacks(t *testing.T) {
	st := start(t, storetest.Open(t, store.Config{Dir: t.TempDir()}), false, nil)
	began := "the sign-in took too long, was begun in another browser, or was done already; begin again"
	for name, test := range map[string]struct {
		forge func(c *http.Client, q url.Values) *http.Client
		want  string
	}{
		"as it is":        {func(c *http.Client, _ url.Values) *http.Client { return c }, "/ Olga compliance-manager"},
		"another browser": {func(*http.Client, url.Values) *http.Client { return newClient(t) }, began},
		"another state":   {func(c *http.Client, q url.Values) *http.Client { q.Set("state", "x"); return c }, "the answer belongs to another sign-in; begin again"},
		"another issuer":  {func(c *http.Client, q url.Values) *http.Client { q.Set("iss", "https://evil.example"); return c }, "the answer comes from another provider"},
		"no code":         {func(c *http.Client, q url.Values) *http.Client { q.Del("code"); return c }, "the answer of the provider has no code"},
		"a made-up code":  {func(c *http.Client, q url.Values) *http.Client { q.Set("code", "x"); return c }, "the provider of single sign-on did not take its own code"},
		"the code of somebody else": {func(c *http.Client, q url.Values) *http.Client {
			q.Set("code", st.callback(newClient(t), "/begin", "s-emil").Query().Get("code")) // PKCE binds it to the other browser
			return c
		}, "the provider of single sign-on did not take its own code"},
		"an error": {func(c *http.Client, q url.Values) *http.Client { q.Set("error", "access_denied"); return c }, "the provider of single sign-on let nobody in"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			back := st.callback(c, "/begin", "s-olga")
			q := back.Query()
			c = test.forge(c, q)
			back.RawQuery = q.Encode()
			res, err := c.Get(back.String())
			if got := read(t, res, err); got != test.want {
				t.Errorf("the browser comes to %q, want %q", got, test.want)
			}
			res, err = c.Get(back.String())
			if got := read(t, res, err); got != began {
				t.Errorf("the same once more comes to %q, want %q", got, began)
			}
		})
	}
}

func TestLinkingEndsWithTheSession(t *testing.T) {
	st := start(t, storetest.Open(t, store.Config{Dir: t.TempDir()}), false, nil)
	c := newClient(t)
	res, err := c.Get(st.url + "/password")
	read(t, res, err)
	back := st.callback(c, "/link", "s-olga")
	res, err = c.Get(st.url + "/password") // another session, perhaps of somebody else
	read(t, res, err)
	res, err = c.Get(back.String())
	if got := read(t, res, err); got != "this was begun in another session; begin again" {
		t.Errorf("linking that another session began: %q", got)
	}
}

func TestConfiguration(t *testing.T) {
	a, err := auth.New(auth.Config{Store: storetest.Open(t, store.Config{Dir: t.TempDir()}), BaseURL: "https://seaworthy.example.com", KeyFile: filepath.Join(t.TempDir(), "key")})
	if err != nil {
		t.Fatal(err)
	}
	ok := oidc.Config{Issuer: "https://id.example.com", ClientID: "c"}
	for name, change := range map[string]func(*oidc.Config){
		"plain http":   func(c *oidc.Config) { c.Issuer = "http://id.example.com" },
		"no issuer":    func(c *oidc.Config) { c.Issuer = "" },
		"no client":    func(c *oidc.Config) { c.ClientID = "" },
		"auditors":     func(c *oidc.Config) { c.Roles = map[string]seaworthy.Role{"g": seaworthy.Auditor} },
		"reporters":    func(c *oidc.Config) { c.DefaultRole = seaworthy.Reporter },
		"no role":      func(c *oidc.Config) { c.Create = true },
		"unknown role": func(c *oidc.Config) { c.DefaultRole = "god" },
	} {
		c := ok
		change(&c)
		var told *seaworthy.Error
		if _, err := oidc.New(a, c); !errors.As(err, &told) || told.Kind != seaworthy.KindInvalid {
			t.Errorf("%s: New = %v, want it to be invalid", name, err)
		}
	}
	p, err := oidc.New(a, oidc.Config{Issuer: "http://127.0.0.1:1", ClientID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), "/")
	var told *seaworthy.Error
	if !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable {
		t.Errorf("with a provider that does not answer, Begin = %v", err)
	}
}
