// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Webhook sends to any receiver, signed as Standard Webhooks 1.0 says
// (standardwebhooks.com): the receiver can tell who sent it, when, and repetitions by id.
type Webhook struct {
	Client *http.Client
	URL    string
	// Secret signs: 24 to 64 bytes, in base64 behind "whsec_".
	Secret string
	Now    func() time.Time
}

// webhookBody is what receivers get. Fields are only added.
type webhookBody struct {
	Type      string             `json:"type"` // "notice" or "digest"
	Timestamp time.Time          `json:"timestamp"`
	Server    string             `json:"server,omitempty"`
	Data      []seaworthy.Notice `json:"data"`
}

// Send posts the message.
func (s Webhook) Send(ctx context.Context, m *Message) (string, error) {
	key, err := WebhookKey(s.Secret)
	if err != nil {
		return "", Refusal{err}
	}
	kind := "notice"
	if m.Digest {
		kind = "digest"
	}
	body, err := json.Marshal(webhookBody{kind, m.At.UTC(), m.BaseURL, m.Notices})
	if err != nil {
		return "", fmt.Errorf("encode the message: %w", err)
	}
	at := strconv.FormatInt(s.Now().Unix(), 10)
	_, err = post(ctx, s.Client, s.URL, map[string]string{
		"webhook-id": m.ID, "webhook-timestamp": at, "webhook-signature": "v1," + Sign(key, m.ID, at, body),
	}, body)
	return "", err
}

// WebhookKey reads the secret of a webhook.
func WebhookKey(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("the secret of a webhook is 24 to 64 bytes in base64, behind whsec_")
	}
	return key, nil
}

// Sign is the signature of a message: HMAC-SHA256 over id, timestamp and body.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
