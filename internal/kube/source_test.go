// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

func TestSource(t *testing.T) {
	s := &server{t: t, resources: map[string][]string{"v1": {"!namespaces:Namespace"}}, objects: map[string][]map[string]any{
		"/api/v1/namespaces": {object("", "kube-system", "kind", "Namespace", "apiVersion", "v1")},
	}}
	var impersonated []string
	s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		impersonated = append(r.Header["Impersonate-User"], r.Header["Impersonate-Group"]...)
		return false
	}
	c := open(t, s.start(), kube.Options{Namespaces: []string{"shop"}, As: "jane", AsGroups: []string{"auditors"}})
	got, problems, err := c.Source(t.Context())
	if err != nil || len(problems) > 0 {
		t.Fatalf("Source: %v, %v", err, problems)
	}
	want := seaworthy.Source{
		Kind: "cluster", Name: "test", ClusterUID: "uid-kube-system", Provider: "EKS", KubernetesVersion: "v1.36.3-eks-abc1234",
		Identity: "auditor", Namespaces: []string{"shop"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"jane", "auditors"}, impersonated); diff != "" {
		t.Errorf("impersonated (-want +got):\n%s", diff)
	}
}

func TestSourceWithoutRights(t *testing.T) {
	s := &server{t: t, answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/version" {
			return false
		}
		refuse(w, http.StatusForbidden, "Forbidden", "nothing for you", "")
		return true
	}}
	got, problems, err := open(t, s.start(), kube.Options{}).Source(t.Context())
	if err != nil || got.ClusterUID != "" || got.Identity != "" || got.KubernetesVersion == "" {
		t.Errorf("source = %+v, %v", got, err)
	}
	if len(problems) != 2 {
		t.Errorf("problems = %v, want two", problems)
	}
}

func TestSourceOfNothing(t *testing.T) {
	_, _, err := open(t, &rest.Config{Host: "http://127.0.0.1:1"}, kube.Options{}).Source(t.Context())
	var told *seaworthy.Error
	if !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable {
		t.Errorf("Source = %v, want unavailable", err)
	}
}

func TestOpenReadsKubeconfigs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("KUBECONFIG", "")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	file := filepath.Join(dir, "config")
	config := "apiVersion: v1\nkind: Config\ncurrent-context: one\nclusters:\n- {name: c, cluster: {server: \"https://example.com:6443\"}}\n" +
		"contexts:\n- {name: one, context: {cluster: c, user: u}}\n- {name: two, context: {cluster: c, user: u}}\nusers:\n- {name: u, user: {token: t}}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		options kube.Options
		want    string // part of the error
	}{
		{"file", kube.Options{Kubeconfig: file}, ""},
		{"context", kube.Options{Kubeconfig: file, Context: "two"}, ""},
		{"no such context", kube.Options{Kubeconfig: file, Context: "three"}, `no context "three"`},
		{"no such file", kube.Options{Kubeconfig: filepath.Join(dir, "none")}, "read the kubeconfig"},
		{"malformed", kube.Options{Kubeconfig: bad}, "read the kubeconfig"},
		{"nothing", kube.Options{}, "no cluster"},
		{"a group without a user", kube.Options{Kubeconfig: file, AsGroups: []string{"g"}}, "needs a user"},
		{"a namespace that is none", kube.Options{Kubeconfig: file, Namespaces: []string{"../x"}}, `namespace "../x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := kube.Open(c.options)
			var told *seaworthy.Error
			switch {
			case c.want == "" && err != nil:
				t.Errorf("Open: %v", err)
			case c.want != "" && (!errors.As(err, &told) || told.Kind != seaworthy.KindInvalid || !strings.Contains(err.Error(), c.want)):
				t.Errorf("Open = %v, want invalid: %s", err, c.want)
			}
		})
	}
}

func TestClusterRoleIsPublished(t *testing.T) {
	golden.Compare(t, "../../../deploy/scan-clusterrole.yaml", kube.ClusterRole())
}

// The role allows everything that a listing asks for, and no Secrets.
func TestClusterRoleAllowsWhatIsListed(t *testing.T) {
	var role rbacv1.ClusterRole
	for _, doc := range bytes.Split(kube.ClusterRole(), []byte("\n---\n")) {
		var r rbacv1.ClusterRole
		if err := yaml.UnmarshalStrict(doc, &r); err == nil && r.Kind == "ClusterRole" && r.Name == "seaworthy-scan" {
			role = r
		}
	}
	allowed := map[string]bool{}
	for _, r := range role.Rules {
		for _, g := range r.APIGroups {
			for _, res := range r.Resources {
				for _, v := range r.Verbs {
					if v != "list" && (v != "get" || len(r.ResourceNames) == 0) && v != "create" {
						t.Errorf("the role allows to %s %s", v, res)
					}
					allowed[g+"/"+res] = allowed[g+"/"+res] || v == "list"
				}
			}
		}
	}
	if allowed["/secrets"] || allowed["*/*"] || allowed["/*"] {
		t.Error("the role allows to list Secrets")
	}
	resources := map[string][]string{}
	for key := range allowed {
		group, resource, _ := strings.Cut(key, "/")
		gv := strings.TrimPrefix(group+"/v1", "/")
		if resource == "*" {
			resource = "things"
		}
		resources[gv] = append(resources[gv], fmt.Sprintf("%s:Thing", resource))
	}
	resources["v1"] = append(resources["v1"], "secrets:Secret", "events:Event", "endpoints:Endpoints")
	resources["coordination.k8s.io/v1"] = []string{"leases:Lease"}
	s := &server{t: t, resources: resources}
	_, result := list(t, open(t, s.start(), kube.Options{}))
	if len(result.Errors) > 0 || len(result.Asked) < 70 {
		t.Fatalf("asked for %d resources, errors %v", len(result.Asked), result.Errors)
	}
	for _, asked := range result.Asked {
		resource, group, _ := strings.Cut(asked, ".")
		if !allowed[group+"/"+resource] && !allowed[group+"/*"] {
			t.Errorf("%s is listed but not allowed", asked)
		}
	}
}
