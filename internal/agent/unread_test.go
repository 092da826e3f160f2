// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestUnreadEvents: what the API server sends and nobody can read is a gap that tells so, one
// for all of a minute, and one of its own for what comes after.
func TestUnreadEvents(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	a.cfg.AuditToken = "token"
	event := func(id string, at time.Time) string {
		return fmt.Sprintf(`{"kind":"Event","auditID":%q,"stage":"ResponseComplete","verb":"list","requestReceivedTimestamp":%q,"stageTimestamp":%[2]q}`, id, at.Format(time.RFC3339Nano))
	}
	post := func(items string, want int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/audit", strings.NewReader(`{"kind":"EventList","items":[`+items+`]}`))
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		if a.takeAudit(w, r); w.Code != want {
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
	}
	gaps := func() (out []seaworthy.Notice) {
		for _, l := range a.teller.boxes["people"].letters {
			if strings.Contains(fmt.Sprint(l.Notice.Details), "could not be read") {
				out = append(out, l.Notice)
			}
		}
		return out
	}
	start := c.time()
	c.forward(10 * time.Second)
	const bad = `{"auditID":"b","stage":5}`
	post(event("1", start)+","+bad+","+event("2", start.Add(time.Second)), http.StatusOK)
	got := gaps()
	if len(got) != 1 || !got[0].At.Equal(start) || got[0].Kind != seaworthy.NoticeGap {
		t.Fatalf("told %+v, want a gap that began at %s", got, start)
	}
	for range 5 { // at once again and again
		post(bad, http.StatusOK)
	}
	post(`{"kind":`, http.StatusBadRequest) // which the API server does not send again
	if got := gaps(); len(got) != 1 {
		t.Fatalf("told %d times within a minute", len(got))
	}
	c.forward(unreadEvery)
	a.judgeAudit()
	a.judgeAudit()
	if got = gaps(); len(got) != 2 || !strings.Contains(fmt.Sprint(got[1].Details), "6 records") || !got[1].At.After(start) {
		t.Fatalf("told %+v, want one more of all that came", got)
	}
}
