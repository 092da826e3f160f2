// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Reference judges by k8s.io/apiserver's own validator: slow, and right by construction.
// It holds the engine to the API server and serves where one object is judged at a time.
// It looks at match conditions and validations; match constraints are the caller's.
type Reference struct {
	policy *Policy
	once   sync.Once
	run    validating.Validator
	err    error
}

// NewReference makes a validator of one policy; it is compiled when it is first used.
func NewReference(p *Policy) *Reference { return &Reference{policy: p} }

func (r *Reference) compile() {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	compiler, err := plugin.NewCompositedCompiler(base)
	if err != nil {
		r.err = err
		return
	}
	s := r.policy.Spec
	with := plugin.OptionalVariableDeclarations{HasParams: s.ParamKind != nil, HasAuthorizer: true}
	without := plugin.OptionalVariableDeclarations{HasParams: s.ParamKind != nil}
	for _, v := range s.Variables {
		compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, with, environment.StoredExpressions)
	}
	var matcher matchconditions.Matcher
	if len(s.MatchConditions) > 0 {
		conditions := make([]plugin.ExpressionAccessor, len(s.MatchConditions))
		for i := range s.MatchConditions {
			conditions[i] = (*matchconditions.MatchCondition)(&s.MatchConditions[i])
		}
		matcher = matchconditions.NewMatcher(compiler.CompileCondition(conditions, with, environment.StoredExpressions), s.FailurePolicy, "policy", "validate", r.policy.ID)
	}
	validations := make([]plugin.ExpressionAccessor, len(s.Validations))
	messages := make([]plugin.ExpressionAccessor, len(s.Validations))
	for i, v := range s.Validations {
		validations[i] = &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason}
		if v.MessageExpression != "" {
			messages[i] = &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
	}
	annotations := make([]plugin.ExpressionAccessor, len(s.AuditAnnotations))
	for i, a := range s.AuditAnnotations {
		annotations[i] = &validating.AuditAnnotationCondition{Key: a.Key, ValueExpression: a.ValueExpression}
	}
	fail := admissionv1.Fail // an error is never a pass, whatever the policy says
	r.run = validating.NewValidator(
		compiler.CompileCondition(validations, with, environment.StoredExpressions), matcher,
		compiler.CompileCondition(annotations, with, environment.StoredExpressions),
		compiler.CompileCondition(messages, without, environment.StoredExpressions), &fail, nil)
}

// Judge evaluates the policy on a request with one param object (nil for none).
func (r *Reference) Judge(ctx context.Context, req *Request, params map[string]any) (Verdict, error) {
	r.once.Do(r.compile)
	if r.err != nil {
		return Verdict{}, fmt.Errorf("compile policy %s: %w", r.policy.ID, r.err)
	}
	attr := admission.NewAttributesRecord(object(req.Object), object(req.OldObject), req.Kind, req.Namespace, req.Name,
		req.Resource, req.Subresource, admission.Operation(req.Operation), nil, true, requester{req})
	versioned := &admission.VersionedAttributes{
		Attributes: attr, VersionedKind: req.Kind, VersionedObject: object(req.Object), VersionedOldObject: object(req.OldObject),
	}
	var namespace *corev1.Namespace
	if req.NamespaceObject != nil {
		namespace = &corev1.Namespace{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(req.NamespaceObject, namespace); err != nil {
			return Verdict{}, fmt.Errorf("read the namespace of %s: %w", req.Name, err)
		}
	}
	result := r.run.Validate(ctx, req.Resource, versioned, object(params), namespace, celconfig.RuntimeCELCostBudget, undecided{})
	var v Verdict
	for _, d := range result.Decisions {
		switch d.Evaluation {
		case validating.EvalDeny:
			v.Denied = true
			v.Messages = append(v.Messages, d.Message)
		case validating.EvalError:
			v.Err = errors.Join(v.Err, errors.New(d.Message))
		}
	}
	return v, nil
}

// object wraps a mapping; nil stays a nil interface.
func object(m map[string]any) runtime.Object {
	if m == nil {
		return nil
	}
	return &unstructured.Unstructured{Object: m}
}
