// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/openid"
)

const (
	secret   = "hush-hush-hush"
	password = "walrus under the pier"
)

// staff is who the provider knows; everybody's password there is "open".
var staff = []openid.Person{
	{Subject: "s-olga", Email: "olga@example.com", Name: "Olga", Verified: true, Groups: []string{"security"}},
	{Subject: "s-emil", Email: "emil@example.com", Name: "Emil", Verified: true, Groups: []string{"staff", "shop"}},
	// The same person after the move to another team, with another way to sign in there.
	{Subject: "s-emil", Email: "emil@payments.example.com", Name: "Emil", Verified: true, Groups: []string{"security", "pay"}},
	{Subject: "s-gast", Email: "gast@example.com", Name: "Gast", Verified: true, Groups: []string{"visitors"}},
	{Subject: "s-ada", Email: "ada@provider.example.com", Name: "Ada", Verified: true, Groups: []string{"security"}},
}

// office is a company's server with single sign-on.
type office struct {
	*running
	t     *testing.T
	owner *http.Client
}

func openOffice(t *testing.T, database string, change func(*server.Config)) *office {
	t.Helper()
	l := listen(t)
	base := "http://" + l.Addr().String()
	known := append([]openid.Person{}, staff...)
	for i := range known {
		known[i].Password = "open"
	}
	c := server.Config{Data: storetest.Dir(t), Database: database, SignOn: oidc.Config{
		Issuer:   openid.Start(t, openid.Setup{ClientID: "seaworthy", ClientSecret: secret, RedirectURI: base + oidc.CallbackPath, People: known}),
		ClientID: "seaworthy", ClientSecret: secret, Name: "Harbour ID",
		Roles: map[string]seaworthy.Role{"staff": seaworthy.Engineer, "security": seaworthy.ComplianceManager},
		Teams: map[string]string{"shop": "Shop", "pay": "Payments"}, ExternalPolicy: auth.ExternalPolicy{Create: true},
	}}
	if change != nil {
		change(&c)
	}
	o := &office{running: runOn(t, l, c), t: t}
	t.Cleanup(func() {
		if err := o.stop(); err != nil {
			t.Error(err)
		}
		if strings.Contains(o.log.String(), secret) {
			t.Error("the server's log holds the client's secret")
		}
	})
	return o
}

// found makes the owner, with a password, and two teams.
func (o *office) found() {
	o.t.Helper()
	link, err := o.Auth().SetupLink(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	o.owner = o.browser()
	o.form(o.owner, strings.TrimPrefix(link, o.url), url.Values{"name": {"Ada"}, "email": {"ada@example.com"}, "password": {password}, "again": {password}})
	for _, team := range []string{"Shop", "Payments"} {
		o.form(o.owner, "/teams", url.Values{"team": {team}})
	}
}

func (o *office) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// page is what a browser came to.
type page struct {
	status int
	at     *url.URL
	header http.Header
	text   string // without entities
}

func (o *office) came(res *http.Response, err error) page {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if strings.Contains(string(data), secret) {
		o.t.Errorf("%s shows the client's secret", res.Request.URL.Path)
	}
	return page{res.StatusCode, res.Request.URL, res.Header, html.UnescapeString(string(data))}
}

func (o *office) see(c *http.Client, path string) page {
	o.t.Helper()
	return o.came(c.Get(o.url + path))
}

func (o *office) form(c *http.Client, path string, v url.Values) page {
	o.t.Helper()
	return o.came(c.PostForm(o.url+path, v))
}

// leave goes to the provider and gives the address there, which tamper may change.
func (o *office) leave(c *http.Client, next string) *url.URL {
	o.t.Helper()
	stay := *c
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := stay.Get(o.url + oidc.BeginPath + "?to=" + url.QueryEscape(next))
	p := o.came(res, err)
	to, err := res.Location()
	if err != nil {
		o.t.Fatalf("%s answers %d: %s", oidc.BeginPath, p.status, p.text)
	}
	return to
}

// identify signs in at the provider and gives the address that it sends the browser back to.
func (o *office) identify(c *http.Client, there *url.URL, email string) *url.URL {
	o.t.Helper()
	stay := *c
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := stay.PostForm(there.String(), url.Values{"email": {email}, "password": {"open"}})
	p := o.came(res, err)
	back, err := res.Location()
	if err != nil {
		o.t.Fatalf("the provider answers %d: %s", p.status, p.text)
	}
	return back
}

// signOn is the whole way, as people go it.
func (o *office) signOn(c *http.Client, email, next string) page {
	o.t.Helper()
	return o.came(c.Get(o.identify(c, o.leave(c, next), email).String()))
}

func (o *office) person(email string) seaworthy.User {
	o.t.Helper()
	u, err := o.Store().UserByEmail(o.t.Context(), email)
	if err != nil {
		o.t.Fatal(err)
	}
	return u
}

func TestSingleSignOn(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, sc store.Config) {
		o := openOffice(t, sc.Database, nil)
		if p := o.signOn(o.browser(), "olga@example.com", "/"); p.status != http.StatusForbidden || !strings.Contains(p.text, "has no owner yet") {
			t.Fatalf("before there is an owner, sign-on gives %d: %s", p.status, p.text)
		}
		o.found()
		t.Run("pages", func(t *testing.T) { o.pages(t) })
		t.Run("comes in", func(t *testing.T) { o.comesIn(t) })
		t.Run("groups change", func(t *testing.T) { o.groupsChange(t) })
		t.Run("stays out", func(t *testing.T) { o.staysOut(t) })
		t.Run("links", func(t *testing.T) { o.links(t) })
		if result, err := o.SelfCheck(t.Context()); err != nil || !result.Intact() {
			t.Errorf("SelfCheck = %v, %v", result.Problems, err)
		}
	})
}

