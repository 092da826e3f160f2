// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestChecksHaveAHistory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(cluster())
		w.take(cluster()) // nothing new
		third := cluster()
		third.Checks[0].Severity, third.Catalogue.ParametersDigest = seaworthy.High, "sha256:p2"
		run := w.take(third)
		history, err := w.store.CheckHistory(t.Context(), "privileged-container", nil)
		if err != nil || len(history) != 2 {
			t.Fatalf("history = %+v, %v, want 2 versions", history, err)
		}
		if v := history[0]; v.Version != 2 || v.RunID != run.ID || !v.From.Equal(w.now) || !slices.Equal(v.Changed, []string{"severity", "parameters"}) {
			t.Errorf("the newest version = %+v", v)
		}
		if old := history[1]; !history[0].To.IsZero() || !old.To.Equal(history[0].From) {
			t.Errorf("the versions are in use to %v and %v, want none and %v", history[0].To, old.To, history[0].From)
		}
		listed := func(asOf time.Time) (to []any) {
			err := w.store.View(t.Context(), func(v *store.View) error {
				_, err := v.Rows(store.ListQuery{List: "check-versions", Filters: map[string]string{"check": "privileged-container"}, AsOf: asOf}, func(row []any) error {
					to = append(to, row[4])
					return nil
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		if to := listed(time.Time{}); len(to) != 2 || to[0] != history[0].From.UTC().Format("2006-01-02T15:04:05.000000Z") || to[1] != "" {
			t.Errorf("the list has the ends %q", to)
		}
		// What came after the moment of the query ends nothing.
		if to := listed(history[0].From.Add(-time.Microsecond)); len(to) != 1 || to[0] != "" {
			t.Errorf("as of before the second version, the list has the ends %q", to)
		}
	})
}

func TestChecksCountOverSources(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, source := range []string{"one", "two"} {
			r := cluster()
			r.Source.Name, r.Source.ClusterUID, r.Source.Started = source, source, w.now
			r.Checks[0].InScope, r.Checks[0].Passed, r.Checks[0].Failed = 10, 7-i, 3+i
			r.Checks[1].Status, r.Checks[1].Reason = seaworthy.StatusNotEvaluated, "no data"
			if _, err := w.try(t.Context(), robot, "", text(t, r)); err != nil {
				t.Fatal(err)
			}
		}
		tallies, err := w.store.Checks(t.Context(), nil)
		if err != nil || len(tallies) != 2 {
			t.Fatalf("Checks = %+v, %v", tallies, err)
		}
		latest, privileged := tallies[0], tallies[1]
		if privileged.InScope != 20 || privileged.Passed != 13 || privileged.Failed != 7 || privileged.Basis.Title == "" {
			t.Errorf("privileged-container = %+v", privileged)
		}
		if latest.InScope != 0 || latest.Sources[seaworthy.StatusNotEvaluated] != 2 || !slices.Equal(latest.Reasons, []string{"no data"}) {
			t.Errorf("latest-tag = %+v, want it not evaluated", latest)
		}
		views, err := w.store.SourceViews(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &seaworthy.Program{Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: views[0].ID, In: true}}}
		if tallies, err := w.store.Checks(t.Context(), p); err != nil || tallies[1].InScope != 10 {
			t.Errorf("in the scope of one source: %+v, %v", tallies, err)
		}
	})
}

func TestSourcesShowTheirState(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Every: 2 * time.Hour})
		w.take(cluster(finding("privileged-container", api), finding("latest-tag", deployment("sandbox", "toy"))))
		view := func(p *seaworthy.Program) store.SourceView {
			t.Helper()
			views, err := w.store.SourceViews(t.Context(), p)
			if err != nil || len(views) != 1 {
				t.Fatalf("SourceViews = %+v, %v", views, err)
			}
			return views[0]
		}
		if o := view(nil); o.Silent || !o.NextAt.Equal(w.now.Add(v.Every)) || o.Open[seaworthy.Critical] != 1 || o.Open[seaworthy.Medium] != 1 {
			t.Errorf("view = %+v", o)
		}
		p := &seaworthy.Program{Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "s1", In: true},
			{Kind: seaworthy.KindNamespace, Source: "s1", Name: "sandbox", Reason: "toys"}}}
		if o := view(p); o.Open[seaworthy.Critical] != 1 || o.Open[seaworthy.Medium] != 0 {
			t.Errorf("view without the sandbox = %+v", o.Open)
		}
		w.now = w.now.Add(3 * time.Hour)
		if !view(nil).Silent {
			t.Error("a source an hour overdue is not silent")
		}
	})
}

func TestObjectsAreListedWithTheirFindings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		web := deployment("web", "site")
		w.take(cluster(finding("privileged-container", api), finding("latest-tag", api)), seenAll(api, web)...)
		list := func(f store.ObjectFilter) []store.CountedObject {
			t.Helper()
			f.Limit = 1
			var all []store.CountedObject
			for {
				p, err := w.store.Objects(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, p.Items...)
				if f.Cursor = p.Next; f.Cursor == "" {
					return all
				}
			}
		}
		all := list(store.ObjectFilter{Workloads: true})
		if len(all) != 2 || all[0].Object != api || all[0].Open[seaworthy.Critical] != 1 || all[0].Open[seaworthy.Medium] != 1 || len(all[1].Open) != 0 ||
			all[1].Labels["app"] != "site" {
			t.Fatalf("objects = %+v", all)
		}
		first := all[0].FirstSeenAt
		w.take(cluster(), seenAll(web)...)
		if all := list(store.ObjectFilter{}); len(all) != 1 || all[0].Object != web {
			t.Errorf("objects after one is deleted = %+v", all)
		}
		all = list(store.ObjectFilter{Deleted: true, Name: "ap"})
		if len(all) != 1 || !all[0].DeletedAt.Equal(w.now) || !all[0].FirstSeenAt.Equal(first) {
			t.Errorf("the deleted object = %+v", all)
		}
		w.take(cluster(), seenAll(web, api)...)
		if all := list(store.ObjectFilter{Name: "api"}); len(all) != 1 || !all[0].FirstSeenAt.Equal(first) {
			t.Errorf("the object that came back = %+v", all)
		}
	})
}
