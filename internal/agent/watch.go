// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/changes/gitops"
	"github.com/seaworthy-dev/seaworthy/internal/live"
	"github.com/seaworthy-dev/seaworthy/internal/uplink"
)

const (
	// reportsEvery is how often a whole report is sent although nobody asked for one.
	reportsEvery = 24 * time.Hour
	// watchEvery is how often it is looked at how the watch stands.
	watchEvery  = 2 * time.Second
	rightsEvery = 10 * time.Minute
)

// lead watches and judges the cluster and keeps the webhook in place until the context
// ends.
func (a *Agent) lead(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for ctx.Err() == nil {
			if err := a.watch(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("the cluster cannot be watched", "error", err)
				sleep(ctx, 5*time.Second)
			}
		}
		return ctx.Err()
	})
	if a.cfg.admits() {
		g.Go(func() error { return a.keepHook(ctx) })
	}
	g.Go(func() error { return a.keepNative(ctx) })
	return g.Wait()
}

// watch watches until the context ends or what it goes by became different.
func (a *Agent) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	link := a.uplink.Load()
	l := live.New(live.Config{
		Cluster: a.cfg.Cluster, Scan: a.cfg.Scan, Source: a.source(), Problems: a.cfg.Problems, Key: a.configuration().Key,
		Secrets: a.follows(), Observe: a.watched, Gap: a.gap, Synced: func() { ring(a.report) }, Delta: func(d seaworthy.Delta) { a.reports.delta(&d); link.Delta(d) }, Digest: link.Digest, Logger: a.log,
	})
	a.live.Store(l)
	defer a.notWatching()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.Run(ctx) })
	g.Go(func() error { return a.sendReports(ctx, l, link) })
	g.Go(func() error { return a.watchState(ctx, l) })
	if a.reports != nil {
		g.Go(func() error { return a.reports.run(ctx) })
	}
	g.Go(func() error {
		select {
		case <-ctx.Done():
		case <-a.restart:
			a.log.Info("watching begins anew: the server says to go by something else")
			cancel()
		}
		return ctx.Err()
	})
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// follows are the Secrets that are followed by name.
func (a *Agent) follows() (out []types.NamespacedName) {
	for _, name := range a.rightsOptions().followed() {
		out = append(out, types.NamespacedName{Namespace: a.cfg.Namespace, Name: name})
	}
	return out
}

// watched is told of what a watch shows.
func (a *Agent) watched(o changes.Observation) {
	if a.cfg.admits() && o.Object.Kind == "ValidatingWebhookConfiguration" && o.Object.Name == a.cfg.Name {
		ring(a.kick)
	}
	if claims := (gitops.Config{}).Claims(o.Before, o.After, o.At); len(claims) > 0 {
		a.uplink.Load().Claims(claims) // before what they cover
	}
	a.observe(o)
}

// watchState keeps how it stands with the watch.
func (a *Agent) watchState(ctx context.Context, l *live.Live) error {
	for sleep(ctx, watchEvery) {
		s := l.State()
		a.mu.Lock()
		a.watching = s.Watching
		a.mu.Unlock()
		switch {
		case !s.Synced:
			a.places.unproven(seaworthy.SeenByWatch, "the cluster is being listed")
		case s.Broken != "":
			a.places.unproven(seaworthy.SeenByWatch, s.Broken)
		default:
			a.places.seen(seaworthy.SeenByWatch)
		}
	}
	return ctx.Err()
}

// watchOf is how it stands with the watch of this replica; false: it does not watch.
func (a *Agent) watchOf() (live.State, bool) {
	l := a.live.Load()
	if l == nil {
		return live.State{}, false
	}
	return l.State(), true
}

func (a *Agent) notWatching() {
	a.live.Store(nil)
	a.mu.Lock()
	a.watching = time.Time{}
	a.mu.Unlock()
	a.places.notObserved(seaworthy.SeenByWatch, otherWatches)
}

// sendReports sends whole reports: when everything was listed, when one is asked for, and once
// a day.
func (a *Agent) sendReports(ctx context.Context, l *live.Live, link *uplink.Uplink) error {
	pause := reportsEvery
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-a.report:
			t.Stop()
		case <-t.C:
		}
		pause = reportsEvery
		if !l.State().Synced {
			continue // there will be one once it is
		}
		link.Owners(l.Owners()) // before what they make
		started := a.now()
		err := link.Report(ctx, func(ctx context.Context, w io.Writer, written func() error) error {
			return a.reports.report(ctx, w, written, l.Report)
		})
		if err != nil && ctx.Err() == nil {
			a.log.Error("a whole report cannot be written", "error", err)
			pause = time.Minute
			continue
		}
		a.metrics.reports.Inc()
		a.log.Info("whole report written", "took", a.now().Sub(started))
	}
}

// checkRights holds what the agent is allowed against what it needs.
func (a *Agent) checkRights(ctx context.Context) error {
	pause := time.Duration(0)
	for sleep(ctx, pause) {
		lacking, excess, err := a.selfCheck(ctx)
		if err != nil {
			a.log.Debug("what the agent is allowed is not known", "error", err)
			pause = time.Minute
			continue
		}
		pause = rightsEvery
		a.mu.Lock()
		said := slices.Equal(a.lacking, lacking) && slices.Equal(a.excess, excess)
		a.lacking, a.excess, a.checked = lacking, excess, true
		a.mu.Unlock()
		if len(lacking) > 0 && !said {
			a.log.Warn("the agent lacks rights", "rights", lacking)
		}
		if len(excess) > 0 && !said {
			a.log.Warn("the agent is allowed what it does not need", "rights", excess)
		}
	}
	return ctx.Err()
}

// rightsKnown tells whether they were held against what is needed.
func (a *Agent) rightsKnown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checked
}

// state is what a heartbeat says.
func (a *Agent) state() seaworthy.Heartbeat {
	a.mu.Lock()
	h := seaworthy.Heartbeat{
		Replica: a.cfg.Replica, Version: a.cfg.Version, Started: a.started, Leader: a.leading, Watching: a.watching,
		Own: seaworthy.OwnNames{Namespace: a.cfg.Namespace, Name: a.cfg.Name, Identity: a.cfg.Source.Identity}, Excess: a.excess, Lacking: a.lacking,
	}
	a.mu.Unlock()
	h.Places, h.Notices = a.places.all(), a.teller.waiting()
	if l := a.live.Load(); l != nil {
		s := l.State()
		h.Unlisted, h.Objects, h.Findings = s.Unlisted, s.Objects, s.Findings
	}
	return h
}
