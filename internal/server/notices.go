// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seaworthy-dev/seaworthy/internal/jobs"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// openOutbox makes what plans and delivers notices.
func (s *Server) openOutbox() *outbox.Outbox {
	c := s.config
	o := outbox.New(outbox.Config{
		Store: s.store, Log: s.log, Seal: s.auth.Seal, Unseal: s.auth.Unseal, Client: cmp.Or(c.Receivers, c.Outgoing.Client()), Insecure: len(c.Outgoing.Allow) > 0,
		Mail: c.Mail, BaseURL: c.BaseURL,
	})
	s.metrics.registry.MustRegister(noticeState{s.store})
	return o
}

// noticeJobs plan and deliver notices. What is urgent waits for the next look, a moment
// later; nothing is written while there is nothing to do.
func (s *Server) noticeJobs() []jobs.Job {
	o := s.parts.outbox
	p := newPunctual(o, s.store.Now)
	return []jobs.Job{
		{Name: "notices", Every: time.Second, Lease: 2 * time.Minute, Run: p.work, Wanted: p.wanted},
		{Name: "reminders", Every: 5 * time.Minute, Lease: 10 * time.Minute, Run: o.Remind},
		{Name: "old-notices", Every: 24 * time.Hour, Lease: 30 * time.Minute, Run: o.Sweep},
	}
}

// punctual has notices wait for no time that a clock told which was set since: when the server
// starts, and whenever its clock is set.
type punctual struct {
	outbox *outbox.Outbox
	now    func() time.Time
	clock  steady
	done   time.Time // for which setting of the clock
}

func newPunctual(o *outbox.Outbox, now func() time.Time) *punctual {
	started := time.Now()
	return &punctual{outbox: o, now: now, clock: steady{since: started, machine: started, wall: now().Round(0)}}
}

func (p *punctual) set() bool {
	p.clock.ago(p.now(), time.Now())
	return !p.clock.since.Equal(p.done)
}

func (p *punctual) wanted(ctx context.Context) (bool, error) {
	if p.set() {
		return true, nil
	}
	return p.outbox.Waiting(ctx)
}

func (p *punctual) work(ctx context.Context) error {
	if p.set() {
		if err := p.outbox.Hasten(ctx); err != nil {
			return err
		}
		p.done = p.clock.since
	}
	return p.outbox.Work(ctx)
}

// noticeState tells Prometheus how destinations do.
type noticeState struct{ store *store.Store }

var (
	descWaiting = prometheus.NewDesc("seaworthy_notices_waiting", "Notices that wait for a destination, or for their hour.", []string{"destination"}, nil)
	descFailing = prometheus.NewDesc("seaworthy_destination_failing_seconds", "For how long a destination has taken nothing; 0: it takes what it is sent.", []string{"destination"}, nil)
)

// Describe tells what there may be.
func (noticeState) Describe(out chan<- *prometheus.Desc) {
	out <- descWaiting
	out <- descFailing
}

// Collect reads the present values.
func (c noticeState) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := c.store.Destinations(ctx)
	if err != nil {
		return // that the database does not answer is told elsewhere
	}
	states, err := c.store.DestinationStates(ctx)
	if err != nil {
		return
	}
	for _, d := range all {
		if !d.RemovedAt.IsZero() {
			continue
		}
		state, failing := states[d.ID], 0.0
		if !state.FailingSince.IsZero() {
			failing = c.store.Now().Sub(state.FailingSince).Seconds()
		}
		out <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(state.Waiting), d.Name)
		out <- prometheus.MustNewConstMetric(descFailing, prometheus.GaugeValue, failing, d.Name)
	}
}
