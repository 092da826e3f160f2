// SPDX-License-Identifier: Apache-2.0

// Package scan judges the objects of manifests or of a live cluster by every check and
// streams a report.
//
// Objects come in batches. Batches are read and judged in parallel by the single-object
// checks, and gathered in the order of the input, so that the same input gives the same
// report. What analyzers need of an object stays in a snapshot; the rest is dropped as
// soon as the object has been judged, and findings are handed on at once: memory follows
// neither the size of the input's text nor the number of findings.
package scan

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Handler takes the report as it comes about; output.Handler is one.
type Handler interface {
	Start(*seaworthy.Header, []seaworthy.Check) error
	Finding(*seaworthy.Finding) error
	Pass(*seaworthy.Pass) error
	End(*seaworthy.Trailer) error
}

// Batch reads a part of the input and emits its objects. It is called once, perhaps
// beside others; a Yield that has nothing to say is zero.
type Batch func(ctx context.Context, emit func(*snapshot.Object) error) (Yield, error)

// Yield is what reading a batch brought beside its objects.
type Yield struct {
	Errors, Skipped []seaworthy.Problem
	Files           int
}

// Input is what to scan.
type Input struct {
	Source seaworthy.Source
	// Batches hands out the batches in the order of the report.
	Batches func(ctx context.Context, next func(Batch) error) (Yield, error)
	// Total is the number of batches, for progress; 0 where it is not known.
	Total int
	// Unlisted names kinds that could not be listed. It is read after the last batch.
	Unlisted func() map[string]string
	// Line finds the line of a JSON path of an object of a file that was read before.
	Line func(ctx context.Context, o *snapshot.Object, path string) int
}

// Config says how to scan.
type Config struct {
	Catalogue *Catalogue
	Tool      seaworthy.Tool
	// Target is the Kubernetes version to judge against, "1.36".
	Target string
	// Frameworks with their controls, for requirements and coverage.
	Frameworks []seaworthy.Framework
	Controls   []seaworthy.Control
	// Cover names the frameworks whose coverage the report shows, in these Categories.
	Cover      []string
	Categories []string

	Waivers []seaworthy.Waiver
	// HonourAnnotations lets annotations of manifests waive findings.
	HonourAnnotations bool
	// Baseline holds fingerprints of findings that are known; nil for none.
	Baseline map[string]bool
	FailOn   seaworthy.Severity // empty: nothing fails
	// SkipUnreadable moves what cannot be read from the errors to what was skipped.
	SkipUnreadable bool
	IncludePassed  bool
	// Base is the folder to which origins are made relative in fingerprints.
	Base string

	Now      func() time.Time
	Workers  int
	Progress func(done, total int)
}

// The exit codes of a scan.
const (
	ExitClean    = 0
	ExitInternal = 1
	ExitInput    = 2
	ExitFindings = 3
)

// Run scans the input and writes the report to the handler. The summary says how to
// exit; an error is internal, or that of the handler or context.
func Run(ctx context.Context, cfg Config, in Input, out Handler) (*seaworthy.Summary, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	in.Source.Started = cfg.Now().UTC()
	header := &seaworthy.Header{
		APIVersion: seaworthy.ReportVersion, Tool: cfg.Tool, Source: in.Source,
		Catalogue: cfg.Catalogue.Describe(cfg.Tool.Version),
	}
	if err := out.Start(header, cfg.Catalogue.Checks); err != nil {
		return nil, err
	}
	g := newGathering(&cfg, in, out)
	if err := judgeAll(ctx, &cfg, in, g); err != nil {
		return nil, err
	}
	if in.Unlisted != nil {
		for kind, reason := range in.Unlisted() {
			g.snapshot.Unlisted[kind] = reason
		}
	}
	if err := g.analyze(ctx); err != nil {
		return nil, err
	}
	trailer := g.trailer()
	return &trailer.Summary, out.End(trailer)
}

// lane is the way of one batch from its worker to the gathering.
type lane struct {
	batch  Batch
	judged chan *judged
	yield  Yield
	err    error
}

// ahead is how many batches may be read before the gathering reaches them, and backlog
// how many judged objects of one batch may wait.
const (
	ahead   = 256
	backlog = 128
)

// judgeAll reads and judges the batches in parallel and gathers them in order.
func judgeAll(ctx context.Context, cfg *Config, in Input, g *gathering) error {
	group, ctx := errgroup.WithContext(ctx)
	order := make(chan *lane, ahead)
	work := make(chan *lane)
	group.Go(func() error {
		defer close(order)
		defer close(work)
		yield, err := in.Batches(ctx, func(b Batch) error {
			l := &lane{batch: b, judged: make(chan *judged, backlog)}
			for _, to := range []chan<- *lane{order, work} {
				select {
				case to <- l:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		g.last = yield
		return nil
	})
	for range cfg.Workers {
		group.Go(func() error {
			j := newJudge(ctx, cfg, in.Source)
			for l := range work {
				l.yield, l.err = l.batch(ctx, func(o *snapshot.Object) error {
					select {
					case l.judged <- j.judge(o):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				close(l.judged)
				if l.err != nil {
					return l.err
				}
			}
			return nil
		})
	}
	group.Go(func() error { return g.gather(ctx, order, in.Total) })
	return group.Wait()
}
