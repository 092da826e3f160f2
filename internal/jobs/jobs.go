// SPDX-License-Identifier: Apache-2.0

// Package jobs does periodic work once, whichever of several servers does it: each job
// has a row with a lease, and whoever claims it runs it. A server that dies loses the
// lease, and another goes on. Jobs must bear being begun again.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Job is one kind of periodic work.
type Job struct {
	Name  string
	Every time.Duration
	// Lease is how long a run may take before others think that it died.
	Lease time.Duration
	Run   func(context.Context) error
	// Wanted tells, by reading only, whether there is anything to do; nil: there may be. A
	// job that must be quick and is mostly idle then writes nothing while it is; it runs once
	// a minute all the same.
	Wanted func(context.Context) (bool, error)
}

// unasked is after how long a job runs although it is not wanted.
const unasked = time.Minute

// Runner runs jobs until its context ends.
type Runner struct {
	store *store.Store
	log   *slog.Logger
	jobs  []Job
	name  string // of this server, in leases
}

// New makes a runner.
func New(s *store.Store, log *slog.Logger, jobs []Job) *Runner {
	return &Runner{store: s, log: log, jobs: jobs, name: store.NewID(time.Now())}
}

// Run looks after every job until the context ends. It fails only if jobs cannot be
// declared; a job that fails is tried again, later and later.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, j := range r.jobs {
		if err := r.store.DeclareJob(ctx, j.Name); err != nil {
			return fmt.Errorf("declare the job %s: %w", j.Name, err)
		}
		g.Go(func() error {
			r.look(ctx, j)
			return nil
		})
	}
	return g.Wait()
}

// look tries to claim a job a few times in each of its intervals.
func (r *Runner) look(ctx context.Context, j Job) {
	tick := time.NewTicker(min(j.Every/4+time.Millisecond, 15*time.Second))
	defer tick.Stop()
	failures := 0
	var asked time.Time // when it ran, or was looked after, whatever it wanted
	var clock clock
	for {
		r.punctual(ctx, j, &clock)
		if time.Since(asked) >= unasked || r.wanted(ctx, j) {
			asked = time.Now()
			failures = r.once(ctx, j, failures)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// clock is what the store's clock and the machine's, which nobody sets, last said.
type clock struct{ wall, machine time.Time }

// clockStep is by how much a clock that was set differs at least.
const clockStep = 10 * time.Second

// setBack tells whether the clock was set back since it was last asked, or may have been
// before it was first.
func (c *clock) setBack(wall, machine time.Time) bool {
	was := *c
	c.wall, c.machine = wall, machine
	return was.machine.IsZero() || wall.Sub(was.wall)-machine.Sub(was.machine) < -clockStep
}

// punctual has a job not wait for a time that a clock told that was set back since.
func (r *Runner) punctual(ctx context.Context, j Job, c *clock) {
	now := r.store.Now()
	if !c.setBack(now, time.Now()) {
		return
	}
	if err := r.store.HastenJob(ctx, j.Name, now.Add(j.Every), now.Add(j.Lease)); err != nil && ctx.Err() == nil {
		r.log.Warn("job cannot be hastened", "job", j.Name, "error", err)
		*c = clock{} // again
	}
}

// wanted tells whether there is anything to do. One that cannot tell is let run, and says
// what is wrong then.
func (r *Runner) wanted(ctx context.Context, j Job) bool {
	if j.Wanted == nil {
		return true
	}
	yes, err := j.Wanted(ctx)
	return yes || err != nil
}

// once runs the job if it is due, and counts failures in a row.
func (r *Runner) once(ctx context.Context, j Job, failures int) int {
	got, err := r.store.ClaimJob(ctx, j.Name, r.name, j.Lease)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("job cannot be claimed", "job", j.Name, "error", err)
	}
	if !got {
		return failures
	}
	started := time.Now()
	run, cancel := context.WithTimeout(ctx, j.Lease)
	err = safely(run, j)
	cancel()
	next := r.store.Now().Add(j.Every)
	if err != nil {
		failures++
		next = r.store.Now().Add(Backoff(j.Every, failures))
		r.log.Error("job failed", "job", j.Name, "failures", failures, "next", next, "error", err)
	} else {
		failures = 0
		r.log.Debug("job done", "job", j.Name, "took", time.Since(started))
	}
	// Also when the server is stopping: else the next one waits for the lease.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.store.ReleaseJob(release, j.Name, r.name, next, err); err != nil {
		r.log.Warn("job cannot be released", "job", j.Name, "error", err)
	}
	return failures
}

// safely turns a panic of one job into its failure, so that others go on.
func safely(ctx context.Context, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return j.Run(ctx)
}

// Backoff is how long to wait after a number of failures in a row: doubling from five
// seconds, up to the interval or an hour, whichever is longer.
func Backoff(every time.Duration, failures int) time.Duration {
	return min(5*time.Second<<min(failures-1, 12), max(every, time.Hour))
}
