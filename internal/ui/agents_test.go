// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// A cluster's page tells how it stands with its agents; who may manage sources enrols,
// withdraws and revokes there.
func TestAgentsOnThePageOfTheirCluster(t *testing.T) { uitest.Each(t, agentsOnThePageOfTheirCluster) }

func agentsOnThePageOfTheirCluster(t *testing.T, s *uitest.Site) {
	s.Fill()
	owner := s.Client(seaworthy.Owner)
	post := func(path string) (int, string) {
		t.Helper()
		res, err := owner.PostForm(s.URL+path, url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, s.Read(res)
	}
	_, page := s.Get(owner, "/sources/prod-eu")
	for _, want := range []string{"Heard of", "leads", "Works", "Not observed", "Broken", "nobody set it up", "3 messages waiting", "does not list 1 kind<", "has 1 right more than it needs", "Enrol an agent"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if _, gaps := s.Get(owner, "/sources/prod-us"); !strings.Contains(gaps, "Agent silent") || !strings.Contains(gaps, "Messages missing") || !strings.Contains(gaps, "Webhook not reached") {
		t.Error("gaps of agents are not told in words")
	}
	code, made := post("/sources/prod-eu/enrolments")
	token := regexp.MustCompile(`swe_[0-9a-z_]{70,}`).FindString(made)
	if code != 200 || token == "" || !strings.Contains(made, "--from-literal=token="+token) || !strings.Contains(made, "--set server.url=") {
		t.Errorf("enrolment: status %d, token %q, or no command with it", code, token)
	}
	if code, said := post("/sources/shop/enrolments"); code != 400 || !strings.Contains(said, "is no cluster") {
		t.Errorf("enrolment for a repository: status %d", code)
	}
	_, again := s.Get(owner, "/sources/prod-eu")
	if strings.Contains(again, token) {
		t.Error("the token is shown twice")
	}
	drop := regexp.MustCompile(`/sources/prod-eu/enrolments/[0-9a-z]+/withdraw`).FindAllString(again, -1)
	if len(drop) != 2 {
		t.Fatalf("%d enrolments can be withdrawn, want 2", len(drop))
	}
	if code, _ := post(drop[0]); code != 303 {
		t.Errorf("withdraw: status %d", code)
	}
	revoke := regexp.MustCompile(`/agents/[0-9a-z]+/revoke`).FindString(again)
	if code, _ := post(revoke); code != 303 {
		t.Errorf("revoke: status %d", code)
	}
	_, after := s.Get(owner, "/sources/prod-eu")
	if strings.Contains(after, revoke) || strings.Contains(after, drop[0]) || !strings.Contains(after, "Revoked") {
		t.Error("the page does not show what was revoked and withdrawn")
	}
	for _, role := range []seaworthy.Role{seaworthy.Viewer, seaworthy.Auditor} {
		if code, page := s.Get(s.Client(role), "/sources/prod-eu"); code != 200 || strings.Contains(page, "Enrol an agent") || strings.Contains(page, "/withdraw") {
			t.Errorf("%s: status %d, or offered what it may not do", role, code)
		}
	}
}