// pages show the way in, and to owners what is configured.
func (o *office) pages(t *testing.T) {
	if p := o.see(o.browser(), "/sign-in?to=/findings"); !strings.Contains(p.text, "Sign in with Harbour ID") || !strings.Contains(p.text, oidc.BeginPath+"?to=%2Ffindings") {
		t.Errorf("the page to sign in leads to no provider: %s", p.text)
	}
	p := o.see(o.owner, "/sign-on")
	for _, want := range []string{o.url + oidc.CallbackPath, "security", "Compliance manager", "Payments", "Harbour ID"} {
		if !strings.Contains(p.text, want) {
			t.Errorf("the page of single sign-on does not show %q", want)
		}
	}
	if strings.Contains(p.text, "does not answer") || strings.Contains(p.text, "no such team") {
		t.Error("the page of single sign-on tells of trouble where there is none")
	}
}

func (o *office) comesIn(t *testing.T) {
	c := o.browser()
	there := o.leave(c, "/findings?severity=high")
	q := there.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("nonce") == "" || q.Get("response_type") != "code" {
		t.Errorf("the browser goes to %s, which lacks PKCE, state, nonce or the code flow", there)
	}
	if q.Get("scope") != "openid profile email" {
		t.Errorf("the scopes are %q: groups is for providers that know it", q.Get("scope"))
	}
	if p := o.came(c.Get(o.identify(c, there, "emil@example.com").String())); p.status != http.StatusOK || p.at.RequestURI() != "/findings?severity=high" {
		t.Errorf("the browser comes to %s (%d)", p.at, p.status)
	}
	if u := o.person("emil@example.com"); u.Role != seaworthy.Engineer || len(u.Teams) != 1 {
		t.Errorf("the account is %+v, want an engineer of one team", u)
	}
	if p := o.see(c, "/account"); !strings.Contains(p.text, "Engineer · Shop") || !strings.Contains(p.text, auth.MethodExternal) {
		t.Error("the account does not say who it is and how it came in")
	}
	if p := o.see(o.owner, "/log?kind=action"); !strings.Contains(p.text, "Emil") {
		t.Error("the log does not tell of the sign-in")
	}
}

func (o *office) groupsChange(t *testing.T) {
	before := o.browser()
	o.signOn(before, "emil@example.com", "/")
	if p := o.signOn(o.browser(), "emil@payments.example.com", "/"); p.status != http.StatusOK {
		t.Fatalf("after the move: %d: %s", p.status, p.text)
	}
	u := o.person("emil@example.com")
	team, err := o.Store().Team(t.Context(), u.Teams[0])
	if err != nil || u.Role != seaworthy.ComplianceManager || len(u.Teams) != 1 || team.Name != "Payments" {
		t.Errorf("after the move the account is %+v of %+v, %v", u, team, err)
	}
	if p := o.see(before, "/account"); p.at.Path != "/sign-in" {
		t.Errorf("a session with the rights from before goes on, at %s", p.at)
	}
	history, err := o.Store().History(t.Context(), "user", u.ID)
	if err != nil || len(history) != 2 || history[1].Actor != "system" {
		t.Errorf("the log tells %d versions of the account (%v), want the first and the one after the move", len(history), err)
	}
}

