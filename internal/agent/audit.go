// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
)

// auditSilence is how long the audit stream may tell nothing. The canaries are in it, so
// that it always has something to tell; the API server gathers events for up to half a
// minute.
const auditSilence = 90 * time.Second

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// auditWaits is how long the API server waits for its answer while the server has not taken
// what came: less than after which it would send the events again.
const auditWaits = 5 * time.Second

// takeAudit takes what the API server's audit webhook sends. What is acknowledged is on disk
// and, where the server answers, there too: if this replica is killed before that, the API
// server sends the events to another one.
func (a *Agent) takeAudit(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if a.cfg.AuditToken == "" || !ok || !same(token, a.cfg.AuditToken) {
		http.NotFound(w, r)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, kubeaudit.MaxBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "send audit events in smaller pieces", http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		http.Error(w, "the events broke off", http.StatusBadRequest)
		return
	}
	if err := a.events(text); err != nil {
		a.log.Warn("audit events cannot be read", "error", err)
		a.notRead(spoiled(err)) // the API server does not send them again
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if link := a.uplink.Load(); link != nil {
		ctx, cancel := context.WithTimeout(r.Context(), auditWaits)
		defer cancel()
		link.Arrived(ctx)
	}
}

// events takes audit events in any of the forms that are known.
func (a *Agent) events(text []byte) error {
	var came []string
	reader := kubeaudit.Reader{Key: a.configuration().Key, Kinds: schema.KindOf, Heard: func(id string) {
		if id, ok := strings.CutPrefix(id, canaryMark); ok {
			came = append(came, id)
		}
	}}
	result, err := reader.Read(bytes.NewReader(text))
	a.observe(result.Observations...)
	for _, p := range result.Problems {
		a.log.Warn("an audit event cannot be read", "event", p.Object, "error", p.Message)
	}
	a.unread.heard(result.Latest)
	a.notRead(result.Unread)
	a.metrics.auditEvents.Add(float64(result.Events))
	if result.Events > 0 {
		a.audited.Store(int64(a.elapsed()))
		if !a.canaries.prove(a.elapsed()) {
			a.places.works(seaworthy.SeenByAudit)
		}
		for _, id := range came {
			a.canaryCame(id, true)
		}
	}
	return err
}

// watchAudit says when the audit stream has fallen silent.
func (a *Agent) watchAudit(ctx context.Context) error {
	if !a.audits() {
		return nil
	}
	for sleep(ctx, 5*time.Second) {
		a.judgeAudit()
	}
	return ctx.Err()
}

// judgeAudit says what the audit stream lost: of the canaries' events, those that others
// came after, or everything.
func (a *Agent) judgeAudit() {
	now := a.elapsed()
	a.tellUnread()
	for _, v := range a.canaries.lost(now) {
		a.places.missed(seaworthy.SeenByAudit, v.from, v.to, "audit events of the agent's own requests did not come, though later ones did")
	}
	if a.places.quiet(seaworthy.SeenByAudit) <= auditSilence {
		return
	}
	reason := "no audit event came for more than " + auditSilence.String()
	if a.canaries.prove(now) {
		reason = "no audit event of the agent's own requests came for more than " + auditSilence.String()
	}
	a.places.fails(seaworthy.SeenByAudit, reason)
}
