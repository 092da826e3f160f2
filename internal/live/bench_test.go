// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// town makes a cluster like those of people: for each application a Deployment with its
// ReplicaSets and Pods, a Service, a ConfigMap, a ServiceAccount with a Role and its
// binding; twenty applications in each namespace.
type town struct {
	version int
	set     func(*kube.Kind, map[string]any)
}

var (
	namespaceKind  = kube.NewKind(kschema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "Namespace", false)
	deploymentKind = kube.NewKind(kschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Deployment", true)
	replicaSetKind = kube.NewKind(kschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}, "ReplicaSet", true)
	podKind        = kube.NewKind(kschema.GroupVersionResource{Version: "v1", Resource: "pods"}, "Pod", true)
	serviceKind    = kube.NewKind(kschema.GroupVersionResource{Version: "v1", Resource: "services"}, "Service", true)
	configMapKind  = kube.NewKind(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap", true)
	accountKind    = kube.NewKind(kschema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "ServiceAccount", true)
	roleKind       = kube.NewKind(kschema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}, "Role", true)
	bindingKind    = kube.NewKind(kschema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}, "RoleBinding", true)

	townKinds = []*kube.Kind{namespaceKind, deploymentKind, replicaSetKind, podKind, serviceKind, configMapKind, accountKind, roleKind, bindingKind}
)

func (n *town) add(k *kube.Kind, namespace, name string, owner map[string]any, fields map[string]any) map[string]any {
	n.version++
	meta := map[string]any{
		"name": name, "uid": uidFor(k, namespace, name), "resourceVersion": strconv.Itoa(n.version),
		"creationTimestamp": "2026-10-01T08:00:00Z",
		"labels":            map[string]any{"app": name, "app.kubernetes.io/managed-by": "Helm", "team": "payments"},
		"managedFields":     []any{map[string]any{"manager": "helm", "operation": "Update", "apiVersion": "v1", "time": "2026-10-01T08:00:00Z", "fieldsV1": map[string]any{"f:spec": map[string]any{}}}},
	}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	if owner != nil {
		meta["ownerReferences"] = []any{owner}
	}
	fields["apiVersion"], fields["kind"], fields["metadata"] = k.GroupVersion().String(), k.Kind, meta
	n.set(k, clone(fields))
	return map[string]any{"apiVersion": fields["apiVersion"], "kind": k.Kind, "name": name, "uid": meta["uid"], "controller": true, "blockOwnerDeletion": true}
}

