// SPDX-License-Identifier: Apache-2.0

package snapshot_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Every built-in type is released, and can be looked at afterwards.
func TestReleaseEveryType(t *testing.T) {
	d := snapshot.NewDecoder()
	n := 0
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal {
			continue
		}
		o, err := d.Decode(map[string]any{
			"apiVersion": gvk.GroupVersion().String(), "kind": gvk.Kind, "metadata": map[string]any{"name": "x"},
		}, snapshot.Origin{})
		if err != nil || o.Typed == nil {
			continue // not an object of its own
		}
		n++
		o.Release()
		if o.Typed != nil || !o.BuiltIn() || o.View() == nil || o.Content() != nil {
			t.Errorf("%s: typed %v, built in %v, view %v, content %v after release", gvk, o.Typed, o.BuiltIn(), o.View(), o.Content())
		}
	}
	if n < 50 {
		t.Errorf("only %d types were tried", n)
	}
}

// A workload is the same before and after its object is released, but for what no
// analyzer looks at.
func TestReleaseKeepsWorkloads(t *testing.T) {
	d := snapshot.NewDecoder()
	for _, api := range [][2]string{{"apps/v1", "Deployment"}, {"argoproj.io/v1alpha1", "Rollout"}} {
		o, err := d.Decode(map[string]any{
			"apiVersion": api[0], "kind": api[1], "metadata": map[string]any{"name": "web", "namespace": "shop", "labels": map[string]any{"team": "a"}},
			"spec": map[string]any{"replicas": int64(3), "template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "web"}},
				"spec": map[string]any{
					"serviceAccountName": "web", "hostNetwork": true, "automountServiceAccountToken": false,
					"volumes": []any{map[string]any{"name": "v", "secret": map[string]any{"secretName": "s"}}},
					"containers": []any{map[string]any{
						"name": "a", "image": "a:1", "args": []any{"--x"}, "resources": map[string]any{"limits": map[string]any{"cpu": "1"}},
					}},
				},
			}},
		}, snapshot.Origin{File: "web.yaml", Line: 1})
		if err != nil {
			t.Fatal(err)
		}
		o.Release()
		o.Release() // once more does nothing
		s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
		s.Add(o)
		if len(s.Workloads()) != 1 {
			t.Fatalf("%s: %d workloads, want 1", o.Kind, len(s.Workloads()))
		}
		w, no := s.Workloads()[0], false
		if w.Replicas != 3 || w.ServiceAccount != "web" || !w.HostNetwork || w.PodMeta.Labels["app"] != "web" || w.PodPath != "spec.template.spec" {
			t.Errorf("%s: workload = %+v", o.Kind, w)
		}
		pod := w.Pod()
		want := &corev1.PodSpec{
			ServiceAccountName: "web", HostNetwork: true, AutomountServiceAccountToken: &no, Volumes: pod.Volumes,
			Containers: []corev1.Container{{Name: "a", Image: "a:1", Args: []string{"--x"}}},
		}
		if o.Kind == "Deployment" {
			want.DeprecatedServiceAccount = "web" // by defaulting
		}
		if diff := cmp.Diff(want, pod); diff != "" || len(pod.Volumes) != 1 || pod.Volumes[0].Secret.SecretName != "s" {
			t.Errorf("%s: pod differs (-want +got):\n%s", o.Kind, diff)
		}
		if deployment, ok := o.View().(*appsv1.Deployment); ok {
			if diff := cmp.Diff(pod, &deployment.Spec.Template.Spec); diff != "" || deployment.Labels["team"] != "a" {
				t.Errorf("the view lacks the pod (-want +got):\n%s", diff)
			}
		} else if o.Content()["spec"].(map[string]any)["replicas"] != int64(3) {
			t.Errorf("content = %v", o.Content())
		}
	}
}

func TestReleaseKeepsTexts(t *testing.T) {
	const rules = "groups:\n- rules:\n  - alert: Down\n"
	o, err := snapshot.NewDecoder().Decode(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"},
		"data": map[string]any{"rules.yaml": rules, "index.html": "<html>"}, "binaryData": map[string]any{"logo": "AAAA"},
	}, snapshot.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	o.Release()
	got := o.View().(*corev1.ConfigMap)
	if diff := cmp.Diff(map[string]string{"rules.yaml": rules, "index.html": ""}, got.Data); diff != "" {
		t.Errorf("data differs (-want +got):\n%s", diff)
	}
	if v, ok := got.BinaryData["logo"]; !ok || len(v) > 0 {
		t.Errorf("binary data = %v, want the key alone", got.BinaryData)
	}
}
