// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// A person makes a destination, sees its key once, tries it, writes a rule, and removes
// both; what was refused keeps what was entered, but for the secret.
func TestNotificationsByHand(t *testing.T) { uitest.Each(t, notificationsByHand) }

func notificationsByHand(t *testing.T, s *uitest.Site) {
	c := s.Client(seaworthy.Owner)
	send := func(path string, form url.Values, code int, says string) string {
		t.Helper()
		res, err := c.PostForm(s.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		body := s.Read(res)
		if res.StatusCode != code || !strings.Contains(body, says) {
			t.Fatalf("POST %s gives %d, want %d with %q: %.1500s", path, res.StatusCode, code, says, body)
		}
		return body
	}
	const secret = "xoxb-very-secret"
	if body := send("/notifications/new", url.Values{"kind": {"slack"}, "name": {"Sec"}, "secret": {secret}}, 400, "needs a channel"); strings.Contains(body, secret) || !strings.Contains(body, `value="Sec"`) {
		t.Errorf("the form that was refused holds the secret, or not the name: %.2000s", body)
	}
	body := send("/notifications/new", url.Values{"kind": {"webhook"}, "name": {"Hook"}, "url": {"https://127.0.0.1/hook"}}, 200, "whsec_")
	_, key, _ := strings.Cut(body, "whsec_")
	key = key[:30]
	all, err := s.Store.Destinations(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d destinations, %v, want 1", len(all), err)
	}
	at := "/notifications/destinations/" + all[0].ID
	for _, path := range []string{at, "/notifications", "/log"} {
		if code, body := s.Get(c, path); code != http.StatusOK || strings.Contains(body, key) {
			t.Errorf("GET %s gives %d, or shows the key again", path, code)
		}
	}
	send(at+"/test", nil, 303, "")
	_, body = s.Get(c, at)
	if !strings.Contains(body, "Takes nothing") || !strings.Contains(body, "--allow-outgoing") {
		t.Errorf("the page does not say that it takes nothing: %.3000s", body)
	}
	send("/notifications/rules/new", url.Values{"name": {"All"}}, 400, "names no destination")
	send("/notifications/rules/new", url.Values{"name": {"All"}, "destinations": {all[0].ID}, "from": {"22:00"}}, 400, "a beginning and an end")
	send("/notifications/rules/new", url.Values{"name": {"All"}, "destinations": {all[0].ID}, "from": {"22:00"}, "to": {"06:30"}, "zone": {"Europe/Berlin"}}, 303, "")
	send(at+"/remove", nil, 400, "change or remove the rule first")
	rules, err := s.Store.NoticeRules(t.Context())
	i := slices.IndexFunc(rules, func(r seaworthy.NoticeRule) bool { return r.Name == "All" })
	if err != nil || len(rules) != 2 || i < 0 || rules[i].QuietFrom != 22*60 || rules[i].QuietTo != 6*60+30 {
		t.Fatalf("rules %+v, %v", rules, err)
	}
	for _, r := range rules {
		send("/notifications/rules/"+r.ID+"/remove", nil, 303, "")
	}
	send(at+"/remove", nil, 303, "")
	if _, body := s.Get(c, "/notifications"); !strings.Contains(body, "Nobody is told anything yet") {
		t.Errorf("after all was removed: %.2000s", body)
	}
	sent, err := s.Store.Deliveries(t.Context(), store.DeliveryFilter{State: seaworthy.DeliveryFailed})
	if err != nil || len(sent.Items) != 1 {
		t.Errorf("%d deliveries that failed, %v, want the test", len(sent.Items), err)
	}
}

// A person orders and removes rules of changes.
func TestChangeRulesByHand(t *testing.T) { uitest.Each(t, changeRulesByHand) }

func changeRulesByHand(t *testing.T, s *uitest.Site) {
	c := s.Client(seaworthy.Owner)
	names := func() string {
		rules, err := s.Store.ChangeRules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range rules {
			out = append(out, r.Name)
		}
		return strings.Join(out, " ")
	}
	for _, n := range []string{"a", "b", "c"} {
		if res := s.Post(c, "/change-rules", url.Values{"name": {n}, "namespaces": {"x-*, y"}, "verbs": {"update", "create"}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("adding a rule gives %d", res.StatusCode)
		}
	}
	rules, err := s.Store.ChangeRules(t.Context())
	if err != nil || len(rules) != 3 || len(rules[0].Namespaces) != 2 || len(rules[0].Verbs) != 2 || rules[0].Approval {
		t.Fatalf("rules %+v, %v", rules, err)
	}
	for _, step := range []struct {
		path string
		form url.Values
		code int
		want string
	}{
		{"/change-rules/" + rules[2].ID + "/move", url.Values{"do": {"up"}}, 303, "a c b"},
		{"/change-rules/" + rules[0].ID + "/move", url.Values{"do": {"down"}}, 303, "c a b"},
		{"/change-rules/" + rules[2].ID + "/move", url.Values{"do": {"up"}}, 303, "c a b"},
		{"/change-rules/none/move", url.Values{"do": {"up"}}, 404, "c a b"},
		{"/change-rules/" + rules[0].ID + "/remove", nil, 303, "c b"},
		{"/change-rules", url.Values{"name": {"["}, "kinds": {"["}}, 400, "c b"},
	} {
		if res := s.Post(c, step.path, step.form); res.StatusCode != step.code || names() != step.want {
			t.Errorf("POST %s gives %d and %s, want %d and %s", step.path, res.StatusCode, names(), step.code, step.want)
		}
	}
}
