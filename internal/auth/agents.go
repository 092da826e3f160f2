// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// enrolmentPrefix lets people and scanners of secrets see what an enrolment's token is.
const enrolmentPrefix = "swe_"

// EnrolmentLasts is how long the token of an enrolment can be used.
const EnrolmentLasts = 24 * time.Hour

// AgentAudience is the audience of the tokens that agents sign, beside the server's
// address: agents reach servers by addresses that these may not know of.
const AgentAudience = "seaworthy"

// The bounds of the tokens that agents sign.
const (
	agentTokenLasts  = 5 * time.Minute
	agentTokenLeeway = 30 * time.Second
	maxAgentToken    = 4 << 10
)

// CreateEnrolment lets one agent of a cluster make its key known, once, and gives the
// token for it, which is not kept and cannot be shown again.
func (a *Auth) CreateEnrolment(ctx context.Context, by seaworthy.Principal, source string) (seaworthy.Enrolment, string, error) {
	secret := newSecret()
	var e seaworthy.Enrolment
	if !by.Can(seaworthy.ManageSources) {
		return e, "", seaworthy.Forbidden("the role %s may not enrol agents", by.Role)
	}
	err := a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		cluster, err := clusterOf(tx, source)
		if err != nil {
			return err
		}
		e = seaworthy.Enrolment{
			ID: tx.NewID(), SourceID: cluster.ID, CreatedAt: tx.At, CreatedBy: by.Actor, ExpiresAt: tx.At.Add(EnrolmentLasts),
		}
		if err := tx.PutEnrolment(&e); err != nil {
			return err
		}
		return tx.PutEnrolmentSecret(e.ID, hashOf(secret))
	})
	if err != nil {
		return seaworthy.Enrolment{}, "", err
	}
	return e, enrolmentPrefix + e.ID + "_" + secret, nil
}

// clusterOf gives the cluster of an id or a name, if an agent may watch it.
func clusterOf(tx *store.Tx, source string) (seaworthy.DeclaredSource, error) {
	v, err := tx.Source(source)
	if kind(err) == seaworthy.KindNotFound {
		if named, other := tx.SourceNamed(seaworthy.KindCluster, source); kind(other) != seaworthy.KindNotFound {
			v, err = named, other
		}
	}
	switch {
	case err != nil:
		return v, err
	case v.Kind != seaworthy.KindCluster:
		return v, seaworthy.Invalid("%s is no cluster: agents watch clusters", v.Name)
	case !v.RetiredAt.IsZero():
		return v, seaworthy.Conflict("cluster %s was retired on %s", v.Name, v.RetiredAt.Format(time.DateOnly))
	}
	return v, nil
}

// DropEnrolment withdraws an enrolment that nobody used.
func (a *Auth) DropEnrolment(ctx context.Context, by seaworthy.Principal, source, id string) error {
	if !by.Can(seaworthy.ManageSources) {
		return seaworthy.Forbidden("the role %s may not enrol agents", by.Role)
	}
	return a.store.Write(ctx, by.Actor, func(tx *store.Tx) error {
		e, _, err := tx.LockedEnrolment(id)
		switch {
		case err != nil:
			return err
		case e.SourceID != source:
			return seaworthy.NotFound("there is no enrolment %s", id)
		case !e.UsedAt.IsZero():
			return seaworthy.Conflict("the enrolment was used; revoke the agent %s instead", e.AgentID)
		}
		return tx.DropEnrolment(&e)
	})
}

var errEnrolment = &seaworthy.Error{
	Kind: seaworthy.KindUnauthenticated, Message: "the token of the enrolment is unknown, expired, withdrawn or used; make another one",
}

// Enrol takes the key of an agent for the token of an enrolment. The same token with the
// same key gives the same agent again, since an answer may get lost; with another key it
// is refused.
func (a *Auth) Enrol(ctx context.Context, token, publicKey string) (seaworthy.Agent, error) {
	rest, found := strings.CutPrefix(token, enrolmentPrefix)
	id, secret, cut := strings.Cut(rest, "_")
	if !found || !cut || len(id) != idLength || len(secret) != secretLength || !letters(id) || !letters(secret) {
		return seaworthy.Agent{}, errEnrolment
	}
	key, err := base64.StdEncoding.DecodeString(publicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return seaworthy.Agent{}, seaworthy.Invalid("the public key is not one of Ed25519: 32 bytes in base64")
	}
	var agent seaworthy.Agent
	err = a.store.Write(ctx, "system", func(tx *store.Tx) error {
		agent, err = enrol(tx, id, secret, base64.StdEncoding.EncodeToString(key))
		return err
	})
	return agent, err
}

