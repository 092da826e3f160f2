// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// Only addresses of pages become links, whatever a pipeline calls its ticket.
func TestLinks(t *testing.T) {
	l := trail.Links{Ticket: "https://t.example/browse/{ticket}?from=seaworthy", Commit: "https://git.example/{repository}/commit/{commit}"}
	for in, want := range map[string]string{
		"SHOP-1":                    "https://t.example/browse/SHOP-1?from=seaworthy",
		"a b/../?x=\"<":             "https://t.example/browse/a%20b%2F..%2F%3Fx=%22%3C?from=seaworthy",
		"https://other.example/7":   "https://other.example/7",
		"javascript:alert(1)":       "https://t.example/browse/javascript:alert%281%29?from=seaworthy",
		"https://user:pw@o.example": "https://t.example/browse/https:%2F%2Fuser:pw@o.example?from=seaworthy",
		"":                          "",
	} {
		if got := l.ToTicket(in); got != want {
			t.Errorf("ToTicket(%q) = %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"SHOP-1", "javascript:alert(1)", "data:text/html,x", "//evil.example", "https://"} {
		if got := (trail.Links{}).ToTicket(in); got != "" {
			t.Errorf("without a pattern ToTicket(%q) = %q, want nothing", in, got)
		}
	}
	if got, want := l.ToCommit("shop/cart", "c0ffee"), "https://git.example/shop/cart/commit/c0ffee"; got != want {
		t.Errorf("ToCommit = %q, want %q", got, want)
	}
	if got := l.ToCommit("", "c0ffee"); got != "" {
		t.Errorf("ToCommit without a repository = %q, want nothing", got)
	}
}

func TestSetLinks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		owner, viewer := seaworthy.Principal{Actor: "user:o", Role: seaworthy.Owner}, seaworthy.Principal{Actor: "user:v", Role: seaworthy.Viewer}
		good := trail.Links{Ticket: "https://t.example/{ticket}"}
		if err := trail.SetLinks(t.Context(), s, viewer, good); err == nil {
			t.Error("a viewer sets links")
		}
		for _, bad := range []trail.Links{
			{Ticket: "https://t.example/"}, {Ticket: "javascript:alert('{ticket}')"}, {Ticket: "https://{ticket}/"}, {Commit: "/{commit}"}, {Commit: "https://git.example/{ticket}"},
		} {
			if err := trail.SetLinks(t.Context(), s, owner, bad); err == nil {
				t.Errorf("SetLinks(%+v) is taken", bad)
			}
		}
		if err := trail.SetLinks(t.Context(), s, owner, good); err != nil {
			t.Fatal(err)
		}
		if got, err := trail.LinksOf(t.Context(), s); err != nil || got != good {
			t.Errorf("LinksOf = %+v, %v; want %+v", got, err, good)
		}
	})
}
