// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// story is what happens, in order.
type story struct {
	Config
	clock  *Clock
	start  time.Time
	now    time.Time
	events []event

	audit   *audit.Audit
	triage  *triage.Triage
	ingest  ingest.Config
	reports *reports
	places  []place

	teams   map[string]string // ids by name
	users   map[string]seaworthy.User
	sources map[string]seaworthy.DeclaredSource
	tokens  map[string]seaworthy.Token
	program seaworthy.Program
	plan    *plan
	decided *decided
	handed  []string // findings that were handed out with a ticket

	watchers map[string]*watcher // agents by their cluster
	pipeline seaworthy.Token     // by which deployments are registered
	gitHost  seaworthy.Token
	outbox   *outbox.Outbox
}

// event is something that happens at a moment.
type event struct {
	at   time.Time
	what string
	do   func(context.Context) error
}

func newStory(c Config, clock *Clock) (*story, error) {
	h, err := readHistory()
	if err != nil {
		return nil, err
	}
	s := &story{
		Config: c, clock: clock, start: begin(c.Now), now: c.Now.UTC(), places: places(),
		audit: audit.New(c.Store, c.Catalogue, c.Vault), triage: triage.New(triage.Config{Store: c.Store}),
		teams: map[string]string{}, users: map[string]seaworthy.User{}, sources: map[string]seaworthy.DeclaredSource{}, tokens: map[string]seaworthy.Token{}, watchers: map[string]*watcher{},
		reports: &reports{
			history: h, version: c.Version, controls: c.Catalogue.Controls, frameworks: c.Catalogue.Frameworks,
			catalogues: map[string]*scan.Catalogue{}, done: map[string][]byte{},
		},
		ingest: ingest.Config{
			Store: c.Store, Vault: c.Vault, TempDir: c.TempDir, SLA: triage.SLA, Owners: triage.Owners, Waivers: triage.Waivers, Requested: triage.Requested,
		},
	}
	if s.plan, err = newPlan(); err != nil {
		return nil, err
	}
	if s.decided, err = readDecisions(); err != nil {
		return nil, err
	}
	return s, nil
}

// on has something happen some days before the end, at a time of day.
func (s *story) on(ago int, at time.Duration, what string, do func(context.Context) error) {
	s.events = append(s.events, event{s.start.Add(time.Duration(days-ago)*day + at), what, do})
}

// run lets everything happen until now.
func (s *story) run(ctx context.Context) error {
	s.begin()
	s.clusters()
	s.oneOff()
	s.work()
	s.decisions()
	if err := s.changes(); err != nil {
		return err
	}
	s.agents()
	s.notices()
	slices.SortStableFunc(s.events, func(a, b event) int { return a.at.Compare(b.at) })
	for i := 0; i < len(s.events); i++ { // events bring other events
		e := s.events[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.at.After(s.now) {
			break
		}
		s.clock.forward(e.at)
		if err := e.do(ctx); err != nil {
			return fmt.Errorf("%s, at %s: %w", e.what, e.at.Format(time.RFC3339), err)
		}
		if err := s.deliver(ctx); err != nil {
			return fmt.Errorf("deliver notices, at %s: %w", e.at.Format(time.RFC3339), err)
		}
		if s.Tell != nil && i%50 == 0 {
			s.Tell(float64(i) / float64(len(s.events)))
		}
	}
	return s.end(ctx)
}

// insert puts an event among those to come.
func (s *story) insert(e event) {
	i, _ := slices.BinarySearchFunc(s.events, e, func(a, b event) int { return a.at.Compare(b.at) })
	s.events = slices.Insert(s.events, i, e)
}

// oneOff are reports beside the daily ones: somebody took a right away from the agent in
// the evening, and the report of the next morning had it again.
func (s *story) oneOff() {
	eu := &s.places[0]
	s.on(incompleteAgo, 19*time.Hour, "scan without a right", func(ctx context.Context) error { return s.scan(ctx, eu, incompleteAgo, incompleteKind) })
}

// begin is the first day: the server is set up, sources are declared, a program made.
func (s *story) begin() {
	s.on(days, 8*time.Hour, "say that it is an example", func(ctx context.Context) error {
		if any, err := s.Store.AnyUser(ctx); err != nil || any {
			return cmp.Or(err, error(seaworthy.Conflict("the database holds accounts already; the demo fills an empty one")))
		}
		return s.Store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SetSetting(Setting, Notice) })
	})
	s.on(days, 8*time.Hour, "seed the controls", s.audit.Seed)
	s.on(days, 9*time.Hour, "make the first account", func(ctx context.Context) error { return s.hire(ctx, people()[0]) })
	s.on(days, 9*time.Hour+5*time.Minute, "form teams", s.formTeams)
	for i, p := range people()[1:] {
		s.on(p.joins, 9*time.Hour+time.Duration(10+6*i)*time.Minute, "invite "+p.name, func(ctx context.Context) error { return s.hire(ctx, p) })
	}
	for i := range s.places {
		p := &s.places[i]
		s.on(cmp.Or(p.from, days), 13*time.Hour+time.Duration(i)*time.Minute, "declare "+p.name, func(ctx context.Context) error { return s.declare(ctx, p) })
	}
	s.on(days-1, 14*time.Hour, "take over the controls", s.takeOver)
	s.on(days-2, 10*time.Hour, "make the program", s.makeProgram)
	s.on(americaCounts, 10*time.Hour, "take America into the program", s.takeAmerica)
	s.on(oskarLeaves, 16*time.Hour, "Oskar leaves", func(ctx context.Context) error { return s.leave(ctx, oskar) })
}

