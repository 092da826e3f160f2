// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// matcher decides whether a policy applies to an object, following the rules of
// matchConstraints in admissionregistration.k8s.io/v1.
type matcher struct {
	policy   *constraints
	bindings []*binding
}

// binding is where a policy applies and with which params; a policy without one has a
// single binding that matches everything.
type binding struct {
	match  *constraints // nil: everything
	params []map[string]any
	// missing: the params that the binding names are not there.
	missing bool
	// deny: without params the binding denies (parameterNotFoundAction).
	deny bool
}

type constraints struct {
	include, exclude []admissionv1.NamedRuleWithOperations
	namespaces       labels.Selector
	objects          labels.Selector
	equivalent       bool
	err              error
}

func newMatcher(p *Policy) *matcher {
	m := &matcher{policy: newConstraints(p.Spec.MatchConstraints)}
	if len(p.Bindings) == 0 {
		m.bindings = []*binding{{params: p.Params}}
		return m
	}
	for _, b := range p.Bindings {
		m.bindings = append(m.bindings, newBinding(p, b))
	}
	return m
}

func newBinding(p *Policy, b *admissionv1.ValidatingAdmissionPolicyBinding) *binding {
	out := &binding{}
	if b.Spec.MatchResources != nil {
		out.match = newConstraints(b.Spec.MatchResources)
	}
	ref := b.Spec.ParamRef
	if p.Spec.ParamKind == nil || ref == nil {
		return out
	}
	selector, err := metav1.LabelSelectorAsSelector(ref.Selector)
	for _, param := range p.Params {
		meta, _ := param["metadata"].(map[string]any)
		switch {
		case ref.Namespace != "" && meta["namespace"] != ref.Namespace:
		case ref.Name != "" && meta["name"] != ref.Name:
		case ref.Selector != nil && (err != nil || !selector.Matches(labelsOf(meta))):
		default:
			out.params = append(out.params, param)
		}
	}
	out.missing = len(out.params) == 0
	out.deny = ref.ParameterNotFoundAction == nil || *ref.ParameterNotFoundAction == admissionv1.DenyAction
	return out
}

func newConstraints(m *admissionv1.MatchResources) *constraints {
	c := &constraints{namespaces: labels.Everything(), objects: labels.Everything(), equivalent: true}
	if m == nil {
		return c
	}
	c.include, c.exclude = m.ResourceRules, m.ExcludeResourceRules
	c.equivalent = m.MatchPolicy == nil || *m.MatchPolicy == admissionv1.Equivalent
	for _, s := range []struct {
		from *metav1.LabelSelector
		to   *labels.Selector
	}{{m.NamespaceSelector, &c.namespaces}, {m.ObjectSelector, &c.objects}} {
		if s.from == nil {
			continue
		}
		sel, err := metav1.LabelSelectorAsSelector(s.from)
		if err != nil {
			c.err = fmt.Errorf("read match constraints: %w", err)
			return c
		}
		*s.to = sel
	}
	return c
}

// needsNamespace tells whether the constraints look at the labels of namespaces.
func (c *constraints) needsNamespace() bool { return c != nil && !c.namespaces.Empty() }

// applies tells whether the constraints match the request.
func (c *constraints) applies(r *Request) (bool, error) {
	if c == nil {
		return true, nil
	}
	if c.err != nil {
		return false, c.err
	}
	if !c.namespaces.Empty() && !r.namespaceMatches(c.namespaces) {
		return false, nil
	}
	if !c.objects.Empty() && !c.objects.Matches(labelsOf(sub(r.Object, "metadata"))) {
		return false, nil
	}
	if ok, err := c.anyRule(c.exclude, r); ok || err != nil {
		return false, err
	}
	if len(c.include) == 0 {
		return true, nil
	}
	return c.anyRule(c.include, r)
}

