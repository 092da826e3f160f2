// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// application is one workload with what usually stands around it; %n is its name and %s
// its namespace.
const application = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %n, namespace: %s}
spec:
  replicas: 2
  selector: {matchLabels: {app: %n}}
  template:
    metadata: {labels: {app: %n}}
    spec:
      serviceAccountName: %n
      containers: [{name: app, image: "app:1", ports: [{name: metrics, containerPort: 9090}], envFrom: [{configMapRef: {name: %n}}]}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
---
apiVersion: v1
kind: Service
metadata: {name: %n, namespace: %s, labels: {app: %n}}
spec: {selector: {app: %n}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %n, namespace: %s}
spec: {rules: [{host: shop.example.com, http: {paths: [{path: /%n, pathType: Prefix, backend: {service: {name: %n, port: {number: 80}}}}]}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: %n, namespace: %s}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: %n}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %n, namespace: %s}
spec: {podSelector: {matchLabels: {app: %n}}, policyTypes: [Ingress]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %n, namespace: %s}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: %n}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: %n, namespace: %s}
data: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: %n, namespace: %s}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: %n, namespace: %s}
spec: {selector: {matchLabels: {app: %n}}}
---
apiVersion: k8up.io/v1
kind: Schedule
metadata: {name: %n, namespace: %s}
spec: {backup: {schedule: "@daily"}}
`

// BenchmarkResources runs each analyzer of resources over n applications, of 100
// namespaces and of one. The cost of an application must not grow with their number.
func BenchmarkResources(b *testing.B) {
	for _, n := range []int{400, 10_000} {
		for _, namespaces := range []int{100, 1} {
			s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
			for i := range n {
				text := strings.NewReplacer("%n", fmt.Sprintf("app-%d", i), "%s", fmt.Sprintf("team-%d", i%namespaces)).Replace(application)
				if err := analysistest.Add(s, "apps.yaml", []byte(text)); err != nil {
					b.Fatal(err)
				}
			}
			for _, o := range s.Objects() {
				o.Release()
			}
			for _, a := range all.Analyzers {
				if !slices.Contains(resourceAnalyzers, a.Name) {
					continue
				}
				b.Run(fmt.Sprintf("%s/n=%d/namespaces=%d", a.Name, n, namespaces), func(b *testing.B) {
					for b.Loop() {
						analysistest.Analyze(b, a, s, "none", nil)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/app")
				})
			}
		}
	}
}
