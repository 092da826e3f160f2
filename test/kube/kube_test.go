// SPDX-License-Identifier: Apache-2.0

// Package kube tries internal/kube on a real kube-apiserver.
package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

var server kubeapiserver.Shared

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gatewaii.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: gatewaii, singular: gateway, kind: Gateway}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {plural: rollouts, singular: rollout, kind: Rollout}
  versions:
  - {name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: registry.example/app:1}]}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
stringData: {password: hunter2}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {maxReplicas: 3, targetCPUUtilizationPercentage: 50, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scanner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: seaworthy-scan}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: scanner}]
`

const customs = `
apiVersion: example.com/v1
kind: Gateway
metadata: {name: front}
spec: {port: 80}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: canary, namespace: shop}
spec:
  template:
    spec: {containers: [{name: app, image: app:1}]}
`

// apply creates the objects of a YAML stream; those that are there stay as they are.
func apply(t *testing.T, config *rest.Config, text []byte) {
	t.Helper()
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		err := dec.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		gvk := o.GroupVersionKind()
		wait(t, func() error {
			m, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
			if err != nil {
				mapper.Reset()
				return err
			}
			_, err = client.Resource(m.Resource).Namespace(o.GetNamespace()).Create(t.Context(), &o, metav1.CreateOptions{})
			if err != nil && strings.Contains(err.Error(), "already exists") {
				return nil
			}
			return err
		})
	}
}

// wait tries until it works: a new resource is not served at once.
func wait(t *testing.T, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func fill(t *testing.T, s *kubeapiserver.Server) {
	t.Helper()
	role, err := os.ReadFile("../../deploy/scan-clusterrole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s.Config, role)
	apply(t, s.Config, []byte(objects))
	apply(t, s.Config, []byte(customs))
}

func open(t *testing.T, config *rest.Config, o kube.Options) *kube.Cluster {
	t.Helper()
	c, err := kube.New(config, "test", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func list(t *testing.T, c *kube.Cluster) (map[string]*snapshot.Object, *kube.Result) {
	t.Helper()
	out := map[string]*snapshot.Object{}
	result, err := c.List(t.Context(), snapshot.NewDecoder(), func(o *snapshot.Object) error {
		out[o.Kind+"/"+o.Name] = o
		for _, p := range o.Schema {
			t.Errorf("%s of a real server does not decode strictly: %s", o, p.Message)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return out, result
}

func TestScanRoleSuffices(t *testing.T) {
	s := server.Start(t)
	fill(t, s)
	scanner, err := s.User("scanner")
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, scanner, kube.Options{})
	source, problems, err := c.Source(t.Context())
	if err != nil || len(problems) > 0 {
		t.Errorf("Source: %v, %v", err, problems)
	}
	if source.Identity != "scanner" || !strings.HasPrefix(source.KubernetesVersion, "v1.36.3") || len(source.ClusterUID) != 36 || source.Provider != "" {
		t.Errorf("source = %+v", source)
	}
	found, result := list(t, c)
	if len(result.Errors) > 0 {
		t.Errorf("errors = %v", result.Errors)
	}
	// Custom resources that no check reads are not in the role, and no error.
	if diff := cmp.Diff([]string{"Gateway", "Secret"}, slices.Sorted(maps.Keys(result.Unlisted))); diff != "" {
		t.Errorf("unlisted (-want +got):\n%s", diff)
	}
	web := found["Deployment/web"]
	if web == nil {
		t.Fatal("the Deployment was not listed")
	}
	if d, ok := web.Typed.(*appsv1.Deployment); !ok || d.Spec.Replicas == nil || *d.Spec.Replicas != 1 {
		t.Errorf("the Deployment is %+v", web.Typed)
	}
	if o := found["HorizontalPodAutoscaler/web"]; o == nil || o.APIVersion != "autoscaling/v2" {
		t.Errorf("the autoscaler is %+v", o)
	}
	if o := found["Rollout/canary"]; o == nil || o.Template == nil || o.Resource.Resource != "rollouts" || !o.Namespaced {
		t.Errorf("the Rollout is %+v", o)
	}
	for _, want := range []string{"Namespace/kube-system", "ClusterRole/cluster-admin", "APIService/v1.apps", "FlowSchema/exempt", "CustomResourceDefinition/gatewaii.example.com"} {
		if found[want] == nil {
			t.Errorf("%s was not listed", want)
		}
	}
	if found["Secret/db"] != nil || found["Lease/x"] != nil {
		t.Error("more was listed than asked for")
	}
}

func TestAdministratorSeesAll(t *testing.T) {
	s := server.Start(t)
	fill(t, s)
	found, result := list(t, open(t, s.Config, kube.Options{Secrets: true}))
	if len(result.Errors)+len(result.Unlisted) > 0 {
		t.Errorf("errors = %v, unlisted = %v", result.Errors, result.Unlisted)
	}
	if o := found["Gateway/front"]; o == nil || o.Namespaced || o.Resource.Resource != "gatewaii" {
		t.Errorf("the custom resource is %+v", o)
	}
	if o := found["Secret/db"]; o == nil || !cmp.Equal(o.Written["data"], map[string]any{"password": ""}) {
		t.Errorf("the Secret is %+v", o)
	}
}

func TestVisitorIsToldWhatIsHidden(t *testing.T) {
	s := server.Start(t)
	fill(t, s)
	visitor, err := s.User("visitor")
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, visitor, kube.Options{})
	source, problems, err := c.Source(t.Context())
	if err != nil || source.Identity != "visitor" || source.ClusterUID != "" || len(problems) != 1 {
		t.Errorf("Source = %+v, %v, %v", source, problems, err)
	}
	found, result := list(t, c)
	if len(found) > 0 {
		t.Errorf("a visitor sees %v", slices.Collect(maps.Keys(found)))
	}
	if !strings.HasPrefix(result.Unlisted["Pod"], "forbidden:") || len(result.Errors) < 30 {
		t.Errorf("unlisted = %v, errors = %d", result.Unlisted, len(result.Errors))
	}
}

func TestNamespacesByTheirOwnRights(t *testing.T) {
	s := server.Start(t)
	fill(t, s)
	apply(t, s.Config, []byte(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: developer, namespace: shop}
rules:
- {apiGroups: [apps], resources: ['*'], verbs: [get, list]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: developer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: developer}]
`))
	developer, err := s.User("developer")
	if err != nil {
		t.Fatal(err)
	}
	found, result := list(t, open(t, developer, kube.Options{Namespaces: []string{"shop"}}))
	if found["Deployment/web"] == nil || found["Namespace/shop"] == nil || found["Namespace/kube-system"] != nil {
		t.Errorf("a developer sees %v", slices.Collect(maps.Keys(found)))
	}
	if r := result.Unlisted["Role"]; !strings.Contains(r, "in namespace shop: forbidden") {
		t.Errorf("roles unlisted = %q", r)
	}
	for _, p := range result.Errors {
		if strings.Contains(p.Object, "clusterrole") || p.Object == "nodes" {
			t.Errorf("error %v of what is outside the namespace", p)
		}
	}
}

