// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// The button makes a package that verifies, and the page lists it as the verifier shows it.
func TestPackagesFromThePage(t *testing.T) { uitest.Each(t, packagesFromThePage) }

func packagesFromThePage(t *testing.T, s *uitest.Site) {
	program, err := s.Audit.CreateProgram(t.Context(), s.Owner(), seaworthy.Program{
		Name: "SOC 2 " + uitest.Hostile, Type: seaworthy.TypeII, From: s.Now.AddDate(0, -1, 0), To: s.Now.AddDate(0, 5, 0), Categories: []string{"security"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.JoinAll()
	if _, err := s.Audit.Freeze(t.Context(), s.Owner(), audit.FreezeRequest{Name: "Everybody", Program: program.ID, List: "users"}); err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(s.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	s.Now = s.Now.AddDate(0, 0, 1)
	s.SignIn(seaworthy.Owner) // the session of yesterday is over
	for _, c := range []struct {
		name  string
		form  url.Values
		lists bool
		says  string
	}{
		{"all", url.Values{"bytes": {"yes"}, "lists": {"yes"}, "samples": {"yes"}}, true, "the period ends"},
		{"nothing", url.Values{}, false, "frozen lists and samples were left out on request; the bytes of evidence were left out on request"},
		{"today", url.Values{"lists": {"yes"}, "bytes": {"yes"}, "as-of": {s.Now.Format("2006-01-02")}}, true, "samples were left out on request"},
		{"yesterday", url.Values{"lists": {"yes"}, "as-of": {s.Now.AddDate(0, 0, -1).Format("2006-01-02")}}, true, "the bytes of evidence were left out on request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := s.Client(seaworthy.Owner).PostForm(s.URL+"/packages?program="+program.ID, c.form)
			if err != nil {
				t.Fatal(err)
			}
			body := s.Read(res)
			if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Disposition"), `attachment; filename="example-evidence-`) {
				t.Fatalf("POST /packages = %d %v: %.300s", res.StatusCode, res.Header, body)
			}
			got, err := vault.Verify(bytes.NewReader([]byte(body)), int64(len(body)), vault.Trust{Key: key})
			if err != nil || !got.Intact() || !strings.Contains(got.Partial, c.says) || strings.Contains(body, "02_populations/") != c.lists {
				t.Fatalf("Verify = %+v, %v", got, err)
			}
			_, page := s.Get(s.Client(seaworthy.Owner), "/packages?program="+program.ID)
			if page = html.UnescapeString(page); !strings.Contains(page, got.Sums) || !strings.Contains(page, s.LogKey) {
				t.Errorf("the page does not list the package %s, or shows no key", got.Sums)
			}
		})
	}
	res, err := s.Client(seaworthy.Owner).PostForm(s.URL+"/packages?program="+program.ID, url.Values{"as-of": {"2040-01-01"}})
	if err != nil {
		t.Fatal(err)
	}
	if body := s.Read(res); res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "as of the future") {
		t.Errorf("a package as of the future: %d", res.StatusCode)
	}
	if _, page := s.Get(s.Client(seaworthy.Owner), "/log"); !strings.Contains(html.UnescapeString(page), s.LogKey) {
		t.Error("the page about the log does not show its public key")
	}
	sealed, err := s.Store.LogEntries(t.Context(), store.LogFilter{Kind: vault.SealKind})
	if err != nil || len(sealed) != 4 {
		t.Errorf("%d packages are sealed, %v, want 4", len(sealed), err)
	}
}
