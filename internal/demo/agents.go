// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// agentVersion is what the agents of the example say that they are.
const agentVersion = "v0.4.1"

// watcher is the agent of a cluster: a key of its own, and messages with numbers.
type watcher struct {
	place    string
	id       string
	key      ed25519.PrivateKey
	since    time.Time
	sequence uint64
}

// enrol makes the key of a cluster's agent known by a token that works once, as somebody
// who installs an agent does.
func (s *story) enrol(ctx context.Context, place string) error {
	_, token, err := s.Auth.CreateEnrolment(ctx, s.as(ines), s.sources[place].ID)
	if err != nil {
		return err
	}
	s.clock.forward(s.clock.Now().Add(3 * time.Minute))
	seed := sha256.Sum256([]byte("Harbour Lane (example data): " + place))
	w := &watcher{place: place, key: ed25519.NewKeyFromSeed(seed[:]), since: s.clock.Now()}
	agent, err := s.Auth.Enrol(ctx, token, base64.StdEncoding.EncodeToString(w.key.Public().(ed25519.PublicKey)))
	if err != nil {
		return err
	}
	w.id = agent.ID
	s.watchers[place] = w
	return s.beat(ctx, w)
}

// principal is the agent as the server knows it.
func (s *story) watching(w *watcher) seaworthy.Principal {
	return seaworthy.Principal{Actor: "agent:" + w.id, Name: "agent of " + w.place, Role: seaworthy.Reporter, Source: s.sources[w.place].ID}
}

// beat has both replicas of an agent say how they do.
func (s *story) beat(ctx context.Context, w *watcher) error {
	for i, replica := range []string{"7c9d5b6f4-h2mzx", "7c9d5b6f4-vq8tn"} {
		if _, err := ingest.Beat(ctx, s.Store, s.watching(w), heartbeat(w, i, replica, s.clock.Now())); err != nil {
			return fmt.Errorf("beat for %s: %w", w.place, err)
		}
	}
	return nil
}

func heartbeat(w *watcher, i int, replica string, now time.Time) seaworthy.Heartbeat {
	b := seaworthy.Heartbeat{
		Instance: fmt.Sprintf("%s-%d", w.place, i), Replica: "seaworthy-agent-" + replica, Version: agentVersion, At: now, Started: w.since, Leader: i == 0,
		Own: seaworthy.OwnNames{Namespace: "seaworthy", Name: "seaworthy-agent", Identity: "system:serviceaccount:seaworthy:agent"},
		Places: map[string]seaworthy.Place{
			seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks, Since: w.since, Latest: now.Add(-20 * time.Second), Proved: now.Add(-20 * time.Second)},
			seaworthy.SeenByAudit:   {State: seaworthy.PlaceNotObserved, Reason: "EKS hides its API server: its audit events go to CloudWatch, and nothing forwards them yet"},
			seaworthy.SeenByWatch:   {State: seaworthy.PlaceWorks, Since: w.since, Latest: now.Add(-4 * time.Second), Proved: now.Add(-4 * time.Second)},
		},
		Unlisted: map[string]string{"secrets": "not asked for: the values of Secrets stay where they are"},
		Waiting:  map[string]int{}, Last: map[string]uint64{seaworthy.StreamChanges: w.sequence},
	}
	if b.Leader {
		b.Watching, b.Objects, b.Findings = w.since, 184, 61
	}
	return b
}

// send has an agent send a message of the change trail, which the server takes as it does
// any other: first what it holds, then that it was taken.
func (s *story) send(ctx context.Context, w *watcher, kind string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	w.sequence++
	m := seaworthy.AgentMessage{Instance: w.place + "-0", Stream: seaworthy.StreamChanges, Sequence: w.sequence, At: s.clock.Now(), Kind: kind, Body: text}
	m.Sign(w.id, w.key)
	source, cfg, who := s.sources[w.place], trail.Config{Store: s.Store}, s.watching(w)
	switch body := body.(type) {
	case []changes.Observation:
		_, err = trail.Take(ctx, cfg, who, source, body)
	case []seaworthy.Deployment:
		for _, d := range body {
			err = errors.Join(err, trail.Claim(ctx, cfg, who, source, d))
		}
	}
	if err != nil {
		return err
	}
	_, err = ingest.Acknowledge(ctx, s.Store, who, ingest.Messages{m}, nil)
	return err
}

