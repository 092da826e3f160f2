// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"slices"
	"strings"
)

// power is something that a check does not want handed out lightly: any of its wants.
type power struct {
	check string
	does  string // "run commands in pods", completes "User jane can …"
	wants []want
	all   bool // every verb on every resource of every group, instead of wants
}

// want is a set of verbs on resources of a group.
type want struct {
	groups    []string
	resources []string
	verbs     []string
	// cluster: the resources are cluster-scoped, so that a RoleBinding does not grant them.
	cluster bool
	// named: a rule that is limited to some names counts too, because one object is
	// enough to do the harm.
	named bool
	// beyondEdit: the built-in roles edit and admin bound in a namespace do not count.
	beyondEdit bool
	// names: a rule limited to one of these counts, one limited to others does not.
	names []string
}

var (
	// deletecollection answers with what it deleted, also on a dry run.
	read    = []string{"get", "list", "watch", "patch", "deletecollection"}
	connect = []string{"create", "get"} // a WebSocket client connects with GET
	remove  = []string{"delete", "deletecollection"}
)

// powers lists what the checks of this package look for.
//
// Resource names, check by check: a rule for named Secrets, pods, events or service
// accounts is limited on purpose and not reported. One webhook configuration, node or
// role is enough to take over the cluster, so names do not limit those rules.
var powers = []power{
	{check: "rbac-cluster-admin-binding", does: "do anything", all: true},
	{check: "rbac-webhook-config", does: "change admission webhooks", wants: []want{{
		groups:    []string{"admissionregistration.k8s.io"},
		resources: []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"},
		verbs:     []string{"create", "update", "patch", "delete", "deletecollection"},
		cluster:   true, named: true,
	}}},
	{check: "rbac-escalate", does: "grant rights that it does not hold", wants: []want{
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"clusterroles"}, verbs: []string{"escalate"}, cluster: true, named: true},
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"roles"}, verbs: []string{"escalate"}, named: true},
		// Binding a ClusterRole in a namespace asks for bind on it in that namespace.
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"roles", "clusterroles"}, verbs: []string{"bind"}},
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"clusterroles"}, verbs: []string{"bind"}, names: []string{"cluster-admin", "admin"}},
	}},
	{check: "rbac-impersonate", does: "act as someone else", wants: []want{
		{groups: []string{""}, resources: []string{"users", "groups"}, verbs: []string{"impersonate"}, cluster: true},
		// Who may edit a namespace can run pods as its service accounts anyway.
		{groups: []string{""}, resources: []string{"serviceaccounts"}, verbs: []string{"impersonate"}, beyondEdit: true},
		{groups: []string{""}, resources: []string{"groups"}, verbs: []string{"impersonate"}, cluster: true, names: []string{Masters}},
	}},
	{check: "rbac-secrets-read", does: "read Secrets", wants: []want{
		{groups: []string{""}, resources: []string{"secrets"}, verbs: read},
	}},
	{check: "rbac-node-proxy", does: "reach the kubelet through nodes/proxy", wants: []want{
		{groups: []string{""}, resources: []string{"nodes/proxy"}, verbs: []string{"get", "create", "update", "patch", "delete"}, cluster: true, named: true},
	}},
	{check: "rbac-pod-exec", does: "run commands in pods", wants: []want{
		{groups: []string{""}, resources: []string{"pods/exec", "pods/attach"}, verbs: connect},
	}},
	{check: "rbac-csr-approval", does: "approve certificate signing requests", wants: []want{
		{groups: []string{"certificates.k8s.io"}, resources: []string{"certificatesigningrequests/approval"}, verbs: []string{"update", "patch"}, cluster: true},
	}},
	{check: "rbac-create-workloads", does: "create or change workloads", wants: []want{
		{groups: []string{""}, resources: []string{"pods", "replicationcontrollers"}, verbs: []string{"create", "update", "patch"}},
		{groups: []string{"apps"}, resources: []string{"deployments", "daemonsets", "statefulsets", "replicasets"}, verbs: []string{"create", "update", "patch"}},
		{groups: []string{"batch"}, resources: []string{"jobs", "cronjobs"}, verbs: []string{"create", "update", "patch"}},
	}},
	{check: "rbac-token-create", does: "create tokens of service accounts", wants: []want{
		{groups: []string{""}, resources: []string{"serviceaccounts/token"}, verbs: []string{"create"}},
	}},
	{check: "rbac-delete-events", does: "delete events", wants: []want{
		{groups: []string{"", "events.k8s.io"}, resources: []string{"events"}, verbs: remove},
	}},
	{check: "rbac-port-forward", does: "forward ports into pods", wants: []want{
		{groups: []string{""}, resources: []string{"pods/portforward"}, verbs: connect},
	}},
}

// held is how a role comes by a power: the rule and what of it was wanted.
type held struct {
	rule *Rule
	what string // "get, list secrets"
}

// holds gives the first rule of the role that grants the power, or nil. namespaced says
// that the role is bound in a namespace.
func (p *power) holds(r *Role, namespaced bool) *held {
	for i := range r.Rules {
		rule := &r.Rules[i]
		if p.all {
			if rule.everything() {
				return &held{rule, "every verb on every resource"}
			}
			continue
		}
		for _, w := range p.wants {
			if namespaced && (w.cluster || w.beyondEdit && r.editor()) {
				continue
			}
			if what := w.grantedBy(rule); what != "" {
				return &held{rule, what}
			}
		}
	}
	return nil
}

// editor tells whether the role is one that Kubernetes means for people who work in a
// namespace.
func (r *Role) editor() bool {
	return r.Kind == "ClusterRole" && (r.Name == "edit" || r.Name == "admin")
}

// grantedBy tells what of the want the rule grants, or nothing.
func (w *want) grantedBy(r *Rule) string {
	if !slices.ContainsFunc(w.groups, func(g string) bool { return has(r.APIGroups, g) }) || !w.unlimited(r.ResourceNames) {
		return ""
	}
	verbs := matching(w.verbs, r.Verbs)
	var resources []string
	for _, res := range w.resources {
		if r.covers(res) {
			resources = append(resources, res)
		}
	}
	if len(verbs) == 0 || len(resources) == 0 {
		return ""
	}
	return strings.Join(verbs, ", ") + " on " + strings.Join(resources, ", ")
}

// unlimited tells whether a rule with these resource names still does the harm.
func (w *want) unlimited(names []string) bool {
	switch {
	case len(w.names) > 0:
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(w.names, n) })
	case len(names) == 0:
		return true
	}
	return w.named
}

func matching(wanted, have []string) []string {
	var out []string
	for _, v := range wanted {
		if has(have, v) {
			out = append(out, v)
		}
	}
	return out
}
