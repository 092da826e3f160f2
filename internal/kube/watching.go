// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Watching is the least that watching a whole cluster needs: to list and watch what a scan
// lists, and to know what the cluster is. Secrets are a right of their own, because whoever
// may list them receives their values.
func Watching(secrets bool) []rbacv1.PolicyRule {
	follow := []string{"list", "watch"}
	var out []rbacv1.PolicyRule
	for _, g := range builtin {
		resources := slices.Clone(g.resources)
		if g.group == "" && secrets {
			resources = append(resources, "secrets")
			slices.Sort(resources)
		}
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{g.group}, Resources: resources, Verbs: follow})
	}
	out = append(out, rbacv1.PolicyRule{APIGroups: slices.Sorted(slices.Values(customGroups)), Resources: []string{"*"}, Verbs: follow})
	for _, g := range slices.Concat(reported, claiming) {
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{g.group}, Resources: slices.Clone(g.resources), Verbs: follow})
	}
	return append(out,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: []string{"kube-system"}, Verbs: []string{"get"}},
		rbacv1.PolicyRule{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"selfsubjectreviews"}, Verbs: []string{"create"}},
		rbacv1.PolicyRule{NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*", "/version"}, Verbs: []string{"get"}},
	)
}
