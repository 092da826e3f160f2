// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// A stream of audit events that is sent here is missed when it stays away for longer than
// its source says, although no agent is there to miss it.
func TestAuditEventsThatStayAway(t *testing.T) {
	w := here(t, api.Config{})
	source := w.declare("prod", "")
	pipeline := w.token(auth.NewToken{Role: seaworthy.Reporter, Source: source.ID})
	at := w.now
	w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/audit-events", []byte(event("7", "cart:2", at.UTC().Format(time.RFC3339)))).want(http.StatusOK, nil)

	body := map[string]any{"environment": "production", "auditSilence": 30 * time.Second}
	meg := w.as(seaworthy.ComplianceManager)
	w.do(meg, http.MethodPut, "/api/v1/sources/"+source.ID, body).want(http.StatusBadRequest, nil)
	body["auditSilence"] = 3 * time.Minute
	var changed seaworthy.DeclaredSource
	w.do(meg, http.MethodPut, "/api/v1/sources/"+source.ID, body).want(http.StatusOK, &changed)
	if changed.AuditSilence != 3*time.Minute {
		t.Fatalf("the source says %+v", changed)
	}
	w.now = w.now.Add(3*time.Minute + 15*time.Second)
	opened, err := ingest.AuditSilences(w.Context(), w.store)
	if err != nil || len(opened) != 1 || opened[0].Kind != store.GapAudit || opened[0].From.Sub(at).Abs() > time.Second {
		t.Fatalf("AuditSilences = %+v, %v, want a gap since %s", opened, err, at)
	}
	next := w.now.UTC().Format(time.RFC3339)
	w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/audit-events", []byte(event("8", "cart:3", next))).want(http.StatusOK, nil)
	var gaps struct{ Items []seaworthy.Gap }
	w.do(meg, http.MethodGet, "/api/v1/gaps?source="+source.ID, nil).want(http.StatusOK, &gaps)
	if len(gaps.Items) != 1 || gaps.Items[0].To.IsZero() {
		t.Fatalf("gaps %+v, want the silence to have ended with the next event", gaps.Items)
	}
}
