// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// bulk works on several findings, and on several waivers, as people do: they look at what
// will change, then send it.
func bulk(t *testing.T, s *uitest.Site) {
	program := scoped(t, s)
	list := func(f store.FindingFilter) []seaworthy.TrackedFinding {
		t.Helper()
		f.Limit = 1000
		page, err := s.Store.Findings(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return page.Items
	}
	open := []seaworthy.FindingStatus{seaworthy.FindingOpen}
	here, err := s.Store.Program(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	mine := list(store.FindingFilter{Status: open, Teams: []string{"team-1"}, Program: &here})
	all := list(store.FindingFilter{Status: open, Program: &here})
	if len(mine) == 0 || len(all) <= len(mine) {
		t.Fatalf("%d findings of a team, of %d", len(mine), len(all))
	}
	engineer := s.Client(seaworthy.Engineer)
	query := "?program=" + program
	_, body := s.Get(engineer, "/findings/selected"+query+"&do=comment&all=yes")
	if want := fmt.Sprintf("Comment on %d finding", len(mine)); !strings.Contains(body, want) {
		t.Errorf("the page of all that match does not say %q", want)
	}
	if want := fmt.Sprintf("<b>%d</b> not of a team of yours", len(all)-len(mine)); !strings.Contains(body, want) {
		t.Errorf("the page of all that match does not say that %s", want)
	}
	send := func(path string, form url.Values) (int, string) {
		t.Helper()
		res, err := engineer.PostForm(s.URL+path+query, form)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, s.Read(res)
	}
	// Another number than was shown: nothing is done.
	if code, body := send("/findings/bulk", url.Values{"do": {"comment"}, "all": {"yes"}, "count": {strconv.Itoa(len(all))}, "text": {"all of them"}}); code != 400 || !strings.Contains(body, "Look again") {
		t.Errorf("with another count, the form gives %d", code)
	}
	if said, err := s.Store.Comments(t.Context(), seaworthy.OnFinding, mine[0].ID, "", 1000); err != nil || len(said.Items) != 0 {
		t.Fatalf("%d comments, %v; want none yet", len(said.Items), err)
	}
	// What is not one's own cannot be smuggled in.
	var other string
	for _, f := range all {
		if f.Team != "team-1" {
			other = f.ID
		}
	}
	if code, _ := send("/findings/bulk", url.Values{"do": {"ticket"}, "finding": {other}, "count": {"1"}, "ticket": {"https://tickets.example/1"}}); code != 400 {
		t.Errorf("another team's finding gives %d, want 400", code)
	}
	if f, err := s.Store.Finding(t.Context(), other); err != nil || f.Ticket == "https://tickets.example/1" {
		t.Errorf("another team's finding has the ticket %q, %v", f.Ticket, err)
	}
	if code, body := send("/findings/bulk", url.Values{"do": {"comment"}, "all": {"yes"}, "count": {strconv.Itoa(len(mine))}, "text": {"all of them"}}); code != 303 {
		t.Fatalf("the comment on all gives %d: %s", code, alert(body))
	}
	for _, f := range mine {
		if said, err := s.Store.Comments(t.Context(), seaworthy.OnFinding, f.ID, "", 1000); err != nil || len(said.Items) != 1 {
			t.Errorf("%s has %d comments, %v; want one", f.Object, len(said.Items), err)
		}
	}
	bulkWaivers(t, s, program, mine, send)
}

// bulkWaivers asks for waivers of findings and has somebody else approve them.
func bulkWaivers(t *testing.T, s *uitest.Site, program string, mine []seaworthy.TrackedFinding, send func(string, url.Values) (int, string)) {
	form := url.Values{"do": {"waive"}, "count": {strconv.Itoa(len(mine))}, "reason": {"until the next release"}, "expires": {s.Now.AddDate(0, 1, 0).Format("2006-01-02")}}
	for _, f := range mine {
		form.Add("finding", f.ID)
	}
	if code, body := send("/findings/bulk", form); code != 303 {
		t.Fatalf("asking for waivers gives %d: %s", code, alert(body))
	}
	if code, body := send("/findings/bulk", form); code != 400 || !strings.Contains(body, "asked for already") {
		t.Errorf("asking again gives %d", code)
	}
	asked, err := s.Store.Waivers(t.Context(), store.WaiverFilter{States: []string{seaworthy.WaiverRequested}, Limit: 1000})
	if err != nil || len(asked.Items) < len(mine) {
		t.Fatalf("%d waivers are asked for, %v; want %d at least", len(asked.Items), err, len(mine))
	}
	decision := url.Values{"do": {"approve"}, "note": {"agreed"}}
	for _, v := range asked.Items {
		if v.RequestedBy == "user:"+s.Users[seaworthy.Engineer].ID {
			decision.Add("waiver-id", v.ID)
		}
	}
	decision.Set("count", strconv.Itoa(len(decision["waiver-id"])))
	if code, _ := send("/waivers/bulk", decision); code != 400 {
		t.Errorf("who asked for them may approve them: %d", code)
	}
	res, err := s.Client(seaworthy.Owner).PostForm(s.URL+"/waivers/bulk?program="+program, decision)
	if err != nil {
		t.Fatal(err)
	}
	if body := s.Read(res); res.StatusCode != 303 {
		t.Fatalf("approving gives %d: %s", res.StatusCode, alert(body))
	}
	for _, f := range mine {
		if f, err := s.Store.Finding(t.Context(), f.ID); err != nil || f.Status != seaworthy.FindingWaived {
			t.Errorf("%s is %s, %v; want waived", f.Object, f.Status, err)
		}
	}
	if _, body := s.Get(s.Client(seaworthy.Owner), "/waivers"); !strings.Contains(body, "approved.</div>") {
		t.Error("the list does not say what was done")
	}
}

// alert is what a page says went wrong.
func alert(body string) string {
	_, after, _ := strings.Cut(body, `role="alert">`)
	before, _, _ := strings.Cut(after, "</div></div>")
	return before
}

// scoped is the program of the site that has more than one source.
func scoped(t *testing.T, s *uitest.Site) string {
	t.Helper()
	programs, err := s.Store.Programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		if p.HasSource("prod-us") {
			return p.ID
		}
	}
	t.Fatal("there is no program with prod-us")
	return ""
}
