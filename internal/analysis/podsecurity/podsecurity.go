// SPDX-License-Identifier: Apache-2.0

// Package podsecurity judges workloads by the Pod Security Standards with Kubernetes'
// own evaluator, at the version that the snapshot is judged against.
//
// One finding is one check of the standard that the pod breaks, with the evaluator's
// reason and detail. The restricted profile holds the baseline, so what breaks the
// baseline is reported by pss-restricted too: its pass means that the pod would be
// admitted to a restricted namespace, and nothing less.
package podsecurity

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Analyzer holds pss-baseline and pss-restricted.
var Analyzer = &analysis.Analyzer{
	Name: "podsecurity",
	Doc:  "Workloads that the Pod Security Standards forbid.",
	Checks: []seaworthy.Check{
		{
			ID: "pss-baseline", Title: "Pod violates the Pod Security Standards baseline profile",
			Severity: seaworthy.High, Category: "Security", Scope: seaworthy.ScopeEngine,
			Rationale: "The baseline profile refuses what is known to lead from a container to its node: privileged mode, " +
				"host namespaces, host paths, added capabilities. A pod that breaks it can reach other workloads.",
			Remediation: "Remove the settings that the finding names, then enforce the baseline profile on the namespace.",
			Snippet:     "metadata:\n  labels:\n    pod-security.kubernetes.io/enforce: baseline\n",
			Controls:    []string{"workload-isolation", "pod-security-admission"},
		},
		{
			ID: "pss-restricted", Title: "Pod violates the Pod Security Standards restricted profile",
			Severity: seaworthy.Medium, Category: "Security", Scope: seaworthy.ScopeEngine,
			Rationale: "The restricted profile is the hardening that most workloads can bear: no root, no privilege escalation, " +
				"no capabilities, a seccomp profile, no host volumes. What breaks it leaves an intruder more room than needed.",
			Remediation: "Set the security context that the finding names on the pod and on every container.",
			Snippet: "securityContext:\n  runAsNonRoot: true\n  allowPrivilegeEscalation: false\n" +
				"  capabilities: {drop: [ALL]}\n  seccompProfile: {type: RuntimeDefault}\n",
			Controls: []string{"workload-hardening", "pod-security-admission"},
		},
	},
	Run: run, PerObject: true,
}

// standards makes Kubernetes' evaluator of the Pod Security Standards.
var standards = sync.OnceValues(func() (policy.Evaluator, error) {
	return policy.NewEvaluator(policy.DefaultChecks(), nil)
})

func run(ctx context.Context, p *analysis.Pass) error {
	evaluator, err := standards()
	if err != nil {
		return fmt.Errorf("set up the Pod Security evaluator: %w", err)
	}
	at := version(p.Snapshot.Target)
	for _, level := range []struct {
		check string
		level psa.Level
	}{{"pss-baseline", psa.LevelBaseline}, {"pss-restricted", psa.LevelRestricted}} {
		if !p.Enabled(level.check) {
			continue
		}
		judge := func(o *snapshot.Object, meta snapshot.PodMeta, pod *corev1.PodSpec, path string) {
			m := &metav1.ObjectMeta{Labels: meta.Labels, Annotations: meta.Annotations}
			results := evaluator.EvaluatePod(psa.LevelVersion{Level: level.level, Version: at}, m, pod)
			p.Report.Judge(level.check, o, items(results, pod, path)...)
		}
		for _, w := range p.Snapshot.Workloads() {
			if err := ctx.Err(); err != nil {
				return err
			}
			judge(w.Object, w.PodMeta, w.Pod(), w.PodPath)
		}
		// A PodTemplate runs nothing by itself, but pods are made of it.
		for o, t := range snapshot.All[*corev1.PodTemplate](p.Snapshot, "PodTemplate") {
			judge(o, snapshot.PodMeta{Labels: t.Template.Labels, Annotations: t.Template.Annotations}, &t.Template.Spec, "template.spec")
		}
	}
	return nil
}

// version reads a target such as 1.34; anything else is the newest version known.
func version(target string) psa.Version {
	v, err := psa.ParseVersion("v" + strings.TrimPrefix(target, "v"))
	if target == "" || err != nil {
		return psa.LatestVersion()
	}
	return v
}

func items(results []policy.CheckResult, pod *corev1.PodSpec, path string) []seaworthy.Item {
	var out []seaworthy.Item
	for _, r := range results {
		if r.Allowed {
			continue
		}
		message := r.ForbiddenReason
		if r.ForbiddenDetail != "" {
			message += ": " + r.ForbiddenDetail
		}
		out = append(out, seaworthy.Item{Key: r.ForbiddenReason, Path: path + field(r.ForbiddenReason, pod), Message: message})
	}
	return out
}

// field is where in the pod spec the reason is to be mended, as far as one place can
// be told; else it is the pod spec itself.
func field(reason string, pod *corev1.PodSpec) string {
	switch reason {
	case "hostPath volumes", "restricted volume types":
		return ".volumes"
	case "forbidden sysctls":
		return ".securityContext.sysctls"
	case "host namespaces":
		switch {
		case pod.HostNetwork:
			return ".hostNetwork"
		case pod.HostPID:
			return ".hostPID"
		}
		return ".hostIPC"
	}
	return ""
}
