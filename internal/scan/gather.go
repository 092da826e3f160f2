// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// gathering takes judged objects in the order of the input, turns verdicts into findings
// and counts. One goroutine uses it.
type gathering struct {
	cfg      *Config
	in       Input
	out      Handler
	snapshot *snapshot.Snapshot
	tallies  []tally
	divided  division // the tallies, by namespace
	waivers  []waiverUse
	requires map[string][]string // control → requirements
	errors   []seaworthy.Problem
	skipped  []seaworthy.Problem
	last     Yield
	summary  seaworthy.Summary
	seed     maphash.Seed
	seen     map[uint64]int // identity of an object, and of it in a file → how often
	lateness []late
	// halves are the objects of single+cross checks, of which policy and analyzer each say
	// something; joined finds them.
	halves []whole
	joined map[half]int
}

type half struct {
	check  int
	object *snapshot.Object
}

type whole struct {
	half
	outcome
}

// tally counts one check.
type tally struct {
	seaworthy.NamespaceTally
	findings              int
	lacking               int // objects whose data is not there
	unevaluated, provider []string
}

type waiverUse struct {
	seaworthy.Waiver
	matched int // findings that it speaks of
	again   int // of these, what nothing waives because it has run out
}

func newGathering(cfg *Config, in Input, out Handler) *gathering {
	g := &gathering{
		cfg: cfg, in: in, out: out, snapshot: snapshot.New(in.Source),
		tallies: make([]tally, len(cfg.Catalogue.Checks)), divided: newDivision(len(cfg.Catalogue.Checks)), requires: seaworthy.RequirementsOf(cfg.Frameworks),
		seed: maphash.MakeSeed(), seen: map[uint64]int{}, joined: map[half]int{},
		errors: slices.Clone(cfg.Catalogue.Problems), skipped: slices.Clone(cfg.Catalogue.Skipped),
	}
	g.snapshot.Target = cfg.Target
	for _, w := range cfg.Waivers {
		g.waivers = append(g.waivers, waiverUse{Waiver: w})
	}
	for i, k := range cfg.Catalogue.Checks {
		if cfg.Catalogue.lacksParams(k) {
			g.tallies[i].unevaluated = []string{"its parameters are not set (" + paramNames(k) + ")"}
		}
	}
	return g
}

