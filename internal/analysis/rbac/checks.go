// SPDX-License-Identifier: Apache-2.0

package rbac

import "github.com/seaworthy-dev/seaworthy"

// whole are the checks that only this package judges.
var whole = []seaworthy.Check{
	{
		ID: "rbac-token-create", Title: "A subject can mint service account tokens",
		Severity: seaworthy.High, Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale: "Who may create tokens of service accounts can act as any of them, from anywhere, for as long as " +
			"the token lives. The rights of the most powerful service account in reach are theirs.",
		Remediation: "Take create on serviceaccounts/token out of the role, or limit it with resourceNames to the accounts that are needed.",
		Snippet: "rules:\n- apiGroups: [\"\"]\n  resources: [serviceaccounts/token]\n" +
			"  resourceNames: [the-one-account]\n  verbs: [create]\n",
		Controls: []string{"privileged-access", "service-identity"},
	},
	{
		ID: "rbac-delete-events", Title: "A subject can delete events (cover tracks)",
		Severity: seaworthy.Medium, Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale: "Events tell what happened to pods and nodes. Someone who can delete them can remove the traces of " +
			"an intrusion before anyone looks.",
		Remediation: "Take delete and deletecollection on events out of the role; events expire by themselves.",
		Snippet:     "rules:\n- apiGroups: [\"\", events.k8s.io]\n  resources: [events]\n  verbs: [get, list, watch, create, patch]\n",
		Controls:    []string{"least-privilege-access", "api-audit-logging"},
	},
	{
		ID: "rbac-port-forward", Title: "A subject can port-forward into pods",
		Severity: seaworthy.Medium, Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale: "A forwarded port reaches a pod past every NetworkPolicy, ingress and login in front of it, and " +
			"what goes through it is in no access log.",
		Remediation: "Take pods/portforward out of the role; bind it for a time to those who debug.",
		Snippet:     "rules:\n- apiGroups: [\"\"]\n  resources: [pods, pods/log]\n  verbs: [get, list, watch]\n",
		Controls:    []string{"least-privilege-access", "network-boundary"},
	},
	{
		ID: "workload-admin-role", Title: "Workload's service account holds administrative permissions",
		Severity: seaworthy.High, Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale: "Whoever breaks into a container holds the rights of its service account. With administrative " +
			"rights, one vulnerable image is enough to lose the namespace or the cluster.",
		Remediation: "Give the workload a service account of its own and a role that lists only what it uses.",
		Snippet: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: my-app}\nrules:\n" +
			"- apiGroups: [\"\"]\n  resources: [configmaps]\n  resourceNames: [my-app]\n  verbs: [get, watch]\n",
		Controls: []string{"least-privilege-access", "service-identity"},
	},
	{
		ID: "default-service-account-token", Title: "Default service account automounts its token",
		Severity: seaworthy.Medium, Category: "Security", Scope: seaworthy.ScopeCross,
		Rationale: "Every pod that names no service account runs as the default one. Where that mounts its token, " +
			"each of them carries a credential that nobody asked for, and every right bound to it later.",
		Remediation: "Set automountServiceAccountToken: false on the ServiceAccount default and on pods that set it to true.",
		Snippet:     "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\nautomountServiceAccountToken: false\n",
		Controls:    []string{"service-identity"},
	},
}
