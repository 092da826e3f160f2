// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Native is a Constraint whose template is written in CEL (the engine
// K8sNativeValidation), as the ValidatingAdmissionPolicy that Gatekeeper makes of it.
type Native struct {
	Check seaworthy.Check
	// Policy is a ValidatingAdmissionPolicy (v1) whose paramKind is the Constraint's; it
	// matches every object, so ask [Native.Matches] first.
	Policy map[string]any
	// Params is the Constraint, with the defaults of its template.
	Params map[string]any
	match  *match
}

// Matches tells whether the Constraint concerns the object.
func (n Native) Matches(r *Request) bool { return n.match.matches(r) }

// celSource is the code of a template in CEL.
type celSource struct {
	Validations []struct {
		Expression        string `json:"expression"`
		Message           string `json:"message"`
		MessageExpression string `json:"messageExpression"`
	} `json:"validations"`
	FailurePolicy   string       `json:"failurePolicy"`
	MatchConditions []expression `json:"matchCondition"`
	More            []expression `json:"matchConditions"`
	Variables       []expression `json:"variables"`
}

type expression struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

// validate refuses what Gatekeeper would.
func (s *celSource) validate() error {
	if len(s.Validations) == 0 {
		return errors.New("its CEL holds no validations")
	}
	for _, v := range s.Variables {
		if v.Name == "params" || v.Name == "anyObject" || strings.HasPrefix(v.Name, "gatekeeper_internal_") {
			return fmt.Errorf("its variable %s has a reserved name", v.Name)
		}
	}
	if p := s.FailurePolicy; p != "" && p != "Fail" && p != "Ignore" {
		return fmt.Errorf("its failurePolicy %q is not Fail or Ignore", p)
	}
	return nil
}

// native makes the policy of a constraint, with the variables that Gatekeeper promises to
// templates: params is spec.parameters, anyObject the object or, on deletion, the old one.
func (c *constraint) native(params map[string]any) Native {
	s := c.template.cel
	variables := []any{
		map[string]any{"name": "anyObject", "expression": "has(request.operation) && request.operation == 'DELETE' && object == null ? oldObject : object"},
		map[string]any{"name": "params", "expression": "!has(params.spec) ? null : !has(params.spec.parameters) ? null : params.spec.parameters"},
	}
	spec := map[string]any{
		"failurePolicy": "Fail",
		"paramKind":     map[string]any{"apiVersion": c.document.str("apiVersion"), "kind": c.template.kind},
		"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
			"apiGroups": []any{"*"}, "apiVersions": []any{"*"}, "resources": []any{"*"},
			"operations": []any{"CREATE", "UPDATE"},
		}}},
		"variables": append(variables, expressions(s.Variables)...),
	}
	if s.FailurePolicy != "" {
		spec["failurePolicy"] = s.FailurePolicy
	}
	if conditions := expressions(append(s.MatchConditions, s.More...)); len(conditions) > 0 {
		spec["matchConditions"] = conditions
	}
	var validations []any
	for _, v := range s.Validations {
		one := map[string]any{"expression": v.Expression}
		if v.Message != "" {
			one["message"] = v.Message
		}
		if v.MessageExpression != "" {
			one["messageExpression"] = v.MessageExpression
		}
		validations = append(validations, one)
	}
	spec["validations"] = validations
	object := maps.Clone(c.document.object)
	objectSpec, _ := object["spec"].(map[string]any)
	if objectSpec = maps.Clone(objectSpec); objectSpec != nil {
		objectSpec["parameters"] = params
		object["spec"] = objectSpec
	}
	return Native{
		Check: c.Check, Params: object, match: c.match,
		Policy: map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
			"metadata": map[string]any{"name": "gatekeeper-" + strings.ToLower(c.template.kind)}, "spec": spec,
		},
	}
}

func expressions(list []expression) []any {
	var out []any
	for _, e := range list {
		out = append(out, map[string]any{"name": e.Name, "expression": e.Expression})
	}
	return out
}
