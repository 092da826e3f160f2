// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (w *world) declare(v seaworthy.DeclaredSource) seaworthy.DeclaredSource {
	w.t.Helper()
	v.Declared, v.CreatedAt = true, w.now
	if v.Environment == "" {
		v.Environment = seaworthy.Production
	}
	if err := w.store.Write(w.t.Context(), "user:u1", func(tx *store.Tx) error { return tx.PutSource(&v) }); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestSourcesThatNobodyDeclaredAreNoticed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		run := w.take(cluster())
		v, err := w.store.Source(t.Context(), run.SourceID)
		if err != nil || v.Declared || v.Name != "prod" || v.Environment == seaworthy.Production {
			t.Fatalf("source = %+v, %v, want one that nobody declared and that is not production", v, err)
		}
	})
}

func TestWhoMayReportForWhat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Team: "platform"})
		w.declare(seaworthy.DeclaredSource{ID: "s2", Kind: seaworthy.KindRepository, Name: "shop"})
		w.declare(seaworthy.DeclaredSource{ID: "s3", Kind: seaworthy.KindCluster, Name: "old", RetiredAt: w.now})
		as := func(role seaworthy.Role, source string, teams ...string) seaworthy.Principal {
			return seaworthy.Principal{Actor: "token:t", Role: role, Source: source, Teams: teams}
		}
		for _, c := range []struct {
			name   string
			who    seaworthy.Principal
			source string
			want   seaworthy.Kind // KindInternal: it is taken
		}{
			{"a_reporter_of_any_source", as(seaworthy.Reporter, ""), "s1", seaworthy.KindInternal},
			{"by_name", as(seaworthy.Reporter, ""), "prod", seaworthy.KindInternal},
			{"its_own_source", as(seaworthy.Reporter, "s1"), "s1", seaworthy.KindInternal},
			{"another_tokens_source", as(seaworthy.Reporter, "s2"), "s1", seaworthy.KindForbidden},
			{"a_new_source_with_a_bound_token", as(seaworthy.Reporter, "s1"), "new", seaworthy.KindForbidden},
			{"an_engineer_of_the_team", as(seaworthy.Engineer, "", "platform"), "s1", seaworthy.KindInternal},
			{"an_engineer_of_another_team", as(seaworthy.Engineer, "", "shop"), "s1", seaworthy.KindForbidden},
			{"a_viewer", as(seaworthy.Viewer, ""), "s1", seaworthy.KindForbidden},
			{"an_auditor", as(seaworthy.Auditor, ""), "s1", seaworthy.KindForbidden},
			{"a_cluster_for_a_repository", as(seaworthy.Reporter, ""), "s2", seaworthy.KindInvalid},
			{"a_retired_source", as(seaworthy.Reporter, ""), "s3", seaworthy.KindConflict},
		} {
			r := cluster()
			w.now = w.now.Add(time.Minute)
			r.Source.Started, r.Source.ClusterUID = w.now, ""
			run, err := w.try(t.Context(), c.who, c.source, text(t, r))
			var told *seaworthy.Error
			switch errors.As(err, &told); {
			case c.want == seaworthy.KindInternal && (err != nil || run.SourceID != "s1"):
				t.Errorf("%s: %v, want it taken for s1", c.name, err)
			case c.want != seaworthy.KindInternal && (told == nil || told.Kind != c.want):
				t.Errorf("%s: %v, want kind %d", c.name, err, c.want)
			}
		}
	})
}

func TestAnotherClusterDoesNotCloseFindings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(cluster(finding("privileged-container", api)))
		other := cluster()
		other.Source.ClusterUID, other.Source.Started = "uid-2", w.now.Add(time.Hour)
		var told *seaworthy.Error
		if _, err := w.try(t.Context(), robot, "prod", text(t, other)); !errors.As(err, &told) || told.Kind != seaworthy.KindConflict {
			t.Fatalf("a report of another cluster: %v, want a conflict", err)
		}
		if f, _ := w.only(); f.Status != seaworthy.FindingOpen {
			t.Errorf("the finding is %s", f.Status)
		}
	})
}

func TestSilencesAndIncompleteRunsAreGaps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Every: 2 * time.Hour})
		w.declare(seaworthy.DeclaredSource{ID: "s2", Kind: seaworthy.KindCluster, Name: "whenever"})
		silences := func(want int) {
			t.Helper()
			if opened, err := ingest.Silences(t.Context(), w.store); err != nil || len(opened) != want {
				t.Fatalf("Silences = %+v, %v, want %d", opened, err, want)
			}
		}
		silences(0)
		w.now = w.now.Add(2*time.Hour + 29*time.Minute)
		silences(0)
		w.now = w.now.Add(2 * time.Minute)
		silences(1)
		silences(0)
		incomplete := cluster()
		incomplete.Errors = []seaworthy.Problem{{Object: "secrets", Message: "list secrets: forbidden"}}
		w.take(incomplete)
		again := cluster()
		again.Errors, again.Source.Provider = incomplete.Errors, "EKS"
		w.take(again)
		page, err := w.store.Gaps(t.Context(), store.GapFilter{Source: v.ID})
		if err != nil || len(page.Items) != 2 {
			t.Fatalf("gaps = %+v, %v, want 2", page.Items, err)
		}
		open, silent := page.Items[0], page.Items[1]
		if open.Kind != store.GapIncomplete || !open.To.IsZero() || silent.Kind != store.GapSilent || !silent.From.Equal(v.CreatedAt.Add(v.Every)) || silent.To.IsZero() {
			t.Errorf("gaps = %+v", page.Items)
		}
		w.take(cluster())
		if page, err := w.store.Gaps(t.Context(), store.GapFilter{Source: v.ID, Open: true}); err != nil || len(page.Items) != 0 {
			t.Errorf("gaps that last after a complete report: %+v, %v", page.Items, err)
		}
	})
}

// queue hands bytes to the vault one after the other: here reports meet in the store.
type queue struct {
	mu sync.Mutex
	ingest.Vault
}

func (q *queue) Put(ctx context.Context, r io.Reader, limit int64) (string, int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.Vault.Put(ctx, r, limit)
}

// Reports of one source that come at once become one run, also where they are the first
// that anybody hears of the source.
func TestReportsOfOneSourceAtOnce(t *testing.T) {
	for _, declared := range []bool{true, false} {
		t.Run(fmt.Sprint("declared_", declared), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.t = t
				w.config.Vault = &queue{Vault: w.config.Vault}
				if declared {
					w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod"})
				}
				r := cluster(finding("privileged-container", api))
				r.Source.Started = w.now
				body := text(t, r)
				runs := make([]seaworthy.Run, 6)
				var fresh atomic.Int32
				var wg sync.WaitGroup
				for i := range runs {
					wg.Go(func() {
						run, new, err := ingest.Take(t.Context(), w.config, robot, "", bytes.NewReader(body))
						if err != nil {
							t.Errorf("report: %v", err)
						}
						if runs[i] = run; new {
							fresh.Add(1)
						}
					})
				}
				wg.Wait()
				for _, run := range runs {
					if run.ID != runs[0].ID {
						t.Errorf("the same report became the runs %s and %s", runs[0].ID, run.ID)
					}
				}
				if fresh.Load() != 1 {
					t.Errorf("the report was new %d times", fresh.Load())
				}
				w.only()
			})
		})
	}
}
