// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// server answers like an API server that holds the objects of a test: discovery, lists in
// pages, single objects.
type server struct {
	t *testing.T
	// resources maps group/version to resources, each name:Kind, with ! for cluster scope.
	resources map[string][]string
	// objects by list path, "/api/v1/pods"; those of a namespace are found by their own.
	objects map[string][]map[string]any
	// answer replaces what is said to a request, by path; false lets it go on.
	answer func(w http.ResponseWriter, r *http.Request) bool

	mu   sync.Mutex
	asks []string
}

func (s *server) start() *rest.Config {
	srv := httptest.NewServer(s)
	s.t.Cleanup(srv.Close)
	return &rest.Config{Host: srv.URL}
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asks)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asks = append(s.asks, r.URL.RequestURI())
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if s.answer != nil && s.answer(w, r) {
		return
	}
	path := r.URL.Path
	switch parts := strings.Split(strings.Trim(path, "/"), "/"); {
	case path == "/version":
		send(w, map[string]any{"major": "1", "minor": "36", "gitVersion": "v1.36.3-eks-abc1234"})
	case path == "/api":
		send(w, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	case path == "/apis":
		s.groups(w)
	case path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
		send(w, map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "status": map[string]any{"userInfo": map[string]any{"username": "auditor"}}})
	case len(parts) == 2 && parts[0] == "api", len(parts) == 3 && parts[0] == "apis":
		s.discover(w, strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/"))
	default:
		s.list(w, r)
	}
}

func (s *server) groups(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := map[string][]any{}
	for gv := range s.resources {
		if group, version, ok := strings.Cut(gv, "/"); ok {
			versions[group] = append(versions[group], map[string]any{"groupVersion": gv, "version": version})
		}
	}
	var groups []any
	for name, v := range versions {
		groups = append(groups, map[string]any{"name": name, "versions": v, "preferredVersion": v[0]})
	}
	send(w, map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

func (s *server) discover(w http.ResponseWriter, gv string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var resources []any
	for _, r := range s.resources[gv] {
		name, kind, _ := strings.Cut(r, ":")
		resources = append(resources, map[string]any{
			"name": strings.TrimPrefix(name, "!"), "kind": kind, "namespaced": !strings.HasPrefix(name, "!"), "verbs": []string{"get", "list", "watch"},
		})
	}
	send(w, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": resources})
}

// list answers lists with limit and continue, where the token is the place in the list.
func (s *server) list(w http.ResponseWriter, r *http.Request) {
	path, namespace := r.URL.Path, ""
	if before, after, ok := strings.Cut(path, "/namespaces/"); ok {
		ns, resource, isList := strings.Cut(after, "/")
		if !isList {
			for _, o := range s.objects[before+"/namespaces"] {
				if name(o) == after {
					send(w, o)
					return
				}
			}
			refuse(w, http.StatusNotFound, "NotFound", "no such namespace", "")
			return
		}
		path, namespace = before+"/"+resource, ns
	}
	s.mu.Lock()
	objects := slices.Clone(s.objects[path])
	s.mu.Unlock()
	wanted, named := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	var items []any
	for _, o := range objects {
		if named && name(o) != wanted {
			continue
		}
		if ns, _ := o["metadata"].(map[string]any)["namespace"].(string); namespace == "" || namespace == ns {
			items = append(items, o)
		}
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	meta := map[string]any{"resourceVersion": "1"}
	to := min(from+limit, len(items))
	if to < len(items) {
		meta["continue"] = strconv.Itoa(to)
	}
	send(w, map[string]any{"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[from:to]})
}

func send(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func refuse(w http.ResponseWriter, code int, reason, message, token string) {
	w.WriteHeader(code)
	send(w, map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
		"metadata": map[string]any{"continue": token},
	})
}

func name(o map[string]any) string {
	n, _ := o["metadata"].(map[string]any)["name"].(string)
	return n
}

// object makes an object whose UID is its name.
func object(namespace, name string, more ...any) map[string]any {
	meta := map[string]any{"name": name, "uid": "uid-" + name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	o := map[string]any{"metadata": meta}
	for i := 0; i < len(more); i += 2 {
		if k := more[i].(string); strings.HasPrefix(k, "metadata.") {
			meta[strings.TrimPrefix(k, "metadata.")] = more[i+1]
		} else {
			o[k] = more[i+1]
		}
	}
	return o
}

func owner(apiVersion, kind, name string) []any {
	return []any{map[string]any{"apiVersion": apiVersion, "kind": kind, "name": name, "uid": "uid-" + name, "controller": true}}
}

func podSpec() map[string]any {
	return map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}}
}

func podTemplate() map[string]any {
	return map[string]any{"template": map[string]any{"spec": podSpec()}}
}

func open(t *testing.T, config *rest.Config, o kube.Options) *kube.Cluster {
	t.Helper()
	c, err := kube.New(config, "test", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// list lists the cluster and gives the objects by kind/name.
func list(t *testing.T, c *kube.Cluster) (map[string]*snapshot.Object, *kube.Result) {
	t.Helper()
	objects := map[string]*snapshot.Object{}
	result, err := c.List(t.Context(), snapshot.NewDecoder(), func(o *snapshot.Object) error {
		key := o.Kind + "/" + o.Name
		if objects[key] != nil {
			return fmt.Errorf("%s came twice", key)
		}
		objects[key] = o
		return nil
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return objects, result
}
