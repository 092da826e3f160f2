// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/jobs"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// jobs is the periodic work. Of several servers on one database each does some of it.
func (s *Server) jobs() []jobs.Job {
	return append(append(s.stampJobs(), s.noticeJobs()...), []jobs.Job{
		{Name: "checkpoint", Every: time.Minute, Lease: time.Minute, Run: s.checkpoint},
		{Name: "self-check", Every: 24 * time.Hour, Lease: 6 * time.Hour, Run: s.selfCheck},
		{Name: "occurrences", Every: 5 * time.Minute, Lease: 30 * time.Minute, Run: s.parts.audit.Advance},
		{Name: "silences", Every: time.Minute, Lease: 10 * time.Minute, Run: s.silences},
		{Name: "bypassed", Every: agentRound, Lease: 2 * agentRound, Run: s.bypassed(), Wanted: s.store.HasAgents},
		{Name: "undecided", Every: agentRound, Lease: 2 * agentRound, Run: s.undecided()},
		{Name: "agents", Every: agentRound, Lease: 2 * agentRound, Run: s.agents(time.Now()), Wanted: s.store.HasAgents},
		{Name: "waivers", Every: time.Minute, Lease: 30 * time.Minute, Run: s.parts.triage.Settle},
		{Name: "retention", Every: 24 * time.Hour, Lease: 2 * time.Hour, Run: s.parts.audit.Retain},
		{Name: "uploads", Every: time.Hour, Lease: 10 * time.Minute, Run: s.uploads},
		{Name: "sign-in", Every: time.Hour, Lease: 10 * time.Minute, Run: s.auth.Sweep},
	}...)
}

// checkpoint signs the head of the log, if it grew.
func (s *Server) checkpoint(ctx context.Context) error {
	if size, _, err := s.store.LogHead(ctx); err != nil || size == 0 {
		return err
	}
	_, err := s.store.Checkpoint(ctx, s.signer)
	return err
}

// uploads forgets uploads that nobody completed.
func (s *Server) uploads(ctx context.Context) error {
	return s.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SweepUploads() })
}

// silences opens gaps for sources whose reports are overdue.
func (s *Server) silences(ctx context.Context) error {
	gaps, err := ingest.Silences(ctx, s.store)
	for _, g := range gaps {
		s.log.Warn("a source is silent", "source", g.SourceID, "since", g.From, "reason", g.Reason)
	}
	return err
}

// agentRound is how often silent agents are looked for: with the time after which an agent
// is silent it makes a silence known in under two minutes, also where another server has
// to take the work over.
const agentRound = 15 * time.Second

// agents opens gaps for clusters whose agents are silent, and for what they lost. A server
// that has just started, or whose clock was set, gives them time: who could not be reached
// heard nobody, and by another clock all were heard long ago.
func (s *Server) agents(started time.Time) func(context.Context) error {
	began := &steady{since: started, machine: started, wall: s.store.Now().Round(0)}
	return func(ctx context.Context) error {
		if began.ago(s.store.Now(), time.Now()) < seaworthy.HeartbeatSilence {
			return nil
		}
		gaps, err := ingest.AgentSilences(ctx, s.store)
		for _, g := range gaps {
			s.log.Warn("agents of a cluster do not say what they should", "source", g.SourceID, "kind", g.Kind, "since", g.From, "reason", g.Reason)
		}
		if err != nil {
			return err
		}
		gaps, err = ingest.AuditSilences(ctx, s.store)
		for _, g := range gaps {
			s.log.Warn("the audit events of a cluster stay away", "source", g.SourceID, "since", g.From, "reason", g.Reason)
		}
		return err
	}
}

// steady tells for how long a clock was not set, by the machine's own, which nobody sets.
type steady struct {
	since, machine, wall time.Time
}

// clockStep is by how much a clock that is set differs at least.
const clockStep = 30 * time.Second