// uidFor gives an object the same UID each time.
func uidFor(k *kube.Kind, namespace, name string) string {
	sum := digestUID(k.String() + namespace + "/" + name)
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

func podSpec(app string, i int) map[string]any {
	env := []any{}
	for k := range 8 {
		env = append(env, map[string]any{"name": fmt.Sprintf("SETTING_%d", k), "value": fmt.Sprintf("value-%d-of-%s", k*i, app)})
	}
	return map[string]any{
		"serviceAccountName": app, "serviceAccount": app, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
		"terminationGracePeriodSeconds": int64(30), "securityContext": map[string]any{"runAsNonRoot": true, "runAsUser": int64(65532)},
		"containers": []any{map[string]any{
			"name": "app", "image": "registry.example.com/payments/" + app + ":1.4." + strconv.Itoa(i), "imagePullPolicy": "IfNotPresent", "env": env,
			"ports":                  []any{map[string]any{"name": "http", "containerPort": int64(8080), "protocol": "TCP"}},
			"resources":              map[string]any{"requests": map[string]any{"cpu": "100m", "memory": "128Mi"}, "limits": map[string]any{"memory": "256Mi"}},
			"livenessProbe":          map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": int64(8080), "scheme": "HTTP"}, "periodSeconds": int64(10), "timeoutSeconds": int64(1), "successThreshold": int64(1), "failureThreshold": int64(3)},
			"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
			"volumeMounts": []any{map[string]any{"name": "config", "mountPath": "/etc/config"}},
		}},
		"volumes": []any{map[string]any{"name": "config", "configMap": map[string]any{"name": app, "defaultMode": int64(420)}}},
	}
}

func onNode(spec map[string]any) map[string]any {
	spec["nodeName"] = "node-0"
	return spec
}

// build makes apps applications of pods pods each: 8 objects and their pods.
func (n *town) build(apps, pods int) {
	for i := range apps {
		ns := fmt.Sprintf("team-%d", i/20)
		if i%20 == 0 {
			n.add(namespaceKind, "", ns, nil, map[string]any{})
		}
		n.app(ns, i, pods)
	}
}

func (n *town) app(ns string, i, pods int) {
	app := fmt.Sprintf("app-%d", i)
	labels := map[string]any{"app": app, "pod-template-hash": "6f8d9c7b5"}
	spec := func(replicas int) map[string]any {
		return map[string]any{
			"replicas": int64(replicas), "selector": map[string]any{"matchLabels": map[string]any{"app": app}},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": podSpec(app, i)},
		}
	}
	n.add(accountKind, ns, app, nil, map[string]any{})
	n.add(configMapKind, ns, app, nil, map[string]any{"data": map[string]any{"config.yaml": strings.Repeat("key-"+app+": some value\n", 20)}})
	n.add(serviceKind, ns, app, nil, map[string]any{"spec": map[string]any{"selector": map[string]any{"app": app}, "type": "ClusterIP", "ports": []any{map[string]any{"port": int64(80), "targetPort": int64(8080), "protocol": "TCP"}}}})
	n.add(roleKind, ns, app, nil, map[string]any{"rules": []any{map[string]any{"apiGroups": []any{""}, "resources": []any{"configmaps"}, "verbs": []any{"get", "list", "watch"}}}})
	n.add(bindingKind, ns, app, nil, map[string]any{
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": app},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": app, "namespace": ns}},
	})
	deployment := n.add(deploymentKind, ns, app, nil, map[string]any{"spec": spec(pods)})
	set := n.add(replicaSetKind, ns, app+"-6f8d9c7b5", deployment, map[string]any{"spec": spec(pods)})
	n.add(replicaSetKind, ns, app+"-5c7b9d8f4", deployment, map[string]any{"spec": spec(0)})
	for p := range pods {
		pod := podSpec(app, i)
		pod["nodeName"] = fmt.Sprintf("node-%d", p%50)
		n.add(podKind, ns, fmt.Sprintf("%s-6f8d9c7b5-%05d", app, p), set, map[string]any{
			"spec": pod, "status": map[string]any{"phase": "Running", "podIP": "10.0.0.1", "conditions": []any{map[string]any{"type": "Ready", "status": "True", "lastTransitionTime": "2026-10-01T08:00:00Z"}}},
		})
	}
}

// started gives a cluster of apps applications on which a report was made.
func started(tb testing.TB, cfg Config, apps, pods int) (*Live, *town) {
	tb.Helper()
	cfg.Scan, cfg.Source = config(tb, scan.Selection{}), source
	cfg.Scan.Now = nil
	l := New(cfg)
	for _, k := range townKinds {
		l.index.Listing(k, "")
	}
	n := &town{set: func(k *kube.Kind, m map[string]any) { l.index.Set(k, m, kube.Initially) }}
	n.build(apps, pods)
	for _, k := range townKinds {
		l.index.Listed(k, "")
	}
	if err := l.judge.report(tb.Context(), io.Discard); err != nil {
		tb.Fatal(err)
	}
	l.ready = true
	l.shrink()
	n.set = func(k *kube.Kind, m map[string]any) { l.index.Set(k, m, kube.Live) }
	return l, n
}

// resident reads what the process holds, in MiB: now, at most, and how much of now is the
// program itself, mapped from its file.
func resident(tb testing.TB) (now, most, program float64) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skip("SKIPPED: the system does not tell what the process holds")
	}
	for line := range strings.Lines(string(data)) {
		for field, to := range map[string]*float64{"VmRSS:": &now, "VmHWM:": &most, "RssFile:": &program} {
			if rest, ok := strings.CutPrefix(line, field); ok {
				kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				*to = kib / 1024
			}
		}
	}
	return now, most, program
}

