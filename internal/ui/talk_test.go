// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// talks says something of everything that can be spoken of, and mentions somebody.
func talks(t *testing.T, s *uitest.Site) {
	pages := s.Pages()
	for kind, page := range map[string]string{"waiver": pages["waiver"], "occurrence": pages["occurrence"], "control": pages["control"], "evidence": pages["one-evidence"]} {
		id := page[strings.LastIndex(page, "/")+1:]
		to := "/comments/" + kind + "/" + id
		text := "Does this still hold, @JonasWeber? " + uitest.Hostile
		if res := s.Post(s.Client(seaworthy.Owner), to, url.Values{"text": {text}}); res.StatusCode != 303 {
			t.Errorf("POST %s = %d, want 303", to, res.StatusCode)
			continue
		}
		_, body := s.Get(s.Client(seaworthy.Owner), page)
		if !strings.Contains(body, "Does this still hold") || !strings.Contains(body, "tells Jonas Weber") || strings.Contains(body, "<script>alert") {
			t.Errorf("%s does not hold the comment, or not as text", page)
		}
		res, err := s.Client(seaworthy.Owner).PostForm(s.URL+to, url.Values{"text": {" "}})
		if err != nil {
			t.Fatal(err)
		}
		if body := s.Read(res); res.StatusCode != 400 || !strings.Contains(body, `role="alert"`) {
			t.Errorf("an empty comment on %s gives %d", page, res.StatusCode)
		}
		for _, role := range []seaworthy.Role{seaworthy.Viewer, seaworthy.Auditor} {
			if res := s.Post(s.Client(role), to, url.Values{"text": {"x"}}); res.StatusCode != 403 {
				t.Errorf("POST %s as %s = %d, want 403", to, role, res.StatusCode)
			}
		}
	}
	// An engineer who does not own the control says nothing of it.
	c, err := s.Store.Control(t.Context(), "access-review")
	if err != nil {
		t.Fatal(err)
	}
	want := 403
	if c.OwnerUser == s.Users[seaworthy.Engineer].ID {
		want = 303
	}
	if res := s.Post(s.Client(seaworthy.Engineer), "/comments/control/access-review", url.Values{"text": {"x"}}); res.StatusCode != want {
		t.Errorf("an engineer's comment on the control gives %d, want %d", res.StatusCode, want)
	}
	for _, to := range []string{"/comments/program/x", "/comments/waiver/nothing"} {
		if res := s.Post(s.Client(seaworthy.Owner), to, url.Values{"text": {"x"}}); res.StatusCode != 404 {
			t.Errorf("POST %s = %d, want 404", to, res.StatusCode)
		}
	}
}

// returns comes back after a while and is told what is new.
func returns(t *testing.T, s *uitest.Site) {
	manager := s.Client(seaworthy.ComplianceManager)
	if _, body := s.Get(manager, "/"); strings.Contains(body, "Since your last visit") {
		t.Error("the first visit is told of one before")
	}
	s.Now = s.Now.Add(2 * time.Hour)
	if res := s.Post(s.Client(seaworthy.Owner), "/comments/control/access-review", url.Values{"text": {"Look at this, @JonasWeber"}}); res.StatusCode != 303 {
		t.Fatalf("the comment gives %d", res.StatusCode)
	}
	_, body := s.Get(manager, "/")
	for _, want := range []string{"Since your last visit", "You are mentioned: Look at this", `<span class="tag">new</span>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if _, body := s.Get(s.Client(seaworthy.Viewer), "/"); strings.Contains(body, "You are mentioned") {
		t.Error("somebody else is told of the mention")
	}
}

// views keeps what a list shows, for oneself and for all.
func views(t *testing.T, s *uitest.Site) {
	owner, viewer := s.Client(seaworthy.Owner), s.Client(seaworthy.Viewer)
	for list, form := range map[string]url.Values{"controls": {"name": {"My own"}}, "findings": {"name": {"For everybody"}, "shared": {"yes"}}} {
		if res := s.Post(owner, "/views/"+list+"?q=a&sort=owner&after=x", form); res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), "/"+list+"?") {
			t.Errorf("keeping a view of %s gives %d to %s", list, res.StatusCode, res.Header.Get("Location"))
		}
	}
	if _, body := s.Get(owner, "/controls"); !strings.Contains(body, "/controls?q=a&amp;sort=owner") || !strings.Contains(body, "My own") {
		t.Error("the list has no link to its view")
	}
	if _, body := s.Get(viewer, "/controls"); strings.Contains(body, "My own") {
		t.Error("somebody else sees a view that is not shared")
	}
	_, body := s.Get(viewer, "/findings")
	if !strings.Contains(body, "For everybody") || !strings.Contains(body, "shared by") {
		t.Error("a view that is shared is not seen")
	}
	if _, body := s.Get(s.Client(seaworthy.Auditor), "/findings"); strings.Contains(body, "For everybody") {
		t.Error("who is bound to a program sees a view of others")
	}
	_, own := s.Get(owner, "/findings")
	_, after, _ := strings.Cut(own, `action="/views/`)
	remove, _, _ := strings.Cut(after, `"`)
	if res := s.Post(viewer, "/views/"+remove, nil); res.StatusCode != 404 {
		t.Errorf("removing another's view gives %d, want 404", res.StatusCode)
	}
	if res := s.Post(owner, "/views/"+remove, nil); res.StatusCode != 303 {
		t.Errorf("removing one's own view gives %d, want 303", res.StatusCode)
	}
	if res := s.Post(owner, "/views/nothing", url.Values{"name": {"x"}}); res.StatusCode != 404 {
		t.Errorf("a view of a list that there is not gives %d, want 404", res.StatusCode)
	}
}
