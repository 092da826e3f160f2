// SPDX-License-Identifier: Apache-2.0

// Package oidc lets people in whom a provider of OpenID Connect has recognised: by the
// authorization code with PKCE, a state and a nonce. What is needed between leaving and
// coming back stays with the browser, sealed, and counts once.
//
// An account belongs to an issuer and a subject. An e-mail address never finds one,
// unless the administrator said so and the provider vouches for the address.
package oidc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// Where browsers go: BeginPath leads to the provider, and CallbackPath is where it sends
// people back to; it has to know that address.
const (
	BeginPath    = "/sign-in/provider"
	CallbackPath = "/sign-in/callback"
)

// Config is what an administrator decides about single sign-on.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty: a public client, which PKCE protects
	// Name is what people call the provider; empty: its host.
	Name string
	// Scopes beside openid; nil: profile, email, and groups where the provider says that it
	// has it, for some refuse what they do not know.
	Scopes []string
	// GroupsClaim names the claim that lists groups; empty: groups.
	GroupsClaim string
	// Roles gives for a group the role of its members; of several, the most powerful
	// counts. Without any, roles are set by owners, and DefaultRole is that of new users.
	Roles map[string]seaworthy.Role
	// Teams gives for a group the id or the name of the team of its members. Without any,
	// teams are set by owners.
	Teams map[string]string
	// DefaultRole is that of people in no group of Roles; empty: they have no access.
	DefaultRole seaworthy.Role
	// AssumeVerified takes every address as verified, for providers that do not say.
	AssumeVerified bool
	auth.ExternalPolicy
	// Client makes requests to the provider; nil: one that gives up after 10 seconds.
	Client *http.Client
}

// Provider is a configured provider. It is safe for concurrent use.
type Provider struct {
	auth   *auth.Auth
	config Config

	asking   singleflight.Group
	provider atomic.Pointer[oidc.Provider] // nil until the provider has answered
}

// New checks the configuration. The provider is asked when somebody first signs in, so
// that a server starts also when the provider is down.
func New(a *auth.Auth, c Config) (*Provider, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname()))) {
		return nil, seaworthy.Invalid("the issuer %q must be an https:// URL", c.Issuer)
	}
	if c.ClientID == "" {
		return nil, seaworthy.Invalid("single sign-on needs a client ID")
	}
	for group, role := range c.Roles {
		if err := mappable(role); err != nil {
			return nil, fmt.Errorf("the role of group %q: %w", group, err)
		}
	}
	if c.DefaultRole != "" {
		if err := mappable(c.DefaultRole); err != nil {
			return nil, fmt.Errorf("the default role: %w", err)
		}
	}
	if c.Create && len(c.Roles) == 0 && c.DefaultRole == "" {
		return nil, seaworthy.Invalid("accounts cannot be made at the first sign-on without a role for them: by a group, or a default one")
	}
	if c.Name == "" {
		c.Name = u.Hostname()
	}
	if c.GroupsClaim == "" {
		c.GroupsClaim = "groups"
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return &Provider{auth: a, config: c}, nil
}

// Config is the configuration without its secret; its Issuer and Name are never empty.
func (p *Provider) Config() Config {
	c := p.config
	c.ClientSecret, c.Client = "", nil
	return c
}

// Confidential tells whether the provider knows this server by a secret.
func (p *Provider) Confidential() bool { return p.config.ClientSecret != "" }

// CallbackURL is the address that the provider has to know.
func (p *Provider) CallbackURL() string { return p.auth.BaseURL() + CallbackPath }

