// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
)

// Analyzer holds the checks on the cluster that are not about single flags.
var Analyzer = &analysis.Analyzer{
	Name:   "controlplane",
	Doc:    "Encryption at rest, audit logging, Kubernetes' age, and signatures of images.",
	Checks: checks,
	Run: func(ctx context.Context, p *analysis.Pass) error {
		servers := sync.OnceValue(func() []process { return processes(p.Snapshot)[apiServer] })
		for _, c := range []struct {
			check string
			run   func(*analysis.Pass)
		}{
			{encryptionCheck, func(p *analysis.Pass) { encryption(p, servers) }},
			{auditCheck, func(p *analysis.Pass) { auditLogging(p, servers) }},
			{outdatedCheck, outdated},
			{signatureCheck, signatures},
		} {
			if err := ctx.Err(); err != nil {
				return err
			}
			if p.Enabled(c.check) {
				c.run(p)
			}
		}
		return nil
	},
}

var checks = []seaworthy.Check{
	{
		ID: encryptionCheck, Title: "Secrets in etcd are not encrypted",
		Severity: seaworthy.High, Category: "Data protection", Scope: seaworthy.ScopeCluster, Provider: true,
		Rationale: "Kubernetes writes Secrets to etcd in clear text unless it is told otherwise. Whoever gets hold of a disk, " +
			"a snapshot or a backup of etcd reads every credential of the cluster.",
		Remediation: "Give kube-apiserver an EncryptionConfiguration whose first provider for secrets encrypts, best with a KMS, and rewrite the Secrets.",
		Snippet: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n" +
			"  - kms: {apiVersion: v2, name: kms, endpoint: unix:///run/kms.sock}\n  - identity: {}\n",
		Controls: []string{"encryption-at-rest"},
	},
	{
		ID: auditCheck, Title: "Kubernetes audit logging is off",
		Severity: seaworthy.High, Category: "Logging", Scope: seaworthy.ScopeCluster, Provider: true,
		Rationale: "Without audit events nobody can tell who changed production, read a Secret or tried to. An incident cannot " +
			"be reconstructed, and an auditor has nothing to sample.",
		Remediation: "Set --audit-policy-file to a policy that records writes, and --audit-log-path or --audit-webhook-config-file.",
		Snippet: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  resources: [{group: \"\", resources: [secrets, configmaps]}]\n" +
			"- level: RequestResponse\n  verbs: [create, update, patch, delete]\n- level: Metadata\n",
		Controls: []string{"api-audit-logging"},
	},
	{
		ID: outdatedCheck, Title: "Kubernetes version is out of support",
		Severity: seaworthy.High, Category: "Cluster", Scope: seaworthy.ScopeCluster,
		Rationale: "A version out of support gets no fixes. What is found in it, and published for the versions after it, stays " +
			"open for everyone to use.",
		Remediation: "Upgrade the control plane one minor version at a time, then the nodes, to a version that is supported.",
		Snippet:     "kubeadm upgrade plan\n",
		Controls:    []string{"platform-lifecycle", "vulnerability-management"},
	},
	{
		ID: signatureCheck, Title: "Image signature is absent or not verified at admission",
		Severity: seaworthy.High, Category: "Images", Scope: seaworthy.ScopeCluster,
		Rationale: "A registry account or a build server that was taken over can put any image under a known name. Only a " +
			"signature that is verified at admission tells what was built from what was slipped in.",
		Remediation: "Sign images in the build, and refuse unsigned ones at admission.",
		Snippet: "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: signed}\nspec:\n  mode: enforce\n" +
			"  images: [{glob: \"registry.example.com/**\"}]\n  authorities:\n  - key: {secretRef: {name: cosign-public-key}}\n",
		Controls: []string{"image-provenance", "admission-control"},
	},
}
