// SPDX-License-Identifier: Apache-2.0

// Package imported takes what other tools say in a cluster: Kyverno and whoever else writes
// PolicyReports or OpenReports, Trivy Operator, the audit of Gatekeeper, kube-bench.
//
// A tool's failure becomes a finding of the object that it speaks of, for a pod or a
// ReplicaSet of what made it. A tool's pass counts as a pass only while it says something
// of the object as it is: one from before the object's last write, or older than the
// check's max-age, as when the tool is gone, is no verdict. A failure stands until the
// tool, or a newer report, says otherwise.
package imported

import (
	"context"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Analyzer reads the reports of other tools.
var Analyzer = &analysis.Analyzer{
	Name:   "imported",
	Doc:    "What Kyverno, Trivy, Gatekeeper, kube-bench and others report in the cluster.",
	Checks: checks,
	Run:    run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	b := newBook(p)
	for _, read := range []func(*book){policyReports, trivyConfiguration, trivySecrets, vulnerabilities, gatekeeper, kubeBench} {
		if err := ctx.Err(); err != nil {
			return err
		}
		read(b)
	}
	b.tell()
	return nil
}

// kind is a kind of report, and the checks for which it is read.
type kind struct {
	group, kind string
	checks      []string
}

// reports lists the reports of some kinds. Kinds that could not be listed are told of.
func (b *book) reports(kinds ...kind) []*snapshot.Object {
	var out []*snapshot.Object
	for _, k := range kinds {
		out = append(out, b.Snapshot.Custom(k.group, k.kind)...)
		if reason := b.Snapshot.Unlisted[k.kind]; reason != "" {
			for _, check := range k.checks {
				b.Report.NotEvaluated(check, k.kind+" objects could not be listed: "+reason)
			}
		}
	}
	return out
}
