// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// An owner has words erased where they stand; nobody else is offered it, or may.
func TestOwnersEraseWords(t *testing.T) { uitest.Each(t, ownersEraseWords) }

func ownersEraseWords(t *testing.T, s *uitest.Site) {
	s.JoinAll()
	kim := s.Join(auth.NewUser{Email: "kim.doe@harbour.example", Name: "Kim Doe", Role: seaworthy.Viewer})
	said, err := triage.New(triage.Config{Store: s.Store}).Comment(t.Context(), s.Owner(), seaworthy.OnControl, "access-review", "ask the landlady")
	if err != nil {
		t.Fatal(err)
	}
	owner := s.Client(seaworthy.Owner)
	for _, place := range []struct{ page, form, shown string }{
		{"/controls/access-review", "/erase/comment/" + said.ID, "the landlady"},
		{"/people/" + kim.ID, "/people/" + kim.ID + "/erase", "Kim Doe"},
	} {
		if _, body := s.Get(owner, place.page); !strings.Contains(body, `action="`+place.form) || !strings.Contains(body, place.shown) {
			t.Errorf("%s offers no erasure, or shows nothing to erase", place.page)
		}
		for _, r := range seaworthy.Roles[1:] {
			if _, body := s.Get(s.Client(r), place.page); strings.Contains(body, place.form) {
				t.Errorf("%s offers the erasure as %s", place.page, r)
			}
			if res := s.Post(s.Client(r), place.form, url.Values{"reason": {"asked for"}}); res.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s as %s = %d, want 403", place.form, r, res.StatusCode)
			}
		}
		if res := s.Post(owner, place.form, url.Values{"reason": {" "}}); res.StatusCode != http.StatusBadRequest {
			t.Errorf("POST %s without a reason = %d, want 400", place.form, res.StatusCode)
		}
		res := s.Post(owner, place.form, url.Values{"reason": {"asked for"}})
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), place.page) {
			t.Errorf("POST %s = %d to %s, want back to %s", place.form, res.StatusCode, res.Header.Get("Location"), place.page)
		}
		if _, body := s.Get(owner, place.page); strings.Contains(body, place.shown) || strings.Contains(body, place.form) {
			t.Errorf("%s still shows what was erased, or offers to erase it again", place.page)
		}
	}
	if res := s.Post(owner, "/people/"+s.Users[seaworthy.Owner].ID+"/erase", url.Values{"reason": {"asked for"}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("an owner erases their own account: %d, want 403", res.StatusCode)
	}
}
