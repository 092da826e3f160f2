// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

var checks = []seaworthy.Check{
	{
		ID: "privileged-container", Title: "Container runs in privileged mode", Severity: seaworthy.Critical,
		Category: "Security", Scope: seaworthy.ScopeSingle,
		Rationale:   "A privileged container shares the kernel and every device with its node. Whoever breaks into it owns the node.",
		Remediation: "Remove securityContext.privileged, or set it to false.",
		Snippet:     "securityContext:\n  privileged: false\n", Controls: []string{"workload-isolation"},
	}, {
		ID: "cluster-admin-binding", Title: "cluster-admin is bound to a workload", Severity: seaworthy.Critical,
		Category: "RBAC", Scope: seaworthy.ScopeCross,
		Rationale:   "Who takes over one Pod of this ServiceAccount takes over the cluster.",
		Remediation: "Bind a Role that grants only what the workload uses.", Controls: []string{"privileged-access"},
	}, {
		ID: "env-secret-literal", Title: "Environment variable holds a credential", Severity: seaworthy.High,
		Category: "Secrets", Scope: seaworthy.ScopeSingle,
		Rationale:   "Everyone who may read the manifest reads the credential.",
		Remediation: "Move the value to a Secret and refer to it with secretKeyRef.",
		Snippet:     "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: orders-db, key: password}\n",
		Controls:    []string{"secrets-management"},
	}, {
		ID: "run-as-root-allowed", Title: "Container may run as root", Severity: seaworthy.High,
		Category: "Security", Scope: seaworthy.ScopeSingle,
		Rationale:   "Root in the container is root on what it mounts.",
		Remediation: "Set securityContext.runAsNonRoot to true.", Snippet: "securityContext:\n  runAsNonRoot: true\n",
		Controls: []string{"workload-hardening"},
	}, {
		ID: "image-tag-latest", Title: "Image has no fixed version", Severity: seaworthy.Medium,
		Category: "Images", Scope: seaworthy.ScopeSingle,
		Rationale:   "What runs tomorrow is not what was tested today.",
		Remediation: "Name a version, best with a digest.", Controls: []string{"image-provenance"},
	}, {
		ID: "missing-readiness-probe", Title: "Container has no readiness probe", Severity: seaworthy.Low,
		Category: "Reliability", Scope: seaworthy.ScopeSingle,
		Rationale:   "Traffic reaches the Pod before it can answer.",
		Remediation: "Add a readinessProbe that asks the application itself.", Controls: []string{"workload-availability"},
	}, {
		ID: "missing-owner-label", Title: "Workload names no owner", Severity: seaworthy.Info,
		Category: "Governance", Scope: seaworthy.ScopeSingle, Rationale: "Nobody knows whom to call.",
		Remediation: "Add the labels that the organisation asks for.", Controls: []string{"asset-inventory"},
	}, {
		ID: "image-vulnerable", Title: "Image has known vulnerabilities", Severity: seaworthy.High,
		Category: "Images", Scope: seaworthy.ScopeCross, Rationale: "Known holes are used first.",
		Remediation: "Rebuild on a patched base.", Controls: []string{"vulnerability-management"},
	}, {
		ID: "etcd-encryption", Title: "etcd stores Secrets in the clear", Severity: seaworthy.High,
		Category: "Data protection", Scope: seaworthy.ScopeCluster, Rationale: "A backup of etcd holds every Secret.",
		Remediation: "Give the API server an encryption configuration.", Controls: []string{"encryption-at-rest"}, Provider: true,
	}, {
		ID: "ingress-without-tls", Title: "Ingress serves plain HTTP", Severity: seaworthy.High,
		Category: "Network", Scope: seaworthy.ScopeSingle, Rationale: "Passwords cross the network in the clear.",
		Remediation: "Name a certificate under spec.tls.", Controls: []string{"encryption-in-transit"},
	}, {
		ID: "network-policy-missing", Title: "No NetworkPolicy selects the workload", Severity: seaworthy.Medium,
		Category: "Network", Scope: seaworthy.ScopeCross, Rationale: "Anything in the cluster can reach it.",
		Remediation: "Add a NetworkPolicy that denies by default.", Controls: []string{"network-segmentation"},
	}, {
		ID: "team-naming", Title: "Names follow the team's convention", Severity: seaworthy.Low, Category: "Custom",
		Custom: true, File: "policies/naming.rego", Controls: []string{},
	},
}