// BenchmarkMemory tells what a cluster costs: live heap for each object, and what the
// process holds. Run one size at a time.
func BenchmarkMemory(b *testing.B) {
	for _, size := range []struct{ apps, pods int }{{1000, 10}, {3333, 22}, {8333, 4}} {
		b.Run(fmt.Sprintf("objects=%d", size.apps*(8+size.pods)), func(b *testing.B) {
			debug.SetGCPercent(50)
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				began := time.Now()
				l, _ := started(b, Config{Observe: func(changes.Observation) {}, Delta: func(seaworthy.Delta) {}}, size.apps, size.pods)
				took := time.Since(began)
				runtime.GC()
				runtime.ReadMemStats(&after)
				objects, findings := l.index.counts()
				now, most, program := resident(b)
				packed := 0
				for _, e := range l.index.all() {
					packed += len(e.packed)
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(objects), "B/object")
				b.ReportMetric(float64(packed)/float64(objects), "packed-B/object")
				b.ReportMetric(float64(after.HeapAlloc)/(1<<20), "heap-MiB")
				b.ReportMetric(now, "rss-MiB")
				b.ReportMetric(most, "rss-peak-MiB")
				b.ReportMetric(program, "program-MiB")
				b.ReportMetric(float64(findings), "findings")
				b.ReportMetric(took.Seconds(), "s-to-report")
				runtime.KeepAlive(l)
			}
		})
	}
}

// BenchmarkChange tells what one change costs until its findings are out, and until the
// analyzers that read it have run, by kind of what changes.
func BenchmarkChange(b *testing.B) {
	for _, size := range []struct{ apps, pods int }{{1000, 10}, {3333, 22}} {
		b.Run(fmt.Sprintf("objects=%d", size.apps*(8+size.pods)), func(b *testing.B) {
			l, n := started(b, Config{Observe: func(changes.Observation) {}, Delta: func(seaworthy.Delta) {}}, size.apps, size.pods)
			spec := func(i int) map[string]any {
				labels := map[string]any{"app": "app-7", "pod-template-hash": "6f8d9c7b5"}
				return map[string]any{"replicas": int64(size.pods), "selector": map[string]any{"matchLabels": map[string]any{"app": "app-7"}},
					"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": podSpec("app-7", i)}}
			}
			changes := map[string]func(i int){
				"Deployment": func(i int) { n.add(deploymentKind, "team-0", "app-7", nil, map[string]any{"spec": spec(i)}) },
				"ConfigMap": func(i int) {
					n.add(configMapKind, "team-0", "app-7", nil, map[string]any{"data": map[string]any{"a": strconv.Itoa(i)}})
				},
				"Role": func(i int) {
					n.add(roleKind, "team-0", "app-7", nil, map[string]any{"rules": []any{map[string]any{"apiGroups": []any{""}, "resources": []any{"secrets"}, "verbs": []any{"get", strconv.Itoa(i)}}}})
				},
				"status of a Pod": func(i int) {
					set := map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app-7-6f8d9c7b5", "uid": uidFor(replicaSetKind, "team-0", "app-7-6f8d9c7b5"), "controller": true, "blockOwnerDeletion": true}
					n.add(podKind, "team-0", "app-7-6f8d9c7b5-00000", set, map[string]any{"spec": onNode(podSpec("app-7", 7)), "status": map[string]any{"phase": "Running", "i": int64(i)}})
				},
			}
			for name, change := range changes {
				b.Run(name, func(b *testing.B) {
					var alone time.Duration
					for i := 0; b.Loop(); i++ {
						change(i)
						for _, u := range l.judge.units {
							u.next = time.Time{}
						}
						began := time.Now()
						if err := l.judge.objects(b.Context()); err != nil {
							b.Fatal(err)
						}
						l.tell()
						alone += time.Since(began)
						if _, err := l.flush(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(alone.Microseconds())/float64(b.N), "µs-to-delta")
				})
			}
		})
	}
}
