// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// parameters are for checks that judge nothing without, in the configuration file and in
// the guard alike.
const parameters = `
checks:
  image-registry-not-allowed: {parameters: {registries: registry.example.com}}
  image-registry-blocked: {parameters: {registries: docker.io}}
`

var parametersOf = map[string]scan.Setting{
	"image-registry-not-allowed": {Parameters: map[string]string{"registries": "registry.example.com"}},
	"image-registry-blocked":     {Parameters: map[string]string{"registries": "docker.io"}},
}

// sorted puts items in order: those of a mapping come in none. A repeated one counts once.
func sorted(text string) string {
	list := strings.Split(text, "; ")
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "; ")
}

// export applies what the command writes with the parameters and gives the checks.
func (w *world) export(args ...string) map[string]bool {
	w.t.Helper()
	return w.exportedWith(map[string]string{"seaworthy.yaml": parameters}, args...)
}

const registration = "/apis/admissionregistration.k8s.io/v1/"

// apply applies what the command writes, or what is made of each object, until the test
// ends.
func (w *world) apply(change func(object) []object, args ...string) map[string]bool {
	w.t.Helper()
	var out, said bytes.Buffer
	if code := cli.Main(append([]string{"checks", "export", "--kubernetes-version", "1.36"}, args...), nil, &out, &said); code != 0 {
		w.t.Fatalf("checks export: %d %s", code, said.String())
	}
	found := map[string]bool{}
	var made []string
	var all []object
	for _, o := range documents(w.t, out.String()) {
		if change != nil {
			all = append(all, change(o)...)
		} else {
			all = append(all, o)
		}
	}
	for _, o := range all {
		path := map[any]string{
			"Namespace": "/api/v1/namespaces", "ConfigMap": "/api/v1/namespaces/seaworthy/configmaps",
			"ValidatingAdmissionPolicy": registration + "validatingadmissionpolicies", "ValidatingAdmissionPolicyBinding": registration + "validatingadmissionpolicybindings",
		}[o["kind"]]
		_, _, err := w.do(call{path: path, body: o})
		if apierrors.IsAlreadyExists(err) && o["kind"] == "ConfigMap" {
			_, _, err = w.do(call{verb: "PUT", path: path + "/" + name(o), body: o})
		}
		if err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatalf("%v %s: %v", o["kind"], name(o), err)
		}
		if strings.HasPrefix(path, registration) {
			made = append(made, path+"/"+name(o))
		}
		if o["kind"] == "ValidatingAdmissionPolicy" {
			found[strings.TrimPrefix(name(o), "seaworthy-")] = true
		}
	}
	w.t.Cleanup(func() { w.remove(made) })
	w.made = made
	return found
}

// remove takes policies and bindings away, the bindings first, and waits until they neither
// refuse what the next test makes nor say anything of it.
func (w *world) remove(made []string) {
	for _, path := range slices.Backward(made) {
		w.do(call{verb: "DELETE", path: path})
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		w.tries++
		id := fmt.Sprintf("removed-%d", w.tries)
		_, _, err := w.do(call{path: pods, body: pod("probe", true), dryRun: true, id: id})
		left := err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy")
		for key := range annotationsOf(w.t, id) {
			left = left || strings.HasPrefix(key, "seaworthy-")
		}
		if !left {
			return
		}
	}
	w.t.Errorf("policies that were taken away judge for %s", patience)
}

