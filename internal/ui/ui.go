// SPDX-License-Identifier: Apache-2.0

// Package ui is the product in a browser: pages rendered here, a little script that only
// makes them faster, and no request to any other host.
//
// A page is a file of pages/, a typed struct and a handler of the same name; routes.go
// lists every address with the action that it needs. Handlers read the store and call the
// verbs of other packages; they decide nothing themselves. Whatever clusters and people
// wrote reaches the page through html/template only.
package ui

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Config is what the pages stand on.
type Config struct {
	Store *store.Store
	Auth  *auth.Auth
	Audit *audit.Audit
	Vault *vault.Vault
	// Triage works on findings and waivers; nil: one with the usual bounds.
	Triage *triage.Triage
	Log    *slog.Logger

	// Notices says where notices go; nil: by no e-mail, and not into the server's network.
	Notices *outbox.Outbox

	// Sealer seals evidence packages; LogKey is the public key of the log, with which they
	// are verified.
	Sealer audit.Sealer
	LogKey string

	// Witnesses names those whose keys this server knows; nil: whoever is said to have
	// cosigned the log.
	Witnesses []string

	// Checks is the catalogue that this server was started with.
	Checks []seaworthy.Check

	// Example says on every page that the data is made up.
	Example bool
	// SignOn is the provider of single sign-on; nil: there is none.
	SignOn *oidc.Provider
	// SignOnOnly says that passwords are for owners and auditors.
	SignOnOnly bool
	// Timestamps is the address of the authority that sees the log; empty: there is none.
	Timestamps string
}

// UI serves the pages. It is safe for concurrent use.
type UI struct {
	Config
	routes  []route
	pages   map[string]*lazyPage
	static  static
	checks  map[string]seaworthy.Check
	handler http.Handler
	secure  bool // cookies for TLS only
}

// New reads the templates and lays out the routes.
func New(c Config) (*UI, error) {
	u := &UI{Config: c, checks: map[string]seaworthy.Check{}, secure: strings.HasPrefix(c.Auth.BaseURL(), "https:")}
	if u.Log == nil {
		u.Log = slog.New(slog.DiscardHandler)
	}
	if u.Notices == nil {
		u.Notices = outbox.New(outbox.Config{Store: c.Store, Log: u.Log, Seal: c.Auth.Seal, Unseal: c.Auth.Unseal, Client: outgoing.Config{}.Client()})
	}
	if u.Triage == nil {
		u.Triage = triage.New(triage.Config{Store: c.Store})
	}
	for _, check := range c.Checks {
		u.checks[check.ID] = check
	}
	var err error
	if u.static, err = loadStatic(); err != nil {
		return nil, err
	}
	if u.pages, err = u.parse(); err != nil {
		return nil, err
	}
	u.route()
	u.handler = u.mux()
	return u, nil
}

// ServeHTTP answers with a page, a file or a redirect.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) { u.handler.ServeHTTP(w, r) }

func (u *UI) now() time.Time { return u.Store.Now() }

// policy lets a page load what this server serves, and nothing else; nothing of it may be
// framed, and its forms go nowhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// secure sets what every answer carries.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}

// requestID names one request in the log and on an error page.
func requestID(w http.ResponseWriter) string {
	if id := w.Header().Get("X-Request-Id"); id != "" {
		return id // the server around us has named it
	}
	b := make([]byte, 8)
	rand.Read(b) // never fails since Go 1.24
	id := hex.EncodeToString(b)
	w.Header().Set("X-Request-Id", id)
	return id
}
