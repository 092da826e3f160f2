// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// soon ends what waits for something that does not come.
func soon(t *testing.T, ctx context.Context) context.Context {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	return ctx
}

// withKey gives the browser an authenticator that is plugged in, touched and knows its
// user.
func withKey(t *testing.T, ctx context.Context) webauthn.AuthenticatorID {
	t.Helper()
	do(t, ctx, chromedp.Navigate("about:blank"))
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made.AuthenticatorID
}

func text(t *testing.T, ctx context.Context, expression string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// addPasskey makes a passkey on the page of the account.
func addPasskey(t *testing.T, ctx context.Context, s *uitest.Site, name string) {
	t.Helper()
	do(t, ctx,
		chromedp.Navigate(s.URL+"/account"), chromedp.WaitVisible("#passkey-name"),
		chromedp.SetValue("#passkey-name", name), chromedp.Click("[data-new-passkey] button"),
	)
}

func signOut(t *testing.T, ctx context.Context, s *uitest.Site) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(s.URL+"/account"))
	text(t, ctx, `document.querySelector('form[action="/sign-out"]').requestSubmit()`)
	do(t, ctx, chromedp.WaitVisible("[data-passkey] button"))
}

// TestPasskeys makes a passkey, signs in with it alone, and takes it away again.
func TestPasskeys(t *testing.T) {
	ctx := soon(t, start(t))
	s := uitest.New(t)
	key := withKey(t, ctx)
	signIn(t, ctx, s, seaworthy.Owner)
	addPasskey(t, ctx, s, "Laptop")
	do(t, ctx, chromedp.WaitVisible("#passkey-codes"))
	if said := text(t, ctx, `document.getElementById("passkey-codes").textContent`); !strings.Contains(said, "recovery codes") {
		t.Errorf("after the first passkey the page says %q, want recovery codes", said)
	}
	kept, err := chromedp.Call(ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: key})
	if err != nil || len(kept.Credentials) != 1 || !kept.Credentials[0].IsResidentCredential {
		t.Fatalf("the authenticator keeps %d passkeys, %v; want one that it finds by itself", len(kept.Credentials), err)
	}

	signOut(t, ctx, s)
	do(t, ctx, chromedp.Click("[data-passkey] button"), chromedp.WaitVisible(".rail"))
	if at := text(t, ctx, "location.pathname"); at != "/" {
		t.Errorf("the passkey leads to %s, want the overview", at)
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/account"), chromedp.WaitVisible("#sessions-h"))
	if how := text(t, ctx, `[...document.querySelectorAll("tr")].find(r => r.textContent.includes("this one")).textContent`); !strings.Contains(how, "passkey") {
		t.Errorf("the session is %q, want one by passkey", how)
	}

	// One that does not know its user lets nobody in.
	signOut(t, ctx, s)
	if _, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: false}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Click("[data-passkey] button"), chromedp.WaitVisible("#passkey-problem"))
	if at := text(t, ctx, "location.pathname"); at != "/sign-in" {
		t.Errorf("without knowing its user the passkey leads to %s", at)
	}
	if _, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: true}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Click("[data-passkey] button"), chromedp.WaitVisible(".rail"))

	do(t, ctx, chromedp.Navigate(s.URL+"/account"), chromedp.Click(`form[action^="/account/passkeys/"] button`), chromedp.WaitVisible(`.notice[role="status"]`))
	if rows := text(t, ctx, `document.querySelectorAll('form[action^="/account/passkeys/"]').length`); rows != "0" {
		t.Errorf("after it was removed, %s passkeys are there", rows)
	}
	signOut(t, ctx, s)
	do(t, ctx, chromedp.Click("[data-passkey] button"), chromedp.WaitVisible("#passkey-problem"))
	if at := text(t, ctx, "location.pathname"); at != "/sign-in" {
		t.Errorf("a passkey that was removed leads to %s", at)
	}
}

// TestTheLastFactorStays requires a second factor: the last one cannot be taken away.
func TestTheLastFactorStays(t *testing.T) {
	ctx := soon(t, start(t))
	s := uitest.NewWith(t, auth.Config{RequireSecondFactor: true})
	withKey(t, ctx)
	do(t, ctx,
		chromedp.Navigate(s.URL+"/sign-in"), chromedp.SendKeys("#email", s.Users[seaworthy.Owner].Email), chromedp.SendKeys("#password", uitest.Password),
		chromedp.Click("form button.primary"), chromedp.WaitVisible(`form[action="/account/app"]`), chromedp.Click(`form[action="/account/app"] button`), chromedp.WaitVisible("#code"),
	)
	code, err := totp.GenerateCode(strings.TrimSpace(text(t, ctx, `document.querySelector(".command code").textContent`)), s.Now)
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.SendKeys("#code", code), chromedp.Click(`form[action="/account/app/confirm"] button`), chromedp.WaitVisible(".code"))
	addPasskey(t, ctx, s, "Key")
	do(t, ctx, chromedp.WaitVisible(`form[action^="/account/passkeys/"]`))

	do(t, ctx, chromedp.Click(`form[action="/account/app/remove"] button`), chromedp.WaitVisible(`.notice[role="status"]`))
	do(t, ctx, chromedp.Navigate(s.URL+"/account"), chromedp.Click(`form[action^="/account/passkeys/"] button`), chromedp.WaitVisible(`main > .notice[role="alert"]`))
	if said := text(t, ctx, `document.querySelector('main > .notice[role="alert"]').textContent`); !strings.Contains(said, "second factor is required") {
		t.Errorf("removing the last factor says %q", said)
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/account"))
	if rows := text(t, ctx, `document.querySelectorAll('form[action^="/account/passkeys/"]').length`); rows != "1" {
		t.Errorf("%s passkeys are left, want the last one", rows)
	}
}
