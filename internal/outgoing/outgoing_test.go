// SPDX-License-Identifier: Apache-2.0

package outgoing_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
)

func TestOpen(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f:cb07::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "100.100.100.200": false,
		"224.0.0.1": false, "255.255.255.255": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
		"64:ff9b::a9fe:a9fe": false, "64:ff9b::5db8:d70e": true, "2002:7f00:1::": false, "::7f00:1": false, "198.18.0.1": false,
		"fe80::1%eth0": false,
	} {
		if got := (outgoing.Config{}).Open(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s open: %t, want %t", address, got, want)
		}
	}
	allowed := outgoing.Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	if !allowed.Open(netip.MustParseAddr("10.1.2.3")) || !allowed.Open(netip.MustParseAddr("::ffff:10.1.2.3")) || allowed.Open(netip.MustParseAddr("10.2.0.1")) {
		t.Error("what the operator allows is not what is open")
	}
}

func TestClient(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer server.Close()
	if _, err := (outgoing.Config{}).Client().Get(server.URL); !errors.Is(err, outgoing.ErrForbidden) || asked != 0 {
		t.Errorf("asked %d times, got %v, want it forbidden", asked, err)
	}
	local := outgoing.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	resp, err := local.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound || asked != 1 {
		t.Errorf("status %d after %d requests: a redirect was followed", resp.StatusCode, asked)
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://hooks.example.com/x": true, "http://hooks.example.com/x": false, "ftp://example.com": false, "https://": false,
		"https://user:secret@example.com": false, "javascript:alert(1)": false, "": false, "https://exa mple.com": false,
	} {
		if err := outgoing.CheckURL(text, false); (err == nil) != want {
			t.Errorf("%q: %v, want it taken: %t", text, err, want)
		}
	}
	if err := outgoing.CheckURL("http://127.0.0.1:8080/x", true); err != nil {
		t.Error(err)
	}
}
