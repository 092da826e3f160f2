// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// withProvider configures a provider that does not answer, whose groups have hostile names.
func withProvider(t *testing.T, only bool) *uitest.Site {
	t.Helper()
	return uitest.New(t, func(c *ui.Config) {
		p, err := oidc.New(c.Auth, oidc.Config{
			Issuer: "http://127.0.0.1:1", ClientID: "seaworthy", ClientSecret: "hush-hush", Name: "<script>alert(1)</script>",
			Roles: map[string]seaworthy.Role{"<img src=x>": seaworthy.Engineer}, Teams: map[string]string{"shop": "<img src=x>"},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.SignOn, c.SignOnOnly = p, only
	})
}

func TestPagesOfSingleSignOn(t *testing.T) {
	for _, only := range []bool{false, true} {
		s := withProvider(t, only)
		look(t, s)
		for path, want := range map[string]int{"/sign-in": http.StatusOK, oidc.BeginPath: http.StatusServiceUnavailable, oidc.CallbackPath + "?code=x": http.StatusUnauthorized} {
			code, body := s.Get(s.Client(""), path)
			if code != want || !strings.Contains(body, oidc.BeginPath) || strings.Contains(body, "<script>alert") {
				t.Errorf("GET %s = %d, want %d, with the way to the provider and no markup of others", path, code, want)
			}
			for _, problem := range checkHTML(t, s, body) {
				t.Errorf("%s: %s", path, problem)
			}
			if strings.Contains(body, "<details") != only {
				t.Errorf("%s hides the password: %v, want %v", path, !only, only)
			}
		}
		code, body := s.Get(s.Client(seaworthy.Owner), "/sign-on")
		if code != http.StatusOK || strings.Contains(body, "hush") || !strings.Contains(body, "no such team yet") || !strings.Contains(body, s.URL+oidc.CallbackPath) {
			t.Errorf("the page of single sign-on (%d) shows a secret, or does not show what is wrong and what to register", code)
		}
	}
}

func TestWithoutAProviderThereIsNoWayToIt(t *testing.T) {
	s := uitest.New(t)
	for _, path := range []string{oidc.BeginPath, oidc.CallbackPath} {
		if code, _ := s.Get(s.Client(""), path); code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, code)
		}
	}
	if _, body := s.Get(s.Client(""), "/sign-in"); strings.Contains(body, oidc.BeginPath) {
		t.Error("the page to sign in leads to a provider that is not there")
	}
}
