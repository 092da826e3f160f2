// SPDX-License-Identifier: Apache-2.0

package netpol

import "github.com/seaworthy-dev/seaworthy"

const allowExample = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: gateway
    ports:
    - port: 8080
  egress:
  - to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
    ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
`

const denyExample = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
`

var checks = []seaworthy.Check{
	{
		ID: unselected, Title: "No NetworkPolicy selects the workload",
		Severity: seaworthy.High, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "Pods that no policy selects accept connections from every pod of the cluster and may connect anywhere. " +
			"Whoever takes over one container can reach all of them.",
		Remediation: "Add a NetworkPolicy to the workload's namespace whose podSelector matches its pods, or a default deny for the namespace.",
		Snippet:     allowExample,
		Controls:    []string{"network-segmentation"},
	},
	{
		ID: bare, Title: "Namespace has no NetworkPolicy",
		Severity: seaworthy.High, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "In a namespace without policies nothing separates its pods from those of other teams, tenants and environments. " +
			"One compromised workload anywhere can attack all that runs there.",
		Remediation: "Add a default-deny NetworkPolicy to the namespace and policies that allow what its workloads need.",
		Snippet:     denyExample,
		Controls:    []string{"network-segmentation"},
	},
	{
		ID: ingressOpen, Title: "No policy restricts traffic into the workload",
		Severity: seaworthy.Medium, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "Without a policy of type Ingress every pod of the cluster can connect to the workload's ports, " +
			"also those that were meant for localhost or for one caller.",
		Remediation: "Add a NetworkPolicy of type Ingress that selects the pods and lists who may connect.",
		Snippet:     allowExample,
		Controls:    []string{"network-segmentation"},
	},
	{
		ID: egressOpen, Title: "No policy restricts traffic out of the workload",
		Severity: seaworthy.Medium, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "Without a policy of type Egress a compromised container can send data anywhere, fetch tools from the internet " +
			"and reach the cloud's metadata service.",
		Remediation: "Add a NetworkPolicy of type Egress that selects the pods and lists where they may connect, DNS included.",
		Snippet:     allowExample,
		Controls:    []string{"network-segmentation"},
	},
	{
		ID: defaultDeny, Title: "Namespace lacks a default-deny policy",
		Severity: seaworthy.Medium, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "Policies for single workloads leave the next workload open that nobody wrote a policy for. " +
			"With a default deny, forgetting a policy breaks the new workload and not the isolation.",
		Remediation: "Add a NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rules.",
		Snippet:     denyExample,
		Controls:    []string{"network-segmentation"},
	},
	{
		ID: dangling, Title: "NetworkPolicy selects no pod",
		Severity: seaworthy.Low, Category: "Network", Scope: seaworthy.ScopeCross,
		Rationale: "A policy whose selector matches nothing protects nothing. " +
			"Usually a label was renamed and the pods that it was written for are open now.",
		Remediation: "Correct spec.podSelector so that it matches the labels of the pods in the policy's namespace, or delete the policy.",
		Snippet:     "spec:\n  podSelector:\n    matchLabels:\n      app: web\n",
		Controls:    []string{"network-segmentation", "configuration-management"},
	},
}
