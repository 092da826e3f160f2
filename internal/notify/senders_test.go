// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

var sentAt = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// hostile is a name as nobody should have it.
const hostile = "*<!channel> [x](javascript:alert(1))\r\nBcc: all@example.com <b>&\u202e"

func message(digest bool) *notify.Message {
	m := &notify.Message{ID: "msg_1", At: sentAt, BaseURL: "https://seaworthy.example.com/", Digest: digest, Notices: []seaworthy.Notice{{
		ID: "n1", Kind: seaworthy.NoticeOutOfBand, At: sentAt, Severity: "high", SourceName: "production", Namespace: "shop",
		Title:   "Deployment cart in production/shop was changed out of band by " + hostile,
		Details: []seaworthy.NoticeDetail{{Name: "Changed", Value: "spec.template.spec.containers[app].image"}, {Name: "Client", Value: hostile}},
		Path:    "/changes/c1",
	}}}
	if digest {
		m.Notices = append(m.Notices, seaworthy.Notice{ID: "n2", Kind: seaworthy.NoticeFinding, Title: "A new finding", Path: "//evil.example.com"})
	}
	return m
}

// receiver is a real HTTP server that notes what it gets and answers as it is told.
type receiver struct {
	*httptest.Server
	header http.Header
	path   string
	body   []byte
	status int
	answer string
	after  string
}

func receive(t *testing.T) *receiver {
	r := &receiver{status: http.StatusOK, answer: `{"ok":true,"ts":"1700.1"}`}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.header, r.path = req.Header.Clone(), req.URL.Path
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.body = body
		if r.after != "" {
			w.Header().Set("Retry-After", r.after)
		}
		w.WriteHeader(r.status)
		io.WriteString(w, r.answer)
	}))
	t.Cleanup(r.Close)
	return r
}

func pretty(t *testing.T, body []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func TestMessages(t *testing.T) {
	for _, test := range []struct {
		name   string
		sender func(r *receiver) notify.Sender
		digest bool
	}{
		{"slack", func(r *receiver) notify.Sender { return notify.SlackWebhook{r.Client(), r.URL + "/services/secret"} }, false},
		{"slack-digest", func(r *receiver) notify.Sender { return notify.SlackWebhook{r.Client(), r.URL} }, true},
		{"slack-bot", func(r *receiver) notify.Sender { return notify.Slack{r.Client(), r.URL, "xoxb-secret", "C1"} }, false},
		{"teams", func(r *receiver) notify.Sender { return notify.Teams{r.Client(), r.URL} }, false},
		{"teams-digest", func(r *receiver) notify.Sender { return notify.Teams{r.Client(), r.URL} }, true},
		{"webhook", func(r *receiver) notify.Sender {
			return notify.Webhook{r.Client(), r.URL, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), func() time.Time { return sentAt }}
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := receive(t)
			if _, err := test.sender(r).Send(context.Background(), message(test.digest)); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, test.name+".json", pretty(t, r.body))
			if strings.Contains(string(r.body), "https://evil") || test.name != "webhook" && strings.Contains(string(r.body), "<!channel>") {
				t.Error("a name is read as a link or as a mention")
			}
		})
	}
}

func TestSlackThreads(t *testing.T) {
	r := receive(t)
	m := message(false)
	m.Thread = "1699.9"
	ts, err := notify.Slack{r.Client(), r.URL, "xoxb-secret", "C1"}.Send(context.Background(), m)
	if err != nil || ts != "1700.1" {
		t.Errorf("reference %q, %v", ts, err)
	}
	if r.path != "/chat.postMessage" || r.header.Get("Authorization") != "Bearer xoxb-secret" || !strings.Contains(string(r.body), `"thread_ts":"1699.9"`) {
		t.Errorf("asked %s with %s: %s", r.path, r.header, r.body)
	}
}

