// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// through looks at each list through a program that has one cluster, in a part of the
// time, and counts what going through everything gives.
func through(t *testing.T, s *uitest.Site) {
	ctx := t.Context()
	p, err := s.Audit.CreateProgram(ctx, s.Owner(), seaworthy.Program{
		Name: "One cluster", Type: seaworthy.TypeII, From: s.Now.AddDate(0, -2, 0), To: s.Now.AddDate(0, 4, 0), Categories: []string{"security"},
		Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "prod-us", In: true},
			{Kind: seaworthy.KindNamespace, Source: "prod-us", Name: "storefront", In: false, Reason: "Holds no customer data"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]func() (in, all int){
		"/findings/export?status=all&format=json": func() (in, all int) {
			return walked(t, func(cursor string) (store.Page[seaworthy.TrackedFinding], error) {
				return s.Store.Findings(ctx, store.FindingFilter{Status: []seaworthy.FindingStatus{"open", "waived", "fixed"}, Cursor: cursor, Limit: 100})
			}, func(f seaworthy.TrackedFinding) bool { return p.HasNamespace(f.SourceID, f.Object.Namespace) })
		},
		"/workloads/export?all=yes&gone=yes&format=json": func() (in, all int) {
			return walked(t, func(cursor string) (store.Page[store.CountedObject], error) {
				return s.Store.Objects(ctx, store.ObjectFilter{Deleted: true, Cursor: cursor, Limit: 100})
			}, func(o store.CountedObject) bool { return p.HasNamespace(o.SourceID, o.Object.Namespace) })
		},
		"/waivers/export?format=json": func() (in, all int) {
			return walked(t, func(cursor string) (store.Page[seaworthy.TrackedWaiver], error) {
				return s.Store.Waivers(ctx, store.WaiverFilter{Cursor: cursor, Limit: 100})
			}, func(w seaworthy.TrackedWaiver) bool { return w.SourceID == "" || p.HasSource(w.SourceID) })
		},
	} {
		in, all := want()
		got := len(rows(t, s, seaworthy.Owner, list+"&program="+p.ID))
		if got != in || in == 0 && !strings.Contains(list, "waivers") || in == all {
			t.Errorf("%s: %d through the program, going through all %d gives %d", list, got, all, in)
		}
	}
	t.Run("evidence", func(t *testing.T) { evidenceThrough(t, s, p) })
	t.Run("changed", func(t *testing.T) { changedThrough(t, s, p) })
}

// walked goes through all pages of a list and counts what is in, and all.
func walked[T any](t *testing.T, page func(cursor string) (store.Page[T], error), is func(T) bool) (in, all int) {
	t.Helper()
	for cursor := ""; ; {
		list, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list.Items {
			if all++; is(v) {
				in++
			}
		}
		if cursor = list.Next; cursor == "" {
			return in, all
		}
	}
}

var evidenceLink = regexp.MustCompile(`href="/evidence/([0-9a-z]{20,})\?`)

// evidenceThrough turns every page of the evidence of a program.
func evidenceThrough(t *testing.T, s *uitest.Site, p seaworthy.Program) {
	var want []string
	all := 0
	for before := ""; ; {
		list, err := s.Store.EvidenceList(t.Context(), store.EvidenceFilter{Before: before, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if all++; p.HasEvidence(e) {
				want = append(want, e.ID)
			}
			before = e.ID
		}
		if len(list) < 1000 {
			break
		}
	}
	if len(want) <= 50 || len(want) == all {
		t.Fatalf("%d of %d pieces of evidence are of the program: want more than a page, and not all", len(want), all)
	}
	var got []string
	for to := "/evidence?program=" + p.ID; to != ""; {
		_, body := s.Get(s.Client(seaworthy.Owner), to)
		here := 0
		for _, m := range evidenceLink.FindAllStringSubmatch(body, -1) {
			if !slices.Contains(got, m[1]) {
				got, here = append(got, m[1]), here+1
			}
		}
		next := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(body)
		if to = ""; next != nil {
			if to = html.UnescapeString(next[1]); here != 50 {
				t.Errorf("a page that has a next one shows %d, want 50", here)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages show %d pieces of evidence, going through all %d gives %d", len(got), all, len(want))
	}
	_, file := s.Get(s.Client(seaworthy.Owner), "/lists/export?list=evidence&program="+p.ID)
	listed, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil || len(listed)-1 != len(want) {
		t.Errorf("the list that can be frozen has %d rows (%v), want %d", len(listed)-1, err, len(want))
	}
}

// changedThrough wants the overview to tell of what is in scope alone.
func changedThrough(t *testing.T, s *uitest.Site, p seaworthy.Program) {
	programs, err := s.Store.Programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(programs, func(one seaworthy.Program) bool { return one.HasSource("prod-eu") })
	whole := programs[at]
	err = s.Store.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutGap(&seaworthy.Gap{ID: "g-eu", SourceID: "prod-eu", Kind: store.GapSilent, From: s.Now, Reason: "no report came"})
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := func(program string) string {
		_, body := s.Get(s.Client(seaworthy.Owner), "/?program="+program)
		_, after, found := strings.Cut(body, "What changed")
		if !found {
			t.Fatal("the overview does not tell what changed")
		}
		section, _, _ := strings.Cut(after, "</section>")
		return section
	}
	if !strings.Contains(changed(whole.ID), "prod-eu") {
		t.Error("the overview of the whole tells nothing of prod-eu: the test can find nothing")
	}
	if got := changed(p.ID); strings.Contains(got, "prod-eu") || strings.Contains(got, whole.Name) {
		t.Errorf("the overview of a program without prod-eu tells of it: %s", got)
	}
}
