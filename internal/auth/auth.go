// SPDX-License-Identifier: Apache-2.0

// Package auth tells who makes a request, and lets people and programs in: passwords,
// second factors, passkeys, sessions, API tokens, invitations, and what administrators do
// with accounts. Single sign-on stands in the child package oidc.
//
// Two invariants hold. Nothing that is kept lets anybody in who reads it: passwords are
// hashed with argon2id, secrets of sessions, links and tokens with SHA-256, TOTP secrets
// are sealed with a key that is not in the database. And what a person or a token may do
// is read anew for every request, so a change of rights holds from the next one on.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Config is what accounts depend on.
type Config struct {
	Store *store.Store
	// Logger is told what administrators of the machine should know; nil: nobody.
	Logger *slog.Logger
	// BaseURL is where browsers reach the server, such as https://seaworthy.example.com.
	// It decides whether cookies are Secure, and passkeys are bound to it.
	BaseURL string
	// KeyFile holds the key that seals secrets; it is made when absent. Servers on one
	// database need the same file.
	KeyFile string
	// RequireSecondFactor lets nobody in who has none.
	RequireSecondFactor bool
	// ExternalOnly lets people in through single sign-on only, but for owners and auditors.
	ExternalOnly bool
	// Idle and Lifetime end sessions; zero: 12 hours and 7 days.
	Idle, Lifetime time.Duration
	// HashMemory is how much memory the hash of a password takes, in KiB, which is what
	// makes guessing dear; zero: 32 MiB. Tests that are not about it take less.
	HashMemory uint32
	// Address tells where a request comes from, behind proxies that are trusted; nil: the
	// address of the connection.
	Address func(*http.Request) string
}

// Auth lets people and programs in. It is safe for concurrent use.
type Auth struct {
	store        *store.Store
	logger       *slog.Logger
	base         *url.URL
	secure       bool
	keys         sealer
	hasher       hasher
	required     bool
	externalOnly bool
	idle         time.Duration
	lifetime     time.Duration
	address      func(*http.Request) string
	passkeys     *webauthn.WebAuthn // nil where there can be none
}

// New reads or makes the key and gives what lets people in.
func New(c Config) (*Auth, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, seaworthy.Invalid("the base URL %q must be like https://seaworthy.example.com", c.BaseURL)
	}
	if base.Port() == map[string]string{"https": "443", "http": "80"}[base.Scheme] {
		base.Host = strings.TrimSuffix(base.Host, ":"+base.Port()) // as browsers write an origin
	}
	keys, err := openKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	passkeys, err := passkeysAt(base)
	if err != nil {
		return nil, err
	}
	a := &Auth{
		store: c.Store, logger: c.Logger, base: base, secure: base.Scheme == "https", keys: keys, hasher: newHasher(c.HashMemory),
		required: c.RequireSecondFactor, externalOnly: c.ExternalOnly, idle: c.Idle, lifetime: c.Lifetime, address: c.Address, passkeys: passkeys,
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	if a.idle == 0 {
		a.idle = 12 * time.Hour
	}
	if a.lifetime == 0 {
		a.lifetime = 7 * 24 * time.Hour
	}
	if a.address == nil {
		a.address = connection
	}
	return a, nil
}

// BaseURL is where browsers reach the server, without a slash at its end.
func (a *Auth) BaseURL() string { return strings.TrimSuffix(a.base.String(), "/") }

// Local gives a path of this site as it is, and / for everything else, so that a link to
// the sign-in page cannot send people elsewhere afterwards.
func Local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") {
		return "/"
	}
	return path
}

// action is something that somebody did with an account and that no record shows.
type action struct {
	what    string
	user    string // whose account
	method  string
	name    string // of a passkey, or an issuer
	address string
	agent   string
}

func (act action) log(tx *store.Tx) error {
	detail := map[string]any{}
	for key, value := range map[string]string{"method": act.method, "name": act.name, "address": act.address, "agent": act.agent} {
		if value != "" {
			detail[key] = value
		}
	}
	return tx.Action(act.what, "user:"+act.user, detail)
}

// connection is the address of the connection without its port.
func connection(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// secretEncoding is used for everything that is shown once: letters that survive being
// copied from anywhere.
var secretEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// secretLength is how long an encoded secret is: 256 bits.
const secretLength = 52

func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return secretEncoding.EncodeToString(b[:])
}

// hashOf is what is kept of a secret of 256 random bits: nothing slower is needed.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Refuse makes an error of which users are told the message, and the server's own log the
// cause as well.
func Refuse(kind seaworthy.Kind, message string, cause error) error {
	return &refusal{&seaworthy.Error{Kind: kind, Message: message}, cause}
}

type refusal struct {
	told  *seaworthy.Error
	cause error
}

// Error tells the cause, for logs.
func (e *refusal) Error() string { return e.told.Message + ": " + e.cause.Error() }

// Unwrap gives what users are told.
func (e *refusal) Unwrap() error { return e.told }

func unauthenticated(message string) error {
	return &seaworthy.Error{Kind: seaworthy.KindUnauthenticated, Message: message}
}
