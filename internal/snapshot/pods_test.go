// SPDX-License-Identifier: Apache-2.0

package snapshot_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

func pod(t *testing.T, namespace, name string, set map[string]any, owner *seaworthy.Object) *snapshot.Object {
	t.Helper()
	o, err := snapshot.NewDecoder().Decode(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": set},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
	}, snapshot.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	o.Owner = owner
	return o
}

func TestPodsSelect(t *testing.T) {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
	s.Add(pod(t, "shop", "web", map[string]any{"app": "web", "tier": "front"}, nil))
	s.Add(pod(t, "shop", "api", map[string]any{"app": "api", "tier": "back"}, nil))
	s.Add(pod(t, "shop", "bare", nil, nil))
	s.Add(pod(t, "other", "web", map[string]any{"app": "web", "tier": "front"}, nil))
	s.Add(pod(t, "shop", "db-1", map[string]any{"db": "orders"}, &seaworthy.Object{Kind: "Database", Name: "db"}))
	pods := snapshot.IndexPods(s)
	for _, tc := range []struct {
		namespace, selector string
		want                []string
		may                 bool
	}{
		{"shop", "", []string{"web", "api", "bare"}, true},
		{"shop", "app=web", []string{"web"}, true},
		{"shop", "app=web,tier=back", nil, false},
		{"shop", "app in (api,web),tier", []string{"web", "api"}, true},
		{"shop", "app", []string{"web", "api"}, true},
		{"shop", "!app", []string{"bare"}, true},
		{"shop", "app!=web", []string{"api", "bare"}, true},
		{"shop", "app notin (web,api)", []string{"bare"}, true},
		{"shop", "db=orders", nil, true},
		{"shop", "app=web,pod-template-hash=abc", nil, true},
		{"shop", "app=web,role=front", nil, false},
		{"shop", "app=web,role=primary", nil, true},
		{"missing", "", nil, false},
	} {
		sel, err := labels.Parse(tc.selector)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second answer comes from memory
			var got []string
			for _, w := range pods.Select(tc.namespace, sel) {
				got = append(got, w.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Select(%s, %s) differs (-want +got):\n%s", tc.namespace, tc.selector, diff)
			}
		}
		if got := pods.MayMatch(s.Objects()[0], tc.namespace, sel); got != tc.may {
			t.Errorf("MayMatch(%s, %s) = %v, want %v", tc.namespace, tc.selector, got, tc.may)
		}
	}
}

func TestReleaseKeepsCustomResources(t *testing.T) {
	d := snapshot.NewDecoder()
	decode := func(m map[string]any) *snapshot.Object {
		o, err := d.Decode(m, snapshot.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		o.Release()
		return o
	}
	o := decode(map[string]any{
		"apiVersion": "velero.io/v1", "kind": "Schedule",
		"metadata": map[string]any{"name": "daily"}, "spec": map[string]any{"schedule": "@daily"},
	})
	got, err := snapshot.As[struct {
		Spec struct {
			Schedule string `json:"schedule"`
		} `json:"spec"`
	}](o)
	if err != nil || got.Spec.Schedule != "@daily" {
		t.Errorf("As = %+v, %v, want the schedule", got, err)
	}
	if o := decode(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"}}); o.Canonical != nil {
		t.Error("a built-in object keeps its canonical form, want nil")
	}
}

func TestReleaseKeepsWhatIsJudged(t *testing.T) {
	d := snapshot.NewDecoder()
	o, err := d.Decode(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s"},
		"stringData": map[string]any{"alertmanager.yaml": "route: {}", "password": "changeme"},
	}, snapshot.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	o.Release()
	want := map[string][]byte{"alertmanager.yaml": []byte("route: {}"), "password": {}}
	if diff := cmp.Diff(want, o.View().(*corev1.Secret).Data); diff != "" {
		t.Errorf("data of the Secret differs (-want +got):\n%s", diff)
	}
	env := []any{
		map[string]any{"name": "DD_LOGS_ENABLED", "value": "true"},
		map[string]any{"name": "TOKEN", "value": "changeme"},
	}
	o, err = d.Decode(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "p"},
		"spec":   map[string]any{"containers": []any{map[string]any{"name": "a", "image": "a:1", "env": env}}},
		"status": map[string]any{"phase": "Succeeded", "podIP": "10.0.0.1"},
	}, snapshot.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	o.Release()
	p := o.View().(*corev1.Pod)
	if diff := cmp.Diff([]corev1.EnvVar{{Name: "DD_LOGS_ENABLED", Value: "true"}, {Name: "TOKEN"}}, p.Spec.Containers[0].Env); diff != "" {
		t.Errorf("variables differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(corev1.PodStatus{Phase: corev1.PodSucceeded}, p.Status); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
}

func TestTwins(t *testing.T) {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
	add := func(name, file, root string) *snapshot.Object {
		o := pod(t, "shop", name, map[string]any{"app": "web"}, nil)
		o.Source.File, o.Source.Root = file, root
		s.Add(o)
		return o
	}
	dev, prod := add("web", "dev/web.yaml", ""), add("web", "apps/prod/kustomization.yaml", "apps/prod")
	only := add("only-prod", "apps/prod/kustomization.yaml", "apps/prod")
	shared, beside := add("shared", "shared/all.yaml", ""), add("beside", "dev/other.yaml", "")
	for _, tc := range []struct {
		a, b *snapshot.Object
		want bool
	}{
		{dev, prod, false}, {dev, only, false}, {prod, only, true}, {shared, dev, true}, {shared, prod, true},
		{beside, dev, true}, {beside, prod, false}, {beside, only, true},
	} {
		if got, back := s.Together(tc.a, tc.b), s.Together(tc.b, tc.a); got != tc.want || back != tc.want {
			t.Errorf("Together(%s in %s, %s in %s) = %v, %v, want %v", tc.a.Name, tc.a.Source.File, tc.b.Name, tc.b.Source.File, got, back, tc.want)
		}
	}
	for _, tc := range []struct{ from, want *snapshot.Object }{{dev, dev}, {beside, dev}, {prod, prod}, {only, prod}, {shared, dev}} {
		if got := s.LookupFor(tc.from, "", "Pod", "shop", "web"); got != tc.want {
			t.Errorf("LookupFor(%s in %s) found the one in %s, want %s", tc.from.Name, tc.from.Source.File, got.Source.File, tc.want.Source.File)
		}
	}
	if got := s.LookupFor(dev, "", "Pod", "shop", "only-prod"); got != nil {
		t.Errorf("LookupFor found %s of another environment, want nothing", got)
	}
}
