// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Before is the suffix of the variables that repeat the others for the old object.
const Before = "Before"

var (
	objectWord = regexp.MustCompile(`(^|[^.\w'"])object\b`)
	variable2  = regexp.MustCompile(`\bvariables\.([A-Za-z_][A-Za-z0-9_]*)`)
	literal    = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`)
)

// WorseOnly rewrites a policy that lists its offending items so that, on update, it fails
// only on items that were not offending before: a check judges what the change makes
// worse. A policy without such a list stays as it is.
func WorseOnly(p *admissionv1.ValidatingAdmissionPolicy) *admissionv1.ValidatingAdmissionPolicy {
	out := p.DeepCopy()
	var before []admissionv1.Variable
	lists := false
	for _, v := range p.Spec.Variables {
		lists = lists || v.Name == Offending
		expression := forOldObject(v.Expression)
		if v.Name == Offending {
			// Creating an object has no old one; remarks are no part of an item's identity.
			expression = "oldObject == null ? [] : (" + expression + ").map(i, i.split('" + remark + "')[0])"
		} else {
			expression = "oldObject == null ? dyn(null) : dyn(" + expression + ")"
		}
		before = append(before, admissionv1.Variable{Name: v.Name + Before, Expression: expression})
	}
	if !lists {
		return out
	}
	out.Spec.Variables = append(out.Spec.Variables, before...)
	out.Spec.Variables = append(out.Spec.Variables, admissionv1.Variable{
		Name:       "worse",
		Expression: "variables." + Offending + ".filter(i, !(i.split('" + remark + "')[0] in variables." + Offending + Before + "))",
	})
	// The API server records only the first policy that fails; the audit annotation
	// makes every one show what it found.
	out.Spec.AuditAnnotations = append(out.Spec.AuditAnnotations, admissionv1.AuditAnnotation{
		Key: Offending, ValueExpression: "variables.worse.join('; ')",
	})
	for i := range out.Spec.Validations {
		v := &out.Spec.Validations[i]
		v.Expression = rename(v.Expression, Offending, "worse")
		v.MessageExpression = rename(v.MessageExpression, Offending, "worse")
	}
	return out
}

// remark separates an item from words about it, as in internal/snapshot.
const remark = " — "

func rename(expression, from, to string) string {
	return strings.ReplaceAll(expression, "variables."+from, "variables."+to)
}

// forOldObject makes an expression speak of oldObject and of the variables about it.
// String literals stay as they are.
func forOldObject(expression string) string {
	var b strings.Builder
	last := 0
	rewrite := func(code string) string {
		code = objectWord.ReplaceAllString(code, "${1}oldObject")
		return variable2.ReplaceAllString(code, "variables.${1}"+Before)
	}
	for _, at := range literal.FindAllStringIndex(expression, -1) {
		b.WriteString(rewrite(expression[last:at[0]]))
		b.WriteString(expression[at[0]:at[1]])
		last = at[1]
	}
	b.WriteString(rewrite(expression[last:]))
	return b.String()
}

// CompilesOn tells whether every expression of a policy compiles on an API server of the
// given Kubernetes version, as for a policy that is newly created there.
func CompilesOn(p *admissionv1.ValidatingAdmissionPolicy, minor *version.Version) error {
	env, fields, err := versioned(minor)
	if err != nil {
		return err
	}
	c, err := compilerFor(env, fields)
	if err != nil {
		return err
	}
	e := &Engine{policies: []Policy{{ID: p.Name, Spec: &p.Spec}}, once: make([]sync.Once, 1), compiled: make([]atomic.Pointer[compiled], 1)}
	e.compilerOnce.Do(func() { e.compiler = c })
	if err := e.Compile(0); err != nil {
		return fmt.Errorf("policy %s does not compile on Kubernetes %s: %w", p.Name, minor, err)
	}
	return nil
}

func versioned(minor *version.Version) (*cel.Env, *apiservercel.DeclType, error) {
	fields := apiservercel.NewObjectType("kubernetes.variables", map[string]*apiservercel.DeclField{})
	set, err := extend(environment.MustBaseEnvSet(minor), fields)
	if err != nil {
		return nil, nil, err
	}
	return set.NewExpressionsEnv(), fields, nil
}
