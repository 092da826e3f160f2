// SPDX-License-Identifier: Apache-2.0

// Package references finds references that lead nowhere: Services without pods,
// Ingresses without a Service, workloads whose service account, ConfigMap or Secret is
// not there.
//
// What a controller makes at run time counts as there when the object that asks for it
// is in the snapshot (an ExternalSecret, a Certificate, an operator's custom resource).
// What could not be listed is unknown: such references are left unjudged.
package references

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	danglingService = "dangling-service"
	danglingIngress = "dangling-ingress"
	missingAccount  = "missing-service-account"
	missingConfig   = "missing-config-reference"
)

// Analyzer judges Services, Ingresses and workloads.
var Analyzer = &analysis.Analyzer{
	Name: "references",
	Doc:  "References that lead nowhere. What controllers make at run time counts where the snapshot shows who asks for it.",
	Checks: []seaworthy.Check{
		{
			ID: danglingService, Title: "Service selects no workload",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "A Service whose selector matches no pod has no endpoints: every request to it fails. " +
				"Usually a label was renamed on one side only.",
			Remediation: "Correct spec.selector so that it matches the pod labels of the workload in the Service's namespace, or delete the Service.",
			Snippet:     "spec:\n  selector:\n    app: web\n",
			Controls:    []string{"configuration-management", "workload-availability"},
		},
		{
			ID: danglingIngress, Title: "Ingress backend service or port does not exist",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "Requests to a path whose Service or port is not there are answered with an error. " +
				"Who can create a Service of that name receives them instead.",
			Remediation: "Correct the backend's service name and port so that they name a port of a Service in the Ingress's namespace, or remove the path.",
			Snippet:     "backend:\n  service:\n    name: web\n    port:\n      number: 80\n",
			Controls:    []string{"configuration-management", "workload-availability"},
		},
		{
			ID: missingAccount, Title: "Workload refers to a service account that does not exist",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "Pods whose service account is not there are refused: the workload does not start after the next change or restart. " +
				"Whoever may create the account decides what the workload may do.",
			Remediation: "Create the ServiceAccount in the workload's namespace, or correct serviceAccountName.",
			Snippet:     "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\nautomountServiceAccountToken: false\n",
			Controls:    []string{"configuration-management", "service-identity"},
		},
		{
			ID: missingConfig, Title: "env valueFrom points at a missing Secret/ConfigMap or key",
			Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeCross,
			Rationale: "A container that refers to a ConfigMap, a Secret or a key that is not there does not start. " +
				"The error shows only when the pod is restarted, which may be months later and at night.",
			Remediation: "Create the object or key that the workload refers to, correct the name, or mark the reference as optional.",
			Snippet:     "env:\n- name: LOG_LEVEL\n  valueFrom:\n    configMapKeyRef:\n      name: web\n      key: log-level\n      optional: true\n",
			Controls:    []string{"configuration-management", "workload-availability"},
		},
	},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	for _, step := range []struct {
		check string
		judge func(*analysis.Pass)
	}{
		{danglingService, services}, {danglingIngress, ingresses}, {missingAccount, accounts}, {missingConfig, configs},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.Enabled(step.check) {
			step.judge(p)
		}
	}
	return nil
}

// unlisted reports a check as not evaluated where a kind that it needs is unknown.
func unlisted(p *analysis.Pass, check string, kinds ...string) bool {
	for _, kind := range kinds {
		if reason := p.Snapshot.Unlisted[kind]; reason != "" {
			p.Report.NotEvaluated(check, kind+" objects could not be listed: "+reason)
			return true
		}
	}
	return false
}

// accounts judges every workload that names a service account. Each namespace has one
// called default.
func accounts(p *analysis.Pass) {
	if unlisted(p, missingAccount, "ServiceAccount") {
		return
	}
	for _, w := range p.Snapshot.Workloads() {
		name := w.ServiceAccount
		if name == "" || name == "default" {
			continue
		}
		ns := w.EffectiveNamespace()
		var items []seaworthy.Item
		if p.Snapshot.LookupFor(w.Object, "", "ServiceAccount", ns, name) == nil && !openShiftAccount(p.Snapshot, name) {
			field := "serviceAccountName"
			if w.Pod().ServiceAccountName == "" {
				field = "serviceAccount"
			}
			items = append(items, seaworthy.Item{Key: w.PodPath + ".serviceAccountName", Path: w.PodPath + "." + field, Message: "namespace " + ns + " has no service account " + name})
		}
		p.Report.Judge(missingAccount, w.Object, items...)
	}
}

// openShiftAccount tells whether OpenShift makes the account in every namespace.
func openShiftAccount(s *snapshot.Snapshot, name string) bool {
	return s.Source.Provider == "OpenShift" && (name == "builder" || name == "deployer")
}
