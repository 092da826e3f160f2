// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// workload is a manifest as people write them: a Deployment, a Service and a ConfigMap.
func workload(i int) string {
	return fmt.Sprintf(`# Service %[1]d of the shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-%[1]d
  namespace: team-%[2]d
  labels:
    app.kubernetes.io/name: service-%[1]d
    app.kubernetes.io/part-of: shop
  annotations:
    example.com/owner: "team-%[2]d@example.com"
spec:
  replicas: %[3]d
  selector:
    matchLabels:
      app.kubernetes.io/name: service-%[1]d
  template:
    metadata:
      labels:
        app.kubernetes.io/name: service-%[1]d
    spec:
      serviceAccountName: service-%[1]d
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: app
        image: registry.example.com/shop/service-%[1]d:1.%[3]d.0
        args: ["--listen", ":8080", --verbose]
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: LOG_LEVEL
          value: info
        - name: PASSWORD
          valueFrom:
            secretKeyRef:
              name: service-%[1]d
              key: password
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            memory: 256Mi
        livenessProbe:
          httpGet: # the kubelet asks
            path: /healthz
            port: http
          initialDelaySeconds: 5
        volumeMounts:
        - name: config
          mountPath: /etc/service
          readOnly: true
      volumes:
      - name: config
        configMap:
          name: service-%[1]d
---
apiVersion: v1
kind: Service
metadata:
  name: service-%[1]d
  namespace: team-%[2]d
spec:
  selector:
    app.kubernetes.io/name: service-%[1]d
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: service-%[1]d
  namespace: team-%[2]d
data:
  service.yaml: |
    listen: :8080
    upstream:
    - http://service-%[3]d.team-%[2]d.svc
    timeout: 30s
  banner: 'Service %[1]d: it''s up'
`, i, i%17, i%5)
}

// BenchmarkRead reads small files, one after the other, decoded and all.
func BenchmarkRead(b *testing.B) {
	b.Run("files", func(b *testing.B) {
		dir := b.TempDir()
		size := 0
		for i := range 500 {
			text := workload(i)
			size += len(text)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.yaml", i)), []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		benchmark(b, dir, size)
	})
	b.Run("stream", func(b *testing.B) {
		dir := b.TempDir()
		var text strings.Builder
		for i := range 500 {
			text.WriteString("---\n" + workload(i))
		}
		if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text.String()), 0o644); err != nil {
			b.Fatal(err)
		}
		benchmark(b, dir, text.Len())
	})
}

func benchmark(b *testing.B, dir string, size int) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		plan, err := manifest.NewPlan(context.Background(), manifest.Options{Paths: []string{dir}})
		if err != nil {
			b.Fatal(err)
		}
		dec := snapshot.NewDecoder()
		if err := plan.Learn(context.Background(), dec); err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, u := range plan.Units {
			r, err := u.Read(context.Background(), dec, func(*snapshot.Object) error { n++; return nil })
			if err != nil || len(r.Errors) > 0 {
				b.Fatal(err, r.Errors)
			}
		}
		if n != 1500 {
			b.Fatalf("%d objects", n)
		}
	}
}
