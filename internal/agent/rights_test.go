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
	needs := Needs(RightsOptions{Name: "a", Admission: true, Own: []string{"slack", "a-key"}})
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
		"a Secret that is to be followed and may not be": {
			has:     given(slices.DeleteFunc(slices.Clone(all), func(r rbacv1.PolicyRule) bool { return slices.Contains(r.ResourceNames, "slack") })),
			lacking: []string{"list secrets/slack", "watch secrets/slack"},
		},
		"one that is not to be followed": {
			has:    with(rbacv1.PolicyRule{Verbs: []string{"list", "watch"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"another"}}),
			excess: []string{"list secrets/another", "watch secrets/another"},
		},
		"all Secrets of the namespace": {
			has:    with(rbacv1.PolicyRule{Verbs: []string{"list", "watch"}, APIGroups: []string{""}, Resources: []string{"secrets"}}),
			excess: []string{"list secrets", "watch secrets"},
		},
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
	for _, r := range slices.Concat(needs.Cluster, needs.Namespace) {
		if len(r.ResourceNames) > 0 {
			continue // the agent's own
		}
		if slices.Contains(r.Resources, "secrets") || slices.Contains(r.Resources, "*") && slices.Contains(r.APIGroups, "") {
			t.Errorf("the agent may read Secrets by default: %+v", r)
		}
	}
}

// TestFollowedByName wants Secrets to be followed by name where they are not with all others,
// each once, and the right to that for these alone.
func TestFollowedByName(t *testing.T) {
	for name, c := range map[string]struct {
		o    RightsOptions
		want []string
	}{
		"those that the agent keeps":   {RightsOptions{Name: "a", Admission: true}, []string{"a-key", "a-certificate"}},
		"no webhook":                   {RightsOptions{Name: "a"}, []string{"a-key"}},
		"those that it works with too": {RightsOptions{Name: "a", Own: []string{"slack", "a-key", "slack"}}, []string{"a-key", "slack"}},
		"where all are listed":         {RightsOptions{Name: "a", Own: []string{"slack"}, Admission: true, Secrets: true}, nil},
	} {
		if got := c.o.followed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var may []string
		for _, r := range Needs(c.o).Namespace {
			if slices.Contains(r.Verbs, "watch") || slices.Contains(r.Verbs, "list") {
				if len(r.ResourceNames) != 1 || !slices.Equal(r.Resources, []string{"secrets"}) {
					t.Errorf("%s: %+v", name, r)
				}
				may = append(may, r.ResourceNames...)
			}
		}
		if !slices.Equal(may, c.want) {
			t.Errorf("%s: it needs to watch %q, want %q", name, may, c.want)
		}
	}
}
