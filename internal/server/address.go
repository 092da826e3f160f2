// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addresses tells who asks, through proxies that are trusted.
type addresses struct{ trusted []netip.Prefix }

// of gives the last address that no trusted proxy vouches for: what comes before it in
// X-Forwarded-For anybody can write.
func (a addresses) of(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !a.trusts(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			return host
		}
		if host = hop; !a.trusts(hop) {
			return hop
		}
	}
	return host
}

func (a addresses) trusts(host string) bool {
	at, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(a.trusted, func(p netip.Prefix) bool { return p.Contains(at.Unmap()) })
}
