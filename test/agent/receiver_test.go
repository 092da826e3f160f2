// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// The key with which the notices of the tests are signed, and where one of them tells Slack.
const (
	signingKey = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	slackPath  = "/services/T0001/B0001/not-for-everybody"
)

// receiver takes notices as any receiver of Standard Webhooks does: nothing whose signature
// is not right. It takes what Slack takes too.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	notices []seaworthy.Notice
	slack   []string
	wrong   []string
	seen    map[string]bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{seen: map[string]bool{}}
	key, err := notify.WebhookKey(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if q.URL.Path == slackPath {
			r.slack = append(r.slack, string(text))
			fmt.Fprint(w, "ok")
			return
		}
		id := q.Header.Get("webhook-id")
		if sum := "v1," + notify.Sign(key, id, q.Header.Get("webhook-timestamp"), text); q.Header.Get("webhook-signature") != sum {
			r.wrong = append(r.wrong, string(text))
			http.Error(w, "whose is this", http.StatusUnauthorized)
			return
		}
		var m struct{ Data []seaworthy.Notice }
		if err := json.Unmarshal(text, &m); err != nil {
			r.wrong = append(r.wrong, string(text))
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !r.seen[id] { // at least once is not exactly once
			r.seen[id] = true
			r.notices = append(r.notices, m.Data...)
		}
	}))
	t.Cleanup(func() {
		r.Close()
		if len(r.wrong) > 0 {
			t.Errorf("notices that a receiver does not take: %q", r.wrong)
		}
	})
	return r
}

// got gives the notices of a kind whose title holds some words.
func (r *receiver) got(kind seaworthy.NoticeKind, words string) []seaworthy.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []seaworthy.Notice
	for _, n := range r.notices {
		if slices.Contains(n.Kinds(), kind) && strings.Contains(n.Title, words) {
			out = append(out, n)
		}
	}
	return out
}

// slacked tells whether a message to Slack holds some words.
func (r *receiver) slacked(words string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.slack, func(m string) bool { return strings.Contains(m, words) })
}

func (r *receiver) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	for _, n := range r.notices {
		fmt.Fprintf(&b, "%q: %s %v\n", n.Kinds(), n.Title, n.Details)
	}
	return b.String()
}