func (o *office) staysOut(t *testing.T) {
	u := o.person("emil@example.com")
	o.form(o.owner, "/people/"+u.ID+"/disable", url.Values{"disabled": {"true"}})
	for name, test := range map[string]struct {
		email  string
		tamper func(there *url.URL)           // on the way to the provider
		forge  func(*http.Client, url.Values) // on the way back
		status int
		want   string
	}{
		"no group":      {email: "gast@example.com", status: http.StatusForbidden, want: "None of your groups at the provider"},
		"disabled":      {email: "emil@example.com", status: http.StatusForbidden, want: "The account is disabled"},
		"another state": {status: http.StatusUnauthorized, want: "belongs to another sign-in", forge: func(_ *http.Client, q url.Values) { q.Set("state", q.Get("state")+"x") }},
		"another nonce": {status: http.StatusUnauthorized, want: "belongs to another sign-in", tamper: func(there *url.URL) {
			q := there.Query()
			q.Set("nonce", "an-old-nonce-of-somebody-else")
			there.RawQuery = q.Encode()
		}},
		"another challenge": {status: http.StatusUnauthorized, want: "did not take its own code", tamper: func(there *url.URL) {
			q := there.Query()
			q.Set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
			there.RawQuery = q.Encode()
		}},
		"another browser": {status: http.StatusUnauthorized, want: "begun in another browser", forge: func(c *http.Client, _ url.Values) { c.Jar = o.browser().Jar }},
		"it says no":      {status: http.StatusUnauthorized, want: "let nobody in", forge: func(_ *http.Client, q url.Values) { q.Set("error", "access_denied") }},
	} {
		t.Run(name, func(t *testing.T) {
			c := o.browser()
			there := o.leave(c, "/")
			if test.tamper != nil {
				test.tamper(there)
			}
			email := test.email
			if email == "" {
				email = "olga@example.com"
			}
			back := o.identify(c, there, email)
			if test.forge != nil {
				q := back.Query()
				test.forge(c, q)
				back.RawQuery = q.Encode()
			}
			p := o.came(c.Get(back.String()))
			if p.status != test.status || !strings.Contains(p.text, test.want) || !strings.Contains(p.text, "Sign in with Harbour ID") {
				t.Errorf("the browser comes to %d, want %d with %q and another try: %s", p.status, test.status, test.want, p.text)
			}
			if p := o.see(c, "/account"); p.at.Path != "/sign-in" {
				t.Errorf("afterwards somebody is signed in, at %s", p.at)
			}
		})
	}
}

var refresh = regexp.MustCompile(`^0; url=(.+)$`)

// links an account that has a password to the provider.
func (o *office) links(t *testing.T) {
	p := o.form(o.owner, "/account/sign-on", nil)
	to := refresh.FindStringSubmatch(p.header.Get("Refresh"))
	if p.status != http.StatusOK || to == nil || !strings.Contains(p.text, `href="`+to[1]) {
		t.Fatalf("linking answers %d with %q: %s", p.status, p.header.Get("Refresh"), p.text)
	}
	there, err := url.Parse(to[1])
	if err != nil {
		t.Fatal(err)
	}
	if p := o.came(o.owner.Get(o.identify(o.owner, there, "ada@provider.example.com").String())); p.at.Path != "/account" || !strings.Contains(p.text, "Linked") {
		t.Errorf("after linking the browser is at %s: %s", p.at, p.text)
	}
	// The groups ask for less, but ada is the last owner.
	if p := o.signOn(o.browser(), "ada@provider.example.com", "/people"); p.status != http.StatusOK || p.at.Path != "/people" {
		t.Errorf("the linked owner comes to %s (%d)", p.at, p.status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+"/account/sign-on", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := o.came(o.owner.Do(req)); p.status != http.StatusForbidden {
		t.Errorf("another site may begin to link an account: %d", p.status)
	}
}

// A provider that is down keeps nobody from starting, nor those with a password from
// coming in.
func TestTheProviderIsDown(t *testing.T) {
	o := openOffice(t, "", func(c *server.Config) { c.SignOn.Issuer, c.SignOnOnly = "http://127.0.0.1:1", true })
	o.found()
	p := o.see(o.browser(), oidc.BeginPath)
	if p.status != http.StatusServiceUnavailable || !strings.Contains(p.text, "does not answer") || !strings.Contains(p.text, "Owners and auditors") {
		t.Errorf("the way to the provider gives %d: %s", p.status, p.text)
	}
	c := o.browser()
	if p := o.form(c, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}); p.at.Path != "/" {
		t.Errorf("an owner's password leads to %s: %s", p.at, p.text)
	}
	if p := o.see(c, "/sign-on"); p.status != http.StatusOK || !strings.Contains(p.text, "The provider does not answer") || !strings.Contains(p.text, "127.0.0.1:1") {
		t.Errorf("the page of single sign-on gives %d and does not say what is wrong: %s", p.status, p.text)
	}
}