func TestPagesOfARealServer(t *testing.T) {
	s := server.Start(t)
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: Namespace\nmetadata: {name: crowded}\n")
	for i := range 1203 {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-%04d, namespace: crowded}\n", i)
	}
	apply(t, s.Config, []byte(text.String()))
	n := 0
	seen := map[string]bool{}
	result, err := open(t, s.Config, kube.Options{Namespaces: []string{"crowded"}}).List(t.Context(), snapshot.NewDecoder(), func(o *snapshot.Object) error {
		if o.Kind == "ConfigMap" && strings.HasPrefix(o.Name, "map-") {
			n++
			seen[o.Name] = true
		}
		return nil
	})
	if err != nil || len(result.Errors) > 0 || n != 1203 || len(seen) != 1203 {
		t.Errorf("%d ConfigMaps, %d of them different, want 1203; %v, %v", n, len(seen), result.Errors, err)
	}
}

func TestAPIServiceThatIsDown(t *testing.T) {
	s := kubeapiserver.Start(t) // its own: the others want no errors
	apply(t, s.Config, []byte(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.down.example.com}
spec: {group: down.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: gone, namespace: default}}
`))
	c := open(t, s.Config, kube.Options{})
	wait(t, func() error {
		result, err := c.List(t.Context(), snapshot.NewDecoder(), func(*snapshot.Object) error { return nil })
		if err != nil {
			return err
		}
		if result.Unlisted["down.example.com/v1"] == "" || len(result.Errors) != 1 || result.Errors[0].Object != "down.example.com/v1" {
			return fmt.Errorf("unlisted = %v, errors = %v", result.Unlisted, result.Errors)
		}
		return nil
	})
}

// A Deployment that controllers rolled out is one workload: what they made is owned.
func TestRolledOutWorkloadsAreOwned(t *testing.T) {
	s := kubeapiserver.StartCluster(t, 1)
	apply(t, s.Config, []byte(objects))
	c := open(t, s.Config, kube.Options{Namespaces: []string{"shop"}})
	wait(t, func() error {
		owners := map[string]string{}
		_, err := c.List(t.Context(), snapshot.NewDecoder(), func(o *snapshot.Object) error {
			owner := ""
			if o.Owner != nil {
				owner = o.Owner.Kind
			}
			if slices.Contains([]string{"Deployment", "ReplicaSet", "Pod"}, o.Kind) {
				owners[o.Kind] = owner
			}
			return nil
		})
		if err != nil {
			return err
		}
		want := map[string]string{"Deployment": "", "ReplicaSet": "Deployment", "Pod": "ReplicaSet"}
		if diff := cmp.Diff(want, owners); diff != "" {
			return &seaworthy.Error{Message: "owners (-want +got):\n" + diff}
		}
		return nil
	})
}
