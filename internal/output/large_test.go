// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// large is the report of a first scan of something big: 60 checks, and n findings
// spread over them unevenly, in the order in which a scan comes upon them. It calls f
// with each finding, so that nobody has to hold them.
func large(n int, f func(*seaworthy.Finding)) (seaworthy.Header, []seaworthy.Check, seaworthy.Trailer) {
	var all []seaworthy.Check
	things := []string{"host network", "run as root", "image tag", "memory limit", "secret in env", "cluster role", "network policy", "readiness probe", "owner label", "ingress TLS"}
	ways := []string{"is missing", "is wide open", "is not pinned", "is shared", "is deprecated", "is unused"}
	for i, way := range ways {
		for j, thing := range things {
			all = append(all, seaworthy.Check{
				ID:       strings.ReplaceAll(strings.ToLower(thing+" "+way), " ", "-"),
				Title:    strings.ToUpper(thing[:1]) + thing[1:] + " " + way,
				Severity: seaworthy.Severities[(i*3+j*2)%5], Category: seaworthy.Categories[j%len(seaworthy.Categories)],
				Scope: seaworthy.ScopeSingle, Rationale: "Whoever gets in gets further. Nobody would notice for weeks.",
				Remediation: "Set what the check names, in the template and not in the copy.",
				Snippet:     "spec:\n  template:\n    spec:\n      hostNetwork: false\n", Controls: []string{"workload-isolation"},
			})
		}
	}
	started := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	t := seaworthy.Trailer{Finished: started.Add(9300 * time.Millisecond), Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{}, Summary: seaworthy.Summary{
		Files: 1 + n/5, Objects: 1 + n/3, Workloads: 1 + n/4, FailOn: seaworthy.High, Exit: 3,
		BySev: map[seaworthy.Severity]int{}, ByStatus: map[seaworthy.Status]int{},
	}}
	counts := make([]int, len(all))
	namespaces := []string{"shop", "payments", "kube-system", "observability", "platform-tools"}
	for i := range n {
		k := (i*i/7 + i*13 + i/11) % (len(all) * 2)
		if k >= len(all) {
			k = (k * k) % 23 // some checks fail far more often than others
		}
		c := all[k]
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespaces[i%5], Name: fmt.Sprintf("service-%d-of-the-shop", i%997)}
		finding := seaworthy.Finding{
			Check: c.ID, Severity: c.Severity, Category: c.Category, Message: c.Title, Object: o, Container: []string{"app", "", "istio-proxy"}[i%3],
			Path: "spec.template.spec.containers[0]", File: fmt.Sprintf("clusters/prod/%s/service-%d.yaml", o.Namespace, i%997), Line: 10 + i%300,
			Controls: c.Controls, Requirements: []string{"soc2:CC6.1"}, Remediation: c.Remediation,
			Fingerprint: seaworthy.Fingerprint("prod", c.ID, o, fmt.Sprint(i)), New: true,
		}
		if i%4 == 0 {
			finding.Message = fmt.Sprintf("registry.example/team/service:%d says otherwise", i)
		}
		counts[k]++
		t.Summary.Findings++
		t.Summary.BySev[c.Severity]++
		if c.Severity.AtLeast(seaworthy.High) {
			t.Summary.Failing++
		}
		f(&finding)
	}
	for i, c := range all {
		r := seaworthy.CheckResult{
			ID: c.ID, Title: c.Title, Severity: c.Severity, Category: c.Category, Status: seaworthy.StatusPassed,
			InScope: t.Summary.Workloads, Passed: t.Summary.Workloads, Controls: c.Controls,
		}
		if counts[i] > 0 {
			r.Status, r.Failed, r.Findings = seaworthy.StatusFailed, min(counts[i], r.InScope), counts[i]
			r.Passed = r.InScope - r.Failed
		}
		t.Summary.ByStatus[r.Status]++
		t.Checks = append(t.Checks, r)
	}
	h := seaworthy.Header{
		APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "0.1.0"},
		Source: seaworthy.Source{
			Kind: seaworthy.SourceCluster, Name: "prod-eu", ClusterUID: "6f1c2a3e-0000-4000-8000-1d2e3f405060", Provider: "EKS",
			KubernetesVersion: "v1.35.2", Identity: "system:serviceaccount:seaworthy:scanner", Started: started, Asked: []string{"all kinds"},
		},
		Catalogue: seaworthy.Catalogue{Version: "2026.3", Digest: "sha256:6f3a1c9e27b84d50", ParametersDigest: "sha256:0b1d7f42aa93e6c8", Checks: len(all), Policies: []string{}},
	}
	return h, all, t
}

// largeReport holds a large report.
func largeReport(n int) (*seaworthy.Report, []seaworthy.Check) {
	r := &seaworthy.Report{Findings: []seaworthy.Finding{}}
	h, all, t := large(n, func(f *seaworthy.Finding) { r.Findings = append(r.Findings, *f) })
	r.Header, r.Trailer = h, t
	return r, all
}
