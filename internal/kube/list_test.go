// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

func manyPods(n int) []map[string]any {
	var pods []map[string]any
	for i := range n {
		pods = append(pods, object("shop", fmt.Sprintf("pod-%04d", i), "spec", podSpec()))
	}
	return pods
}

func TestListGoesThroughAllPages(t *testing.T) {
	s := &server{t: t, resources: map[string][]string{"v1": {"pods:Pod"}}, objects: map[string][]map[string]any{"/api/v1/pods": manyPods(1234)}}
	objects, result := list(t, open(t, s.start(), kube.Options{}))
	if len(objects) != 1234 || result.Objects != 1234 {
		t.Errorf("objects = %d, counted %d, want 1234", len(objects), result.Objects)
	}
	if len(result.Errors) > 0 {
		t.Errorf("errors = %v", result.Errors)
	}
	o := objects["Pod/pod-0000"]
	if o == nil || o.Typed == nil || o.Canonical == nil || !o.Namespaced || o.Resource.Resource != "pods" || o.APIVersion != "v1" {
		t.Errorf("object = %+v", o)
	}
	pages := 0
	for _, a := range s.asked() {
		if strings.HasPrefix(a, "/api/v1/pods?") {
			pages++
		}
	}
	if pages != 3 {
		t.Errorf("pages = %d, want 3 of 500", pages)
	}
}

func TestLargeObjectsComeInSmallerPages(t *testing.T) {
	big := strings.Repeat("x", 700<<10)
	var maps []map[string]any
	for i := range 120 {
		maps = append(maps, object("shop", fmt.Sprintf("map-%03d", i), "data", map[string]any{"k": big}))
	}
	s := &server{t: t, resources: map[string][]string{"v1": {"configmaps:ConfigMap"}}, objects: map[string][]map[string]any{"/api/v1/configmaps": maps}}
	n := 0
	result, err := open(t, s.start(), kube.Options{}).List(t.Context(), snapshot.NewDecoder(), func(*snapshot.Object) error { n++; return nil })
	if err != nil || n != 120 || len(result.Errors) > 0 {
		t.Fatalf("List gave %d objects, %v, %v", n, result.Errors, err)
	}
	var limits []string
	for _, a := range s.asked() {
		if _, q, ok := strings.Cut(a, "configmaps?"); ok {
			q, _, _ = strings.Cut(q, "&timeout=")
			limits = append(limits, q)
		}
	}
	if diff := cmp.Diff([]string{"limit=50", "continue=50&limit=23", "continue=73&limit=23", "continue=96&limit=23", "continue=119&limit=23"}, limits); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestExpiredTokens(t *testing.T) {
	for _, c := range []struct {
		name, offered string
		want          int // requests
	}{
		{"the server offers another token", "500", 4},
		{"the list starts again", "", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			expired := false
			s := &server{t: t, resources: map[string][]string{"v1": {"pods:Pod"}}, objects: map[string][]map[string]any{"/api/v1/pods": manyPods(1100)}}
			s.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("continue") == "500" && !expired {
					expired = true
					refuse(w, http.StatusGone, "Expired", "the token is too old", c.offered)
					return true
				}
				return false
			}
			objects, result := list(t, open(t, s.start(), kube.Options{})) // which fails on an object that comes twice
			if len(objects) != 1100 || len(result.Errors) > 0 {
				t.Errorf("objects = %d, errors = %v", len(objects), result.Errors)
			}
			n := 0
			for _, a := range s.asked() {
				if strings.Contains(a, "/pods?") {
					n++
				}
			}
			if n != c.want {
				t.Errorf("requests = %d, want %d", n, c.want)
			}
		})
	}
}

