// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// What one request of [Client.SendMessages] may hold.
const (
	MaxMessages     = 1000
	MaxMessageBytes = 4 << 20  // of one message, as JSON
	MaxBatchBytes   = 16 << 20 // of all of them
)

// AgentKey signs the tokens by which a server knows an agent: each for one request, and for
// a minute. It is safe for concurrent use.
type AgentKey struct {
	agent string
	key   ed25519.PrivateKey
	now   func() time.Time
	ahead atomic.Int64 // how much the server's clock is ahead of ours, in nanoseconds
}

// NewAgentKey gives what signs the tokens of an agent.
func NewAgentKey(agent string, key ed25519.PrivateKey) *AgentKey {
	return &AgentKey{agent: agent, key: key, now: time.Now}
}

// Bearer signs a token.
func (k *AgentKey) Bearer() (string, error) {
	var id [16]byte
	rand.Read(id[:])
	now := k.now().Add(time.Duration(k.ahead.Load())).Unix()
	head, err := json.Marshal(map[string]string{"alg": "EdDSA", "typ": "JWT", "kid": k.agent})
	if err != nil {
		return "", err
	}
	said, err := json.Marshal(map[string]any{
		"sub": k.agent, "aud": "seaworthy", "iat": now, "exp": now + 60, "jti": hex.EncodeToString(id[:]),
	})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(said)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.key, []byte(text))), nil
}

// told corrects the clock by which tokens are signed, where a server that refuses them
// tells another time, and tells whether it did: a machine's clock may jump.
func (k *AgentKey) told(date string) bool {
	at, err := http.ParseTime(date)
	if err != nil {
		return false
	}
	ahead := at.Sub(k.now())
	if known := time.Duration(k.ahead.Load()); (ahead - known).Abs() < 10*time.Second {
		return false
	}
	k.ahead.Store(int64(ahead))
	return true
}

// Enrol makes the key of an agent known. The client's token is that of the enrolment. The
// same token with the same key gives the same agent again.
func (c *Client) Enrol(ctx context.Context, key ed25519.PublicKey) (seaworthy.Agent, error) {
	var agent seaworthy.Agent
	body := map[string]string{"publicKey": base64.StdEncoding.EncodeToString(key)}
	err := c.retry(ctx, func() error { return c.Send(ctx, http.MethodPost, "/api/v1/agent/enrolment", body, &agent) })
	return agent, err
}

// SendMessages sends signed messages of one instance, once: what is not acknowledged is to
// be sent again.
func (c *Client) SendMessages(ctx context.Context, messages []seaworthy.AgentMessage) (seaworthy.MessagesTaken, error) {
	var taken seaworthy.MessagesTaken
	var body bytes.Buffer
	z, err := gzip.NewWriterLevel(&body, gzip.BestSpeed) // an agent has more network than time
	if err != nil {
		return taken, fmt.Errorf("compress messages: %w", err)
	}
	for i := range messages {
		if err := writeMessage(z, &messages[i]); err != nil {
			return taken, fmt.Errorf("write a message: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return taken, fmt.Errorf("compress messages: %w", err)
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"}}
	err = c.once(ctx, http.MethodPost, "/api/v1/agent/messages", header, &body, &taken)
	return taken, err
}

// writeMessage writes a message on a line of its own, with its body as it was signed.
func writeMessage(w io.Writer, m *seaworthy.AgentMessage) error {
	if bytes.ContainsAny(m.Body, "\r\n") || len(m.Body) == 0 {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		return lines.Encode(m)
	}
	// The body is most of it, and has been read often enough.
	bare := *m
	bare.Body = nil
	text, err := json.Marshal(&bare)
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(text, []byte(`"body":null`))
	for _, part := range [...][]byte{before, []byte(`"body":`), m.Body, after, {'\n'}} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Heartbeat tells the server how an instance is, once.
func (c *Client) Heartbeat(ctx context.Context, beat seaworthy.Heartbeat) (seaworthy.HeartbeatAnswer, error) {
	var answer seaworthy.HeartbeatAnswer
	err := c.Send(ctx, http.MethodPost, "/api/v1/agent/heartbeat", beat, &answer)
	return answer, err
}

// AgentConfiguration gives what an agent needs of the server, and the tag of it. A tag that
// is known already comes back with nothing.
func (c *Client) AgentConfiguration(ctx context.Context, known string) (v seaworthy.AgentConfiguration, tag string, err error) {
	err = c.retry(ctx, func() error {
		header := http.Header{}
		if known != "" {
			header.Set("If-None-Match", known)
		}
		resp, err := c.ask(ctx, http.MethodGet, "/api/v1/agent/configuration", header, nil)
		if status(err) == http.StatusNotModified {
			tag = known
			return nil
		}
		if err != nil {
			return err
		}
		tag = resp.Header.Get("ETag")
		return errors.Join(decode(resp, &v), resp.Body.Close())
	})
	return v, tag, err
}

// Revoked tells whether a server refuses whatever an agent signs: it was revoked, or the
// server does not know it.
func Revoked(err error) bool { return status(err) == http.StatusUnauthorized }
