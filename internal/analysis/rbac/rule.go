// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rule is one rule of a role.
type Rule struct {
	rbacv1.PolicyRule
	// From names the ClusterRole that the rule was aggregated from, else it is empty.
	From string
}

// Ask is a request that RBAC may grant.
type Ask struct {
	Verb     string
	Group    string // empty for the core group
	Resource string // "pods" or "pods/exec"
	// Name is the object's name; without it the question is about objects of any name,
	// which a rule that lists resource names does not grant.
	Name string
	// ClusterScoped resources are granted by ClusterRoleBindings only.
	ClusterScoped bool
}

// Allows tells whether the rule grants what is asked: verb, group and resource in this
// one rule. It reads "pods/*" and "*/*" as they are meant, though kube-apiserver
// ignores them: a role that says so is one typing error away from the grant.
func (r *Rule) Allows(a Ask) bool {
	return (has(r.Verbs, a.Verb)) && has(r.APIGroups, a.Group) && r.covers(a.Resource) &&
		(len(r.ResourceNames) == 0 || a.Name != "" && slices.Contains(r.ResourceNames, a.Name))
}

// covers tells whether one of the rule's resources is the one asked for, "pods" or
// "pods/exec".
func (r *Rule) covers(resource string) bool {
	parent, sub, isSub := strings.Cut(resource, "/")
	for _, have := range r.Resources {
		if have == rbacv1.ResourceAll || have == resource {
			return true
		}
		p, s, ok := strings.Cut(have, "/")
		if isSub && ok && (p == "*" || p == parent) && (s == "*" || s == sub) {
			return true
		}
	}
	return false
}

// everything tells whether the rule grants every verb on every resource of every group.
func (r *Rule) everything() bool {
	return slices.Contains(r.Verbs, "*") && slices.Contains(r.APIGroups, "*") &&
		slices.Contains(r.Resources, "*") && len(r.ResourceNames) == 0
}

// has tells whether the list holds the value or a wildcard.
func has(list []string, value string) bool {
	for _, v := range list {
		if v == value || v == "*" {
			return true
		}
	}
	return false
}
