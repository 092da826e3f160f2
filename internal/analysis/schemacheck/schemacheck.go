// SPDX-License-Identifier: Apache-2.0

// Package schemacheck reports what kube-apiserver's strict decoding would refuse or
// silently drop: unknown fields, ill-typed values and keys that occur twice. The
// problems were found while the object was decoded; this package only tells of them.
package schemacheck

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const id = "invalid-schema"

// Analyzer reports one item for each schema problem of a built-in object. Custom
// resources have no schema here and are not in scope, unless a key occurs twice.
var Analyzer = &analysis.Analyzer{
	Name: "schemacheck",
	Doc:  "Objects that do not validate against the Kubernetes schema.",
	Checks: []seaworthy.Check{{
		ID: id, Title: "Manifest does not validate against the Kubernetes schema",
		Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeEngine,
		Rationale: "The API server drops fields that it does not know and refuses values of the wrong type. " +
			"A misspelt security setting looks set in review and is absent in the cluster.",
		Remediation: "Correct the field's name, place or type; kubectl explain shows what the kind accepts.",
		Snippet:     "kubectl apply --dry-run=server --validate=strict -f FILE",
		Controls:    []string{"configuration-management"},
	}},
	Run:       run,
	PerObject: true,
}

func run(ctx context.Context, p *analysis.Pass) error {
	for _, o := range p.Snapshot.Objects() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !o.BuiltIn() && len(o.Schema) == 0 {
			continue
		}
		p.Report.Judge(id, o, items(o)...)
	}
	return nil
}

// items makes an item of each problem. The same message at two places (an unknown
// field in two list elements) is told apart by the path without indices and a count.
func items(o *snapshot.Object) []seaworthy.Item {
	seen := map[string]int{}
	var out []seaworthy.Item
	problems := slices.Clone(o.Schema)
	slices.SortStableFunc(problems, func(a, b snapshot.SchemaProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	for _, problem := range problems {
		key := unindexed(problem.Path)
		if key == "" {
			key = problem.Message
		}
		seen[key]++
		if n := seen[key]; n > 1 {
			key += " #" + strconv.Itoa(n)
		}
		out = append(out, seaworthy.Item{Key: key, Path: problem.Path, Message: problem.Message})
	}
	return out
}

// unindexed drops list indices, which do not survive reordering.
func unindexed(path string) string {
	var b strings.Builder
	for i, step := range snapshot.Steps(path) {
		if len(step) > 2 && step[0] == '[' && step[1] >= '0' && step[1] <= '9' {
			b.WriteString("[]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}
