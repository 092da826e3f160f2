// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Analyzers lists those that judge a whole snapshot, in the order in which they run.
func (c *Catalogue) Analyzers() []*analysis.Analyzer { return c.analyzers }

// Crossing tells whether a check looks at several objects and no analyzer judges it, so
// that only a whole run does.
func (c *Catalogue) Crossing() map[string]bool {
	out := map[string]bool{}
	for _, b := range c.bundles {
		for _, id := range b.Crossing() {
			if c.Runs(id) {
				out[id] = true
			}
		}
	}
	return out
}

// Said takes what one analyzer says outside of a run.
type Said struct {
	// Found takes a finding, as a scan would report it.
	Found func(*seaworthy.Finding)
	// Open says that a check did not judge the object, or, nil, not everything: what it
	// does not find there says nothing.
	Open func(check string, o *snapshot.Object)
}

// Analyze judges a snapshot by one of the catalogue's analyzers, outside of a run. An
// error is that of the context.
func (a *Alone) Analyze(ctx context.Context, x *analysis.Analyzer, s *snapshot.Snapshot, said Said) error {
	c := a.cfg.Catalogue
	r := &asideReporter{a, said}
	err := x.Run(ctx, &analysis.Pass{Snapshot: s, Params: c.params, Enabled: c.Runs, Report: r})
	if err != nil {
		for _, k := range x.Checks {
			r.Error(k.ID, nil, err)
		}
	}
	return ctx.Err()
}

type asideReporter struct {
	alone *Alone
	said  Said
}

// Judge hands on a finding for each item.
func (r *asideReporter) Judge(check string, o *snapshot.Object, items ...seaworthy.Item) {
	c := r.alone.cfg.Catalogue
	i, ok := c.index[check]
	if !ok || !c.judges(i, o) {
		return
	}
	for _, it := range items {
		r.said.Found(r.alone.g.finding(&c.Checks[i], o, &item{it, o.Source.Line}))
	}
}

// NotEvaluated implements [analysis.Reporter].
func (r *asideReporter) NotEvaluated(check, _ string) { r.Error(check, nil, nil) }

// Provider implements [analysis.Reporter]. What the provider answers for is not judged.
func (r *asideReporter) Provider(string, string) {}

// Error implements [analysis.Reporter].
func (r *asideReporter) Error(check string, o *snapshot.Object, _ error) {
	if r.alone.cfg.Catalogue.Runs(check) {
		r.said.Open(check, o)
	}
}
