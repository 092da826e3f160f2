// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
)

// Who asks is told by the connection, and by proxies that are trusted: what others write
// into a header makes nobody somebody else, for limits of attempts and for the log.
func TestNobodyChoosesTheirAddress(t *testing.T) {
	trusted := addresses{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, c := range []struct {
		from      string
		forwarded []string
		want      string
	}{
		{"203.0.113.5:4711", nil, "203.0.113.5"},
		{"203.0.113.5:4711", []string{"192.0.2.1"}, "203.0.113.5"},
		{"10.0.0.1:4711", nil, "10.0.0.1"},
		{"10.0.0.1:4711", []string{"192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"198.51.100.9, 192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"198.51.100.9", "192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"10.9.9.9, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"192.0.2.1, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:4711", []string{"nonsense, 192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:4711", []string{"192.0.2.1:80"}, "10.0.0.1"},
		{"10.0.0.1:4711", []string{""}, "10.0.0.1"},
		{"10.0.0.1:4711", []string{"10.0.0.7"}, "10.0.0.7"},
		{"[::ffff:10.0.0.1]:4711", []string{"192.0.2.1"}, "192.0.2.1"},
		{"[fd00::1]:4711", []string{"2001:db8::1"}, "2001:db8::1"},
		{"pipe", []string{"192.0.2.1"}, "pipe"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := trusted.of(r); got != c.want {
			t.Errorf("from %s with X-Forwarded-For %q it is %q who asks, want %q", c.from, c.forwarded, got, c.want)
		}
		if got, want := (addresses{}).of(r), trusted.of(httptest.NewRequest("GET", "/", nil)); len(c.forwarded) > 0 && slices.Contains(c.forwarded, got) {
			t.Errorf("without trusted proxies %q chooses its address (%q)", c.from, want)
		}
	}
}
