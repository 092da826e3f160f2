// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// enrol declares a cluster and enrols an agent of it, with a client that speaks as it.
func enrol(t *testing.T, address, token string) (*client.Client, seaworthy.Agent, ed25519.PrivateKey) {
	t.Helper()
	owner, err := client.New(client.Config{URL: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Send(t.Context(), http.MethodPost, "/api/v1/sources", map[string]any{"kind": "cluster", "name": "prod", "environment": "production"}, nil); err != nil {
		t.Fatal(err)
	}
	var enrolment struct{ Token string }
	if err := owner.Send(t.Context(), http.MethodPost, "/api/v1/sources/prod/enrolments", nil, &enrolment); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := client.New(client.Config{URL: address, Token: enrolment.Token})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := fresh.Enrol(t.Context(), public)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: address, Key: client.NewAgentKey(agent.ID, private), Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c, agent, private
}

func TestAgentsSpeakToAServer(t *testing.T) {
	address, token := serve(t, nil)
	c, agent, key := enrol(t, address, token)
	ctx := t.Context()
	configuration, tag, err := c.AgentConfiguration(ctx, "")
	if err != nil || configuration.Source.ID != agent.SourceID || len(configuration.Key) == 0 || tag == "" {
		t.Fatalf("AgentConfiguration = %+v, %q, %v", configuration, tag, err)
	}
	if again, known, err := c.AgentConfiguration(ctx, tag); err != nil || known != tag || again.Source.ID != "" {
		t.Errorf("AgentConfiguration(%q) = %+v, %q, %v", tag, again, known, err)
	}
	answer, err := c.Heartbeat(ctx, seaworthy.Heartbeat{Instance: "i", At: time.Now(), Replica: "agent-0"})
	if err != nil || answer.Configuration != tag {
		t.Errorf("Heartbeat = %+v, %v, want the configuration %q", answer, err, tag)
	}
	seen := changes.Observation{Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: "1", At: time.Now()}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted}
	seen.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "<api> & more\u2028"}
	body, err := json.Marshal([]changes.Observation{seen})
	if err != nil {
		t.Fatal(err)
	}
	m := seaworthy.AgentMessage{Instance: "i", Stream: seaworthy.StreamChanges, Sequence: 1, At: time.Now().UTC(), Kind: seaworthy.MessageObservations, Body: body}
	m.Sign(agent.ID, key)
	if taken, err := c.SendMessages(ctx, []seaworthy.AgentMessage{m}); err != nil || taken.Acknowledged[seaworthy.StreamChanges] != 1 {
		t.Errorf("SendMessages = %+v, %v", taken, err)
	}
	owner, _ := client.New(client.Config{URL: address, Token: token})
	var list struct{ Items []seaworthy.Change }
	if err := owner.Get(ctx, "/api/v1/changes", nil, &list); err != nil || len(list.Items) != 1 || list.Items[0].Object.Name != seen.Object.Name {
		t.Errorf("changes %+v, %v", list.Items, err)
	}
	if err := owner.Send(ctx, http.MethodDelete, "/api/v1/agents/"+agent.ID, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Heartbeat(ctx, seaworthy.Heartbeat{Instance: "i", At: time.Now()}); !client.Revoked(err) {
		t.Errorf("a revoked agent: %v", err)
	}
}

// An agent whose clock is wrong signs by the server's, once it was told.
func TestAgentsFollowTheClockOfTheServer(t *testing.T) {
	var tokens []string
	ahead := time.Hour
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if said := claims(t, tokens[len(tokens)-1]); time.Unix(said.IssuedAt, 0).Sub(time.Now().Add(ahead)).Abs() > time.Minute {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer web.Close()
	_, private, _ := ed25519.GenerateKey(nil)
	c, err := client.New(client.Config{URL: web.URL, Key: client.NewAgentKey("a", private), Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, ahead = range []time.Duration{time.Hour, 0, -24 * time.Hour} {
		_, err = c.Heartbeat(t.Context(), seaworthy.Heartbeat{})
		var told *seaworthy.Error
		if !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable || client.Revoked(err) {
			t.Errorf("%s ahead, at first: %v", ahead, err)
		}
		if _, err := c.Heartbeat(t.Context(), seaworthy.Heartbeat{}); err != nil {
			t.Errorf("%s ahead, then: %v", ahead, err)
		}
	}
	seen := map[string]bool{}
	for _, token := range tokens {
		if seen[token] {
			t.Errorf("a token was used twice")
		}
		seen[token] = true
	}
}

// said is what a token says.
type said struct {
	IssuedAt int64 `json:"iat"`
}

func claims(t *testing.T, header string) (c said) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(header, "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", header)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
