// SPDX-License-Identifier: Apache-2.0

package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy/internal/jobs"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func TestTwoServersRunAJobOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var runs, atOnce, most atomic.Int64
		job := jobs.Job{Name: "count", Every: 20 * time.Millisecond, Lease: time.Minute, Run: func(context.Context) error {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			time.Sleep(5 * time.Millisecond)
			if runs.Add(1) == 10 {
				cancel()
			}
			return nil
		}}
		var g errgroup.Group
		for range 2 {
			g.Go(func() error { return jobs.New(s, slog.New(slog.DiscardHandler), []jobs.Job{job}).Run(ctx) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 1 || runs.Load() < 10 {
			t.Errorf("%d runs, up to %d at once; want 10, one at a time", runs.Load(), most.Load())
		}
	})
}

func TestAFailureIsKeptAndAnotherTryComesLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		job := jobs.Job{Name: "fail", Every: time.Hour, Lease: time.Minute, Run: func(context.Context) error {
			cancel()
			panic("no such thing")
		}}
		if err := jobs.New(s, slog.New(slog.DiscardHandler), []jobs.Job{job}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		list, err := s.Jobs(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("Jobs = %v, %v", list, err)
		}
		if j := list[0]; j.Failures != 1 || j.Error != "panic: no such thing" || j.RunAt.Sub(j.RanAt) > time.Minute {
			t.Errorf("after a failure: %+v", j)
		}
	})
}

func TestTheLeaseOfADeadServerRunsOut(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		s := storetest.Open(t, c)
		ctx := t.Context()
		claim := func(by string, want bool) {
			t.Helper()
			if got, err := s.ClaimJob(ctx, "x", by, time.Minute); err != nil || got != want {
				t.Errorf("ClaimJob by %s = %v, %v, want %v", by, got, err, want)
			}
		}
		if err := s.DeclareJob(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		claim("a", true)
		claim("b", false)
		now = now.Add(2 * time.Minute)
		claim("b", true)
		// a wakes up and must not take it from b.
		if err := s.ReleaseJob(ctx, "x", "a", now, errors.New("late")); err != nil {
			t.Fatal(err)
		}
		claim("c", false)
	})
}

// TestTheClockIsSetBack while a job waits for its time, and between two runs of a server that
// died with a lease: it runs again after its interval and not when the time comes again.
func TestTheClockIsSetBack(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		var back atomic.Int64
		c.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		s := storetest.Open(t, c)
		var runs atomic.Int64
		job := jobs.Job{Name: "x", Every: 20 * time.Millisecond, Lease: time.Second}
		run := func(set time.Duration) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			first := runs.Load()
			job.Run = func(context.Context) error {
				switch runs.Add(1) - first {
				case 3:
					back.Add(int64(set))
				case 6:
					cancel()
				}
				return nil
			}
			if err := jobs.New(s, slog.New(slog.DiscardHandler), []jobs.Job{job}).Run(ctx); err != nil {
				t.Fatal(err)
			}
			if n := runs.Load() - first; n < 6 {
				t.Errorf("%d runs in a minute", n)
			}
		}
		run(time.Hour)
		if got, err := s.ClaimJob(t.Context(), "x", "dead", time.Hour); err != nil || !got {
			time.Sleep(job.Every)
			if got, err = s.ClaimJob(t.Context(), "x", "dead", time.Hour); err != nil || !got {
				t.Fatal(got, err)
			}
		}
		back.Add(int64(2 * time.Hour))
		run(0)
	})
}

func TestBackoffGrows(t *testing.T) {
	last := time.Duration(0)
	for n := 1; n < 40; n++ {
		d := jobs.Backoff(time.Minute, n)
		if d < last || d > time.Hour {
			t.Errorf("Backoff after %d failures = %s, after one less %s", n, d, last)
		}
		last = d
	}
}

// A job that nothing is wanted of runs once at the start and writes nothing more until it is.
func TestAnIdleJobWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var runs, asked atomic.Int64
		job := jobs.Job{
			Name: "idle", Every: 4 * time.Millisecond, Lease: time.Minute,
			Run: func(context.Context) error {
				if runs.Add(1) == 2 {
					cancel()
				}
				return nil
			},
			Wanted: func(context.Context) (bool, error) {
				n := asked.Add(1)
				if n < 20 && runs.Load() > 1 {
					t.Error("it ran although nothing was wanted")
				}
				return n >= 20, nil
			},
		}
		if err := jobs.New(s, slog.New(slog.DiscardHandler), []jobs.Job{job}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if runs.Load() != 2 || asked.Load() < 20 {
			t.Errorf("%d runs after %d questions, want one at the start and one when it was wanted", runs.Load(), asked.Load())
		}
	})
}