// ago gives how long before now the clock was set. Both are now.
func (v *steady) ago(wall, machine time.Time) time.Duration {
	wall = wall.Round(0)
	if (wall.Sub(v.wall) - machine.Sub(v.machine)).Abs() > clockStep {
		v.since = machine
	}
	v.wall, v.machine = wall, machine
	return machine.Sub(v.since)
}

// bypassLookback is how far back a server that has just started looks.
const bypassLookback = time.Hour

// bypassAgain is how much later each change is looked at once more: an agent that was not
// there says when its webhook was to be asked only when it is back.
const bypassAgain = 5 * time.Minute

// missingAgain is how much later what came of a request is looked at for the last time: what
// the watch saw may have waited for the server.
const missingAgain = time.Hour

// bypassed marks the changes about which no webhook was asked, each once the webhook had
// time to tell of it; and of those that the webhook alone told of it says that nothing came of
// them, where the watch would have shown it.
func (s *Server) bypassed() func(context.Context) error {
	var done time.Time
	return func(ctx context.Context) error {
		now := s.store.Now()
		if done.After(now) { // the clock was set back: what is on record since waits no longer
			if err := trail.Bypassed(ctx, trail.Config{Store: s.store}, now, done.Add(trail.BypassAfter)); err != nil {
				return err
			}
			done = time.Time{}
		}
		if done.IsZero() {
			if err := trail.InVain(ctx, trail.Config{Store: s.store}); err != nil {
				return err
			}
			done = now.Add(-bypassLookback)
		}
		to := now.Add(-trail.BypassAfter)
		for _, ago := range [...]time.Duration{0, bypassAgain, missingAgain} {
			if err := trail.Missing(ctx, trail.Config{Store: s.store}, done.Add(-agentRound-ago), to.Add(-ago)); err != nil {
				return err
			}
		}
		for _, ago := range [...]time.Duration{0, bypassAgain} {
			if err := trail.Bypassed(ctx, trail.Config{Store: s.store}, done.Add(-agentRound-ago), to.Add(-ago)); err != nil {
				return err
			}
		}
		done = to
		return nil
	}
}

// How far back is looked for what is undecided: it is soon decided, also where it came late,
// but for what went on record before all servers stopped.
const (
	undecidedFor   = time.Hour
	undecidedFirst = 24 * time.Hour
)

// undecided says of what came under a controller's name that nobody approved it, when
// nothing has told in time whose work it is; also of what is later than a clock that was set
// back.
func (s *Server) undecided() func(context.Context) error {
	var latest time.Time
	lookback := undecidedFirst
	return func(ctx context.Context) error {
		now := s.store.Now()
		if latest.Sub(now) <= clockStep {
			latest = now
		}
		err := trail.Decided(ctx, trail.Config{Store: s.store}, now.Add(-lookback), latest)
		if err == nil {
			lookback = undecidedFor
		}
		return err
	}
}

// selfCheck verifies everything that is kept: the database against the log, and every
// blob that evidence names.
func (s *Server) selfCheck(ctx context.Context) error {
	result, err := s.SelfCheck(ctx)
	if err != nil {
		return err
	}
	if !result.Intact() {
		s.log.Error("the self-check found what was altered, is missing or was added", "problems", len(result.Problems), "first", result.Problems[0])
	}
	return s.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.KeepSelfCheck(result) })
}

// SelfCheck verifies everything and keeps nothing.
func (s *Server) SelfCheck(ctx context.Context) (store.SelfCheck, error) {
	witnesses, err := verifiers(s.config.Witnesses)
	if err != nil {
		return store.SelfCheck{}, err
	}
	result, err := s.store.Verify(ctx, s.key, witnesses...)
	if err != nil {
		return result, err
	}
	problems, err := checkBlobs(ctx, s.store, s.vault)
	if err != nil {
		return result, fmt.Errorf("check the blobs: %w", err)
	}
	stamps, err := s.checkStamps(ctx)
	if err != nil {
		return result, fmt.Errorf("check the timestamps: %w", err)
	}
	result.Problems = append(append(result.Problems, problems...), stamps...)
	result.FinishedAt = s.store.Now()
	return result, nil
}
