// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// judged is an object with what the single-object checks said of it. The object has
// been released: only what analyzers need is left.
type judged struct {
	object   *snapshot.Object
	verdicts []verdict
	// deferred is kept for policies that look at namespaces, which are known only once
	// everything was read.
	deferred *cel.Request
	// requests are the waivers that annotations ask for: check → reason.
	requests map[string]string
}

// verdict is what one check says of one object: no items and no error is a pass.
type verdict struct {
	check int // index in Catalogue.Checks
	items []item
	err   error
}

type item struct {
	seaworthy.Item
	line int
}

// judge evaluates the single-object checks, one goroutine each.
type judge struct {
	ctx    context.Context // of the scan
	cfg    *Config
	source seaworthy.Source
	eval   *cel.Evaluator
	// checkOf maps the engine's policies to checks; later tells which wait for namespaces.
	checkOf []int
	later   []bool
	anyLate bool
	lacks   []bool // the check's parameters are not set
}

func newJudge(ctx context.Context, cfg *Config, source seaworthy.Source) *judge {
	c := cfg.Catalogue
	j := &judge{ctx: ctx, cfg: cfg, source: source, eval: c.engine.Evaluator()}
	j.eval.ItemsOnly = true
	for i, id := range c.policies {
		k := c.index[id]
		j.checkOf = append(j.checkOf, k)
		j.later = append(j.later, c.natives[i] != nil || c.engine.NeedsNamespace(i))
		j.anyLate = j.anyLate || j.later[i]
		j.lacks = append(j.lacks, c.lacksParams(c.Checks[k]))
	}
	j.anyLate = j.anyLate || len(c.bundles) > 0 && slices.ContainsFunc(c.Checks, func(k seaworthy.Check) bool { return k.Custom })
	return j
}

// lacksParams tells whether a check can judge nothing for want of its parameters.
func (c *Catalogue) lacksParams(k seaworthy.Check) bool {
	return k.NeedsParams && len(c.params(k.ID)) == 0
}

func (j *judge) judge(o *snapshot.Object) *judged {
	out := &judged{object: o, requests: waiverRequests(o)}
	if o.Owner != nil {
		o.Release()
		return out
	}
	req := Request(o)
	j.eval.Judge(req, func(i int) bool { return j.wants(i, o) && !j.later[i] }, func(i int, v cel.Verdict) {
		out.verdicts = append(out.verdicts, j.verdict(j.checkOf[i], o, v))
	})
	j.analyze(o, out)
	if j.anyLate {
		out.deferred = req // released once it was judged
	} else {
		o.Release()
	}
	return out
}

// analyze runs the analyzers that judge each object for itself, while its positions in
// the source are at hand.
func (j *judge) analyze(o *snapshot.Object, out *judged) {
	if len(j.cfg.Catalogue.perObject) == 0 {
		return
	}
	s := snapshot.New(j.source)
	s.Target = j.cfg.Target
	s.Add(o)
	r := &objectReporter{judge: j, out: out}
	for _, a := range j.cfg.Catalogue.perObject {
		pass := &analysis.Pass{Snapshot: s, Params: j.cfg.Catalogue.params, Enabled: j.cfg.Catalogue.Runs, Report: r}
		if err := a.Run(j.ctx, pass); err != nil {
			for _, k := range a.Checks {
				r.Error(k.ID, o, err)
			}
		}
	}
}

// objectReporter takes the verdicts about one object.
type objectReporter struct {
	judge *judge
	out   *judged
}

func (r *objectReporter) add(check string, o *snapshot.Object, v verdict) {
	i, ok := r.judge.cfg.Catalogue.index[check]
	if !ok || !r.judge.cfg.Catalogue.judges(i, o) {
		return
	}
	v.check = i
	r.out.verdicts = append(r.out.verdicts, v)
}

// Judge takes the items with their lines.
func (r *objectReporter) Judge(check string, o *snapshot.Object, items ...seaworthy.Item) {
	var v verdict
	for _, it := range items {
		v.items = append(v.items, item{it, cmp.Or(schemaLine(o, it.Path), o.Line(it.Path))})
	}
	r.add(check, o, v)
}

// Error takes an error about the object.
func (r *objectReporter) Error(check string, o *snapshot.Object, err error) {
	r.add(check, o, verdict{err: err})
}

// NotEvaluated and Provider say nothing about a single object: such a check has its data.
func (r *objectReporter) NotEvaluated(string, string) {}

// Provider is of no use here, as NotEvaluated.
func (r *objectReporter) Provider(string, string) {}

func (j *judge) wants(i int, o *snapshot.Object) bool {
	return !j.lacks[i] && j.cfg.Catalogue.judges(j.checkOf[i], o)
}

// verdict turns what the engine says into items with paths and lines.
func (j *judge) verdict(check int, o *snapshot.Object, v cel.Verdict) verdict {
	k := &j.cfg.Catalogue.Checks[check]
	out := verdict{check: check, err: v.Err}
	add := func(it seaworthy.Item) { out.items = append(out.items, item{it, o.Line(it.Path)}) }
	switch {
	case !v.Denied:
	case len(v.Items) > 0:
		for _, keyed := range v.Items {
			add(o.Item(keyed, k.Title))
		}
	case len(v.Paths) > 0:
		for _, keyed := range v.Paths {
			it := o.Item(keyed, strings.Join(v.Messages, "; "))
			add(it)
		}
	default:
		for _, m := range v.Messages {
			add(seaworthy.Item{Key: m, Message: m})
		}
	}
	return out
}

// Request is the admission request that creating the object would make.
func Request(o *snapshot.Object) *cel.Request {
	gvk := o.GVK()
	gvk.Group, gvk.Version = o.Resource.Group, o.Resource.Version
	r := &cel.Request{
		Object: o.Canonical, Kind: gvk, Resource: o.Resource, Namespace: o.EffectiveNamespace(),
		Name: o.Name, Operation: "CREATE", PodTemplate: o.Template != nil,
	}
	if r.Namespace != "" {
		r.NamespaceObject = bareNamespace(r.Namespace)
	}
	return r
}

// bareNamespace stands in for a Namespace that is not in the input: it has the one label
// that every namespace has.
func bareNamespace(name string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"kubernetes.io/metadata.name": name}},
	}
}

// waiverRequests reads the annotations seaworthy.dev/waive-<check>: "reason".
func waiverRequests(o *snapshot.Object) map[string]string {
	meta, _ := o.Written["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	var out map[string]string
	for key, v := range annotations {
		id, ok := strings.CutPrefix(key, checks.Prefix+"waive-")
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[id] = fmt.Sprint(v)
	}
	return out
}
