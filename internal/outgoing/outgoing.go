// SPDX-License-Identifier: Apache-2.0

// Package outgoing makes the HTTP client for addresses that people set: it goes to no
// address inside of the network in which the server runs, unless its operator said so.
//
// Without that, whoever may set the address of a webhook reads what the server can reach:
// a cloud's metadata service, a kubelet, an admin page on localhost. The address is judged
// where the connection is made, after names were resolved, so neither redirects nor names
// that point to another address every time lead around it.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// ErrForbidden is what a connection to an address fails with that is not open to the
// settings of users.
var ErrForbidden = errors.New("this address is inside of the server's network; its operator may allow it with --allow-outgoing")

// Config says where connections may go.
type Config struct {
	// Allow are networks that are open although they are private.
	Allow []netip.Prefix
	// Timeout bounds a whole request; 0: 15 seconds.
	Timeout time.Duration
}

// closed are networks that are not the public internet, beyond what [netip.Addr] tells:
// the IANA special-purpose registries.
var closed = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "5f00::/16",
)

// embedding are IPv6 networks whose addresses hold an IPv4 address, and where.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible, RFC 4291
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// Open tells whether an address may be connected to.
func (c Config) Open(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(c.Allow, within) {
		return true
	}
	for _, e := range embedding {
		if e.prefix.Contains(a) {
			bytes := a.As16()
			inner := netip.AddrFrom4([4]byte(bytes[e.at : e.at+4]))
			return c.Open(inner)
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(closed, within)
}

// Dialer makes connections to open addresses only.
func (c Config) Dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("read address %q: %w", address, err)
			}
			if !c.Open(at.Addr()) {
				return fmt.Errorf("connect to %s: %w", at.Addr(), ErrForbidden)
			}
			return nil
		},
	}
}

// Client makes a client that follows no redirects: an answer from elsewhere is not the
// answer that was asked for. It uses no proxy of the environment, which would connect in
// its place.
func (c Config) Client() *http.Client {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 15 * time.Second
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: c.Dialer().DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// CheckURL says what is wrong with an address that somebody sets: another scheme than
// https, or http where insecure is allowed; a user in it; no host.
func CheckURL(text string, insecure bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no address: %w", text, errors.Unwrap(err))
	case u.Scheme != "https" && (u.Scheme != "http" || !insecure):
		return fmt.Errorf("the address must begin with https://")
	case u.Hostname() == "":
		return fmt.Errorf("the address names no host")
	case u.User != nil:
		return fmt.Errorf("the address holds a user or password; set them apart from it")
	}
	return nil
}
