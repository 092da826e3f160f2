// SPDX-License-Identifier: Apache-2.0

// Package controlplane judges what runs the cluster: the flags of kube-apiserver,
// kube-controller-manager, kube-scheduler and etcd by the CIS benchmark, encryption and
// audit logging, the age of Kubernetes, and what is known of images.
//
// The flags are read from the pods that run the programs: static pod manifests, their
// mirrors in a live cluster, or any workload whose container starts one of them. Each
// flag that is not set counts as what the program takes by default. Where there is no
// such pod, a managed provider answers for the check; a live cluster of another kind
// is not evaluated; and files are simply not about the control plane.
package controlplane

import (
	"context"
	"fmt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// CIS holds the checks of the CIS benchmark on flags.
var CIS = &analysis.Analyzer{
	Name:   "cis",
	Doc:    "Flags of the control plane that the CIS benchmark asks to be otherwise.",
	Checks: checksOf(table),
	Run:    runCIS,
}

// entry is a check of the table.
type entry struct {
	id, title   string
	severity    seaworthy.Severity
	component   string
	rationale   string
	remediation string
	snippet     string // the flags as they should be, one a line
	controls    []string
	expect      expectation
}

func checksOf(entries []entry) []seaworthy.Check {
	out := make([]seaworthy.Check, 0, len(entries))
	for _, e := range entries {
		out = append(out, seaworthy.Check{
			ID: e.id, Title: e.title, Severity: e.severity, Category: "CIS", Scope: seaworthy.ScopeCluster,
			Rationale: e.rationale, Remediation: e.remediation, Provider: true,
			Snippet:  "# /etc/kubernetes/manifests/" + e.component + ".yaml\nspec:\n  containers:\n  - command:\n    - " + e.component + "\n" + e.snippet,
			Controls: e.controls,
		})
	}
	return out
}

func runCIS(ctx context.Context, p *analysis.Pass) error {
	all := processes(p.Snapshot)
	for _, e := range table {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !p.Enabled(e.id) {
			continue
		}
		if len(all[e.component]) == 0 {
			absent(p, e.id, e.component)
			continue
		}
		unknown := ""
		for i := range all[e.component] {
			if u := judge(p, &e, &all[e.component][i]); u != "" {
				unknown = u
			}
		}
		if unknown != "" {
			p.Report.NotEvaluated(e.id, unknown)
		}
	}
	return nil
}

// judge reports on one process, or gives the reason why it cannot be judged.
func judge(p *analysis.Pass, e *entry, proc *process) string {
	if proc.config != "" {
		return fmt.Sprintf("%s takes its settings from the file %s, which is not in the manifest", proc.object, proc.config)
	}
	v := e.expect(proc)
	if v.unknown != "" {
		return fmt.Sprintf("%s: %s", proc.object, v.unknown)
	}
	p.Report.Judge(e.id, proc.object, proc.items(v)...)
	return ""
}

// items makes an item of each problem, at the flag or where it should stand.
func (proc *process) items(v verdict) []seaworthy.Item {
	var out []seaworthy.Item
	for _, b := range v.problems {
		path := proc.path + "." + proc.field
		if f, set := proc.flags[b.flag]; set && f.path != "" {
			path = proc.path + "." + f.path
		}
		out = append(out, seaworthy.Item{
			Key: proc.keyed + ".command[--" + b.flag + "]", Path: path, Container: proc.container, Message: b.message,
		})
	}
	return out
}

// absent says why no process of the component is judged.
func absent(p *analysis.Pass, check, component string) {
	if service, ok := analysis.Managed(p.Snapshot.Source.Provider); ok {
		p.Report.Provider(check, service+" runs "+component)
		return
	}
	if p.Snapshot.Cluster() {
		p.Report.NotEvaluated(check, unseen(p.Snapshot, component))
	}
}

// unseen says why a cluster's component cannot be seen.
func unseen(s *snapshot.Snapshot, component string) string {
	if why := s.Unlisted["Pod"]; why != "" {
		return "pods could not be listed (" + why + ")"
	}
	if len(s.Source.Namespaces) > 0 {
		return "only some namespaces were looked at, and no pod there runs " + component
	}
	return "no pod runs " + component + "; where it runs as a service of the machine, scan its manifest or give --provider"
}
