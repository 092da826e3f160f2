// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// unlisted are the addresses that are no page to look at, or that are looked at elsewhere,
// each with the reason.
var unlisted = map[string]string{
	"/sign-in":                      "the browser test looks at it before it signs in",
	"/sign-in/second-factor":        "belongs to a sign-in that is not done",
	"/sign-in/provider":             "leads to a provider of single sign-on",
	"/sign-in/callback":             "comes from a provider of single sign-on",
	"/welcome/{secret}":             "links are used once; every test comes in by one",
	"/evidence/{id}/file":           "bytes",
	"/log/{index}/proof":            "a file",
	"/checkpoints/{size}":           "a file",
	"/checkpoints/{size}/timestamp": "a file",
	"/lists/{id}/export":            "a file",
}

// listed wants every address in the list of pages that are looked at, in all the ways in
// which tests look at pages.
func listed(t *testing.T, s *uitest.Site) {
	mux := http.NewServeMux()
	missing := map[string]bool{}
	for _, r := range s.UI.Routes() {
		if r.Method == http.MethodGet {
			mux.HandleFunc("GET "+r.Pattern, http.NotFound)
			missing[r.Pattern] = !strings.HasSuffix(r.Pattern, "/export")
		}
	}
	for name, path := range s.Pages() {
		r, err := http.NewRequest(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := mux.Handler(r)
		_, pattern, _ = strings.Cut(pattern, " ")
		if unlisted[pattern] != "" {
			t.Errorf("the page %s (%s) is in the list, and said not to be", name, pattern)
		}
		delete(missing, pattern)
	}
	for pattern, page := range missing {
		if page && unlisted[pattern] == "" {
			t.Errorf("GET %s is not in uitest.Pages: add it, or say in unlisted why nobody looks at it", pattern)
		}
	}
	for pattern := range unlisted {
		if _, there := missing[pattern]; !there {
			t.Errorf("%s is in unlisted, and is no route", pattern)
		}
	}
}
