// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// given is what an API server says of who has exactly these rights.
func given(rules []rbacv1.PolicyRule) *authorizationv1.SubjectRulesReviewStatus {
	out := &authorizationv1.SubjectRulesReviewStatus{}
	for _, r := range rules {
		if len(r.NonResourceURLs) > 0 {
			out.NonResourceRules = append(out.NonResourceRules, authorizationv1.NonResourceRule{Verbs: r.Verbs, NonResourceURLs: r.NonResourceURLs})
			continue
		}
		out.ResourceRules = append(out.ResourceRules, authorizationv1.ResourceRule{
			Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames,
		})
	}
	return out
}

// TestRights holds what an agent was given against what it needs.
func TestRights(t *testing.T) {
	needs := Needs(RightsOptions{Name: "a", Admission: true})
	all := slices.Concat(needs.Cluster, needs.Namespace)
	with := func(rules ...rbacv1.PolicyRule) *authorizationv1.SubjectRulesReviewStatus {
		return given(slices.Concat(all, rules))
	}
	urls := func(verb string, urls ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: []string{verb}, NonResourceURLs: urls}
	}
	for name, c := range map[string]struct {
		has             *authorizationv1.SubjectRulesReviewStatus
		lacking, excess []string
	}{
		"exactly what is needed":    {has: with()},
		"Secrets":                   {has: with(rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}), excess: []string{"get secrets"}},
		"one right too few":         {has: given(all[:len(all)-1]), lacking: []string{"get configmaps/a-canary", "update configmaps/a-canary"}},
		"everything":                {has: with(rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}, urls("*", "*")), excess: []string{"* *", "* *.*"}},
		"metrics and logs":          {has: with(urls("get", "/metrics", "/logs/*")), excess: []string{"get /logs/*", "get /metrics"}},
		"what everybody may get":    {has: with(urls("get", "/healthz", "/openapi/*", "/openapi/v3", "/version", "/openid/v1/jwks/"))},
		"another verb on a version": {has: with(urls("post", "/version")), excess: []string{"post /version"}},
		"nothing but resources": {
			has:     &authorizationv1.SubjectRulesReviewStatus{ResourceRules: given(all).ResourceRules},
			lacking: []string{"get /api", "get /api/*", "get /apis", "get /apis/*", "get /version"},
		},
		"all addresses by a star": {has: &authorizationv1.SubjectRulesReviewStatus{
			ResourceRules: given(all).ResourceRules, NonResourceRules: []authorizationv1.NonResourceRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/*"}}},
		}, excess: []string{"get /*"}},
	} {
		lacking, excess := compare(all, c.has)
		if !slices.Equal(lacking, c.lacking) || !slices.Equal(excess, c.excess) {
			t.Errorf("%s: lacking %q, want %q; excess %q, want %q", name, lacking, c.lacking, excess, c.excess)
		}
	}
	for _, r := range needs.Cluster {
		if slices.Contains(r.Resources, "secrets") || slices.Contains(r.Resources, "*") && slices.Contains(r.APIGroups, "") {
			t.Errorf("the agent may read Secrets by default: %+v", r)
		}
	}
}