func TestWhatCannotBeListedIsToldOf(t *testing.T) {
	s := &server{t: t,
		resources: map[string][]string{
			"v1":                           {"pods:Pod", "!nodes:Node", "services:Service"},
			"apps/v1":                      {"deployments:Deployment"},
			"networking.k8s.io/v1":         {"networkpolicies:NetworkPolicy"},
			"gateway.networking.k8s.io/v1": {"gateways:Gateway"},
			"example.com/v1":               {"widgets:Widget", "services:Service"},
			"down.example.com/v1":          {},
			"metrics.k8s.io/v1beta1":       {},
			"apiextensions.k8s.io/v1":      {"!customresourcedefinitions:CustomResourceDefinition"},
			"batch/v1":                     {"jobs:Job"},
			"rbac.authorization.k8s.io/v1": {"roles:Role"},
			"policy/v1":                    {"poddisruptionbudgets:PodDisruptionBudget"},
			"scheduling.k8s.io/v1":         {"!priorityclasses:PriorityClass"},
			"certificates.k8s.io/v1":       {"!certificatesigningrequests:CertificateSigningRequest"},
			"unlisted.aggregated.com/v1":   {"things:Thing"},
			"coordination.k8s.io/v1":       {"leases:Lease"},
		},
		objects: map[string][]map[string]any{
			"/api/v1/pods": manyPods(3),
			"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
				crd("example.com", "widgets", "Widget"), crd("example.com", "services", "Service"), crd("gateway.networking.k8s.io", "gateways", "Gateway"),
			},
		},
	}
	tries := map[string]int{}
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		tries[r.URL.Path]++
		switch r.URL.Path {
		case "/apis/apps/v1/deployments", "/apis/gateway.networking.k8s.io/v1/gateways", "/apis/example.com/v1/widgets", "/apis/example.com/v1/services":
			refuse(w, http.StatusForbidden, "Forbidden", "user may not list", "")
		case "/apis/networking.k8s.io/v1/networkpolicies":
			refuse(w, http.StatusNotFound, "NotFound", "could not find the requested resource", "")
		case "/apis/down.example.com/v1", "/apis/metrics.k8s.io/v1beta1":
			refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the server is currently unable", "")
		case "/apis/batch/v1/jobs":
			refuse(w, http.StatusInternalServerError, "InternalError", "conversion webhook failed", "")
		case "/api/v1/nodes":
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, `{"kind": "NodeList", "items": [{"metadata": {"name": "cut"`)
		case "/apis/rbac.authorization.k8s.io/v1/roles":
			fmt.Fprint(w, `{"kind": "RoleList", "items": [{"metadata": {"name": "short"}}]`)
		case "/apis/policy/v1/poddisruptionbudgets":
			if tries[r.URL.Path] > 1 {
				return false
			}
			refuse(w, http.StatusInternalServerError, "InternalError", "etcd has no leader", "")
		case "/apis/scheduling.k8s.io/v1/priorityclasses":
			fmt.Fprint(w, `{"kind": "PriorityClassList", "items": null, "metadata": {}}`)
		case "/apis/certificates.k8s.io/v1/certificatesigningrequests":
			fmt.Fprint(w, `<html>login</html>`)
		default:
			return false
		}
		return true
	}
	objects, result := list(t, open(t, s.start(), kube.Options{}))
	if len(objects) != 3+3 {
		t.Errorf("objects = %d, want 6", len(objects))
	}
	got := map[string]string{}
	for kind, reason := range result.Unlisted {
		got[kind], _, _ = strings.Cut(reason, ":")
	}
	want := map[string]string{
		"Secret": "not asked", "Deployment": "forbidden", "Gateway": "forbidden", "Widget": "forbidden",
		"Service.example.com": "forbidden", "NetworkPolicy": "not served", "Job": "conversion webhook failed",
		"Node": "read the list of nodes", "Role": "read the list of roles.rbac.authorization.k8s.io",
		"CertificateSigningRequest": "read the list of certificatesigningrequests.certificates.k8s.io",
		"down.example.com/v1":       "its resources could not be discovered",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unlisted (-want +got):\n%s", diff)
	}
	errs := map[string]bool{}
	for _, p := range result.Errors {
		errs[p.Object] = true
	}
	wantErrors := map[string]bool{
		"deployments.apps": true, "gateways.gateway.networking.k8s.io": true, "networkpolicies.networking.k8s.io": true,
		"jobs.batch": true, "nodes": true, "roles.rbac.authorization.k8s.io": true, "down.example.com/v1": true,
		"certificatesigningrequests.certificates.k8s.io": true,
	}
	if diff := cmp.Diff(wantErrors, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"services.example.com", "widgets.example.com"}, named(result.Skipped)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	for _, a := range s.asked() {
		if strings.Contains(a, "/secrets") || strings.Contains(a, "/leases") || strings.Contains(a, "/things") {
			t.Errorf("asked for %s", a)
		}
	}
}

