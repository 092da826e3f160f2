// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// The form of a source shows for how long audit events may stay away and how often a report
// is expected, and saved as it is changes neither, also where only the API could set them.
func TestTheFormOfASourceKeepsWhatItShows(t *testing.T) {
	s := uitest.New(t)
	s.JoinAll()
	put := func(v seaworthy.DeclaredSource) {
		t.Helper()
		v.Environment, v.Declared, v.CreatedAt = seaworthy.Production, true, s.Now
		if err := s.Store.Write(t.Context(), "system", func(tx *store.Tx) error { return tx.PutSource(&v) }); err != nil {
			t.Fatal(err)
		}
	}
	owner := s.Client(seaworthy.Owner)
	save := func(id, every, silence string) (*http.Response, seaworthy.DeclaredSource) {
		t.Helper()
		form := url.Values{"environment": {seaworthy.Production}, "every": {every}}
		if silence != "" {
			form.Set("auditSilence", silence)
		}
		res := s.Post(owner, "/sources/"+id, form)
		v, err := s.Store.Source(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return res, v
	}
	put(seaworthy.DeclaredSource{ID: "c1", Kind: seaworthy.KindCluster, Name: "prod", Every: 12 * time.Hour, AuditSilence: 3 * time.Minute})
	_, page := s.Get(owner, "/sources/c1")
	for _, want := range []string{`<option value="12h0m0s" selected>every 12 hours`, `<option value="3m0s" selected>3 minutes`, `name="auditSilence"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form lacks %s", want)
		}
	}
	if _, v := save("c1", "12h0m0s", "3m0s"); v.Every != 12*time.Hour || v.AuditSilence != 3*time.Minute {
		t.Errorf("saved as it was: %+v", v)
	}
	if _, v := save("c1", "24h0m0s", "-1ns"); v.AuditSilence >= 0 || v.Every != 24*time.Hour {
		t.Errorf("no audit events are expected: %+v", v)
	}
	if _, page := s.Get(owner, "/sources/c1"); !strings.Contains(page, `<option value="-1ns" selected>none are expected`) {
		t.Error("the form does not show that none are expected")
	}
	if _, v := save("c1", "24h0m0s", ""); v.AuditSilence >= 0 {
		t.Errorf("a form without the field changed it: %+v", v)
	}
	for _, wrong := range []string{"10s", "soon"} {
		if res, v := save("c1", "24h0m0s", wrong); res.StatusCode != http.StatusBadRequest || v.AuditSilence >= 0 {
			t.Errorf("%q: %d, %+v", wrong, res.StatusCode, v)
		}
	}
	put(seaworthy.DeclaredSource{ID: "r1", Kind: seaworthy.KindRepository, Name: "git.example.com/shop", Every: 24 * time.Hour})
	if _, page := s.Get(owner, "/sources/r1"); strings.Contains(page, "auditSilence") {
		t.Error("a repository has audit events")
	}
}
