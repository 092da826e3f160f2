// SPDX-License-Identifier: Apache-2.0

// Package live keeps the verdicts about a live cluster current: it follows every object
// that a scan lists, judges what changes, and tells what came and went.
//
// Three things are held of each object: the whole of it, packed, for the whole report and
// to tell what a write changed; what analyzers read of it, in the form in which a scan
// keeps it; and the fingerprints of what was found. A change judges the object alone at
// once; analyzers run again when what they read has changed, sparingly where they cost
// much. A whole report judges everything anew, by the very code of a scan, so whatever
// the pieces might have missed ends there.
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/footprint"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// Config says what to keep current and whom to tell. The functions are called one at a
// time each, in the order of what they tell, and must not take long; those that are nil
// are not told.
type Config struct {
	Cluster *kube.Cluster
	// Scan says how to judge. It must not change.
	Scan *scan.Config
	// Source is what [kube.Cluster.Source] says, its name that of the declared source:
	// fingerprints depend on it. Problems are those of the same call.
	Source   seaworthy.Source
	Problems []seaworthy.Problem
	// Key keys the digests of the values of Secrets.
	Key []byte
	// Secrets are followed by name where the cluster's are not listed. What becomes of them
	// is observed; they are neither judged nor in any report.
	Secrets []types.NamespacedName

	// Observe takes a write that the watch shows.
	Observe func(changes.Observation)
	// Show takes, before Observe does, what an observation is of, and beyond that every
	// status of what Argo CD and Flux deploy; before is nil where nothing is known of it,
	// as when the cluster is listed.
	Show func(before, after map[string]any, at time.Time)
	// Gap takes an interval in which the watch may not have seen everything. A zero To: it
	// lasts, and one with the same From ends it.
	Gap func(seaworthy.AgentGap)
	// Synced is told once that everything was listed: reports can be made.
	Synced func()
	// Delta takes what came and went since the newest whole report and the deltas after
	// it. There is none before the first report.
	Delta func(seaworthy.Delta)
	// Digest takes what now holds, every [DigestEvery] in which a delta went out.
	Digest func(seaworthy.FindingsState)

	Logger *slog.Logger
}

// The times of deltas.
const (
	// DigestEvery is how often both sides can compare.
	DigestEvery = 5 * time.Minute
	// gather is how long is waited for more of what belongs to one change.
	gather = 150 * time.Millisecond
	// share of the time that an analyzer may take when what it reads keeps changing, and
	// the longest that its verdicts may then be behind.
	share  = 20
	behind = time.Minute
	// restAfter is how long after a whole report its memory is given back once more: it is
	// sent meanwhile.
	restAfter = 30 * time.Second
)

// Live is a cluster whose verdicts are kept current. It is safe for concurrent use.
type Live struct {
	cfg   Config
	watch *kube.Watch
	index *index
	log   *slog.Logger
	wake  chan struct{}
	// reported: a whole report was made.
	reported chan struct{}

	judging sync.Mutex // of what follows: one goroutine judges
	judge   *judge
	ready   bool // a whole report was made
}

// New makes one; Run starts it.
func New(cfg Config) *Live {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	judged := *cfg.Scan
	judged.Workers = 1 // it goes on beside everything else, and each worker compiles for itself
	if judged.Now == nil {
		judged.Now = time.Now
	}
	cfg.Scan = &judged
	l := &Live{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), reported: make(chan struct{}, 1)}
	l.index = newIndex(&l.cfg, l.nudge)
	l.judge = newJudge(&l.cfg, l.index, l.result)
	if cfg.Cluster != nil {
		l.watch = kube.NewWatch(cfg.Cluster, l.index, cfg.Logger)
		l.watch.Follow(cfg.Secrets...)
	}
	return l
}

// Run watches and judges until the context ends. What stands in the way of the cluster is
// told and waited out.
func (l *Live) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.watch.Run(ctx) })
	group.Go(func() error { return l.keep(ctx) })
	return group.Wait()
}

// nudge says that something has changed.
func (l *Live) nudge() { ring(l.wake) }

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was said already
	}
}

// keep judges what changes.
func (l *Live) keep(ctx context.Context) error {
	digest := time.NewTicker(DigestEvery)
	defer digest.Stop()
	later := time.NewTimer(time.Hour)
	defer later.Stop()
	rest := time.NewTimer(restAfter)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-digest.C:
			l.digest()
			continue
		case <-l.reported:
			rest.Reset(restAfter)
			continue
		case <-rest.C:
			l.shrink()
			continue
		case <-l.wake:
			if err := sleep(ctx, gather); err != nil {
				return err
			}
		case <-later.C:
		}
		next, err := l.flush(ctx)
		if err != nil {
			return err
		}
		later.Reset(next)
	}
}

// flush judges what has changed and tells. It says when there is more to be done.
func (l *Live) flush(ctx context.Context) (time.Duration, error) {
	l.judging.Lock()
	defer l.judging.Unlock()
	if !l.ready {
		return time.Hour, nil
	}
	if err := l.judge.objects(ctx); err != nil {
		return 0, err
	}
	l.tell()
	l.judge.listing()
	for {
		x, wait := l.judge.due()
		if x == nil {
			return wait, nil
		}
		if err := l.judge.analyze(ctx, x); err != nil {
			return 0, err
		}
		l.tell()
	}
}

// shrink gives back what is not needed at rest.
func (l *Live) shrink() {
	if err := footprint.Shrink(); err != nil {
		l.log.Debug("pages of the program's file stay mapped", "error", err)
	}
}

// tell hands on what came and went.
func (l *Live) tell() {
	for _, d := range l.judge.news() {
		if l.cfg.Delta != nil {
			l.cfg.Delta(d)
		}
	}
}

func (l *Live) digest() {
	l.judging.Lock()
	defer l.judging.Unlock()
	if l.ready && l.judge.told && l.cfg.Digest != nil {
		l.judge.told = false
		l.cfg.Digest(l.judge.state())
	}
}

// State is how it stands.
type State struct {
	Synced   bool      // everything was listed
	Watching time.Time // since when everything is followed; a break of one kind does not move it
	Latest   time.Time // of the newest event
	// Broken says why something is not followed at present, Since since when; empty:
	// nothing is.
	Broken string
	Since  time.Time
	// Unlisted names the kinds that are not listed, each with the reason.
	Unlisted map[string]string
	Objects  int
	Findings int
}

// State tells how it stands.
func (l *Live) State() State {
	st := State{Unlisted: map[string]string{}}
	if l.watch != nil {
		w := l.watch.State()
		st.Synced, st.Watching, st.Latest, st.Broken, st.Since = !w.Synced.IsZero(), w.Synced, w.Latest, w.Broken, w.Since
		st.Unlisted = w.Result.Unlisted
	}
	st.Objects, st.Findings = l.index.counts()
	return st
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
