// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers: [{name: web, image: "web:1", envFrom: [{configMapRef: {name: web}}]}]
`

const aroundWeb = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: public, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
`

// TestEnvironmentsAreApart: what one environment has says nothing of the same workload
// in another.
func TestEnvironmentsAreApart(t *testing.T) {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "test"})
	for _, f := range [][2]string{{"dev/web.yaml", web}, {"prod/web.yaml", web}, {"prod/more.yaml", aroundWeb}} {
		if err := analysistest.Add(s, f[0], []byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string][]string{}
	for _, a := range all.Analyzers {
		for _, v := range analysistest.Analyze(t, a, s, "", nil).Verdicts {
			if v.Object.Kind == "Deployment" && len(v.Items) > 0 {
				got[v.Object.Source.File] = append(got[v.Object.Source.File], v.Check)
			}
		}
	}
	for file := range got {
		got[file] = slices.DeleteFunc(got[file], func(check string) bool { return check == "pss-restricted" })
		slices.Sort(got[file])
	}
	want := map[string][]string{
		"dev/web.yaml": {
			"missing-config-reference", "missing-service-account", "pdb-missing",
			"workload-egress-open", "workload-ingress-open", "workload-without-network-policy",
		},
		"prod/web.yaml": {"internet-exposed-workload"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}