var controls = []seaworthy.Control{
	{ID: "workload-isolation", Title: "Workloads are isolated", Sources: []string{"checks"}},
	{ID: "workload-hardening", Title: "Workloads are hardened", Sources: []string{"checks"}},
	{ID: "privileged-access", Title: "Administrators are few", Sources: []string{"checks", "records"}},
	{ID: "image-provenance", Title: "Images come from known places", Sources: []string{"checks"}},
	{ID: "vulnerability-management", Title: "Vulnerabilities are fixed in time", Sources: []string{"checks", "records"}},
	{ID: "encryption-at-rest", Title: "Data is encrypted at rest", Sources: []string{"checks"}},
	{ID: "encryption-in-transit", Title: "Traffic is encrypted", Sources: []string{"checks"}},
	{ID: "network-segmentation", Title: "The network is segmented", Sources: []string{"checks"}},
	{ID: "workload-availability", Title: "Workloads survive a node", Sources: []string{"checks"}},
	{ID: "board-oversight", Title: "The board oversees security", Sources: []string{"people"}},
}

var framework = seaworthy.Framework{
	ID: "soc2", Title: "SOC 2 (Trust Services Criteria 2017)",
	Requirements: []seaworthy.Requirement{
		{ID: "CC1.1", Title: "The company commits to integrity", Category: "security", Controls: []string{"board-oversight"}, Upload: []string{"code of conduct"}},
		{ID: "CC1.2", Title: "The board oversees management", Category: "security", Controls: []string{"board-oversight"}},
		{ID: "CC6.1", Title: "Access to protected assets is restricted", Category: "security", Controls: []string{"workload-isolation", "privileged-access", "workload-hardening"}},
		{ID: "CC6.6", Title: "The boundary is defended", Category: "security", Controls: []string{"network-segmentation"}},
		{ID: "CC6.7", Title: "Data in motion is protected", Category: "security", Controls: []string{"encryption-in-transit"}},
		{ID: "CC6.8", Title: "Unwanted software is kept out", Category: "security", Controls: []string{"image-provenance"}},
		{ID: "CC7.1", Title: "New weaknesses are noticed", Category: "security", Controls: []string{"vulnerability-management"}},
		{ID: "A1.2", Title: "The environment is recoverable", Category: "availability", Controls: []string{"workload-availability"}},
		{ID: "C1.1", Title: "Confidential information is protected", Category: "confidentiality", Controls: []string{"encryption-at-rest"}},
	},
}

// finding makes one finding of a check, on a container of a Deployment in shop.
func finding(check int, kind, name, container, file string, line int, message string) seaworthy.Finding {
	c := checks[check]
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: kind, Namespace: "shop", Name: name}
	path := ""
	if container != "" {
		path = "spec.template.spec.containers[0]"
	}
	if message == "" {
		message = c.Title
	}
	requirements := []string{}
	of := seaworthy.RequirementsOf([]seaworthy.Framework{framework})
	for _, id := range c.Controls {
		requirements = append(requirements, of[id]...)
	}
	return seaworthy.Finding{
		Check: c.ID, Severity: c.Severity, Category: c.Category, Message: message, Object: o, Container: container,
		Path: path, File: file, Line: line, Controls: c.Controls, Requirements: requirements,
		Remediation: c.Remediation, Fingerprint: seaworthy.Fingerprint("examples/shop", c.ID, o, container+message), New: true,
	}
}