func (c *constraints) anyRule(rules []admissionv1.NamedRuleWithOperations, r *Request) (bool, error) {
	other := ""
	for i := range rules {
		rule := &rules[i]
		if !has(rule.APIGroups, r.Resource.Group) || !operation(rule.Operations, r.Operation) ||
			!resources(rule.Resources, r.Resource.Resource, r.Subresource) || !scope(rule.Scope, r) ||
			len(rule.ResourceNames) > 0 && !slices.Contains(rule.ResourceNames, r.Name) {
			continue
		}
		if has(rule.APIVersions, r.Resource.Version) {
			return true, nil
		}
		other = strings.Join(rule.APIVersions, ", ")
	}
	if other != "" && c.equivalent {
		return false, fmt.Errorf("the policy asks for version %s of %s; offline there is only %s", other, r.Resource.GroupResource(), r.Resource.Version)
	}
	return false, nil
}

// candidate is a policy whose resource rules may match; sure, whatever else an object
// holds.
type candidate struct {
	policy int
	sure   bool
}

// where is what the resource rules of a policy look at.
type where struct {
	resource    kschema.GroupVersionResource
	subresource string
	operation   string
	podTemplate bool
}

// candidates lists the policies whose resource rules may match the request.
func (e *Engine) candidates(r *Request) []candidate {
	w := where{r.Resource, r.Subresource, r.Operation, r.PodTemplate}
	e.mu.RLock()
	list, ok := e.byWhere[w]
	e.mu.RUnlock()
	if ok {
		return list
	}
	list = []candidate{}
	for i, m := range e.matchers {
		if sure := r.PodTemplate && e.pods[i] || m.policy.always(r); sure || m.policy.mayApply(r) {
			list = append(list, candidate{i, sure})
		}
	}
	e.mu.Lock()
	e.byWhere[w] = list
	e.mu.Unlock()
	return list
}

// mayApply looks at the parts of the constraints that do not depend on the object.
func (c *constraints) mayApply(r *Request) bool {
	if c.err != nil || len(c.include) == 0 {
		return true
	}
	for i := range c.include {
		rule := &c.include[i]
		if has(rule.APIGroups, r.Resource.Group) && operation(rule.Operations, r.Operation) && resources(rule.Resources, r.Resource.Resource, r.Subresource) {
			return true
		}
	}
	return false
}

// always tells whether the constraints hold whatever the object and its namespace are.
func (c *constraints) always(r *Request) bool {
	if c.err != nil || !c.namespaces.Empty() || !c.objects.Empty() || len(c.exclude) > 0 {
		return false
	}
	for i := range c.include {
		if rule := &c.include[i]; rule.Scope != nil || len(rule.ResourceNames) > 0 {
			return false
		}
	}
	ok, err := c.applies(r)
	return ok && err == nil
}

func has(list []string, s string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, s)
}

func operation(list []admissionv1.OperationType, op string) bool {
	return slices.Contains(list, admissionv1.OperationAll) || slices.Contains(list, admissionv1.OperationType(op))
}

// resources follows the server's reading of 'pods', 'pods/exec', '*', 'pods/*' and '*/*'.
func resources(list []string, resource, subresource string) bool {
	for _, r := range list {
		name, sub, _ := strings.Cut(r, "/")
		if (name == "*" || name == resource) && (sub == "*" || sub == subresource) {
			return true
		}
	}
	return false
}

func scope(s *admissionv1.ScopeType, r *Request) bool {
	switch {
	case s == nil || *s == admissionv1.AllScopes:
		return true
	case *s == admissionv1.NamespacedScope:
		return r.Namespace != "" && r.Resource.Resource != "namespaces"
	}
	return r.Namespace == "" || r.Resource.Resource == "namespaces"
}

func labelsOf(meta map[string]any) labels.Set {
	out := labels.Set{}
	m, _ := meta["labels"].(map[string]any)
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

func sub(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		m, _ = m[p].(map[string]any)
	}
	return m
}
