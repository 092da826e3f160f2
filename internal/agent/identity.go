// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/uplink"
)

// The fields of the Secret that replicas share.
const (
	keyField    = "key"     // Ed25519, the seed
	agentField  = "agent"   // what the server calls it
	digestField = "digests" // what digests of the values of Secrets are keyed with
	sourceField = "source"  // the cluster, as the server has it
)

// identity is who the agent is to the server.
type identity struct {
	Agent  seaworthy.Agent
	Key    ed25519.PrivateKey
	Digest []byte
	Source *seaworthy.DeclaredSource
}

func (a *Agent) keySecret() string { return keySecret(a.cfg.Name) }

// identify finds the agent's key and what the server calls it, and enrols it where nobody
// has. It waits for the API server, the token and the server for as long as it takes.
func (a *Agent) identify(ctx context.Context) (*identity, error) {
	for {
		who, err := a.known(ctx)
		if err == nil && who.Agent.ID == "" {
			who, err = a.enrol(ctx, who)
		}
		if err == nil {
			return who, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.stick(err.Error())
		if !sleep(ctx, 5*time.Second) {
			return nil, ctx.Err()
		}
	}
}

// known reads what is known, and makes the key where there is none. The key is kept before
// anybody is told of it.
func (a *Agent) known(ctx context.Context) (who *identity, err error) {
	err = a.keepSecret(ctx, a.keySecret(), func(data map[string][]byte) (changed bool, err error) {
		who = &identity{Digest: data[digestField]}
		if seed := data[keyField]; len(seed) == 0 {
			if _, who.Key, err = ed25519.GenerateKey(rand.Reader); err != nil {
				return false, fmt.Errorf("make the agent's key: %w", err)
			}
			data[keyField] = who.Key.Seed()
			delete(data, agentField)
			changed = true
		} else if len(seed) != ed25519.SeedSize {
			return false, seaworthy.Invalid("the Secret %s holds no key that the agent made; empty it and enrol the agent again", a.keySecret())
		} else {
			who.Key = ed25519.NewKeyFromSeed(seed)
		}
		return changed, errors.Join(parse(data[agentField], &who.Agent), parse(data[sourceField], &who.Source))
	})
	return who, err
}

func parse(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read what the agent keeps in its Secret: %w", err)
	}
	return nil
}

// enrol makes the key known to the server.
func (a *Agent) enrol(ctx context.Context, who *identity) (*identity, error) {
	token, err := a.cfg.Enrolment()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{URL: a.cfg.Server, Token: token, HTTP: a.cfg.HTTP, Agent: "seaworthy-agent/" + a.cfg.Version, Tries: 1})
	if err != nil {
		return nil, err
	}
	if who.Agent, err = c.Enrol(ctx, who.Key.Public().(ed25519.PublicKey)); err != nil {
		return nil, fmt.Errorf("enrol the agent: %w", err)
	}
	a.log.Info("agent enrolled", "agent", who.Agent.ID)
	return who, a.keepSecret(ctx, a.keySecret(), func(data map[string][]byte) (bool, error) {
		text, err := json.Marshal(who.Agent)
		data[agentField] = text
		return true, err
	})
}

// firstConfiguration goes by what the server said last, where that is known; else the
// server has to answer first: without the key of digests nothing may be kept.
func (a *Agent) firstConfiguration(ctx context.Context, who *identity, link *uplink.Uplink) error {
	if who.Source != nil && len(who.Digest) > 0 {
		a.takeConfiguration(a.rememberedConfiguration(*who.Source, who.Digest))
		return nil
	}
	for {
		err := link.Beat(ctx)
		if err == nil && len(a.configuration().Key) > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.stick(fmt.Sprintf("the server has not said yet by what to go: %v", err))
		if !sleep(ctx, 5*time.Second) {
			return ctx.Err()
		}
	}
}
