// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
)

// NotAlone says which checks that run [Alone] does not evaluate, or not whole, and why.
func (c *Catalogue) NotAlone() map[string]string {
	out := map[string]string{}
	for _, k := range c.Checks {
		switch {
		case c.lacksParams(k):
			out[k.ID] = "its parameters are not set (" + paramNames(k) + ")"
		case k.Scope == seaworthy.ScopeSingleCross:
			out[k.ID] = "what surrounds the object is not looked at"
		case k.Scope == seaworthy.ScopeCross || k.Scope == seaworthy.ScopeCluster:
			out[k.ID] = "it needs more than one object"
		}
	}
	for i, p := range c.engine.Policies() {
		if asksForRights(&p) {
			out[c.policies[i]] = "it asks what the user may do, which only the API server knows: install the policy there"
		}
	}
	for _, b := range c.bundles {
		for _, id := range b.Crossing() {
			if c.Runs(id) {
				out[id] = "it reads other objects (data.inventory)"
			}
		}
	}
	return out
}

// Decides tells whether [Alone] evaluates the check, at least in part.
func (c *Catalogue) Decides(id string) bool {
	i, ok := c.index[id]
	if !ok {
		return false
	}
	if reason := c.NotAlone()[id]; reason != "" {
		return c.Checks[i].Scope == seaworthy.ScopeSingleCross && !c.lacksParams(c.Checks[i])
	}
	return true
}

// Rules lists the resources that the checks that [Alone] evaluates are about, each rule
// once. Rego says nothing of that: with it, every resource is.
func (c *Catalogue) Rules(wants func(*seaworthy.Check) bool) []admissionv1.Rule {
	var out []admissionv1.Rule
	add := func(r admissionv1.Rule) { out = AddRule(out, r) }
	for i, p := range c.engine.Policies() {
		if !c.Decides(c.policies[i]) || !wants(&c.Checks[c.index[c.policies[i]]]) {
			continue
		}
		if p.Spec.MatchConstraints == nil {
			continue
		}
		for _, r := range p.Spec.MatchConstraints.ResourceRules {
			if writes(r.Operations) {
				add(admissionv1.Rule{APIGroups: r.APIGroups, APIVersions: r.APIVersions, Resources: r.Resources})
			}
		}
	}
	for _, a := range c.perObject {
		if slices.ContainsFunc(a.Checks, func(k seaworthy.Check) bool { return c.Decides(k.ID) && wants(&k) }) {
			for _, r := range Templated() {
				add(r)
			}
		}
	}
	for _, b := range c.bundles {
		if slices.ContainsFunc(b.Checks(), func(k seaworthy.Check) bool { return c.Decides(k.ID) && wants(&k) }) {
			add(admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*"}})
		}
	}
	return out
}

// AddRule adds a rule to those that do not hold it yet.
func AddRule(list []admissionv1.Rule, r admissionv1.Rule) []admissionv1.Rule {
	if slices.ContainsFunc(list, func(o admissionv1.Rule) bool { return slices.Equal(ruleWords(o), ruleWords(r)) }) {
		return list
	}
	return append(list, r)
}

// Templated are the resources that hold Pods or templates of them: what is judged by
// whoever judges Pods, and has no policy that says so.
func Templated() []admissionv1.Rule {
	rule := func(group, version string, resources ...string) admissionv1.Rule {
		return admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources}
	}
	return []admissionv1.Rule{
		rule("", "v1", "pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers"),
		rule("apps", "v1", "daemonsets", "deployments", "replicasets", "statefulsets"),
		rule("batch", "v1", "cronjobs", "jobs"),
		rule("argoproj.io", "v1alpha1", "rollouts"),
	}
}

func ruleWords(r admissionv1.Rule) []string {
	return []string{strings.Join(r.APIGroups, ","), strings.Join(r.APIVersions, ","), strings.Join(r.Resources, ",")}
}

func writes(operations []admissionv1.OperationType) bool {
	return slices.ContainsFunc(operations, func(o admissionv1.OperationType) bool {
		return o == admissionv1.OperationAll || o == admissionv1.Create || o == admissionv1.Update
	})
}

// field finds what an expression reads of the object's spec.
var field = regexp.MustCompile(`\bobject\.spec\b(?:\.\??([A-Za-z]+))?`)

// ByReplicas tells whether the check's policy reads nothing of the object's spec but the
// number of replicas, so that it can judge the scale of an object that nobody shows.
func (c *Catalogue) ByReplicas(id string) bool {
	i := slices.Index(c.policies, id)
	if i < 0 {
		return false
	}
	p := c.engine.Policies()[i]
	reads, other := false, false
	for _, text := range expressions(&p) {
		for _, m := range field.FindAllStringSubmatch(text, -1) {
			reads = reads || m[1] == "replicas"
			other = other || m[1] != "replicas"
		}
	}
	return reads && !other
}

// expressions lists everything that a policy evaluates, but its audit annotations.
func expressions(p *cel.Policy) []string {
	var out []string
	for _, v := range p.Spec.Variables {
		out = append(out, v.Expression)
	}
	for _, v := range p.Spec.Validations {
		out = append(out, v.Expression, v.MessageExpression)
	}
	for _, m := range p.Spec.MatchConditions {
		out = append(out, m.Expression)
	}
	return out
}

// asksForRights tells whether a policy asks the API server what the user may do.
func asksForRights(p *cel.Policy) bool {
	return slices.ContainsFunc(expressions(p), func(text string) bool { return strings.Contains(text, "authorizer") })
}

// Knows tells whether there is a check of this id, whether it runs or not.
func (c *Catalogue) Knows(id string) bool { return c.known[id] }
