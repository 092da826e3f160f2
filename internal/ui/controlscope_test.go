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

// What the form shows of a scope is what it takes: saved as it is, nothing changes.
func TestTheScopeOfAControlIsShownAndChanged(t *testing.T) {
	uitest.Each(t, theScopeOfAControlIsShownAndChanged)
}

func theScopeOfAControlIsShownAndChanged(t *testing.T, s *uitest.Site) {
	s.JoinAll()
	err := s.Store.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutSource(&seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod/eu", Environment: seaworthy.Production, Declared: true, CreatedAt: tx.At})
	})
	if err != nil {
		t.Fatal(err)
	}
	const path = "/controls/workload-isolation"
	save := func(scope string) (*http.Response, seaworthy.TrackedControl) {
		t.Helper()
		c, err := s.Store.Control(t.Context(), "workload-isolation")
		if err != nil {
			t.Fatal(err)
		}
		res := s.Post(s.Client(seaworthy.ComplianceManager), path, url.Values{"owner": {c.OwnerUser}, "cadence": {c.Cadence}, "statement": {c.Statement}, "test": {c.Test}, "active": {"yes"}, "scope": {scope}})
		if c, err = s.Store.Control(t.Context(), "workload-isolation"); err != nil {
			t.Fatal(err)
		}
		return res, c
	}
	const lines = "namespace prod/eu/shop\nnot namespace prod/eu/play: holds: nothing"
	want := []seaworthy.ScopeItem{{Kind: seaworthy.KindNamespace, Source: "s1", Name: "shop", In: true}, {Kind: seaworthy.KindNamespace, Source: "s1", Name: "play", Reason: "holds: nothing"}}
	for range 2 {
		if res, c := save(lines); res.StatusCode != http.StatusSeeOther || !slices.Equal(c.Scope, want) {
			t.Fatalf("status %d, scope %+v, want %+v", res.StatusCode, c.Scope, want)
		}
	}
	_, body := s.Get(s.Client(seaworthy.ComplianceManager), path)
	for _, text := range []string{lines + "</textarea>", "namespace <bdi>prod/eu/shop</bdi>", "not namespace <bdi>prod/eu/play</bdi>: holds: nothing"} {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not hold %q", text)
		}
	}
	for _, bad := range []string{"cluster mars", "namespace shop", "galaxy x", "system crm", "not namespace prod/eu/x"} {
		if res, c := save(bad); res.StatusCode != http.StatusBadRequest || !slices.Equal(c.Scope, want) {
			t.Errorf("%q: status %d, scope %+v", bad, res.StatusCode, c.Scope)
		}
	}
	// An auditor reads nothing of a cluster out of the program.
	if _, body := s.Get(s.Client(seaworthy.Auditor), path); strings.Contains(body, "prod/eu") {
		t.Error("an auditor of another program reads the cluster's name")
	}
}
