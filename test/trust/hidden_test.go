// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// apiserver answers like a cluster with one custom resource that runs containers.
type apiserver struct {
	forbidden, gone bool
}

func (a *apiserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	list := func(kind string, items ...any) any {
		return map[string]any{"kind": kind + "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": append([]any{}, items...)}
	}
	widget := map[string]any{"metadata": map[string]any{"name": "one", "namespace": "shop"}, "spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "app", "image": "app:1", "securityContext": map[string]any{"privileged": true}}},
	}}}}
	crd := map[string]any{"metadata": map[string]any{"name": "widgets.example.com"}, "spec": map[string]any{
		"group": "example.com", "scope": "Namespaced", "names": map[string]any{"plural": "widgets", "kind": "Widget"},
		"versions": []any{map[string]any{"name": "v1", "schema": map[string]any{"openAPIV3Schema": map[string]any{}}}},
	}}
	group := func(name, version string) any {
		v := map[string]any{"groupVersion": name + "/" + version, "version": version}
		return map[string]any{"name": name, "versions": []any{v}, "preferredVersion": v}
	}
	resources := func(version, name, kind string, namespaced bool) any {
		return map[string]any{"kind": "APIResourceList", "groupVersion": version, "resources": []any{
			map[string]any{"name": name, "kind": kind, "namespaced": namespaced, "verbs": []string{"get", "list"}},
		}}
	}
	answers := map[string]any{
		"/version": map[string]any{"major": "1", "minor": "36", "gitVersion": "v1.36.3"},
		"/api":     map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis":    map[string]any{"kind": "APIGroupList", "groups": []any{group("apiextensions.k8s.io", "v1"), group("example.com", "v1")}},
		"/api/v1":  resources("v1", "pods", "Pod", true), "/api/v1/pods": list("Pod"),
		"/apis/apiextensions.k8s.io/v1":                           resources("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": list("CustomResourceDefinition", crd),
		"/apis/example.com/v1":                                    resources("example.com/v1", "widgets", "Widget", true),
		"/apis/example.com/v1/widgets":                            list("Widget", widget),
		"/api/v1/namespaces/kube-system":                          map[string]any{"metadata": map[string]any{"name": "kube-system", "uid": "u1"}},
		"/apis/authentication.k8s.io/v1/selfsubjectreviews":       map[string]any{"status": map[string]any{"userInfo": map[string]any{"username": "robot"}}},
		"/api/v1/nodes":                                           list("Node"),
	}
	if a.gone {
		answers["/apis/example.com/v1/widgets"] = list("Widget")
	}
	answer, ok := answers[r.URL.Path]
	status := func(code int, reason string) any {
		w.WriteHeader(code)
		return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason}
	}
	switch {
	case a.forbidden && r.URL.Path == "/apis/example.com/v1/widgets":
		answer = status(http.StatusForbidden, "Forbidden")
	case !ok:
		answer = status(http.StatusNotFound, "NotFound")
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// A scan that lost the right to list a kind which it may do without closes nothing of that
// kind, all the way from the API server to the database.
func TestLosingARightClosesNothing(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		api := &apiserver{}
		cluster := httptest.NewServer(api)
		defer cluster.Close()
		kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
		text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {}}]\n"+
			"contexts: [{name: prod, context: {cluster: c, user: u}}]\ncurrent-context: prod\n", cluster.URL)
		if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := newProcess(t, c.Database)
		p.start()
		scan := func() {
			t.Helper()
			p.Env = append(p.Env, "SEAWORTHY_TOKEN="+p.token, "KUBECONFIG="+kubeconfig)
			cmd := p.Command("scan", "--cluster", "--source", "prod", "--upload", "http://"+p.address, "--fail-on", "none")
			if err := cmd.Run(); err != nil {
				t.Fatalf("scan: %v\n%s", err, p.Printed())
			}
		}
		scan()
		api.forbidden = true
		scan()
		api.forbidden, api.gone = false, true
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		privileged := func() seaworthy.TrackedFinding {
			t.Helper()
			s, err := server.Open(t.Context(), server.Config{Data: p.data, Database: p.database, BaseURL: "http://" + p.address})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			page, err := s.Store().Findings(t.Context(), store.FindingFilter{Checks: []string{"privileged-container"}})
			if err != nil || len(page.Items) != 1 || page.Items[0].Object.Kind != "Widget" {
				t.Fatalf("findings: %+v, %v", page.Items, err)
			}
			return page.Items[0]
		}
		if f := privileged(); f.Status != seaworthy.FindingOpen {
			t.Errorf("without the right to see it the finding is %s by %q, want open", f.Status, f.Cause)
		}
		p.start()
		scan()
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if f := privileged(); f.Status != seaworthy.FindingFixed || f.Cause != seaworthy.CauseObjectDeleted {
			t.Errorf("once it is seen to be gone the finding is %s by %q", f.Status, f.Cause)
		}
	})
}
