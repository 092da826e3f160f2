// SPDX-License-Identifier: Apache-2.0

// Package cel evaluates ValidatingAdmissionPolicy objects offline, as kube-apiserver
// does.
//
// There are two ways to the same verdict. [Engine] is the fast one, for scanning: the
// expressions are compiled in the API server's own environment and run as plain CEL
// programs, a variable that several policies define in the same words is evaluated once
// for each object, and nothing is compiled before an object needs it. [Reference] is the
// plain one: k8s.io/apiserver's own validator. Tests hold the two together over every
// check, and a real API server holds both.
//
// It follows k8s.io/apiserver 0.36 (pkg/admission/plugin/policy/validating). This is
// the only package that imports it: its signatures change with every minor version.
package cel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// Policy is one ValidatingAdmissionPolicy with what binds it.
type Policy struct {
	ID   string
	Spec *admissionv1.ValidatingAdmissionPolicySpec
	// Bindings limit where the policy applies and which params it gets. Without one the
	// policy applies wherever its match constraints say, with Params.
	Bindings []*admissionv1.ValidatingAdmissionPolicyBinding
	// Params are the param objects that a policy without bindings runs with, or that its
	// bindings choose from.
	Params []map[string]any
	// Linear says that the cost of each expression grows no faster than the object, by
	// at most [LinearCost] for each unit of its size. Built-in policies are held to it by
	// a test; their cost need not be counted on objects of ordinary size.
	Linear bool
}

// Offending is the name of the variable that lists the offending items of an object, as
// keyed paths (see checks/README.md).
const Offending = "offending"

// podSpec is the variable by which a policy that judges pod templates is known.
const podSpec = "podSpec"

// judgesPods tells whether the policy judges pod templates, of whatever kind.
func (p *Policy) judgesPods() bool {
	for _, v := range p.Spec.Variables {
		if v.Name == podSpec {
			return true
		}
	}
	return false
}

// program is one compiled expression. It runs in one of two ways: tracked, as the API
// server runs it, with its cost counted; or light, without counting, where the cost is
// known to stay far below the limit (see [Policy.Linear] and [planner]).
type program struct {
	kind    *cel.Type
	err     error // of compiling
	light   light
	tracked func() (cel.Program, error) // planned when first needed
}

// variable is a named expression; policies that define it in the same words share it.
type variable struct {
	program
	name string
	slot int
}

// compiled is a policy ready to run.
type compiled struct {
	policy      *Policy
	variables   map[string]*variable
	offending   *variable // nil where the policy does not list its items
	conditions  []program
	validations []validation
	annotations []annotation
	light       bool // everything has a light program
}

type validation struct {
	program
	text    string
	message *program // messageExpression, or nil
	static  string
}

type annotation struct {
	program
	key string
}

// compiler compiles expressions in the environment of the API server. The type of
// `variables` changes from policy to policy, so it compiles one policy at a time.
type compiler struct {
	mu     sync.Mutex
	fields *apiservercel.DeclType // of `variables`
	env    *cel.Env
	plan   *planner
	shared map[string]*variable // by closure: the expression and all that it refers to
	progs  map[string]program
}

// newCompiler makes the environment for stored expressions, which knows every function
// of this version of Kubernetes.
func newCompiler() (*compiler, error) {
	fields := apiservercel.NewObjectType("kubernetes.variables", map[string]*apiservercel.DeclField{})
	set, err := extend(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), fields)
	if err != nil {
		return nil, err
	}
	return compilerFor(set.StoredExpressionsEnv(), fields)
}

func compilerFor(env *cel.Env, fields *apiservercel.DeclType) (*compiler, error) {
	plan, err := newPlanner(env)
	if err != nil {
		return nil, err
	}
	return &compiler{fields: fields, env: env, plan: plan, shared: map[string]*variable{}, progs: map[string]program{}}, nil
}

// extend declares the variables of a validating policy.
func extend(base *environment.EnvSet, fields *apiservercel.DeclType) (*environment.EnvSet, error) {
	request, namespace := plugin.BuildRequestType(), plugin.BuildNamespaceType()
	set, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable("object", cel.DynType),
			cel.Variable("oldObject", cel.DynType),
			cel.Variable("params", cel.DynType),
			cel.Variable("namespaceObject", namespace.CelType()),
			cel.Variable("request", request.CelType()),
			cel.Variable("variables", fields.CelType()),
			cel.Variable("authorizer", library.AuthorizerType),
			cel.Variable("authorizer.requestResource", library.ResourceCheckType),
		},
		DeclTypes: []*apiservercel.DeclType{fields, request, namespace},
	}, environment.StrictCostOpt)
	if err != nil {
		return nil, fmt.Errorf("prepare the CEL environment: %w", err)
	}
	return set, nil
}