func paramNames(k seaworthy.Check) string {
	names := make([]string, len(k.Params))
	for i, p := range k.Params {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// gather drains the lanes in their order.
func (g *gathering) gather(ctx context.Context, order <-chan *lane, total int) error {
	done := 0
	for l := range order {
		if err := g.drain(ctx, l); err != nil {
			return err
		}
		g.yield(l.yield)
		done++
		if g.cfg.Progress != nil {
			g.cfg.Progress(done, total)
		}
	}
	return nil
}

// drain takes what one batch brings. A batch that no worker reached before the scan was
// given up never ends by itself.
func (g *gathering) drain(ctx context.Context, l *lane) error {
	for {
		select {
		case j, ok := <-l.judged:
			if !ok {
				return nil
			}
			if err := g.take(j); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gathering) yield(y Yield) {
	g.errors = append(g.errors, y.Errors...)
	g.skipped = append(g.skipped, y.Skipped...)
	g.summary.Files += y.Files
}

// take counts one judged object and hands on its findings.
func (g *gathering) take(j *judged) error {
	o := j.object
	g.summary.Objects++
	if o.Owner != nil {
		g.summary.Owned++
	}
	g.snapshot.Add(o)
	if len(j.requests) > 0 {
		o.WaiverRequests = j.requests
	}
	o.Twin = g.twin(o)
	for i := range j.verdicts {
		if err := g.verdict(o, &j.verdicts[i]); err != nil {
			return err
		}
	}
	if j.deferred != nil {
		g.lateness = append(g.lateness, late{o, j.deferred})
	}
	return nil
}

// twin tells an object of files from others of the same identity that were read before:
// it is the file where this one was read, with its number there, or empty for the first.
func (g *gathering) twin(o *snapshot.Object) string {
	if o.Source.File == "" {
		return ""
	}
	identity := []string{o.Source.Root, o.Group(), o.Kind, o.Namespace, o.Name}
	if g.sight(identity...) == 0 {
		return ""
	}
	file := g.relative(o.Source.File)
	if n := g.sight(append(identity, file)...); n > 0 {
		return fmt.Sprintf("%s#%d", file, n+1)
	}
	return file
}

// sight counts how often an identity has been seen before.
func (g *gathering) sight(identity ...string) int {
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, s := range identity {
		h.WriteString(s)
		h.WriteByte(0)
	}
	g.seen[h.Sum64()]++
	return g.seen[h.Sum64()] - 1
}

func (g *gathering) relative(path string) string {
	if path == "" || g.cfg.Base == "" {
		return path
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(g.cfg.Base, abs)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// verdict hands on the findings of a verdict and counts it.
func (g *gathering) verdict(o *snapshot.Object, v *verdict) error {
	k := &g.cfg.Catalogue.Checks[v.check]
	var out outcome
	if v.err != nil {
		out.erred = true
		g.errors = append(g.errors, seaworthy.Problem{
			File: o.Source.File, Line: o.Source.Line, Check: k.ID, Object: o.String(), Message: v.err.Error(),
		})
	}
	for i := range v.items {
		f := g.finding(k, o, &v.items[i])
		out.failed = true
		out.open = out.open || f.Waiver == nil
		g.tallies[v.check].findings++
		g.count(f)
		if err := g.out.Finding(f); err != nil {
			return err
		}
	}
	if k.Scope == seaworthy.ScopeSingleCross {
		g.join(v.check, o, out)
		return nil
	}
	return g.settle(v.check, o, out)
}

// outcome is what came of one check and one object.
type outcome struct {
	failed, open, erred bool // open: some finding is not waived
}

// settle counts an object: it passed, failed or could not be judged.
func (g *gathering) settle(check int, o *snapshot.Object, out outcome) error {
	one := seaworthy.NamespaceTally{InScope: 1}
	switch {
	case out.failed:
		one.Failed = 1
		if !out.open {
			one.Waived = 1
		}
	case out.erred:
		one.Errors = 1
	default:
		one.Passed = 1
	}
	t := &g.tallies[check].NamespaceTally
	*t = t.Plus(one)
	g.divided.add(check, o.Namespace, one)
	if one.Passed == 1 && g.cfg.IncludePassed {
		return g.out.Pass(&seaworthy.Pass{Check: g.cfg.Catalogue.Checks[check].ID, Object: o.Object, File: o.Source.File})
	}
	return nil
}

// join keeps what one half of a check says that is a policy and an analyzer at once. The
// object counts when both have spoken, and fails if one of them fails it.
func (g *gathering) join(check int, o *snapshot.Object, out outcome) {
	key := half{check, o}
	i, ok := g.joined[key]
	if !ok {
		i = len(g.halves)
		g.joined[key] = i
		g.halves = append(g.halves, whole{key, out})
		return
	}
	both := &g.halves[i].outcome
	both.failed, both.open, both.erred = both.failed || out.failed, both.open || out.open, both.erred || out.erred
}

// settleJoined counts what has been joined, in the order in which it came.
func (g *gathering) settleJoined() error {
	for _, w := range g.halves {
		if err := g.settle(w.check, w.object, w.outcome); err != nil {
			return err
		}
	}
	g.halves, g.joined = nil, nil
	return nil
}

func (g *gathering) finding(k *seaworthy.Check, o *snapshot.Object, it *item) *seaworthy.Finding {
	source := g.in.Source.Name
	if o.Source.Root != "" {
		source += "#" + g.relative(o.Source.Root)
	}
	if o.Twin != "" {
		source += "#" + o.Twin
	}
	f := &seaworthy.Finding{
		Check: k.ID, Severity: k.Severity, Category: k.Category, Message: it.Message, Object: o.Object,
		Container: it.Container, Path: it.Path, File: o.Source.File, Line: it.line, Origin: o.Source.Root,
		Controls: nonNil(k.Controls), Requirements: g.requirements(k), Remediation: k.Remediation,
		Fingerprint: seaworthy.Fingerprint(source, k.ID, o.Object, it.Key), WaiverRequested: o.WaiverRequests[k.ID],
	}
	if it.Severity != "" && g.cfg.Catalogue.settings[k.ID].Severity == "" {
		f.Severity = it.Severity
	}
	f.New = !g.cfg.Baseline[f.Fingerprint]
	g.waive(f)
	return f
}

func nonNil(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// requirements lists what a check's controls support, each once.
func (g *gathering) requirements(k *seaworthy.Check) []string {
	if r, ok := g.requires["check "+k.ID]; ok {
		return r
	}
	out := []string{}
	for _, c := range k.Controls {
		for _, r := range g.requires[c] {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	g.requires["check "+k.ID] = out
	return out
}

// waive applies the first waiver that holds: of the file, or an annotation where the
// configuration lets annotations count.
func (g *gathering) waive(f *seaworthy.Finding) {
	now := g.cfg.Now()
	var over []*waiverUse
	for i := range g.waivers {
		w := &g.waivers[i]
		switch {
		case !w.Matches(f):
			continue
		case w.Expires.Over(now):
			over = append(over, w)
		case f.Waiver == nil:
			f.Waiver = &seaworthy.AppliedWaiver{Owner: w.Owner, Reason: w.Reason, Approver: w.Approver, Expires: w.Expires, By: "file"}
		}
		w.matched++
	}
	if f.Waiver == nil && f.WaiverRequested != "" && g.cfg.HonourAnnotations {
		f.Waiver = &seaworthy.AppliedWaiver{Reason: f.WaiverRequested, By: "annotation"}
	}
	if f.Waiver == nil && f.New {
		for _, w := range over {
			w.again++
		}
	}
}

func (g *gathering) count(f *seaworthy.Finding) {
	s := &g.summary
	switch {
	case f.Waiver != nil:
		s.Waived++
	case !f.New:
		s.Baseline++
	default:
		s.Findings++
		if s.BySev == nil {
			s.BySev = map[seaworthy.Severity]int{}
		}
		s.BySev[f.Severity]++
		if g.cfg.FailOn != "" && f.Severity.AtLeast(g.cfg.FailOn) {
			s.Failing++
		}
	}
}

// notices tells of waivers that have run out or match nothing.
func (g *gathering) notices(now time.Time) []seaworthy.WaiverNotice {
	out := []seaworthy.WaiverNotice{}
	for _, w := range g.waivers {
		if message := g.notice(&w, now); message != "" {
			out = append(out, seaworthy.WaiverNotice{Waiver: w.Waiver, Message: message})
		}
	}
	return out
}

func (g *gathering) notice(w *waiverUse, now time.Time) string {
	names := func(id string) bool {
		ok, err := path.Match(w.Check, id)
		return err == nil && ok
	}
	switch {
	case w.Expires.Over(now) && w.again > 0:
		return fmt.Sprintf("expired on %s; %d %s again", w.Expires, w.again, plural(w.again, "finding counts", "findings count"))
	case w.Expires.Over(now) && w.matched == 0:
		return fmt.Sprintf("expired on %s and matches no finding of this scan", w.Expires)
	case w.Expires.Over(now):
		return fmt.Sprintf("expired on %s; another waiver or the baseline holds what it speaks of", w.Expires)
	case w.matched > 0:
		return ""
	case !slices.ContainsFunc(slices.Collect(maps.Keys(g.cfg.Catalogue.known)), names):
		hint := ""
		if near := seaworthy.Nearest(w.Check, slices.Sorted(maps.Keys(g.cfg.Catalogue.known))); near != "" {
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		return "names no check" + hint
	case !slices.ContainsFunc(g.cfg.Catalogue.Checks, func(k seaworthy.Check) bool { return names(k.ID) }):
		return "" // its check did not run, which says nothing of the waiver
	}
	return "matches no finding of this scan"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