func enrol(tx *store.Tx, id, secret, key string) (seaworthy.Agent, error) {
	e, hash, err := tx.LockedEnrolment(id)
	switch {
	case kind(err) == seaworthy.KindNotFound:
		return seaworthy.Agent{}, errEnrolment
	case err != nil:
		return seaworthy.Agent{}, err
	case subtle.ConstantTimeCompare(hashOf(secret), hash) != 1:
		return seaworthy.Agent{}, errEnrolment
	}
	if !e.UsedAt.IsZero() {
		agent, err := tx.Agent(e.AgentID)
		if err == nil && (agent.PublicKey != key || !agent.RevokedAt.IsZero()) {
			err = errEnrolment
		}
		return agent, err
	}
	if !tx.At.Before(e.ExpiresAt) {
		return seaworthy.Agent{}, errEnrolment
	}
	if _, err := clusterOf(tx, e.SourceID); err != nil {
		return seaworthy.Agent{}, err
	}
	agent := seaworthy.Agent{ID: tx.NewID(), SourceID: e.SourceID, PublicKey: key, EnrolledAt: tx.At, EnrolledBy: e.CreatedBy}
	tx.Actor = "agent:" + agent.ID // who holds the token and the key
	e.UsedAt, e.AgentID = tx.At, agent.ID
	if err := tx.PutEnrolment(&e); err != nil {
		return agent, err
	}
	return agent, tx.PutAgent(&agent)
}

// RevokeAgent ends the right of an agent's key for good.
func (a *Auth) RevokeAgent(ctx context.Context, by seaworthy.Principal, id string) (seaworthy.Agent, error) {
	var agent seaworthy.Agent
	if !by.Can(seaworthy.ManageSources) {
		return agent, seaworthy.Forbidden("the role %s may not revoke agents", by.Role)
	}
	err := a.store.Write(ctx, by.Actor, func(tx *store.Tx) (err error) {
		if agent, err = tx.LockedAgent(id); err != nil || !agent.RevokedAt.IsZero() {
			return err
		}
		agent.RevokedAt = tx.At
		return tx.PutAgent(&agent)
	})
	return agent, err
}

// ofAgent tells whether a token may be one that an agent signed.
func ofAgent(text string) bool { return strings.Count(text, ".") == 2 }

// fromAgent tells which agent signed a token. Only what the agent's own key signed, for
// this server and for minutes, counts.
func (a *Auth) fromAgent(ctx context.Context, text string) (seaworthy.Principal, error) {
	if len(text) > maxAgentToken {
		return seaworthy.Principal{}, errToken
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(token.Headers) != 1 {
		return seaworthy.Principal{}, errToken
	}
	id := token.Headers[0].KeyID
	if len(id) != idLength || !letters(id) {
		return seaworthy.Principal{}, errToken
	}
	agent, err := a.store.Agent(ctx, id)
	if kind(err) == seaworthy.KindNotFound {
		return seaworthy.Principal{}, errToken
	}
	if err != nil {
		return seaworthy.Principal{}, err
	}
	key, err := base64.StdEncoding.DecodeString(agent.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return seaworthy.Principal{}, errToken
	}
	var said jwt.Claims
	if err := token.Claims(ed25519.PublicKey(key), &said); err != nil {
		return seaworthy.Principal{}, errToken
	}
	if err := a.checkClaims(&agent, said); err != nil {
		return seaworthy.Principal{}, err
	}
	if err := a.spend(ctx, agent.ID, said); err != nil {
		return seaworthy.Principal{}, err
	}
	return seaworthy.Principal{Actor: "agent:" + agent.ID, Name: "agent " + agent.ID, Role: seaworthy.Reporter, Source: agent.SourceID}, nil
}

// checkClaims judges what a token says that the agent's key signed. The reasons are told:
// whoever signed it is the agent.
func (a *Auth) checkClaims(agent *seaworthy.Agent, said jwt.Claims) error {
	switch err := said.ValidateWithLeeway(jwt.Expected{
		Subject: agent.ID, AnyAudience: jwt.Audience{AgentAudience, a.BaseURL()}, Time: a.store.Now(),
	}, agentTokenLeeway); {
	case !agent.RevokedAt.IsZero():
		return unauthenticated("the agent was revoked on " + agent.RevokedAt.Format(time.RFC3339))
	case err != nil:
		return Refuse(seaworthy.KindUnauthenticated, "the agent's token is not valid now, or not for this server: see both clocks", err)
	case said.Expiry == nil || said.IssuedAt == nil || said.ID == "":
		return unauthenticated("the agent's token lacks exp, iat or jti")
	case said.Expiry.Time().Sub(said.IssuedAt.Time()) > agentTokenLasts:
		return unauthenticated("the agent's token lasts longer than five minutes")
	}
	return nil
}

// spend has a token count for one request: who reads it on its way, or in a log, has
// nothing. It is no failure of the agent's key: a proxy may ask twice.
func (a *Auth) spend(ctx context.Context, agent string, said jwt.Claims) error {
	fresh, err := a.store.SpendAgentToken(ctx, agent, said.ID, said.Expiry.Time().Add(agentTokenLeeway))
	if err != nil {
		return fmt.Errorf("note the token of an agent: %w", err)
	}
	if !fresh {
		return seaworthy.Conflict("the agent's token was used before: each request needs one of its own")
	}
	return nil
}

// AgentID is the id of the agent that a principal is; empty for everybody else.
func AgentID(p seaworthy.Principal) string {
	id, found := strings.CutPrefix(p.Actor, "agent:")
	if !found {
		return ""
	}
	return id
}
