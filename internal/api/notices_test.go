// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
)

// notices gives the world an outbox that may reach this machine.
func notices(w *world, allow ...string) *outbox.Outbox {
	var c outgoing.Config
	for _, a := range allow {
		c.Allow = append(c.Allow, netip.MustParsePrefix(a))
	}
	return outbox.New(outbox.Config{Store: w.store, Seal: w.auth.Seal, Unseal: w.auth.Unseal, Client: c.Client(), Insecure: len(allow) > 0, BaseURL: base})
}

// Destinations and rules are made, shown, tried, changed and removed; a secret that was
// given is in no answer, and one that was made is in one.
func TestNotices(t *testing.T) {
	on(t, func(w *world) {
		w.api.Notices = notices(w, "127.0.0.0/8")
		owner := w.as(seaworthy.Owner)
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.URL.Path+" "+string(body))
		}))
		defer server.Close()
		const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
		var all strings.Builder
		do := func(method, path string, body any, status int, into any) answer {
			a := w.do(owner, method, "/api/v1/"+path, body).want(status, into)
			all.WriteString(a.Body.String())
			return a
		}
		var made struct {
			ID, Secret string
		}
		do(http.MethodPost, "destinations", map[string]any{"name": "hook", "kind": "webhook", "url": server.URL + "/hook"}, http.StatusCreated, &made)
		if !strings.HasPrefix(made.Secret, "whsec_") {
			t.Fatalf("the secret that was made is %q", made.Secret)
		}
		all.Reset()
		hook := "destinations/" + made.ID
		do(http.MethodPut, hook, map[string]any{"name": "hook", "url": server.URL + "/hook", "secret": secret}, http.StatusOK, nil)
		do(http.MethodPut, hook, map[string]any{"name": "hook", "url": "ftp://x", "secret": secret}, http.StatusBadRequest, nil)
		do(http.MethodPost, "destinations", map[string]any{"name": "mail", "kind": "email", "to": []string{"a@example.com"}}, http.StatusBadRequest, nil)
		do(http.MethodPost, "destinations", map[string]any{"name": "hook", "kind": "webhook", "url": "https://example.com"}, http.StatusConflict, nil)
		var tried seaworthy.Delivery
		do(http.MethodPost, hook+"/test", nil, http.StatusOK, &tried)
		if tried.State != seaworthy.DeliveryDelivered || len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), "tries whether notices reach hook") {
			t.Errorf("the test notice is %s (%s); received %q", tried.State, tried.Error, got)
		}
		do(http.MethodGet, hook, nil, http.StatusOK, nil)
		do(http.MethodGet, "destinations", nil, http.StatusOK, nil)
		var rules items[seaworthy.NoticeRule]
		do(http.MethodGet, "notice-rules", nil, http.StatusOK, &rules)
		if len(rules.Items) != 1 || rules.Items[0].Name != "Urgent" {
			t.Fatalf("with the first destination came the rules %+v", rules.Items)
		}
		do(http.MethodPost, "notice-rules", map[string]any{"name": "x", "destinations": []string{"none"}}, http.StatusBadRequest, nil)
		do(http.MethodPost, "notice-rules", map[string]any{"name": "x", "destinations": []string{made.ID}, "zone": "Nowhere/Land"}, http.StatusBadRequest, nil)
		do(http.MethodPut, "notice-rules/"+rules.Items[0].ID, map[string]any{"name": "x", "destinations": []string{made.ID}, "digest": "daily"}, http.StatusOK, nil)
		do(http.MethodDelete, hook, nil, http.StatusConflict, nil)
		do(http.MethodDelete, "notice-rules/"+rules.Items[0].ID, nil, http.StatusNoContent, nil)
		do(http.MethodDelete, hook, nil, http.StatusNoContent, nil)
		do(http.MethodDelete, hook, nil, http.StatusNotFound, nil)
		var list items[seaworthy.Delivery]
		do(http.MethodGet, "deliveries?destination="+made.ID, nil, http.StatusOK, &list)
		do(http.MethodGet, "deliveries/"+tried.ID, nil, http.StatusOK, nil)
		do(http.MethodPost, "deliveries/"+tried.ID+"/again", nil, http.StatusConflict, nil)
		if len(list.Items) != 1 {
			t.Errorf("%d deliveries, want the test", len(list.Items))
		}
		if text := all.String(); strings.Contains(text, secret) || strings.Contains(text, made.Secret) {
			t.Errorf("a secret is in an answer: %s", text)
		}
	})
}

// An address inside of the server's network is not gone to unless its operator allows it.
func TestNoticesStayOutOfTheServersNetwork(t *testing.T) {
	w := here(t, api.Config{})
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	var made struct{ ID string }
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/destinations", map[string]any{"name": "inside", "kind": "slack-webhook", "secret": server.URL + "/hidden"}).want(http.StatusCreated, &made)
	var tried seaworthy.Delivery
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/destinations/"+made.ID+"/test", nil).want(http.StatusOK, &tried)
	if asked || tried.State != seaworthy.DeliveryFailed || !strings.Contains(tried.Error, "--allow-outgoing") || strings.Contains(tried.Error, "hidden") {
		t.Errorf("asked %v, delivery %s: %s", asked, tried.State, tried.Error)
	}
}

// Rules of changes are tried in the order that people give them.
func TestOrderOfChangeRules(t *testing.T) {
	on(t, func(w *world) {
		meg := w.as(seaworthy.ComplianceManager)
		ids := make([]string, 3)
		for i, name := range []string{"a", "b", "c"} {
			var r seaworthy.ChangeRule
			w.do(meg, http.MethodPost, "/api/v1/change-rules", map[string]any{"name": name}).want(http.StatusCreated, &r)
			ids[i] = r.ID
		}
		order := func(list ...string) map[string]any { return map[string]any{"rules": list} }
		w.do(meg, http.MethodPost, "/api/v1/change-rules/order", order(ids[2], ids[0], ids[1])).want(http.StatusNoContent, nil)
		for _, wrong := range [][]string{ids[:2], {ids[0], ids[0], ids[1]}, {ids[0], ids[1], "none"}} {
			w.do(meg, http.MethodPost, "/api/v1/change-rules/order", order(wrong...)).want(http.StatusConflict, nil)
		}
		var list items[seaworthy.ChangeRule]
		w.do(meg, http.MethodGet, "/api/v1/change-rules", nil).want(http.StatusOK, &list)
		var names []string
		for _, r := range list.Items {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, ""); got != "cab" {
			t.Errorf("the order is %s, want cab", got)
		}
		entries, err := w.store.History(t.Context(), "change-rule", ids[2])
		if err != nil || len(entries) != 2 || !json.Valid([]byte(entries[1].Content)) {
			t.Errorf("%d entries of the rule that moved, %v, want 2", len(entries), err)
		}
	})
}
