// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/rego"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Alone judges objects one at a time, outside of a run, by those checks of a catalogue
// that need no other object. A finding is the one that a scan would report of the same
// object. It is not safe for concurrent use: make one for each goroutine, and keep it,
// since it remembers what it compiled.
type Alone struct {
	cfg   *Config
	judge *judge
	g     *gathering
	asks  []bool // by the engine's index: the policy asks what the user may do
}

// NewAlone makes one for the catalogue, target, frameworks and waivers of a scan. The
// source's name is part of the fingerprints.
func NewAlone(cfg *Config, source seaworthy.Source) *Alone {
	a := &Alone{
		cfg: cfg, judge: newJudge(context.Background(), cfg, source),
		g: newGathering(cfg, Input{Source: source}, nil),
	}
	for _, p := range cfg.Catalogue.engine.Policies() {
		a.asks = append(a.asks, asksForRights(&p))
	}
	return a
}

// Asked is what an admission request says beside the object that it brings.
type Asked struct {
	// Old is the object before an update. Only what the update makes worse is then found:
	// items that were at fault before are left out. A policy that does not list its items
	// is judged once, with the old object at hand. Nil: everything is found.
	Old *snapshot.Object
	// Operation is CREATE or UPDATE.
	Operation, Subresource string
	// Before is what policies see as the old object; nil: that of Old.
	Before *snapshot.Object
	// Namespace is the Namespace of the object. Nil: nothing but its name is known, or,
	// with NamespaceErr, not even whether it is there; policies that look at namespaces
	// then cannot be evaluated.
	Namespace    map[string]any
	NamespaceErr error
	Username     string
	Groups       []string
	UserInfo     map[string]any // the whole, as Rego sees it
	// Wants tells whether a check is to be judged; nil: all are.
	Wants func(*seaworthy.Check) bool
}

// Judged is what one check says of one object. Without findings and error it passed.
type Judged struct {
	Check    *seaworthy.Check
	Findings []*seaworthy.Finding
	// Items are those of the findings, in the same order, with the keys by which they are
	// known over time.
	Items []seaworthy.Item
	// Listed: the check lists its items, so that only what is worse is found.
	Listed bool
	Err    error
}

// Judge judges the object and reports what each check that concerns it says. The object
// is neither changed nor kept. An error is that of the context: the user's Rego, which
// takes as long as it likes, is then left out, and everything else reported.
func (a *Alone) Judge(ctx context.Context, o *snapshot.Object, q Asked, report func(Judged)) error {
	now, late := a.verdicts(ctx, o, q, q.Wants)
	failing := map[int]bool{}
	for i := range now {
		failing[now[i].check] = failing[now[i].check] || now[i].listed && len(now[i].items) > 0
	}
	var before map[int][]said
	if q.Old != nil {
		var err error
		before, err = a.before(ctx, q, failing)
		late = cmp.Or(late, err)
	}
	o.WaiverRequests = waiverRequests(o)
	for i := range now {
		s := &now[i]
		if late != nil && s.rego {
			continue
		}
		if s.listed {
			s.forget(before[s.check])
		}
		report(a.judged(o, s))
	}
	return late
}

// said is a verdict with what [Alone] must know of it.
type said struct {
	verdict
	listed bool // its items have keys that tell them apart
	rego   bool // the user's Rego said it
}

// forget takes away the items that were there before.
func (s *said) forget(before []said) {
	for i := range before {
		b := &before[i]
		if b.err != nil && len(s.items) > 0 {
			s.err = errors.Join(s.err, fmt.Errorf("judge the object before the change: %w", b.err))
		}
		s.items = slices.DeleteFunc(s.items, func(it item) bool {
			return slices.ContainsFunc(b.items, func(old item) bool { return old.Key == it.Key })
		})
	}
}

// before judges the old object by the checks that fail on the new one.
func (a *Alone) before(ctx context.Context, q Asked, failing map[int]bool) (map[int][]said, error) {
	out := map[int][]said{}
	wants := func(k *seaworthy.Check) bool { return failing[a.cfg.Catalogue.index[k.ID]] }
	if !slices.ContainsFunc(a.cfg.Catalogue.Checks, func(k seaworthy.Check) bool { return wants(&k) }) {
		return out, nil
	}
	old := q.Old
	q.Before, q.Old = old, nil
	list, err := a.verdicts(ctx, old, q, wants)
	for _, s := range list {
		out[s.check] = append(out[s.check], s)
	}
	return out, err
}

// judged makes findings of a verdict.
func (a *Alone) judged(o *snapshot.Object, s *said) Judged {
	k := &a.cfg.Catalogue.Checks[s.check]
	out := Judged{Check: k, Listed: s.listed, Err: s.err}
	for i := range s.items {
		out.Findings = append(out.Findings, a.g.finding(k, o, &s.items[i]))
		out.Items = append(out.Items, s.items[i].Item)
	}
	return out
}