// rich is a report with something of everything: every severity and status, findings
// that are new, known and waived, a chart, errors, skipped inputs, waivers and coverage.
func rich() *seaworthy.Report {
	started := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	r := &seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "0.1.0"},
			Source: seaworthy.Source{
				Kind: seaworthy.SourceFiles, Name: "examples/shop", KubernetesVersion: "1.36",
				Started: started, Asked: []string{"examples/shop"},
			},
			Catalogue: seaworthy.Catalogue{
				Version: "2026.3", Digest: "sha256:6f3a1c9e27b84d50", ParametersDigest: "sha256:0b1d7f42aa93e6c8",
				Checks: len(checks), Policies: []string{"policies/naming.rego"},
			},
		},
		Findings: []seaworthy.Finding{
			finding(0, "DaemonSet", "node-agent", "agent", "deploy/agent.yaml", 31, ""),
			finding(0, "Deployment", "cart", "setup", "deploy/cart.yaml", 88, ""),
			finding(1, "ClusterRoleBinding", "ci", "", "deploy/rbac.yaml", 12, "ServiceAccount shop/ci can do everything in every namespace"),
			finding(2, "Deployment", "orders", "app", "templates/orders.yaml", 44, "DB_PASSWORD holds a value that looks like a password"),
			finding(3, "Deployment", "cart", "app", "deploy/cart.yaml", 71, ""),
			finding(3, "Deployment", "orders", "app", "templates/orders.yaml", 39, ""),
			finding(3, "StatefulSet", "search", "opensearch", "deploy/search.yaml", 25, ""),
			finding(4, "Deployment", "cart", "app", "deploy/cart.yaml", 69, "registry.shop.example/cart:latest is whatever was pushed last"),
			finding(4, "Deployment", "web", "nginx", "deploy/web.yaml", 20, "nginx has no tag"),
			finding(5, "Deployment", "web", "nginx", "deploy/web.yaml", 18, ""),
			finding(5, "Deployment", "cart", "app", "deploy/cart.yaml", 68, ""),
		},
		Passes: []seaworthy.Pass{
			{Check: "privileged-container", Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}, File: "deploy/web.yaml"},
			{Check: "privileged-container", Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "orders"}, File: "templates/orders.yaml"},
		},
	}
	r.Findings[3].Origin, r.Findings[5].Origin = "charts/orders", "charts/orders"
	for i := range 7 {
		r.Findings = append(r.Findings, finding(6, "Deployment", fmt.Sprintf("service-%d", i+1), "", "deploy/services.yaml", 1+40*i, "label owner is missing"))
	}
	waive(&r.Findings[1], seaworthy.AppliedWaiver{
		Owner: "dana@shop.example", Approver: "lee@shop.example", Reason: "formats the volume once; replaced by a CSI driver in May",
		Expires: day("2026-05-31"), By: "file",
	})
	r.Findings[8].New = false
	r.Findings[10].WaiverRequested = "starts in 40 ms"
	r.Trailer = trailer(started)
	r.Covered = []seaworthy.FrameworkCoverage{seaworthy.Cover(framework, controls, r.Checks, r.Source.Kind, nil)}
	return r
}

func trailer(started time.Time) seaworthy.Trailer {
	result := func(i int, s seaworthy.Status, inScope, failed, waived, found int, reason string) seaworthy.CheckResult {
		c := checks[i]
		return seaworthy.CheckResult{
			ID: c.ID, Title: c.Title, Severity: c.Severity, Category: c.Category, Status: s, Reason: reason, InScope: inScope,
			Passed: inScope - failed, Failed: failed, Waived: waived, Findings: found, Controls: c.Controls, Custom: c.Custom,
		}
	}
	custom := result(11, seaworthy.StatusError, 0, 0, 0, 0, "policies/naming.rego:7: undefined function upper_case")
	custom.Errors = 1
	return seaworthy.Trailer{
		Finished: started.Add(840 * time.Millisecond),
		Checks: []seaworthy.CheckResult{
			result(0, seaworthy.StatusFailed, 14, 2, 1, 2, ""), result(1, seaworthy.StatusFailed, 3, 1, 0, 1, ""),
			result(2, seaworthy.StatusFailed, 14, 1, 0, 1, ""), result(3, seaworthy.StatusFailed, 14, 3, 0, 3, ""),
			result(4, seaworthy.StatusFailed, 14, 2, 0, 2, ""), result(5, seaworthy.StatusFailed, 14, 2, 0, 2, ""),
			result(6, seaworthy.StatusFailed, 14, 7, 0, 7, ""),
			result(7, seaworthy.StatusNotEvaluated, 0, 0, 0, 0, "no image data: images were not scanned"),
			result(8, seaworthy.StatusProvider, 0, 0, 0, 0, "the control plane is run by the provider"),
			result(9, seaworthy.StatusNotApplicable, 0, 0, 0, 0, ""),
			result(10, seaworthy.StatusPassed, 14, 0, 0, 0, ""), custom,
		},
		Errors: []seaworthy.Problem{
			{File: "deploy/broken.yaml", Line: 12, Message: "mapping values are not allowed in this context"},
			{Check: "team-naming", Object: "shop/Deployment/web", Message: "policies/naming.rego:7: undefined function upper_case"},
		},
		Skipped: []seaworthy.Problem{
			{File: "deploy/README.yaml", Message: "holds no Kubernetes object"},
			{File: "deploy/values.yaml", Message: "holds no Kubernetes object"},
			{File: "node_modules", Message: "ignored by Git"},
		},
		Waivers: []seaworthy.WaiverNotice{{
			Waiver:  seaworthy.Waiver{Check: "host-network", Namespace: "shop", Name: "ingress", Owner: "dana@shop.example", Reason: "needs the node's address", Expires: day("2026-01-31")},
			Message: "expired on 2026-01-31; it matches no finding",
		}},
		Summary: seaworthy.Summary{
			Files: 9, Objects: 31, Workloads: 14, Findings: 16, Waived: 1, Baseline: 1, Errors: 2,
			BySev:    map[seaworthy.Severity]int{seaworthy.Critical: 2, seaworthy.High: 4, seaworthy.Medium: 1, seaworthy.Low: 2, seaworthy.Info: 7},
			ByStatus: map[seaworthy.Status]int{seaworthy.StatusFailed: 7, seaworthy.StatusPassed: 1, seaworthy.StatusNotApplicable: 1, seaworthy.StatusNotEvaluated: 1, seaworthy.StatusProvider: 1, seaworthy.StatusError: 1},
			FailOn:   seaworthy.High, Failing: 6, Exit: 2,
		},
	}
}