// clusters are the reports and what follows from them by itself.
func (s *story) clusters() {
	for ago := days; ago >= 0; ago-- {
		for i := range s.places {
			p := &s.places[i]
			if at := p.at; p.scans(ago) && !s.silent(p, ago) && (ago < days || p.at > 8*time.Hour) {
				s.on(ago, at, "scan "+p.name, func(ctx context.Context) error { return s.scan(ctx, p, ago, "") })
			}
		}
		if ago < days {
			s.on(ago, 90*time.Minute, "judge the day before", s.audit.Advance)
			s.on(ago, 100*time.Minute, "end waivers", s.triage.Settle)
		}
		for h := range 4 {
			s.on(ago, time.Duration(h)*6*time.Hour+10*time.Minute, "look for silence", func(ctx context.Context) error {
				_, err := ingest.Silences(ctx, s.Store)
				return err
			})
		}
		s.on(ago, 23*time.Hour+55*time.Minute, "sign the log", s.checkpoint)
		if ago == days/2 { // once more at the end: each reads the whole history
			s.on(ago, 4*time.Hour, "check everything", s.selfCheck)
		}
	}
}

// silent tells whether a place sends nothing on a day: for three days the new agent in
// the American cluster could not reach the server.
func (s *story) silent(p *place, ago int) bool {
	return p.name == america && ago <= americaSilent && ago > americaSilent-3
}

// scan sends the report of a place. forbidden is a kind that the agent may not list.
func (s *story) scan(ctx context.Context, p *place, ago int, forbidden string) error {
	finished := s.clock.Now()
	report, err := s.reports.report(ctx, p, ago, forbidden, finished.Add(-50*time.Second), finished.Add(-4*time.Second))
	if err != nil {
		return err
	}
	_, err = ingest.Report(ctx, s.ingest, s.agent(p), s.sources[p.name].ID, bytes.NewReader(report))
	return err
}

func (s *story) checkpoint(ctx context.Context) error {
	_, err := s.Store.Checkpoint(ctx, s.Signer)
	return err
}

func (s *story) selfCheck(ctx context.Context) error {
	result, err := s.Store.Verify(ctx, s.Verifier)
	if err != nil {
		return err
	}
	if !result.Intact() {
		return fmt.Errorf("the self-check found %q", result.Problems)
	}
	return s.Store.Write(ctx, "system", func(tx *store.Tx) error { return tx.KeepSelfCheck(result) })
}

// end brings everything up to now.
func (s *story) end(ctx context.Context) error {
	s.clock.forward(s.now)
	whole := func(ctx context.Context) error {
		return s.Store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SetSetting(Filled, s.now.Format(time.RFC3339)) })
	}
	for _, f := range []func(context.Context) error{s.beatAll, s.triage.Settle, s.audit.Advance, s.checkpoint, s.selfCheck, whole, s.checkpoint} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	s.clock.release()
	return nil
}
