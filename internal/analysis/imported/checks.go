// SPDX-License-Identifier: Apache-2.0

package imported

import "github.com/seaworthy-dev/seaworthy"

const (
	kyvernoCheck    = "kyverno-policy-failed"
	othersCheck     = "policy-report-failed"
	gatekeeperCheck = "gatekeeper-constraint-failed"
	configCheck     = "trivy-configuration-failed"
	rbacCheck       = "trivy-rbac-failed"
	secretCheck     = "trivy-secret-exposed"
	benchCheck      = "kube-bench-failed"
	criticalCheck   = "image-vulnerabilities"
	highCheck       = "image-vulnerabilities-high"
)

// defaultAge is how old what a tool says may be that says it again every day or sooner.
const defaultAge = "72h"

// maxAge is the parameter by which a verdict grows old.
func maxAge(age string) []seaworthy.Param {
	return []seaworthy.Param{{
		Name: "max-age", Default: age,
		Doc: "How old a report may be to count as a pass, such as 72h: the tool may be gone since",
	}}
}

var checks = []seaworthy.Check{
	{
		ID: kyvernoCheck, Title: "Kyverno reports a failing policy",
		Severity: seaworthy.Medium, Category: "Governance", Scope: seaworthy.ScopeCross,
		Rationale: "The company wrote the policy down and the object does not keep to it. Kyverno's background scan says so " +
			"where nobody looks unless it is brought together with everything else.",
		Remediation: "Change the object so that it passes the policy, or the policy where it asks too much.",
		Snippet:     "kubectl get policyreports -A -o wide\n",
		Controls:    []string{"configuration-management", "admission-control"}, Params: maxAge(defaultAge),
	},
	{
		ID: othersCheck, Title: "A policy tool reports a failure",
		Severity: seaworthy.Medium, Category: "Governance", Scope: seaworthy.ScopeCross,
		Rationale: "Kubewarden, Falco and other tools write what they find into PolicyReports or OpenReports. What one of them " +
			"holds to be wrong should be decided about, not left in an object that nobody opens.",
		Remediation: "Follow the message of the tool, or change its policy where it asks too much.",
		Snippet:     "kubectl get policyreports,reports.openreports.io -A -o wide\n",
		Controls:    []string{"configuration-management"}, Params: maxAge(defaultAge),
	},
	{
		ID: gatekeeperCheck, Title: "Gatekeeper's audit reports a failing constraint",
		Severity: seaworthy.Medium, Category: "Governance", Scope: seaworthy.ScopeCross,
		Rationale: "What existed before a constraint is never refused; only Gatekeeper's audit shows it, in the status of the " +
			"constraint and for a limited number of objects.",
		Remediation: "Change the object so that it meets the constraint.",
		Snippet:     "kubectl get constraints -o yaml\n",
		Controls:    []string{"configuration-management", "admission-control"}, Params: maxAge(defaultAge),
	},
	{
		ID: configCheck, Title: "Trivy reports a failing configuration check",
		Severity: seaworthy.Medium, Category: "Security", Scope: seaworthy.ScopeCross,
		Rationale: "Trivy Operator audits what runs against its own checks. What it finds beside ours shows settings that are " +
			"worth a decision.",
		Remediation: "Change the setting that the message names; avd.aquasec.com explains each check under its id.",
		Snippet:     "kubectl get configauditreports -A -o wide\n",
		Controls:    []string{"workload-hardening"}, Params: maxAge(defaultAge),
	},
	{
		ID: rbacCheck, Title: "Trivy reports a role that grants too much",
		Severity: seaworthy.Medium, Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale: "Trivy Operator assesses roles by its own checks. A role that grants more than its work needs is what an " +
			"intruder looks for first.",
		Remediation: "Take from the role what its holders do not use.",
		Snippet:     "kubectl get rbacassessmentreports,clusterrbacassessmentreports -A -o wide\n",
		Controls:    []string{"least-privilege-access"}, Params: maxAge(defaultAge),
	},
	{
		ID: secretCheck, Title: "Image holds a secret",
		Severity: seaworthy.High, Category: "Secrets", Scope: seaworthy.ScopeCross,
		Rationale: "Whoever may pull an image reads every file in it. A key or a password in a layer is known to all of them, " +
			"and stays in the registry when a later layer deletes it.",
		Remediation: "Replace the secret, which counts as disclosed, and hand it to the container when it runs.",
		Snippet:     "env:\n- name: TOKEN\n  valueFrom: {secretKeyRef: {name: app, key: token}}\n",
		Controls:    []string{"secrets-management"}, Params: maxAge(defaultAge),
	},
	{
		ID: criticalCheck, Title: "Running image has known critical vulnerabilities",
		Severity: seaworthy.Critical, Category: "Images", Scope: seaworthy.ScopeCross,
		Rationale: "Known vulnerabilities come with known exploits. A critical one in an image that runs is the shortest way " +
			"into the cluster.",
		Remediation: "Rebuild the image on a base without the vulnerability, or upgrade the package that has it.",
		Snippet:     "containers:\n- name: app\n  image: registry.example.com/app:1.2.4 # rebuilt\n",
		Controls:    []string{"vulnerability-management"}, Params: maxAge(defaultAge),
	},
	{
		ID: highCheck, Title: "Running image has known vulnerabilities of high severity",
		Severity: seaworthy.High, Category: "Images", Scope: seaworthy.ScopeCross,
		Rationale: "Most intrusions use vulnerabilities for which a fix has been there for months. Those of high severity are " +
			"many, and due later than critical ones, but due.",
		Remediation: "Rebuild the image on a base without the vulnerability, or upgrade the package that has it.",
		Snippet:     "containers:\n- name: app\n  image: registry.example.com/app:1.2.4 # rebuilt\n",
		Controls:    []string{"vulnerability-management"}, Params: maxAge(defaultAge),
	},
	{
		ID: benchCheck, Title: "kube-bench reports a failing recommendation",
		Severity: seaworthy.Medium, Category: "CIS", Scope: seaworthy.ScopeCluster,
		Rationale: "Files and flags of nodes are seen from the node alone. kube-bench runs there and holds them against the " +
			"benchmark for Kubernetes.",
		Remediation: "Follow the remediation that kube-bench gives for the recommendation, and run it again.",
		Snippet:     "kubectl logs job/kube-bench > node-1.json\nkubectl create configmap kube-bench-node-1 --from-file=node-1.json\n",
		Controls:    []string{"control-plane-hardening"}, Params: maxAge("720h"),
	},
}