func waive(f *seaworthy.Finding, w seaworthy.AppliedWaiver) { f.Waiver = &w }

func day(s string) seaworthy.Date {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return seaworthy.Date{Time: t}
}

// clear is a report of a scan that found nothing.
func clear() *seaworthy.Report {
	r := rich()
	r.Findings, r.Passes, r.Errors, r.Skipped, r.Waivers, r.Covered = []seaworthy.Finding{}, nil, []seaworthy.Problem{}, []seaworthy.Problem{}, []seaworthy.WaiverNotice{}, nil
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Status == seaworthy.StatusFailed || c.Status == seaworthy.StatusError {
			c.Status, c.Reason, c.InScope, c.Passed, c.Failed, c.Waived, c.Errors, c.Findings = seaworthy.StatusPassed, "", 14, 14, 0, 0, 0, 0
		}
	}
	r.Summary = seaworthy.Summary{
		Files: 9, Objects: 31, Workloads: 14, BySev: map[seaworthy.Severity]int{}, FailOn: seaworthy.High,
		ByStatus: map[seaworthy.Status]int{seaworthy.StatusPassed: 9, seaworthy.StatusNotApplicable: 1, seaworthy.StatusNotEvaluated: 1, seaworthy.StatusProvider: 1},
	}
	return r
}

// render writes a report in a format.
func render(t testing.TB, format string, r *seaworthy.Report, o output.Options) []byte {
	t.Helper()
	f, err := output.Named(format)
	if err != nil {
		t.Fatal(err)
	}
	return replay(t, f, r, checks, o)
}

func replay(t testing.TB, f output.Format, r *seaworthy.Report, checks []seaworthy.Check, o output.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := output.Replay(r, checks, f.New(&b, o)); err != nil {
		t.Fatalf("Replay to %s: %v", f.Name, err)
	}
	return b.Bytes()
}

// hostile is text that tries to break out of every format and into the terminal.
var hostile = strings.Join([]string{
	"\x1b[31mred\x1b]0;title\x07", "\u009b1m", "\u202egnp.exe", "line\nbreak\r\n::error::pwn", "%0A::warning::x", "]]>", "--><script>alert(1)</script>",
	"`tick` ``ticks``", "a|b \\| c\\\\|d", "[x](javascript:alert)", "@team #1", "=1+1", "\"quoted\", 'too'", "\x00\x08\x7f", "\xff\xfe\xed\xa0\x80", "##[stop-commands]x", "##vso[task.x]", "{{.}}", "\u2028\u2029\ufeff\u200b", "</details></style>&amp;",
}, " ")
