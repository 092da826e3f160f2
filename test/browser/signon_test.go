// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
	"github.com/seaworthy-dev/seaworthy/test/openid"
)

// signOnSite runs a server and a provider of single sign-on. They are two sites to the
// browser, as in life: one is called localhost and the other 127.0.0.1.
func signOnSite(t *testing.T) (base string) {
	t.Helper()
	l, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	base = "http://localhost:" + port
	issuer := openid.Start(t, openid.Setup{ClientID: "seaworthy", ClientSecret: "hush", RedirectURI: base + oidc.CallbackPath, People: []openid.Person{
		{Subject: "s-emil", Email: "emil@example.com", Name: "Emil", Password: "open", Verified: true, Groups: []string{"staff"}},
		{Subject: "s-maya", Email: "maya@provider.example", Name: "Maya", Password: "open", Verified: true, Groups: []string{"staff"}},
	}})
	s, err := server.Open(t.Context(), server.Config{Data: t.TempDir(), BaseURL: base, SignOn: oidc.Config{
		Issuer: issuer, ClientID: "seaworthy", ClientSecret: "hush", Name: "Harbour ID",
		Roles: map[string]seaworthy.Role{"staff": seaworthy.Engineer}, ExternalPolicy: auth.ExternalPolicy{Create: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	link, err := s.Auth().SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar}).PostForm(link, url.Values{"name": {"Maya"}, "email": {"maya@harbour.example"}, "password": {uitest.Password}, "again": {uitest.Password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return base
}

// identify fills in the form of the provider.
func identify(email string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{
		chromedp.WaitVisible("input[name=password]"),
		chromedp.SendKeys("input[name=email]", email), chromedp.SendKeys("input[name=password]", "open"), chromedp.Click("button"),
		chromedp.WaitVisible(".rail"),
	}
}

// A browser keeps to policies that no client of a test knows: which redirects a form may
// lead to, and which cookies go with a request that another site began.
func TestSignOnInABrowser(t *testing.T) {
	ctx := start(t)
	base := signOnSite(t)
	here := func(what, path, text string) {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + " " + document.body.innerText`))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got, path+" ") || !strings.Contains(got, text) {
			t.Errorf("%s: the browser is at %.600q, want %s with %q", what, got, path, text)
		}
	}
	do(t, ctx, append([]chromedp.Action[chromedp.Void]{
		chromedp.Navigate(base + "/sign-in?to=%2Faccount"), chromedp.Click(`a[href^="` + oidc.BeginPath + `"]`),
	}, identify("emil@example.com")...)...)
	here("after signing on", "/account", "Emil")
	do(t, ctx, chromedp.Submit(`form[action="/sign-out"]`), chromedp.WaitVisible("#password"),
		chromedp.SendKeys("#email", "maya@harbour.example"), chromedp.SendKeys("#password", uitest.Password), chromedp.Click(`form[action="/sign-in"] button`),
		chromedp.WaitVisible(".rail"), chromedp.Navigate(base+"/account"))
	here("before linking", "/account", "not linked to this account")
	// The page on the way leads on by itself, so what the form gives is put in the place of
	// the page from which it is sent.
	text(t, ctx, `void fetch("/account/sign-on", {method: "POST"}).then(r => r.text()).then(h => { document.documentElement.innerHTML = h; })`)
	do(t, ctx, chromedp.WaitVisible(`main a.primary[href^="http"]`))
	shootHere(t, ctx, "leave")
	do(t, ctx, chromedp.Navigate(base+"/account"))
	do(t, ctx, append([]chromedp.Action[chromedp.Void]{chromedp.Click(`form[action="/account/sign-on"] button`)}, identify("maya@provider.example")...)...)
	here("after linking", "/account", "Linked")
}

// TestLookOfSignOn looks at the pages that there are only with a provider.
func TestLookOfSignOn(t *testing.T) {
	ctx := start(t)
	for _, only := range []bool{false, true} {
		s := uitest.New(t, func(c *ui.Config) {
			p, err := oidc.New(c.Auth, oidc.Config{
				Issuer: "http://127.0.0.1:1", ClientID: "seaworthy", Name: "Harbour ID", DefaultRole: seaworthy.Viewer,
				Roles: map[string]seaworthy.Role{"security": seaworthy.ComplianceManager, "cn=developers,ou=groups,dc=harbour,dc=example": seaworthy.Engineer},
				Teams: map[string]string{"shop-developers": "Shop"},
			})
			if err != nil {
				t.Fatal(err)
			}
			c.SignOn, c.SignOnOnly, c.Timestamps = p, only, "https://timestamp.example.com"
		})
		name := map[bool]string{false: "provider-", true: "provider-only-"}[only]
		shoot(t, ctx, s, name+"sign-in", "/sign-in")
		shoot(t, ctx, s, name+"refused", oidc.BeginPath)
		unfold(t, ctx, s)
		shoot(t, ctx, s, name+"sign-on", "/sign-on")
		shoot(t, ctx, s, name+"account", "/account")
		shoot(t, ctx, s, name+"log", "/log")
		do(t, ctx, chromedp.Submit(`form[action="/sign-out"]`), chromedp.WaitVisible(`a[href^="`+oidc.BeginPath+`"]`))
	}
}

// unfold signs an owner in where the form may be folded away.
func unfold(t *testing.T, ctx context.Context, s *uitest.Site) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(s.URL+"/sign-in"))
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true); true`)); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.SendKeys("#email", s.Users[seaworthy.Owner].Email), chromedp.SendKeys("#password", uitest.Password),
		chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(".rail"))
}