// policy compiles one policy. Errors of single expressions are kept with them: they are
// errors of the check on the objects that reach them, as in the API server.
func (c *compiler) policy(p *Policy) *compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &compiled{policy: p, variables: map[string]*variable{}}
	c.fields.Fields = map[string]*apiservercel.DeclField{}
	closures := map[string]string{}
	for _, v := range p.Spec.Variables {
		closure := c.closure(p, v.Expression, closures)
		shared := c.shared[closure]
		if shared == nil {
			shared = &variable{name: v.Name, slot: len(c.shared), program: c.compile(v.Expression, out.variables)}
			c.shared[closure] = shared
		}
		closures[v.Name] = closure
		c.fields.Fields[v.Name] = apiservercel.NewDeclField(v.Name, declared(shared.kind), true, nil, nil)
		out.variables[v.Name] = shared
	}
	out.offending = out.variables[Offending]
	expr := func(text string) program {
		key := c.closure(p, text, closures)
		prog, ok := c.progs[key]
		if !ok {
			prog = c.compile(text, out.variables)
			c.progs[key] = prog
		}
		return prog
	}
	for _, m := range p.Spec.MatchConditions {
		out.conditions = append(out.conditions, expr(m.Expression))
	}
	for _, v := range p.Spec.Validations {
		compiled := validation{program: expr(v.Expression), text: v.Expression, static: v.Message}
		if v.MessageExpression != "" {
			m := expr(v.MessageExpression)
			compiled.message = &m
		}
		out.validations = append(out.validations, compiled)
	}
	for _, a := range p.Spec.AuditAnnotations {
		out.annotations = append(out.annotations, annotation{expr(a.ValueExpression), a.Key})
	}
	out.light = out.planned()
	return out
}

// planned tells whether all that judging takes has a light program.
func (c *compiled) planned() bool {
	for i := range c.conditions {
		if c.conditions[i].light.node == nil {
			return false
		}
	}
	for i := range c.validations {
		v := &c.validations[i]
		if v.light.node == nil || v.message != nil && v.message.light.node == nil {
			return false
		}
	}
	return !slices.ContainsFunc(c.annotations, func(a annotation) bool { return a.key == pathsKey }) &&
		(c.offending == nil || c.offending.light.node != nil)
}

var (
	refersTo     = regexp.MustCompile(`\bvariables\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)`)
	refersParams = regexp.MustCompile(`\bparams\b`)
)

// closure identifies an expression with everything that decides its value: its words,
// those of the variables that it refers to, and the policy where params are in play.
func (c *compiler) closure(p *Policy, text string, closures map[string]string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(text))
	if refersParams.MatchString(text) {
		b.WriteString("\x00params of ")
		b.WriteString(p.ID)
	}
	for _, m := range refersTo.FindAllStringSubmatch(text, -1) {
		b.WriteString("\x00")
		b.WriteString(m[1])
		b.WriteString("=(")
		b.WriteString(closures[m[1]])
		b.WriteString(")")
	}
	return b.String()
}

func (c *compiler) compile(text string, variables map[string]*variable) program {
	ast, issues := c.env.Compile(text)
	if issues != nil && issues.Err() != nil {
		return program{err: fmt.Errorf("compile %q: %w", clip(text), issues.Err())}
	}
	env := c.env
	return program{kind: ast.OutputType(), light: c.plan.program(ast, variables), tracked: sync.OnceValues(func() (cel.Program, error) { return env.Program(ast) })}
}

func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 120 {
		return text[:120] + "…"
	}
	return text
}

// declared is the type that the API server gives a variable of an inferred CEL type.
func declared(t *cel.Type) *apiservercel.DeclType {
	switch t {
	case nil:
		return apiservercel.DynType
	case cel.AnyType:
		return apiservercel.AnyType
	case cel.BoolType:
		return apiservercel.BoolType
	case cel.BytesType:
		return apiservercel.BytesType
	case cel.DoubleType:
		return apiservercel.DoubleType
	case cel.DurationType:
		return apiservercel.DurationType
	case cel.IntType:
		return apiservercel.IntType
	case cel.NullType:
		return apiservercel.NullType
	case cel.StringType:
		return apiservercel.StringType
	case cel.TimestampType:
		return apiservercel.TimestampType
	case cel.UintType:
		return apiservercel.UintType
	}
	switch p := t.Parameters(); {
	case t.Kind() == cel.ListKind && len(p) == 1:
		return apiservercel.NewListType(declared(p[0]), -1)
	case t.Kind() == cel.MapKind && len(p) == 2:
		return apiservercel.NewMapType(declared(p[0]), declared(p[1]), -1)
	}
	return apiservercel.DynType
}