// Check asks the provider whether it is there, unless it has answered before.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// mappable refuses what no group can give: auditors have a program and an end each.
func mappable(r seaworthy.Role) error {
	if r == seaworthy.Auditor || !slices.Contains(seaworthy.Roles, r) {
		return seaworthy.Invalid("%q cannot be given by a group; owner, compliance-manager, engineer and viewer can", r)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// flow is what the browser keeps while it is at the provider.
type flow struct {
	State    string
	Nonce    string
	Verifier string
	Next     string // path to go on to
	Session  string // whose account is to be linked; empty: this is a sign-in
}

const (
	purpose = "oidc"
	away    = 10 * time.Minute // how long somebody may take at the provider
)

// Begin sends the browser to the provider; next is the path that was asked for.
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, next string) error {
	to, err := p.begin(w, r, flow{Next: auth.Local(next)})
	if err == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
	return err
}

// BeginLink gives the address at the provider to which somebody who is signed in goes to
// link the account. It is begun by a form, and browsers follow no redirect of a form to
// where the policy of its page does not lead; so this one does not redirect.
func (p *Provider) BeginLink(w http.ResponseWriter, r *http.Request, next string) (to string, err error) {
	s, err := p.auth.Session(r.Context(), r)
	if err != nil {
		return "", err
	}
	return p.begin(w, r, flow{Next: auth.Local(next), Session: s.ID})
}

func (p *Provider) begin(w http.ResponseWriter, r *http.Request, f flow) (string, error) {
	provider, err := p.discover(r.Context())
	if err != nil {
		return "", err
	}
	f.State, f.Nonce, f.Verifier = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	if err := p.auth.Entrust(w, purpose, f, away); err != nil {
		return "", err
	}
	w.Header().Set("Cache-Control", "no-store")
	return p.client(provider).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Callback lets in whom the provider sends back, or links the account. It gives the path
// to go on to.
func (p *Provider) Callback(w http.ResponseWriter, r *http.Request) (next string, err error) {
	var f flow
	if err := p.auth.TakeBack(w, r, purpose, &f); err != nil {
		return "", err
	}
	q := r.URL.Query()
	switch {
	case q.Get("state") != f.State:
		return "", refused("the answer belongs to another sign-in; begin again", nil)
	case q.Get("iss") != "" && q.Get("iss") != p.config.Issuer: // RFC 9207
		return "", refused("the answer comes from another provider", nil)
	case q.Get("error") != "":
		return "", refused("the provider of single sign-on let nobody in", fmt.Errorf("%.100q: %.300q", q.Get("error"), q.Get("error_description")))
	case q.Get("code") == "":
		return "", refused("the answer of the provider has no code", nil)
	}
	x, err := p.redeem(r.Context(), q.Get("code"), f)
	if err != nil {
		return "", err
	}
	if f.Session != "" {
		return f.Next, p.auth.LinkExternal(r, f.Session, x)
	}
	_, err = p.auth.SignInExternal(w, r, x, p.config.ExternalPolicy)
	return f.Next, err
}

// redeem asks the provider who the code stands for.
func (p *Provider) redeem(ctx context.Context, code string, f flow) (auth.External, error) {
	provider, err := p.discover(ctx)
	if err != nil {
		return auth.External{}, err
	}
	ctx = oidc.ClientContext(ctx, p.config.Client)
	token, err := p.client(provider).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return auth.External{}, refused("the provider of single sign-on did not take its own code", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return auth.External{}, refused("the answer of the provider of single sign-on cannot be believed", err)
	}
	if id.Nonce != f.Nonce {
		return auth.External{}, refused("the answer belongs to another sign-in; begin again", nil)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return auth.External{}, refused("the answer of the provider of single sign-on cannot be believed", err)
		}
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return auth.External{}, refused("the answer of the provider of single sign-on cannot be read", err)
	}
	if err := p.complete(ctx, provider, token, id.Subject, claims); err != nil {
		return auth.External{}, err
	}
	if p.leftOut(claims) {
		return auth.External{}, refused("you are in more groups than the provider of single sign-on sends; an owner can have it send roles instead of groups", nil)
	}
	return p.external(id.Subject, claims), nil
}

// complete adds what the provider tells only when it is asked for user information.
func (p *Provider) complete(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	_, groups := claims[p.config.GroupsClaim]
	_, email := claims["email"]
	if (groups || len(p.config.Roles)+len(p.config.Teams) == 0) && email || provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return refused("the provider of single sign-on does not tell about you", err)
	}
	if info.Subject != subject {
		return refused("the answer of the provider of single sign-on cannot be believed", errors.New("user information of another subject"))
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return refused("the answer of the provider of single sign-on cannot be read", err)
	}
	_, told := claims["email"]
	for name, value := range more {
		// An address is verified by who tells it: never one by the other's word.
		if _, have := claims[name]; !have && (name != "email_verified" || !told) {
			claims[name] = value
		}
	}
	return nil
}

// leftOut tells whether the provider left the groups out and names somewhere else to ask,
// as Entra ID does from 200 groups on. No group at all would be something else.
func (p *Provider) leftOut(claims map[string]any) bool {
	elsewhere, _ := claims["_claim_names"].(map[string]any)
	_, there := elsewhere[p.config.GroupsClaim]
	_, have := claims[p.config.GroupsClaim]
	return there && !have && len(p.config.Roles)+len(p.config.Teams) > 0
}

// external reads claims by the administrator's mapping.
func (p *Provider) external(subject string, claims map[string]any) auth.External {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	verified, _ := claims["email_verified"].(bool)
	x := auth.External{
		Issuer: p.config.Issuer, Subject: subject, Email: text("email"), Name: text("name"),
		Verified: verified || p.config.AssumeVerified || text("email_verified") == "true",
		Managed:  len(p.config.Roles) > 0, Role: p.config.DefaultRole, ManagedTeams: len(p.config.Teams) > 0,
	}
	groups := list(claims[p.config.GroupsClaim])
	best := len(seaworthy.Roles)
	for _, g := range groups {
		if at := slices.Index(seaworthy.Roles, p.config.Roles[g]); at >= 0 && at < best {
			best, x.Role = at, p.config.Roles[g]
		}
		if team := p.config.Teams[g]; team != "" {
			x.Teams = append(x.Teams, team)
		}
	}
	return x
}

// list reads a claim that is a list of texts, or one text.
func list(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// discover asks the provider once for its endpoints and keys, until it answers. Those who
// come while it is asked wait for the same answer.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	if found := p.provider.Load(); found != nil {
		return found, nil
	}
	asked := p.asking.DoChan("", func() (any, error) {
		// The keys are fetched later with this context: it must outlive the request.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.config.Client), p.config.Issuer)
		if err == nil {
			p.provider.Store(found)
		}
		return found, err
	})
	var err error
	select {
	case got := <-asked:
		if err = got.Err; err == nil {
			return got.Val.(*oidc.Provider), nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, auth.Refuse(seaworthy.KindUnavailable, "the provider of single sign-on does not answer as it should; try again in a while", err)
}

func (p *Provider) client(provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: p.CallbackURL(), Scopes: append([]string{oidc.ScopeOpenID}, p.scopes(provider)...),
	}
}

// scopes are those that were configured, or the usual ones.
func (p *Provider) scopes(provider *oidc.Provider) []string {
	if p.config.Scopes != nil {
		return p.config.Scopes
	}
	var told struct {
		Scopes []string `json:"scopes_supported"`
	}
	_ = provider.Claims(&told) // it was read as JSON before; what is no list names none
	if slices.Contains(told.Scopes, "groups") {
		return []string{"profile", "email", "groups"}
	}
	return []string{"profile", "email"}
}

// refused is an answer of the provider that lets nobody in. What the provider said is for
// the server's own log.
func refused(message string, cause error) error {
	if cause == nil {
		cause = errors.New("refuse an answer of the provider")
	}
	return auth.Refuse(seaworthy.KindUnauthenticated, message, cause)
}