// named lists what problems are about.
func named(list []seaworthy.Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Object)
	}
	return out
}

func crd(group, plural, kind string) map[string]any {
	return object("", plural+"."+group, "spec", map[string]any{
		"group": group, "scope": "Namespaced", "names": map[string]any{"plural": plural, "kind": kind},
		"versions": []any{map[string]any{"name": "v1", "schema": map[string]any{"openAPIV3Schema": map[string]any{}}}},
	})
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	s := &server{t: t, resources: map[string][]string{
		"v1":                   {"pods:Pod", "services:Service", "!nodes:Node", "configmaps:ConfigMap"},
		"networking.k8s.io/v1": {"ingresses:Ingress"}, "policy/v1": {"poddisruptionbudgets:PodDisruptionBudget"},
	}}
	const answers = 5 * time.Minute
	s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("limit") == "" {
			return false
		}
		select {
		case <-r.Context().Done():
		case <-time.After(answers):
		}
		return true
	}
	config, none := s.start(), func(*snapshot.Object) error { return nil }
	var result *kube.Result
	timeout, start, err := 20*time.Millisecond, time.Time{}, errors.New("not asked")
	for err != nil && timeout < 20*time.Second { // again where the machine is too slow for what is answered at once
		timeout *= 5
		start = time.Now()
		result, err = open(t, config, kube.Options{Timeout: timeout}).List(t.Context(), snapshot.NewDecoder(), none)
	}
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took >= answers {
		t.Errorf("it waited for %v", took)
	}
	if len(result.Unlisted) != 7 || len(result.Errors) != 6 {
		t.Errorf("unlisted = %v, errors = %v; want 7 and 6", result.Unlisted, result.Errors)
	}
	if !strings.Contains(result.Unlisted["ConfigMap"], "no answer within "+timeout.String()) || !strings.Contains(result.Unlisted["Pod"], "not asked") {
		t.Errorf("unlisted = %v", result.Unlisted)
	}
}

