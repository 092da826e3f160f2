// SPDX-License-Identifier: Apache-2.0

// Command identityprovider is a provider of OpenID Connect for tests of single sign-on:
// ory/fosite, which serves real providers, with clients and people that the test names
// on standard input. It listens on the loopback address, prints its issuer, and stops
// when standard input ends.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
	"golang.org/x/crypto/bcrypt"
)

// setup is the first line of standard input.
type setup struct {
	ClientID, ClientSecret, RedirectURI string
	People                              []person
	// Sparse leaves all but the subject to user information.
	Sparse bool
}

// person is somebody who can sign in at the provider.
type person struct {
	Subject, Email, Name, Password string
	Verified                       bool
	Groups                         []string
}

func (p person) claims() map[string]any {
	return map[string]any{"email": p.Email, "email_verified": p.Verified, "name": p.Name, "groups": p.Groups}
}

type provider struct {
	oauth2 fosite.OAuth2Provider
	issuer string
	key    *rsa.PrivateKey
	setup  setup
}

const keyID = "test"

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	in := json.NewDecoder(os.Stdin)
	var s setup
	if err := in.Decode(&s); err != nil {
		return fmt.Errorf("read the setup: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p, err := newProvider("http://"+listener.Addr().String(), s)
	if err != nil {
		return err
	}
	fmt.Println(p.issuer)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{Handler: p.routes(), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

func newProvider(issuer string, s setup) (*provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	secret, err := bcrypt.GenerateFromPassword([]byte(s.ClientSecret), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	kept := storage.NewMemoryStore()
	kept.Clients[s.ClientID] = &fosite.DefaultClient{
		ID: s.ClientID, Secret: secret, RedirectURIs: []string{s.RedirectURI},
		GrantTypes: fosite.Arguments{"authorization_code"}, ResponseTypes: fosite.Arguments{"code"},
		Scopes: fosite.Arguments{"openid", "profile", "email", "groups"},
	}
	global := make([]byte, 32)
	rand.Read(global)
	config := &fosite.Config{
		GlobalSecret: global, IDTokenIssuer: issuer, EnforcePKCE: true, TokenURL: issuer + "/token",
		ScopeStrategy: fosite.ExactScopeStrategy, SendDebugMessagesToClients: true,
	}
	private := &jose.JSONWebKey{Key: key, KeyID: keyID, Algorithm: "RS256", Use: "sig"}
	keys := func(ctx context.Context) (any, error) { return private, nil }
	strategy := &compose.CommonStrategy{
		CoreStrategy:               compose.NewOAuth2HMACStrategy(config),
		OpenIDConnectTokenStrategy: compose.NewOpenIDConnectStrategy(keys, config),
		Signer:                     &jwt.DefaultSigner{GetPrivateKey: keys},
	}
	return &provider{
		oauth2: compose.Compose(config, kept, strategy, compose.OAuth2AuthorizeExplicitFactory,
			compose.OpenIDConnectExplicitFactory, compose.OAuth2PKCEFactory, compose.OAuth2TokenIntrospectionFactory),
		issuer: issuer, key: key, setup: s,
	}, nil
}

func (p *provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func (p *provider) configuration(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
		"jwks_uri": p.issuer + "/keys", "userinfo_endpoint": p.issuer + "/userinfo",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

func (p *provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: keyID, Algorithm: "RS256", Use: "sig"}}})
}

var form = template.Must(template.New("form").Parse(`<!doctype html><title>Sign in</title>
<form method="post"><input name="email"><input name="password" type="password"><button>Sign in</button></form>`))

// authorize shows a form, and sends who knows a password back with a code.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := p.oauth2.NewAuthorizeRequest(ctx, r)
	if err != nil {
		p.oauth2.WriteAuthorizeError(ctx, w, request, err)
		return
	}
	if r.Method != http.MethodPost {
		if err := form.Execute(w, nil); err != nil {
			log.Print(err)
		}
		return
	}
	at := slices.IndexFunc(p.setup.People, func(q person) bool {
		return q.Email == r.PostFormValue("email") && q.Password == r.PostFormValue("password")
	})
	if at < 0 {
		p.oauth2.WriteAuthorizeError(ctx, w, request, fosite.ErrAccessDenied)
		return
	}
	for _, scope := range request.GetRequestedScopes() {
		request.GrantScope(scope)
	}
	response, err := p.oauth2.NewAuthorizeResponse(ctx, request, p.session(p.setup.People[at]))
	if err != nil {
		p.oauth2.WriteAuthorizeError(ctx, w, request, err)
		return
	}
	response.AddParameter("iss", p.issuer) // RFC 9207
	p.oauth2.WriteAuthorizeResponse(ctx, w, request, response)
}

func (p *provider) session(q person) *openid.DefaultSession {
	now := time.Now()
	claims := &jwt.IDTokenClaims{
		Issuer: p.issuer, Subject: q.Subject, Audience: []string{p.setup.ClientID},
		IssuedAt: now, AuthTime: now, RequestedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if !p.setup.Sparse {
		claims.Extra = q.claims()
	}
	return &openid.DefaultSession{Claims: claims, Headers: &jwt.Headers{Extra: map[string]any{"kid": keyID}}, Subject: q.Subject}
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := p.oauth2.NewAccessRequest(ctx, r, openid.NewDefaultSession())
	if err != nil {
		p.oauth2.WriteAccessError(ctx, w, request, err)
		return
	}
	response, err := p.oauth2.NewAccessResponse(ctx, request)
	if err != nil {
		p.oauth2.WriteAccessError(ctx, w, request, err)
		return
	}
	p.oauth2.WriteAccessResponse(ctx, w, request, response)
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, request, err := p.oauth2.IntrospectToken(r.Context(), token, fosite.AccessToken, openid.NewDefaultSession(), "openid")
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	for _, q := range p.setup.People {
		if q.Subject == request.GetSession().GetSubject() {
			claims := q.claims()
			claims["sub"] = q.Subject
			answer(w, claims)
			return
		}
	}
	http.Error(w, "unknown subject", http.StatusNotFound)
}
