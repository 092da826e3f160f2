// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// day is today in tests.
func day() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func date(t testing.TB, s string) seaworthy.Date {
	t.Helper()
	var d seaworthy.Date
	if err := d.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return d
}

type object = map[string]any

// parse reads an object in YAML.
func parse(t testing.TB, text string) object {
	t.Helper()
	var out object
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

// guard makes a guard with a catalogue of everything, or of the selection.
func guard(t testing.TB, cfg admission.Config, s scan.Selection) *admission.Guard {
	t.Helper()
	g, err := admission.New(complete(t, cfg, s))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func complete(t testing.TB, cfg admission.Config, s scan.Selection) admission.Config {
	t.Helper()
	c, err := scan.NewCatalogue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Catalogue, cfg.Target, cfg.Now, cfg.Namespace = c, "1.36", day, "seaworthy"
	cfg.Source = seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "prod"}
	if cfg.LookupNamespace == nil {
		cfg.LookupNamespace = func(_ context.Context, name string) (map[string]any, error) {
			return object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name, "labels": object{
				"kubernetes.io/metadata.name": name, "team": strings.SplitN(name, "-", 2)[0],
			}}}, nil
		}
	}
	return cfg
}

// asked is a request in the making.
type asked struct {
	operation   string // CREATE
	resource    string // "deployments.apps/v1"; empty: that of the object's kind
	kind        string // of a subresource: "autoscaling/v1/Scale"
	subresource string
	user        string // jane
	groups      []string
	name        string
	namespace   string
	object, old object
	dryRun      bool
}

var resources = map[string]string{
	"Pod": "pods", "Deployment": "deployments", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets", "Job": "jobs",
	"Secret": "secrets", "Namespace": "namespaces", "ConfigMap": "configmaps", "ClusterRole": "clusterroles", "Service": "services",
}

// body is the review as the API server sends it.
func (a asked) body(t testing.TB) []byte {
	t.Helper()
	of := a.object
	if of == nil {
		of = a.old
	}
	if a.operation == "" {
		a.operation = "CREATE"
	}
	if a.user == "" {
		a.user = "jane"
	}
	apiVersion, _ := of["apiVersion"].(string)
	kind, _ := of["kind"].(string)
	resource := resources[kind]
	if a.resource != "" {
		apiVersion, kind, resource = "", "", ""
		resource, apiVersion, _ = strings.Cut(a.resource, ".")
	}
	group, version := "", apiVersion
	if g, v, ok := strings.Cut(apiVersion, "/"); ok {
		group, version = g, v
	}
	gvk := object{"group": group, "version": version, "kind": kind}
	if a.kind != "" {
		parts := strings.Split(a.kind, "/")
		gvk = object{"group": strings.Join(parts[:len(parts)-2], "/"), "version": parts[len(parts)-2], "kind": parts[len(parts)-1]}
	}
	meta, _ := of["metadata"].(object)
	text := func(given string, field string) string {
		if given == "" {
			given, _ = meta[field].(string)
		}
		return given
	}
	req := object{
		"uid": "u1", "kind": gvk, "resource": object{"group": group, "version": version, "resource": resource},
		"operation": a.operation, "name": text(a.name, "name"), "namespace": text(a.namespace, "namespace"),
		"userInfo": object{"username": a.user, "groups": a.groups}, "dryRun": a.dryRun, "object": a.object, "oldObject": a.old,
	}
	if a.subresource != "" {
		req["subResource"] = a.subresource
	}
	raw, err := json.Marshal(object{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": req})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// review asks a guard.
func review(t testing.TB, g *admission.Guard, a asked) *admission.Decision {
	t.Helper()
	r, err := admission.ReadReview(a.body(t))
	if err != nil {
		t.Fatal(err)
	}
	return g.Review(t.Context(), r)
}

// found lists "check: key" of the findings of a decision.
func found(d *admission.Decision) []string {
	var out []string
	for _, v := range d.Verdicts {
		for _, it := range v.Items {
			out = append(out, v.Check.ID+": "+it.Key)
		}
		if v.Err != nil {
			out = append(out, v.Check.ID+": error")
		}
	}
	return out
}

const bad = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: app
    image: nginx
    securityContext: {privileged: true}
`

func only(ids ...string) scan.Selection { return scan.Selection{Only: ids} }

func denying() admission.Config { return admission.Config{Default: admission.Deny} }

// with sets a field of a copy of an object: a path of keys, then the value.
func with(o object, value any, path ...string) object {
	out := maps.Clone(o)
	if len(path) == 1 {
		if value == nil {
			delete(out, path[0])
		} else {
			out[path[0]] = value
		}
		return out
	}
	inner, _ := o[path[0]].(object)
	if inner == nil {
		inner = object{}
	}
	out[path[0]] = with(inner, value, path[1:]...)
	return out
}

func ExampleGuard() {
	c, err := scan.NewCatalogue(context.Background(), only("privileged-container"))
	if err != nil {
		panic(err)
	}
	g, err := admission.New(admission.Config{Catalogue: c, Default: admission.Deny})
	if err != nil {
		panic(err)
	}
	r, err := admission.ReadReview([]byte(`{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
		"uid": "1", "operation": "CREATE", "kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"},
		"namespace": "shop", "name": "web", "userInfo": {"username": "jane"},
		"object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
			"spec": {"containers": [{"name": "app", "image": "nginx", "securityContext": {"privileged": true}}]}}}}`))
	if err != nil {
		panic(err)
	}
	d := g.Review(context.Background(), r)
	fmt.Println(d.Allowed)
	fmt.Println(d.Message)
	// Output:
	// false
	// 1 check fails:
	// - Container runs in privileged mode (privileged-container, critical)
	//     spec.containers[app].securityContext.privileged
	//   Remove securityContext.privileged, or set it to false; add the single capability that is needed instead.
}

// folder writes files and gives their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ownPolicy is a policy of the user about Pods, without a list of items.
func ownPolicy(name, expression string) string {
	return fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %s}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}
  validations:
  - expression: %q
    message: it must hold
`, name, expression)
}