func TestNamespaces(t *testing.T) {
	s := &server{t: t,
		resources: map[string][]string{
			"v1":                           {"pods:Pod", "!namespaces:Namespace", "!nodes:Node"},
			"rbac.authorization.k8s.io/v1": {"!clusterroles:ClusterRole"},
		},
		objects: map[string][]map[string]any{
			"/api/v1/namespaces": {object("", "shop"), object("", "bank"), object("", "other")},
			"/api/v1/pods":       {object("shop", "a", "spec", podSpec()), object("bank", "b", "spec", podSpec()), object("other", "c", "spec", podSpec())},
			"/apis/rbac.authorization.k8s.io/v1/clusterroles": {object("", "view")},
		},
	}
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/api/v1/pods", "/api/v1/namespaces", "/api/v1/nodes", "/api/v1/namespaces/bank/pods":
			refuse(w, http.StatusForbidden, "Forbidden", "user may not list", "")
			return true
		}
		return false
	}
	objects, result := list(t, open(t, s.start(), kube.Options{Namespaces: []string{"shop", "bank", "missing"}}))
	var got []string
	for k := range objects {
		got = append(got, k)
	}
	want := map[string]bool{"Pod/a": true, "Namespace/shop": true, "Namespace/bank": true, "ClusterRole/view": true}
	for _, k := range got {
		if !want[k] {
			t.Errorf("unexpected %s", k)
		}
	}
	if len(got) != len(want) {
		t.Errorf("objects = %v", got)
	}
	if r := result.Unlisted["Pod"]; !strings.HasPrefix(r, "in namespace bank: forbidden") {
		t.Errorf("pods unlisted = %q", r)
	}
	if result.Unlisted["Node"] == "" {
		t.Error("nodes are not unlisted")
	}
	// What is outside the namespaces may be left out, and is named.
	if diff := cmp.Diff([]string{"namespace missing", "pods"}, named(result.Errors)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nodes"}, named(result.Skipped)); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

func TestSecretsValuesAreDropped(t *testing.T) {
	const value = "aHVudGVyMg=="
	s := &server{t: t, resources: map[string][]string{"v1": {"secrets:Secret"}}, objects: map[string][]map[string]any{
		"/api/v1/secrets": {object("shop", "db", "type", "Opaque", "data", map[string]any{"password": value, "user": value},
			"metadata.annotations", map[string]any{"kubectl.kubernetes.io/last-applied-configuration": `{"data":{"password":"` + value + `"}}`})},
	}}
	config := s.start()
	if objects, _ := list(t, open(t, config, kube.Options{})); len(objects) != 0 {
		t.Errorf("without Secrets: %v", objects)
	}
	objects, result := list(t, open(t, config, kube.Options{Secrets: true}))
	o := objects["Secret/db"]
	if o == nil {
		t.Fatalf("no Secret; %v", result)
	}
	all, err := json.Marshal([]any{o.Written, o.Canonical, o.Typed})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), value) || strings.Contains(string(all), "hunter2") {
		t.Errorf("the value is kept: %s", all)
	}
	data, _ := o.Written["data"].(map[string]any)
	if len(data) != 2 {
		t.Errorf("keys = %v, want two", data)
	}
	if _, ok := result.Unlisted["Secret"]; ok {
		t.Error("Secrets count as unlisted")
	}
}

func TestOwners(t *testing.T) {
	s := &server{t: t,
		resources: map[string][]string{
			"v1": {"pods:Pod", "services:Service"}, "apps/v1": {"deployments:Deployment", "replicasets:ReplicaSet"},
			"batch/v1": {"jobs:Job"}, "argoproj.io/v1alpha1": {"rollouts:Rollout"}, "kafka.example.com/v1": {"podsets:PodSet"},
		},
		objects: map[string][]map[string]any{
			"/apis/apps/v1/deployments": {
				object("shop", "web", "spec", podTemplate()),
				object("shop", "operated", "spec", podTemplate(), "metadata.ownerReferences", owner("kafka.example.com/v1", "PodSet", "set")),
			},
			"/apis/apps/v1/replicasets": {
				object("shop", "web-1", "spec", podTemplate(), "metadata.ownerReferences", owner("apps/v1", "Deployment", "web")),
				object("shop", "rolled", "spec", podTemplate(), "metadata.ownerReferences", owner("argoproj.io/v1alpha1", "Rollout", "canary")),
			},
			"/apis/argoproj.io/v1alpha1/rollouts": {object("shop", "canary", "spec", podTemplate())},
			"/apis/kafka.example.com/v1/podsets":  {object("shop", "set", "spec", map[string]any{"pods": []any{}})},
			"/api/v1/services":                    {object("shop", "svc", "metadata.ownerReferences", owner("argoproj.io/v1alpha1", "Rollout", "canary"))},
			"/api/v1/pods": {
				object("shop", "web-1-x", "spec", podSpec(), "metadata.ownerReferences", owner("apps/v1", "ReplicaSet", "web-1")),
				object("shop", "newer", "spec", podSpec(), "metadata.ownerReferences", owner("apps/v1", "ReplicaSet", "made-since")),
				object("shop", "of-job", "spec", podSpec(), "metadata.ownerReferences", owner("batch/v1", "Job", "unlisted")),
				object("shop", "of-set", "spec", podSpec(), "metadata.ownerReferences", owner("kafka.example.com/v1", "PodSet", "set")),
				object("kube-system", "static", "spec", podSpec(), "metadata.ownerReferences", owner("v1", "Node", "node-1")),
				object("shop", "bare", "spec", podSpec()),
			},
		},
	}
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/apis/batch/v1/jobs" {
			refuse(w, http.StatusForbidden, "Forbidden", "no", "")
			return true
		}
		return false
	}
	objects, _ := list(t, open(t, s.start(), kube.Options{}))
	for name, want := range map[string]string{
		"Deployment/web": "", "Deployment/operated": "", "ReplicaSet/web-1": "shop/Deployment/web", "ReplicaSet/rolled": "shop/Rollout/canary",
		"Rollout/canary": "", "Service/svc": "", "Pod/web-1-x": "shop/ReplicaSet/web-1", "Pod/newer": "shop/ReplicaSet/made-since",
		"Pod/of-job": "", "Pod/of-set": "", "Pod/static": "", "Pod/bare": "",
	} {
		o := objects[name]
		if o == nil {
			t.Errorf("%s was not listed", name)
			continue
		}
		got := ""
		if o.Owner != nil {
			got = o.Owner.String()
		}
		if got != want {
			t.Errorf("owner of %s = %q, want %q", name, got, want)
		}
	}
}