func TestWebhooksAreSigned(t *testing.T) {
	r, secret := receive(t), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	w := notify.Webhook{r.Client(), r.URL, secret, func() time.Time { return sentAt }}
	if _, err := w.Send(context.Background(), message(false)); err != nil {
		t.Fatal(err)
	}
	key, err := notify.WebhookKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.header.Get("webhook-signature"); got != "v1,"+notify.Sign(key, r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"), r.body) {
		t.Errorf("the signature %s does not hold", got)
	}
	if r.header.Get("webhook-id") != "msg_1" || r.header.Get("webhook-timestamp") != "1772443800" {
		t.Errorf("headers %v", r.header)
	}
	// The example of the specification.
	if got := notify.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature of the specification's example: %s", got)
	}
	for _, bad := range []string{"", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!"} {
		w.Secret = bad
		var refusal notify.Refusal
		if _, err := w.Send(context.Background(), message(false)); !errors.As(err, &refusal) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	created := sentAt
	for name, test := range map[string]struct {
		status        int
		answer, after string
		age           time.Duration
		state         string
		pause         [2]time.Duration
		says          string
	}{
		"taken":                 {200, `{"ok":true}`, "", 0, seaworthy.DeliveryDelivered, [2]time.Duration{}, ""},
		"an error of the other": {500, "boom", "", 0, seaworthy.DeliveryPending, [2]time.Duration{4 * time.Second, 6 * time.Second}, `500 Internal Server Error: "boom"`},
		"too many":              {429, "", "60", 0, seaworthy.DeliveryPending, [2]time.Duration{time.Minute, time.Minute}, "429"},
		"too many, for a year":  {429, "", "31536000", 0, seaworthy.DeliveryPending, [2]time.Duration{4 * time.Second, time.Hour}, "429"},
		"not there any more":    {404, "no_service", "", 0, seaworthy.DeliveryFailed, [2]time.Duration{}, "404"},
		"led elsewhere":         {302, "", "", 0, seaworthy.DeliveryFailed, [2]time.Duration{}, "302"},
		"Slack says no":         {200, `{"ok":false,"error":"channel_not_found"}`, "", 0, seaworthy.DeliveryFailed, [2]time.Duration{}, "channel_not_found"},
		"Slack says later":      {200, `{"ok":false,"error":"internal_error"}`, "", 0, seaworthy.DeliveryPending, [2]time.Duration{4 * time.Second, 6 * time.Second}, "internal_error"},
		"not Slack at all":      {200, `<html>`, "", 0, seaworthy.DeliveryPending, [2]time.Duration{4 * time.Second, 6 * time.Second}, "not Slack's"},
		"after three days":      {500, "", "", notify.GiveUp, seaworthy.DeliveryFailed, [2]time.Duration{}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			r.status, r.answer, r.after = test.status, test.answer, test.after
			client := r.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			d := &seaworthy.Delivery{ID: "d", CreatedAt: created, State: seaworthy.DeliveryPending}
			now := created.Add(test.age)
			notify.Attempt(context.Background(), notify.Slack{client, r.URL, "xoxb-secret", "C1"}, message(false), d, now)
			pause := d.NextAt.Sub(now)
			if d.State != test.state || d.Attempts != 1 || !strings.Contains(d.Error, test.says) {
				t.Errorf("%+v, want %s, %q", d, test.state, test.says)
			}
			if d.State == seaworthy.DeliveryPending && (pause < test.pause[0] || pause > test.pause[1]) {
				t.Errorf("again after %s, want %v", pause, test.pause)
			}
			if d.State != seaworthy.DeliveryPending && !d.NextAt.IsZero() {
				t.Error("it would be tried again")
			}
		})
	}
}

// TestErrorsHoldNoSecret: the address of an incoming webhook is its secret.
func TestErrorsHoldNoSecret(t *testing.T) {
	r := receive(t)
	r.Close()
	for name, s := range map[string]notify.Sender{
		"unreachable": notify.SlackWebhook{http.DefaultClient, r.URL + "/services/T0/B0/secret"},
		"malformed":   notify.Teams{http.DefaultClient, "https://exa mple.com/secret"},
		"a token":     notify.Slack{http.DefaultClient, r.URL, "xoxb-secret\n", "C1"},
	} {
		_, err := s.Send(context.Background(), message(false))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