// The gaps of the half year: what the European cluster's agent told of its webhook, and
// when nobody heard of it at all.
const (
	webhookAway   = 37
	webhookAwayAt = 21*time.Hour + 4*time.Minute
	webhookGone   = 26 * time.Minute
	agentAway     = 19
	agentAwayAt   = 4*time.Hour + 31*time.Minute
	agentGone     = 17 * time.Minute
)

// agents are enrolled, tell of a gap, and fall silent once.
func (s *story) agents() {
	s.on(days-3, 9*time.Hour+30*time.Minute, "enrol the agent of "+europe, func(ctx context.Context) error { return s.enrol(ctx, europe) })
	s.on(americaOpens-1, 11*time.Hour, "enrol the agent of "+america, func(ctx context.Context) error { return s.enrol(ctx, america) })
	away := seaworthy.AgentGap{Place: seaworthy.SeenByWebhook, Reason: "the API server did not reach the webhook: a rule of the firewall of its nodes had changed"}
	s.on(webhookAway, webhookAwayAt, "tell that the webhook is away", func(ctx context.Context) error {
		away.From = s.clock.Now()
		return s.send(ctx, s.watchers[europe], seaworthy.MessageGap, away)
	})
	s.on(webhookAway, webhookAwayAt+webhookGone, "tell that the webhook was away", func(ctx context.Context) error {
		away.To = s.clock.Now()
		return s.send(ctx, s.watchers[europe], seaworthy.MessageGap, away)
	})
	s.on(agentAway, agentAwayAt, "fall silent", s.beatAll)
	s.on(agentAway, agentAwayAt+2*time.Minute, "notice silence", func(ctx context.Context) error {
		if w := s.watchers[america]; w != nil {
			if err := s.beat(ctx, w); err != nil {
				return err
			}
		}
		_, err := ingest.AgentSilences(ctx, s.Store)
		return err
	})
	s.on(agentAway, agentAwayAt+agentGone, "be heard of again", s.beatAll)
}

// beatAll has every agent say how it does.
func (s *story) beatAll(ctx context.Context) error {
	for _, place := range []string{europe, america} {
		if w := s.watchers[place]; w != nil {
			if err := s.beat(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Live keeps the agents of the example alive while its server runs, until the context ends.
// What they said last is what they go on to say.
func Live(ctx context.Context, s *store.Store) error {
	tick := time.NewTicker(seaworthy.HeartbeatEvery)
	defer tick.Stop()
	for {
		if err := again(ctx, s); err != nil && ctx.Err() == nil {
			return fmt.Errorf("keep the agents of the example alive: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// again has every agent that was heard of say once more what it said.
func again(ctx context.Context, s *store.Store) error {
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, source := range sources {
		if source.Name != europe && source.Name != america {
			continue
		}
		beats, err := s.AgentInstances(ctx, source.ID)
		if err != nil {
			return err
		}
		for _, b := range beats {
			who := seaworthy.Principal{Actor: "agent:" + b.AgentID, Role: seaworthy.Reporter, Source: source.ID}
			now := s.Now()
			for name, p := range b.Beat.Places {
				if p.State == seaworthy.PlaceWorks {
					p.Latest, p.Proved = now, now
					b.Beat.Places[name] = p
				}
			}
			b.Beat.At = now
			if _, err := ingest.Beat(ctx, s, who, b.Beat); err != nil {
				return err
			}
		}
	}
	return nil
}
