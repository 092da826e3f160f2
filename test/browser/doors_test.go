// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// TestLookOfDoors looks at the pages through which people come in: those of the first
// start, of a link, of a second factor, and of recovery codes.
func TestLookOfDoors(t *testing.T) {
	ctx := start(t)
	s, link := uitest.Fresh(t)
	at := func(link string) string { return strings.TrimPrefix(link, s.URL) }
	shoot(t, ctx, s, "welcome-setup", at(link))
	s.SetUp(link)
	link, err := s.Auth.ResetLink(t.Context(), s.Owner(), s.Users[seaworthy.Owner].ID)
	if err != nil {
		t.Fatal(err)
	}
	shoot(t, ctx, s, "welcome-reset", at(link))
	_, link, err = s.Auth.CreateUser(t.Context(), s.Owner(), auth.NewUser{Email: "priya@harbour.example", Name: "Priya Nair", Role: seaworthy.Engineer})
	if err != nil {
		t.Fatal(err)
	}
	shoot(t, ctx, s, "welcome-invite", at(link))
	do(t, ctx, chromedp.SendKeys("#password", uitest.Password), chromedp.SendKeys("#again", "something else"), chromedp.Click("form button.primary"), chromedp.WaitVisible(`[role="alert"]:not([hidden])`))
	shootHere(t, ctx, "welcome-differs")
	shoot(t, ctx, s, "welcome-used", "/welcome/nothing")

	signIn(t, ctx, s, seaworthy.Owner)
	shoot(t, ctx, s, "app-begin", "/account/app")
	secret := withApp(t, ctx, s)
	shootHere(t, ctx, "codes")
	do(t, ctx, chromedp.Navigate(s.URL+"/account"))
	text(t, ctx, `document.querySelector('form[action="/sign-out"]').requestSubmit()`)
	do(t, ctx, chromedp.WaitVisible("#email"), chromedp.SendKeys("#email", s.Users[seaworthy.Owner].Email), chromedp.SendKeys("#password", uitest.Password),
		chromedp.Click("form button.primary"), chromedp.WaitVisible("#code"))
	shoot(t, ctx, s, "second-factor", "/sign-in/second-factor?to=%2F")
	do(t, ctx, chromedp.SendKeys("#code", "000000"), chromedp.Click("form button.primary"), chromedp.WaitVisible(`[role="alert"]:not([hidden])`))
	shootHere(t, ctx, "second-factor-wrong")
	if secret == "" {
		t.Error("the page shows no secret")
	}
}

// withApp sets up an authenticator app, as far as its recovery codes, and gives its secret.
func withApp(t *testing.T, ctx context.Context, s *uitest.Site) string {
	t.Helper()
	do(t, ctx, chromedp.Navigate(s.URL+"/account/app"), chromedp.Click(`form[action="/account/app"] button`), chromedp.WaitVisible("#code"))
	shootHere(t, ctx, "app-secret")
	secret := strings.TrimSpace(text(t, ctx, `document.querySelector(".command code").textContent`))
	code, err := totp.GenerateCode(secret, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.SendKeys("#code", code), chromedp.Click(`form[action="/account/app/confirm"] button`), chromedp.WaitVisible(".code"))
	return secret
}
