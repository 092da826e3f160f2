// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// Rights are what an agent needs: of the cluster, and in the namespace of its own.
type Rights struct {
	Cluster, Namespace []rbacv1.PolicyRule
}

// RightsOptions say what the agent does.
type RightsOptions struct {
	// Name of the agent's own objects.
	Name string
	// Secrets are listed too.
	Secrets bool
	// Admission keeps a webhook in place.
	Admission bool
}

// Needs gives the least that an agent needs. The chart's roles are made of it, a test runs
// an agent with nothing else, and each agent holds what it was given against it.
func Needs(o RightsOptions) Rights {
	own := func(group, resource, name string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: []string{name}, Verbs: verbs}
	}
	out := Rights{Cluster: kube.Watching(o.Secrets)}
	out.Namespace = []rbacv1.PolicyRule{
		own("coordination.k8s.io", "leases", o.Name, "get", "update"),
		own("", "secrets", o.Name+"-key", "get", "update"),
	}
	if !o.Admission {
		return out
	}
	const group, hooks = "admissionregistration.k8s.io", "validatingwebhookconfigurations"
	out.Cluster = append(out.Cluster,
		// A name cannot be asked for where an object is made.
		rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{hooks}, Verbs: []string{"create"}},
		own(group, hooks, o.Name, "get", "update"),
	)
	out.Namespace = append(out.Namespace,
		own("", "secrets", o.Name+"-certificate", "get", "update"),
		own("", "configmaps", o.Name+"-canary", "get", "update"),
	)
	return out
}

// selfCheck asks what the agent is allowed and holds it against what it needs: what is
// lacking, and what it does not need. Kubernetes tells the rights that a subject has, also
// those that everybody has; these are no excess.
func (a *Agent) selfCheck(ctx context.Context) (lacking, excess []string, err error) {
	review := &authorizationv1.SelfSubjectRulesReview{}
	review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectRulesReview"
	review.Spec.Namespace = a.cfg.Namespace
	_, err = a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPost, Path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", Body: review, Into: review})
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the agent's own rights: %w", err)
	}
	needs := Needs(RightsOptions{Name: a.cfg.Name, Secrets: a.cfg.Secrets, Admission: a.cfg.admits()})
	lacking, excess = compare(slices.Concat(needs.Cluster, needs.Namespace), review.Status.ResourceRules)
	if review.Status.Incomplete {
		lacking = nil // somebody else than RBAC grants rights here, and does not list them
	}
	return lacking, excess, nil
}

// right is one verb on one resource.
type right struct{ group, resource, name, verb string }

func (r right) String() string {
	out := r.verb + " " + r.resource
	if r.group != "" {
		out += "." + r.group
	}
	if r.name != "" {
		out += "/" + r.name
	}
	return out
}

func rightsOf(groups, resources, names, verbs []string) []right {
	if len(names) == 0 {
		names = []string{""}
	}
	var out []right
	for _, g := range groups {
		for _, r := range resources {
			for _, n := range names {
				for _, v := range verbs {
					out = append(out, right{g, r, n, v})
				}
			}
		}
	}
	return out
}

// everybody are rights that Kubernetes gives to all who are known to it.
var everybody = []right{
	{"authorization.k8s.io", "selfsubjectaccessreviews", "", "create"}, {"authorization.k8s.io", "selfsubjectrulesreviews", "", "create"},
	{"authentication.k8s.io", "selfsubjectreviews", "", "create"},
}

func compare(needs []rbacv1.PolicyRule, has []authorizationv1.ResourceRule) (lacking, excess []string) {
	var needed, given []right
	for _, n := range needs {
		needed = append(needed, rightsOf(n.APIGroups, n.Resources, n.ResourceNames, n.Verbs)...)
	}
	for _, h := range has {
		given = append(given, rightsOf(h.APIGroups, h.Resources, h.ResourceNames, h.Verbs)...)
	}
	for _, n := range needed {
		if !slices.ContainsFunc(given, func(g right) bool { return g.covers(n) }) {
			lacking = append(lacking, n.String())
		}
	}
	for _, g := range given {
		if !slices.ContainsFunc(slices.Concat(needed, everybody), func(n right) bool { return n.covers(g) }) {
			excess = append(excess, g.String())
		}
	}
	slices.SortFunc(excess, func(a, b string) int { return cmp.Or(strings.Compare(a, b)) })
	return slices.Compact(lacking), slices.Compact(excess)
}

// covers tells whether the right includes another one.
func (r right) covers(o right) bool {
	all := func(mine, theirs string) bool { return mine == "*" || mine == theirs }
	return all(r.group, o.group) && all(r.resource, o.resource) && all(r.verb, o.verb) && (r.name == "" || r.name == o.name)
}