// Check gives a check of the catalogue, which must run.
func (a *Alone) Check(id string) *seaworthy.Check {
	return &a.cfg.Catalogue.Checks[a.cfg.Catalogue.index[id]]
}

// Found makes the findings of a check that somebody else judged by, with the items that
// are at fault.
func (a *Alone) Found(id string, o *snapshot.Object, items []seaworthy.Item) Judged {
	s := said{verdict: verdict{check: a.cfg.Catalogue.index[id]}, listed: true}
	for _, it := range items {
		s.items = append(s.items, item{it, o.Line(it.Path)})
	}
	return a.judged(o, &s)
}

// verdicts judges one object by everything that can judge it alone.
func (a *Alone) verdicts(ctx context.Context, o *snapshot.Object, q Asked, wants func(*seaworthy.Check) bool) ([]said, error) {
	c := a.cfg.Catalogue
	wanted := func(check int) bool { return wants == nil || wants(&c.Checks[check]) }
	req, rreq := a.requests(o, q)
	var out []said
	choose := func(i int) bool {
		n := c.natives[i]
		return !a.asks[i] && a.judge.wants(i, o) && wanted(a.judge.checkOf[i]) && (n == nil || n.Matches(rreq))
	}
	a.judge.eval.Judge(req, choose, func(i int, v cel.Verdict) {
		if a.judge.later[i] && q.NamespaceErr != nil {
			v = cel.Verdict{Err: q.NamespaceErr}
		}
		out = append(out, said{verdict: a.judge.verdict(a.judge.checkOf[i], o, v), listed: len(v.Items) > 0})
	})
	for _, v := range a.engine(ctx, o, wanted) {
		out = append(out, said{verdict: v, listed: true})
	}
	err := a.rego(ctx, o, rreq, q, wanted, func(v verdict) { out = append(out, said{verdict: v, listed: true, rego: true}) })
	return out, err
}

// engine judges by the analyzers that judge each object for itself.
func (a *Alone) engine(ctx context.Context, o *snapshot.Object, wanted func(int) bool) []verdict {
	c := a.cfg.Catalogue
	enabled := func(id string) bool { i, ok := c.index[id]; return ok && wanted(i) }
	r := &objectReporter{judge: a.judge, out: &judged{object: o}}
	var s *snapshot.Snapshot
	for _, x := range c.perObject {
		if !slices.ContainsFunc(x.Checks, func(k seaworthy.Check) bool { return enabled(k.ID) }) {
			continue
		}
		if s == nil {
			s = snapshot.New(a.judge.source)
			s.Target = a.cfg.Target
			s.Add(o)
		}
		if err := x.Run(ctx, &analysis.Pass{Snapshot: s, Params: c.params, Enabled: enabled, Report: r}); err != nil {
			for _, k := range x.Checks {
				r.Error(k.ID, o, err)
			}
		}
	}
	return slices.DeleteFunc(r.out.verdicts, func(v verdict) bool { return !wanted(v.check) })
}

// rego judges by the user's Rego.
func (a *Alone) rego(ctx context.Context, o *snapshot.Object, req *rego.Request, q Asked, wanted func(int) bool, report func(verdict)) error {
	c := a.cfg.Catalogue
	for _, b := range c.bundles {
		err := b.Evaluate(ctx, req, func(v rego.Verdict) {
			i, ok := c.index[v.Check]
			if !ok || v.Exempt || v.NotEvaluated != "" || !c.judges(i, o) || !wanted(i) {
				return
			}
			out := verdict{check: i, err: v.Err}
			if q.NamespaceErr != nil {
				out.err = errors.Join(out.err, q.NamespaceErr)
			}
			for _, it := range v.Items {
				out.items = append(out.items, item{it, 0})
			}
			report(out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// requests makes what the two engines are asked.
func (a *Alone) requests(o *snapshot.Object, q Asked) (*cel.Request, *rego.Request) {
	req := Request(o)
	req.Operation, req.Subresource, req.Username, req.Groups = q.Operation, q.Subresource, q.Username, q.Groups
	if q.Namespace != nil && req.Namespace != "" {
		req.NamespaceObject = q.Namespace
	}
	before := q.Before
	if before == nil {
		before = q.Old
	}
	rreq := regoRequest(late{o, req})
	rreq.Operation, rreq.User, rreq.NamespaceObject = q.Operation, q.UserInfo, q.Namespace
	if before != nil {
		req.OldObject, rreq.Old = before.Canonical, before.Canonical
	}
	return req, rreq
}
