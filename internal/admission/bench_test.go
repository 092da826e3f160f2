// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// BenchmarkReview measures whole reviews, from the bytes of the API server to those of
// the answer, with all checks on: a mix of what clusters write, of which one in ten is big.
// CPU time is that of the process, without any network.
func BenchmarkReview(b *testing.B) {
	bodies := mix(b)
	ordinary := len(bodies) - 1
	d := admission.NewDoor(guard(b, admission.Config{Default: admission.Warn}, everything()), admission.DoorConfig{Seen: func(*admission.Request) {}})
	ask := func(body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
	for _, body := range bodies { // compiles what is needed
		ask(body)
	}
	b.Run("mix", func(b *testing.B) {
		took := make([]time.Duration, 0, b.N)
		b.ReportAllocs()
		cpu := processTime()
		for i := range b.N {
			at := time.Now()
			ask(bodies[i%ordinary])
			took = append(took, time.Since(at))
		}
		b.ReportMetric(float64((processTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		cpu := processTime()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				ask(bodies[i%ordinary])
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reviews/s")
		b.ReportMetric(float64((processTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	})
	for i, name := range []string{"pod", "deployment", "update", "service", "secret", "role", "configmap", "scale", "exec", "big", "huge"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[i])))
			b.ReportAllocs()
			cpu := processTime()
			for range b.N {
				ask(bodies[i])
			}
			b.ReportMetric(float64((processTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// processTime is the CPU time that this process has used.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// everything runs all checks: those that need parameters have some.
func everything() scan.Selection {
	return scan.Selection{Settings: map[string]scan.Setting{
		"image-registry-not-allowed": {Parameters: map[string]string{"registries": "registry.example.com,ghcr.io/shop"}},
		"required-labels":            {Parameters: map[string]string{"labels": "app.kubernetes.io/name,team"}},
	}}
}

// mix is ten reviews as they come, the last one big, and a huge one beside them.
func mix(b testing.TB) [][]byte {
	pod := stored(b, workload("Pod", "web-1", 2))
	deployment := stored(b, workload("Deployment", "web", 2))
	big, huge := stored(b, workload("Deployment", "platform", 10)), stored(b, workload("Deployment", "all-in-one", 40))
	service := stored(b, object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "web", "namespace": "shop"},
		"spec": object{"selector": object{"app": "web"}, "ports": []any{object{"port": int64(80), "targetPort": int64(8080)}}}})
	secret := stored(b, object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "db", "namespace": "shop"},
		"data": object{"password": "aHVudGVyMg==", "ca.crt": strings.Repeat("QUJD", 500)}})
	role := stored(b, object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "reader"},
		"rules": []any{object{"apiGroups": []any{""}, "resources": []any{"pods", "services"}, "verbs": []any{"get", "list"}}}})
	settings := stored(b, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "settings", "namespace": "shop"},
		"data": object{"app.yaml": strings.Repeat("key: \"value\"\n", 1500)}})
	scale := func(n int64) object {
		return object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{"name": "web", "namespace": "shop"}, "spec": object{"replicas": n}}
	}
	var out [][]byte
	for _, a := range []asked{
		{object: pod},
		{object: deployment},
		{operation: "UPDATE", object: with(deployment, int64(5), "spec", "replicas"), old: deployment},
		{object: service},
		{object: secret},
		{object: role},
		{object: settings},
		{operation: "UPDATE", resource: "deployments.apps/v1", kind: "autoscaling/v1/Scale", subresource: "scale", object: scale(1), old: scale(3)},
		{operation: "CONNECT", resource: "pods.v1", kind: "/v1/PodExecOptions", subresource: "exec", name: "web-1", namespace: "shop",
			object: object{"apiVersion": "v1", "kind": "PodExecOptions", "command": []any{"sh"}, "container": "app"}},
		{operation: "UPDATE", object: with(big, "2", "spec", "template", "metadata", "annotations", "release"), old: big},
		{operation: "UPDATE", object: with(huge, "2", "spec", "template", "metadata", "annotations", "release"), old: huge},
	} {
		out = append(out, a.body(b))
	}
	return out
}

// workload is an ordinary workload with a number of containers, neither very good nor bad.
func workload(kind, name string, containers int) object {
	var list []any
	for i := range containers {
		list = append(list, object{
			"name": fmt.Sprintf("app-%d", i), "image": fmt.Sprintf("registry.example.com/shop/app-%d:1.4.2", i),
			"ports": []any{object{"containerPort": int64(8080 + i)}},
			"env": []any{
				object{"name": "DATABASE", "value": "postgres://db.shop.svc/shop"}, object{"name": "LOG_LEVEL", "value": "info"},
				object{"name": "PASSWORD", "valueFrom": object{"secretKeyRef": object{"name": "db", "key": "password"}}},
			},
			"resources":      object{"requests": object{"cpu": "100m", "memory": "128Mi"}, "limits": object{"memory": "256Mi"}},
			"readinessProbe": object{"httpGet": object{"path": "/ready", "port": int64(8080)}},
			"volumeMounts":   []any{object{"name": "tmp", "mountPath": "/tmp"}, object{"name": "config", "mountPath": "/etc/app"}},
			"securityContext": object{"runAsNonRoot": true, "allowPrivilegeEscalation": i%2 == 0,
				"capabilities": object{"drop": []any{"ALL"}}},
		})
	}
	spec := object{"containers": list, "serviceAccountName": "web", "volumes": []any{
		object{"name": "tmp", "emptyDir": object{}}, object{"name": "config", "configMap": object{"name": "settings"}},
	}}
	meta := object{"name": name, "namespace": "shop", "labels": object{"app": "web", "team": "shop"}}
	if kind == "Pod" {
		return object{"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
	}
	return object{"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": object{
		"replicas": int64(3), "selector": object{"matchLabels": object{"app": "web"}},
		"template": object{"metadata": object{"labels": object{"app": "web"}}, "spec": spec},
	}}
}

// stored is an object as the API server would show it: with defaults, with the manifest
// that kubectl keeps, and with field managers.
func stored(b testing.TB, o object) object {
	b.Helper()
	applied, err := json.Marshal(o)
	if err != nil {
		b.Fatal(err)
	}
	decoded, err := snapshot.NewDecoder().Decode(o, snapshot.Origin{})
	if err != nil {
		b.Fatal(err)
	}
	out := with(decoded.Canonical, "f1c1f2de-9d4f-4a5a-8b69-2f0f5b6a0001", "metadata", "uid")
	out = with(out, "2026-11-22T12:00:00Z", "metadata", "creationTimestamp")
	if o["kind"] != "Secret" {
		out = with(out, string(applied), "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	}
	return with(out, []any{object{
		"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": o["apiVersion"], "fieldsType": "FieldsV1",
		"time": "2026-11-22T12:00:00Z", "fieldsV1": managed(o),
	}}, "metadata", "managedFields")
}

// managed is as large as the list of managed fields of the object.
func managed(v any) any {
	switch v := v.(type) {
	case object:
		out := object{".": object{}}
		for k, e := range v {
			out["f:"+k] = managed(e)
		}
		return out
	case []any:
		out := object{}
		for i, e := range v {
			out[fmt.Sprintf(`k:{"name":"app-%d"}`, i)] = managed(e)
		}
		return out
	}
	return object{}
}