// keepParams keeps a policy that has a ConfigMap for its parameters and matches nothing that
// there is. An API server that has no such policy any more stops watching ConfigMaps for
// them, and does not begin again for one that comes later.
func (w *world) keepParams() {
	w.t.Helper()
	const name = "keeps-parameters"
	for path, o := range map[string]object{
		registration + "validatingadmissionpolicies": {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": object{"name": name}, "spec": object{
			"paramKind":        object{"apiVersion": "v1", "kind": "ConfigMap"},
			"matchConstraints": object{"resourceRules": []any{object{"apiGroups": []any{"tests.example.com"}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"nothing"}}}},
			"validations":      []any{object{"expression": "true"}},
		}},
		registration + "validatingadmissionpolicybindings": {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": object{"name": name}, "spec": object{
			"policyName": name, "validationActions": []any{"Audit"}, "paramRef": object{"name": name, "namespace": "seaworthy", "parameterNotFoundAction": "Allow"},
		}},
	} {
		if _, _, err := w.do(call{path: path, body: o}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// settled waits until the API server goes by every policy and binding that was made: it takes
// up all that it knows of at once, and learns of them one after the other, of the one that is
// made here last.
func (w *world) settled() {
	w.t.Helper()
	w.tries++
	name := fmt.Sprintf("settled-%d", w.tries)
	for _, made := range []struct {
		resource string
		body     object
	}{
		{"validatingadmissionpolicies", object{"kind": "ValidatingAdmissionPolicy", "spec": object{
			"matchConstraints": object{"resourceRules": []any{object{"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"pods"}}}},
			"auditAnnotations": []any{object{"key": "seen", "valueExpression": "'yes'"}},
		}}},
		{"validatingadmissionpolicybindings", object{"kind": "ValidatingAdmissionPolicyBinding", "spec": object{"policyName": name, "validationActions": []any{"Audit"}}}},
	} {
		path := registration + made.resource
		made.body["apiVersion"], made.body["metadata"] = "admissionregistration.k8s.io/v1", object{"name": name}
		w.must(call{path: path, body: made.body})
		defer w.do(call{verb: "DELETE", path: path + "/" + name})
	}
	w.until("the API server goes by the newest policy", func() bool {
		w.tries++
		id := fmt.Sprintf("settling-%d", w.tries)
		w.do(call{path: pods, body: pod("probe", false), dryRun: true, id: id})
		return annotationsOf(w.t, id)[name+"/seen"] == "yes"
	})
}

// awaitPolicies waits until the API server judges by the policies: it takes them up all
// at once, and the one here that needs parameters last.
func (w *world) awaitPolicies() {
	w.t.Helper()
	w.settled()
	probe := pod("probe", true)
	w.until("the server judges by the policies", func() bool {
		w.tries++
		id := fmt.Sprintf("probe-%d", w.tries)
		w.must(call{path: pods, body: probe, dryRun: true, id: id})
		native := annotationsOf(w.t, id)
		return native["seaworthy-privileged-container/offending"] != "" && native["seaworthy-image-registry-not-allowed/offending"] != "" && native["seaworthy-image-registry-blocked/offending"] != ""
	})
}

// place is where an object is created.
func place(o *snapshot.Object) string {
	path := "/apis/" + o.Resource.Group + "/" + o.Resource.Version
	if o.Resource.Group == "" {
		path = "/api/" + o.Resource.Version
	}
	if ns := o.EffectiveNamespace(); ns != "" {
		path += "/namespaces/" + ns
	}
	return path + "/" + o.Resource.Resource
}

// prepare makes what an object refers to and without which the server refuses it.
func (w *world) prepare(o *snapshot.Object) {
	w.t.Helper()
	ns := o.EffectiveNamespace()
	if ns != "" && !w.prepared[ns] {
		w.namespace(ns)
		w.prepared[ns] = true
	}
	spec, _ := o.Canonical["spec"].(object)
	if o.Kind != "Pod" || spec == nil {
		return
	}
	text := func(key string) string { s, _ := spec[key].(string); return s }
	for path, body := range map[string]object{
		"/api/v1/namespaces/" + ns + "/serviceaccounts": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": text("serviceAccountName")}},
		"/apis/scheduling.k8s.io/v1/priorityclasses":    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": object{"name": text("priorityClassName")}, "value": int64(1000)},
		"/apis/node.k8s.io/v1/runtimeclasses":           {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": object{"name": text("runtimeClassName")}, "handler": "runc"},
	} {
		name, _ := body["metadata"].(object)["name"].(string)
		if name != "" && !w.prepared[path+"/"+name] {
			w.prepared[path+"/"+name] = true
			w.do(call{path: path, body: maps.Clone(body)}) // one that the server refuses is left to the objects that use it
		}
	}
}
