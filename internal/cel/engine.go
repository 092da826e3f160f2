// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/labels"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// Request is one object to judge, as an admission request would bring it. Object is the
// canonical form (see internal/schema).
type Request struct {
	Object, OldObject map[string]any
	Kind              kschema.GroupVersionKind
	Resource          kschema.GroupVersionResource
	Subresource       string
	Namespace, Name   string
	Operation         string // CREATE, UPDATE, DELETE
	// NamespaceObject is the Namespace in which the object lands; nil for cluster-scoped
	// objects. Offline it may be made up of the name alone.
	NamespaceObject map[string]any
	Username        string
	Groups          []string
	// PodTemplate marks a custom resource with a pod template: policies that judge pod
	// templates apply to it whatever their match constraints say.
	PodTemplate bool
}

func (r *Request) namespaceMatches(s labels.Selector) bool {
	if r.Kind.Kind == "Namespace" && r.Kind.Group == "" {
		return s.Matches(labelsOf(sub(r.Object, "metadata")))
	}
	return r.Namespace == "" || s.Matches(labelsOf(sub(r.NamespaceObject, "metadata")))
}

// request is what the expressions see as `request`.
func (r *Request) request() map[string]any {
	kind := map[string]any{"group": r.Kind.Group, "version": r.Kind.Version, "kind": r.Kind.Kind}
	resource := map[string]any{"group": r.Resource.Group, "version": r.Resource.Version, "resource": r.Resource.Resource}
	groups := make([]any, len(r.Groups))
	for i, g := range r.Groups {
		groups[i] = g
	}
	out := map[string]any{
		"uid": "", "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
		"name": r.Name, "operation": r.Operation, "dryRun": true, "object": nil, "oldObject": nil, "options": nil,
		"userInfo": map[string]any{"username": r.Username, "groups": groups},
	}
	if r.Namespace != "" {
		out["namespace"] = r.Namespace
	}
	if r.Subresource != "" {
		out["subResource"], out["requestSubResource"] = r.Subresource, r.Subresource
	}
	return out
}

// Verdict is what a policy says of an object.
type Verdict struct {
	// Denied: at least one validation is false. Items then names the offending items as
	// keyed paths; it is empty for a policy that does not list them.
	Denied bool
	Items  []string
	// Messages of the validations that are false; see [Evaluator.ItemsOnly].
	Messages []string
	// Paths come from the audit annotation "paths" of a user's policy, one a line.
	Paths []string
	// Err: the policy could not be evaluated. It is then neither pass nor denial.
	Err error
}

// Engine judges objects by a set of policies. It is safe for concurrent use through one
// [Evaluator] for each goroutine.
type Engine struct {
	policies []Policy
	once     []sync.Once
	compiled []atomic.Pointer[compiled]
	matchers []*matcher
	pods     []bool

	compilerOnce sync.Once
	compiler     *compiler
	compilerErr  error

	mu      sync.RWMutex
	byWhere map[where][]candidate
}

// New makes an engine. Nothing is compiled until an object needs it.
func New(policies []Policy) *Engine {
	e := &Engine{
		policies: policies, once: make([]sync.Once, len(policies)), compiled: make([]atomic.Pointer[compiled], len(policies)),
		byWhere: map[where][]candidate{},
	}
	for i := range policies {
		e.matchers = append(e.matchers, newMatcher(&policies[i]))
		e.pods = append(e.pods, policies[i].judgesPods())
	}
	return e
}

// Policies lists what the engine judges by; indices in other methods refer to it.
func (e *Engine) Policies() []Policy { return e.policies }

// NeedsNamespace tells whether the policy looks at the Namespace of an object, so that it
// can be judged only once the namespaces are known.
func (e *Engine) NeedsNamespace(i int) bool {
	m := e.matchers[i]
	if m.policy.needsNamespace() {
		return true
	}
	for _, b := range m.bindings {
		if b.match.needsNamespace() {
			return true
		}
	}
	s := e.policies[i].Spec
	mentions := func(text string) bool { return strings.Contains(text, "namespaceObject") }
	for _, v := range s.Variables {
		if mentions(v.Expression) {
			return true
		}
	}
	for _, v := range s.Validations {
		if mentions(v.Expression) || mentions(v.MessageExpression) {
			return true
		}
	}
	for _, c := range s.MatchConditions {
		if mentions(c.Expression) {
			return true
		}
	}
	return false
}