func TestWhatIsDropped(t *testing.T) {
	s := &server{t: t, resources: map[string][]string{"v1": {"pods:Pod"}}, objects: map[string][]map[string]any{"/api/v1/pods": {
		object("shop", "p", "spec", podSpec(), "status", map[string]any{"phase": "Running", "podIP": "10.0.0.1"},
			"metadata.managedFields", []any{map[string]any{"manager": "kubectl"}},
			"metadata.annotations", map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"}),
	}}}
	objects, _ := list(t, open(t, s.start(), kube.Options{}))
	want := map[string]any{
		"apiVersion": "v1", "kind": "Pod", "spec": podSpec(), "status": map[string]any{"phase": "Running"},
		"metadata": map[string]any{"name": "p", "namespace": "shop", "uid": "uid-p", "annotations": map[string]any{"kept": "yes"}},
	}
	if diff := cmp.Diff(want, objects["Pod/p"].Written); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}

func TestCustomResourcesKeepTheirNames(t *testing.T) {
	odd := crd("example.com", "gatewaii", "Gateway")
	odd["spec"].(map[string]any)["scope"] = "Cluster"
	s := &server{t: t,
		resources: map[string][]string{"apiextensions.k8s.io/v1": {"!customresourcedefinitions:CustomResourceDefinition"}, "example.com/v1": {"!gatewaii:Gateway"}},
		objects: map[string][]map[string]any{
			"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {odd}, "/apis/example.com/v1/gatewaii": {object("", "g")},
		},
	}
	objects, _ := list(t, open(t, s.start(), kube.Options{}))
	if o := objects["Gateway/g"]; o == nil || o.Resource.Resource != "gatewaii" || o.Namespaced {
		t.Errorf("object = %+v", o)
	}
}

func TestListEndsWithItsReceiver(t *testing.T) {
	s := &server{t: t, resources: map[string][]string{"v1": {"pods:Pod"}}, objects: map[string][]map[string]any{"/api/v1/pods": manyPods(700)}}
	c := open(t, s.start(), kube.Options{})
	enough := errors.New("enough")
	if _, err := c.List(t.Context(), snapshot.NewDecoder(), func(*snapshot.Object) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("List = %v, want the receiver's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.List(ctx, snapshot.NewDecoder(), func(*snapshot.Object) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("List = %v, want that it was cancelled", err)
	}
}
