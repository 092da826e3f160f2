// SPDX-License-Identifier: Apache-2.0

package netpol_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/netpol"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// BenchmarkRun judges n workloads by n policies, in 100 namespaces and in one: the cost
// of each pair must not show.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{400, 10_000} {
		for _, namespaces := range []int{100, 1} {
			b.Run(fmt.Sprintf("n=%d/namespaces=%d", n, namespaces), func(b *testing.B) {
				s := large(b, n, namespaces)
				for b.Loop() {
					analysistest.Analyze(b, netpol.Analyzer, s, "none", nil)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/workload")
			})
		}
	}
}

func large(b *testing.B, n, namespaces int) *snapshot.Snapshot {
	s, d := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles}), snapshot.NewDecoder()
	add := func(m map[string]any) {
		o, err := d.Decode(m, snapshot.Origin{})
		if err != nil {
			b.Fatal(err)
		}
		o.Release()
		s.Add(o)
	}
	for i := range n {
		name, ns := "app-"+strconv.Itoa(i), "team-"+strconv.Itoa(i%namespaces)
		meta := map[string]any{"name": name, "namespace": ns}
		set := map[string]any{"app": name, "tier": "t" + strconv.Itoa(i%7)}
		add(map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
			"spec": map[string]any{
				"selector": map[string]any{"matchLabels": set},
				"template": map[string]any{
					"metadata": map[string]any{"labels": set},
					"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
				},
			},
		})
		add(map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta,
			"spec": map[string]any{"podSelector": map[string]any{"matchLabels": set}},
		})
	}
	return s
}