// policy compiles policy i if it was not compiled yet.
func (e *Engine) policy(i int) (*compiled, error) {
	if c := e.compiled[i].Load(); c != nil {
		return c, nil
	}
	e.compilerOnce.Do(func() { e.compiler, e.compilerErr = newCompiler() })
	if e.compilerErr != nil {
		return nil, e.compilerErr
	}
	e.once[i].Do(func() { e.compiled[i].Store(e.compiler.policy(&e.policies[i])) })
	return e.compiled[i].Load(), nil
}

// Compile compiles policy i and gives the first error of its expressions.
func (e *Engine) Compile(i int) error {
	c, err := e.policy(i)
	if err != nil {
		return err
	}
	for _, v := range e.policies[i].Spec.Variables {
		if err := c.variables[v.Name].err; err != nil {
			return fmt.Errorf("variable %s: %w", v.Name, err)
		}
	}
	for _, p := range c.conditions {
		if p.err != nil {
			return p.err
		}
	}
	for _, v := range c.validations {
		if v.err != nil {
			return v.err
		}
		if v.message != nil && v.message.err != nil {
			return v.message.err
		}
	}
	for _, a := range c.annotations {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// Evaluator judges one object at a time and remembers shared variables in between
// policies. It is not safe for concurrent use.
type Evaluator struct {
	engine *Engine
	slots  []slot
	epoch  uint32
	// serial numbers the run of one policy, to charge each variable once a run.
	serial uint32
	cost   uint64
	// small: the cost of linear policies on this object need not be counted.
	small bool
	most  uint64 // the most that one tracked evaluation has cost
	left  int    // what light programs left to those of the API server
	act   activation
	vars  variables
	frame frame

	// ItemsOnly leaves out the messages of policies that list their items.
	ItemsOnly bool
	// CountCosts counts the cost of every evaluation, as the API server does, even where
	// it cannot come near the limit.
	CountCosts bool
}

// Most is the most that one evaluation whose cost was counted has cost so far.
func (ev *Evaluator) Most() uint64 { return ev.most }

// Left counts the judgements that the light programs of linear policies could not make.
func (ev *Evaluator) Left() int { return ev.left }

type slot struct {
	epoch, serial uint32
	value         ref.Val
	cost          uint64
}

// Evaluator makes an evaluator for one goroutine.
func (e *Engine) Evaluator() *Evaluator {
	ev := &Evaluator{engine: e}
	ev.vars.ev = ev
	ev.act.variables = &ev.vars
	return ev
}

// Judge calls report for every policy that applies to the object and that want accepts.
func (ev *Evaluator) Judge(r *Request, want func(i int) bool, report func(i int, v Verdict)) {
	candidates := ev.engine.candidates(r)
	if len(candidates) == 0 {
		return
	}
	ev.epoch++
	ev.act.bind(r)
	ev.frame.request, ev.frame.asked = r, nil
	ev.small = !ev.CountCosts && size(r.Object)+size(r.OldObject) <= ordinary
	for _, c := range candidates {
		if want != nil && !want(c.policy) {
			continue
		}
		if v, applies := ev.judge(c, r); applies {
			report(c.policy, v)
		}
	}
}

func (ev *Evaluator) judge(at candidate, r *Request) (v Verdict, applies bool) {
	e, i := ev.engine, at.policy
	m := e.matchers[i]
	if !at.sure {
		if ok, err := m.policy.applies(r); err != nil {
			return Verdict{Err: err}, true
		} else if !ok {
			return v, false
		}
	}
	c, err := e.policy(i)
	if err != nil {
		return Verdict{Err: err}, true
	}
	ev.vars.policy = c
	light := ev.small && c.light && e.policies[i].Linear
	for _, b := range m.bindings {
		if ok, err := b.match.applies(r); err != nil {
			return Verdict{Err: err}, true
		} else if !ok {
			continue
		}
		if b.missing {
			if b.deny {
				applies = true
				v.Err = errors.Join(v.Err, errors.New("the params that the binding names are not there"))
			}
			continue
		}
		params := b.params
		if len(params) == 0 {
			params = []map[string]any{nil}
		}
		for n, p := range params {
			if n > 0 || len(m.bindings) > 1 {
				ev.epoch++ // variables may read params
			}
			if light {
				if ok, known := ev.runLight(c, p, &v); known {
					applies = ok || applies
					continue
				}
				ev.left++
			}
			applies = ev.run(c, p, &v) || applies
		}
	}
	return v, applies
}

// run evaluates a policy with one param object and adds what it says to v. It tells
// whether the match conditions hold.
func (ev *Evaluator) run(c *compiled, params map[string]any, v *Verdict) bool {
	ev.act.params = nil
	if params != nil {
		ev.act.params = params
	}
	ev.begin(celconfig.RuntimeCELCostBudgetMatchConditions)
	var trouble error
	for i := range c.conditions {
		out, err := ev.eval(&c.conditions[i])
		if err != nil {
			trouble = errors.Join(trouble, fmt.Errorf("match condition %s: %w", c.policy.Spec.MatchConditions[i].Name, err))
		} else if out == types.False {
			return false
		}
	}
	if trouble != nil {
		v.Err = errors.Join(v.Err, trouble)
		return true
	}
	ev.begin(celconfig.RuntimeCELCostBudget)
	denied := false
	for i := range c.validations {
		out, err := ev.eval(&c.validations[i].program)
		switch {
		case err != nil:
			v.Err = errors.Join(v.Err, err)
		case out != types.True:
			denied = true
			if c.offending == nil || !ev.ItemsOnly {
				v.Messages = append(v.Messages, ev.message(&c.validations[i]))
			}
		}
	}
	if denied {
		v.Denied = true
		v.Items = append(v.Items, ev.items(c)...)
		v.Paths = append(v.Paths, ev.paths(c)...)
	}
	return true
}

func (ev *Evaluator) begin(budget uint64) {
	ev.serial++
	ev.cost = budget
}

var errBudget = errors.New("the expression exceeds the cost that the API server allows")

func (ev *Evaluator) charge(cost uint64) error {
	if cost > ev.cost {
		ev.cost = 0
		return errBudget
	}
	ev.cost -= cost
	return nil
}

// eval evaluates an expression and charges its cost where it is counted.
func (ev *Evaluator) eval(p *program) (ref.Val, error) {
	out, cost, err := ev.execute(p)
	if cerr := ev.charge(cost); cerr != nil {
		return nil, cerr
	}
	return out, err
}

// execute evaluates an expression as the API server does.
func (ev *Evaluator) execute(p *program) (ref.Val, uint64, error) {
	if p.err != nil {
		return nil, 0, p.err
	}
	run, err := p.tracked()
	if err != nil {
		return nil, 0, err
	}
	out, details, err := run.Eval(&ev.act)
	cost := uint64(0)
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	ev.most = max(ev.most, cost)
	return out, cost, err
}

// message chooses the text of a failed validation as the API server does.
func (ev *Evaluator) message(v *validation) string {
	text := ""
	if v.message != nil {
		if out, err := ev.eval(v.message); err == nil {
			text, _ = out.Value().(string)
		}
	}
	return v.says(text)
}

// says gives the text of a failed validation whose messageExpression gave text.
func (v *validation) says(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > celconfig.MaxEvaluatedMessageExpressionSizeBytes || strings.Contains(text, "\n") {
		text = ""
	}
	if text == "" {
		text = strings.TrimSpace(v.static)
	}
	if text == "" {
		text = "failed expression: " + strings.TrimSpace(v.text)
	}
	return text
}

// items reads the variable that lists the offending items.
func (ev *Evaluator) items(c *compiled) []string {
	if c.offending == nil {
		return nil
	}
	list, ok := ev.variable(c.offending).(interface{ Value() any })
	if !ok {
		return nil
	}
	items := stringList(list.(ref.Val))
	slices.Sort(items) // those taken from a mapping come in no order
	return items
}

// pathsKey is the audit annotation that [Evaluator.paths] reads.
const pathsKey = "paths"

// paths reads the audit annotation "paths", by which a user's policy names the fields at
// fault, one keyed path a line.
func (ev *Evaluator) paths(c *compiled) []string {
	for i := range c.annotations {
		if c.annotations[i].key != pathsKey {
			continue
		}
		out, err := ev.eval(&c.annotations[i].program)
		if err != nil {
			return nil
		}
		if text, ok := out.Value().(string); ok {
			return strings.Fields(text)
		}
	}
	return nil
}
