// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// event is what an API server's audit webhook sends of an update of a Deployment.
func event(id, image, at string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"` + id + `","stage":"ResponseComplete","verb":"patch","user":{"username":"alice"},
	"objectRef":{"resource":"deployments","namespace":"shop","name":"cart","apiGroup":"apps","apiVersion":"v1"},"responseStatus":{"code":200},
	"responseObject":{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"cart","namespace":"shop","uid":"u","resourceVersion":"` + id + `"},
	"spec":{"template":{"spec":{"containers":[{"name":"app","image":"` + image + `"}]}}}},"requestReceivedTimestamp":"` + at + `"}`
}

// A change of a cluster from the audit event to its explanation, and what a pipeline says.
func TestChanges(t *testing.T) {
	on(t, func(w *world) {
		source := w.declare("prod", "")
		pipeline := w.token(auth.NewToken{Role: seaworthy.Reporter, Source: source.ID})
		at := w.now.UTC().Format("2006-01-02T15:04:05.000000Z")
		list := []byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + event("7", "cart:2", at) + "," + event("8", "evil:1", at) + `]}`)
		const events = "/api/v1/sources/prod/audit-events"
		var taken struct{ New, Known, Events, Passed int }
		w.do(pipeline, http.MethodPost, events, list).want(http.StatusOK, &taken)
		if taken.New != 2 || taken.Events != 2 {
			t.Errorf("taken %+v", taken)
		}
		w.do(pipeline, http.MethodPost, events, list).want(http.StatusOK, &taken)
		if taken.New != 0 || taken.Known != 2 {
			t.Errorf("the same again: %+v", taken)
		}
		w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/deployments", map[string]any{"namespaces": []string{"shop"}, "images": []string{"cart:2"}, "ticket": "SHOP-1"}).want(http.StatusCreated, nil)
		meg := w.as(seaworthy.ComplianceManager)
		var changes struct{ Items []seaworthy.Change }
		w.do(meg, http.MethodGet, "/api/v1/changes?namespace=shop&actor=alice", nil).want(http.StatusOK, &changes)
		if len(changes.Items) != 2 {
			t.Fatalf("%d changes", len(changes.Items))
		}
		w.do(meg, http.MethodGet, "/api/v1/changes?unexplained=true", nil).want(http.StatusOK, &changes)
		if len(changes.Items) != 1 || changes.Items[0].Images[0] != "evil:1" || changes.Items[0].Object.Kind != "Deployment" {
			t.Fatalf("to be explained: %+v", changes.Items)
		}
		path := "/api/v1/changes/" + changes.Items[0].ID
		w.do(w.as(seaworthy.Engineer), http.MethodPost, path+"/explanation", map[string]any{"note": "I had to"}).want(http.StatusForbidden, nil)
		w.do(meg, http.MethodPost, path+"/explanation", map[string]any{"note": "INC-7"}).want(http.StatusOK, nil)
		var c seaworthy.Change
		w.do(meg, http.MethodGet, path, nil).want(http.StatusOK, &c)
		if c.Match != seaworthy.MatchOutOfBand || c.Explained == nil || c.Explained.Note != "INC-7" {
			t.Errorf("explained: %+v", c)
		}
		w.do(meg, http.MethodGet, "/api/v1/changes?unexplained=true", nil).want(http.StatusOK, &changes)
		if len(changes.Items) != 0 {
			t.Errorf("still to be explained: %+v", changes.Items)
		}
	})
}

func TestChangeRules(t *testing.T) {
	w := here(t, api.Config{})
	w.declare("prod", "")
	meg, pipeline := w.as(seaworthy.ComplianceManager), w.as(seaworthy.Reporter)
	w.do(meg, http.MethodPost, "/api/v1/change-rules", map[string]any{"name": "images", "kinds": []string{"["}}).want(http.StatusBadRequest, nil)
	w.do(meg, http.MethodPost, "/api/v1/change-rules", map[string]any{"name": "shop is free", "namespaces": []string{"shop"}}).want(http.StatusCreated, nil)
	at := w.now.UTC().Format("2006-01-02T15:04:05Z")
	w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/audit-events", []byte(event("7", "cart:2", at))).want(http.StatusOK, nil)
	var changes struct{ Items []seaworthy.Change }
	w.do(meg, http.MethodGet, "/api/v1/changes?match=not%20required", nil).want(http.StatusOK, &changes)
	if len(changes.Items) != 1 {
		t.Errorf("%d changes need no approval", len(changes.Items))
	}
	var rules struct{ Items []seaworthy.ChangeRule }
	w.do(meg, http.MethodGet, "/api/v1/change-rules", nil).want(http.StatusOK, &rules)
	w.do(meg, http.MethodDelete, "/api/v1/change-rules/"+rules.Items[0].ID, nil).want(http.StatusNoContent, nil)
	w.do(meg, http.MethodDelete, "/api/v1/change-rules/"+rules.Items[0].ID, nil).want(http.StatusNotFound, nil)
}

func TestAuditEventsThatAreNone(t *testing.T) {
	w := here(t, api.Config{})
	w.declare("prod", "")
	pipeline := w.as(seaworthy.Reporter)
	const events = "/api/v1/sources/prod/audit-events"
	w.do(pipeline, http.MethodPost, events, []byte("not JSON")).want(http.StatusBadRequest, nil)
	w.do(pipeline, http.MethodPost, "/api/v1/sources/nowhere/audit-events", []byte("{}")).want(http.StatusNotFound, nil)
	var taken struct{ Problems []seaworthy.Problem }
	w.do(pipeline, http.MethodPost, events, []byte(`{"some":"thing"}`)).want(http.StatusOK, &taken)
	if len(taken.Problems) != 1 || !strings.Contains(taken.Problems[0].Message, "no audit event") {
		t.Errorf("problems %+v", taken.Problems)
	}
	// In the midst of events that can be read it is a gap, of which the next list tells.
	at := w.now.UTC().Format(time.RFC3339)
	w.do(pipeline, http.MethodPost, events, []byte(`{"kind":"EventList","items":[`+event("7", "cart:2", at)+`,{"auditID":"b","stage":5},`+event("8", "cart:3", at)+`]}`)).want(http.StatusOK, nil)
	var gaps struct{ Items []seaworthy.Gap }
	w.do(w.as(seaworthy.ComplianceManager), http.MethodGet, "/api/v1/gaps?kind=audit", nil).want(http.StatusOK, &gaps)
	if !slices.ContainsFunc(gaps.Items, func(g seaworthy.Gap) bool {
		return strings.Contains(g.Reason, "1 records of audit events could not be read")
	}) {
		t.Errorf("gaps %+v", gaps.Items)
	}
	other := w.token(auth.NewToken{Role: seaworthy.Reporter, Source: w.declare("staging", "").ID})
	if a := w.do(other, http.MethodPost, events, []byte("{}")); a.Code != http.StatusForbidden {
		t.Errorf("a token of another cluster: %d", a.Code)
	}
}

// The git host's word makes a claim verified, or contradicts it; nobody else gives it.
func TestApprovals(t *testing.T) {
	on(t, func(w *world) {
		source := w.declare("prod", "")
		pipeline, host := w.token(auth.NewToken{Role: seaworthy.Reporter, Source: source.ID}), w.as(seaworthy.GitHost)
		commit := strings.Repeat("a1", 20)
		var d seaworthy.Deployment
		w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/deployments", map[string]any{"namespaces": []string{"shop"}, "commit": commit}).want(http.StatusCreated, &d)
		at := w.now.UTC().Format("2006-01-02T15:04:05.000000Z")
		w.do(pipeline, http.MethodPost, "/api/v1/sources/prod/audit-events", []byte(event("7", "cart:2", at))).want(http.StatusOK, nil)
		body := map[string]any{"commit": commit, "author": "bob", "approvers": []string{"carol"}, "mergedBy": "bob", "mergedAt": w.now.Add(-time.Hour)}
		for _, token := range []string{pipeline, w.as(seaworthy.Owner), w.as(seaworthy.ComplianceManager)} {
			w.do(token, http.MethodPost, "/api/v1/approvals", body).want(http.StatusForbidden, nil)
		}
		w.do(host, http.MethodPost, "/api/v1/approvals", map[string]any{"commit": commit[:12], "author": "bob"}).want(http.StatusUnprocessableEntity, nil)
		var said struct {
			seaworthy.Confirmation
			Deployments int
		}
		w.do(host, http.MethodPost, "/api/v1/approvals", body).want(http.StatusOK, &said)
		if said.Deployments != 1 || said.Refusal != "" || said.CheckedBy == "" {
			t.Errorf("confirmed: %+v", said)
		}
		meg := w.as(seaworthy.ComplianceManager)
		match := func(want seaworthy.Match) {
			t.Helper()
			var changes struct{ Items []seaworthy.Change }
			w.do(meg, http.MethodGet, "/api/v1/changes", nil).want(http.StatusOK, &changes)
			if len(changes.Items) != 1 || changes.Items[0].Match != want {
				t.Errorf("changes %+v, want one that is %s", changes.Items, want)
			}
		}
		match(seaworthy.MatchVerified)
		body["approvers"] = []string{"bob"}
		w.do(host, http.MethodPost, "/api/v1/approvals", body).want(http.StatusOK, nil)
		match(seaworthy.MatchOutOfBand)
		w.do(meg, http.MethodGet, "/api/v1/deployments/"+d.ID, nil).want(http.StatusOK, &d)
		if d.Verified == nil || d.Verified.Refusal == "" {
			t.Errorf("the deployment says %+v", d.Verified)
		}
		var list struct{ Items []seaworthy.Confirmation }
		w.do(meg, http.MethodGet, "/api/v1/approvals", nil).want(http.StatusOK, &list)
		if len(list.Items) != 2 {
			t.Errorf("%d words of the git host, want 2", len(list.Items))
		}
		w.do(host, http.MethodGet, "/api/v1/approvals", nil).want(http.StatusForbidden, nil)
	})
}
