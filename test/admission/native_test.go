// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
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

// TestNativePoliciesSayTheSame applies what 'checks export' writes and creates the objects
// of all cases of all checks, as a dry-run: for each of them the policies of the API
// server and the webhook find the same checks failing on the same items, with the same
// words. Both tell by audit annotations, which nothing cuts.
func TestNativePoliciesSayTheSame(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Audit}, scan.Selection{Settings: parametersOf, Target: "1.36"})
	exported := w.export()
	w.awaitPolicies()
	asked := map[string]map[string]string{} // audit id → check → what the webhook found
	refused, n := 0, 0
	for c := range eachCase(t) {
		o := c.Object
		w.prepare(o)
		id := fmt.Sprintf("case-%d", n)
		n++
		var err error
		reviews := w.asked(func() { _, _, err = w.do(call{path: place(o), body: o.Written, dryRun: true, id: id}) })
		if err != nil {
			refused++
			continue
		}
		for _, r := range reviews {
			if r.NotJudged != "" || r.Failed {
				t.Errorf("%s: not judged: %s", c.Name, r.NotJudged)
			}
			asked[id] = items(r.Decision)
		}
	}
	w.must(call{path: pods, body: pod("probe", true), dryRun: true, id: "last"})
	annotationsOf(t, "last")
	log := annotations(t)
	denied, compared := map[string]int{}, 0
	for id, found := range asked {
		native := map[string]string{}
		for key, text := range log[id] {
			if name, ok := strings.CutSuffix(key, "/offending"); ok {
				native[strings.TrimPrefix(name, "seaworthy-")] = sorted(text)
			}
		}
		for check := range exported {
			compared++
			if native[check] != found[check] {
				t.Errorf("%s of %s:\n native: %s\n webhook: %s", check, id, native[check], found[check])
			}
			if native[check] != "" {
				denied[check]++
			}
		}
	}
	for check := range exported {
		if denied[check] == 0 && check != "selector-mismatch" { // the API server itself refuses those
			t.Errorf("%s failed on no object: it was not compared", check)
		}
	}
	if refused > n/4 {
		t.Errorf("the API server did not accept %d of %d objects", refused, n)
	}
	fmt.Printf("admission: %d objects, %d pairs compared, %d checks, %d objects not accepted\n", len(asked), compared, len(exported), refused)
}

// items is what a decision finds, by check, in the form of the policies: items with their
// remarks.
func items(d *admission.Decision) map[string]string {
	out := map[string]string{}
	for _, v := range d.Verdicts {
		var list []string
		for _, it := range v.Items {
			text := it.Key
			if it.Message != v.Check.Title {
				text += snapshot.Remark + it.Message
			}
			list = append(list, text)
		}
		out[v.Check.ID] = sorted(strings.Join(list, "; "))
	}
	return out
}

// sorted puts items in order: those of a mapping come in none. A repeated one counts once.
func sorted(text string) string {
	list := strings.Split(text, "; ")
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "; ")
}

// export applies what the command writes and gives the checks.
func (w *world) export() map[string]bool {
	w.t.Helper()
	config := filepath.Join(w.t.TempDir(), "seaworthy.yaml")
	if err := os.WriteFile(config, []byte(parameters), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var out, said bytes.Buffer
	if code := cli.Main([]string{"checks", "export", "--config", config, "--action", "Audit", "--kubernetes-version", "1.36"}, nil, &out, &said); code != 0 {
		w.t.Fatalf("checks export: %d %s", code, said.String())
	}
	found := map[string]bool{}
	for doc := range strings.SplitSeq(out.String(), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			w.t.Fatal(err)
		}
		name, _ := o["metadata"].(object)["name"].(string)
		path := map[any]string{
			"Namespace": "/api/v1/namespaces", "ConfigMap": "/api/v1/namespaces/seaworthy/configmaps",
			"ValidatingAdmissionPolicy":        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
			"ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
		}[o["kind"]]
		if _, _, err := w.do(call{path: path, body: o}); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatalf("%v %s: %v", o["kind"], name, err)
		}
		if o["kind"] == "ValidatingAdmissionPolicy" {
			found[strings.TrimPrefix(name, "seaworthy-")] = true
		}
	}
	w.t.Cleanup(func() {
		for name := range found {
			w.do(call{verb: "DELETE", path: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/seaworthy-" + name})
			w.do(call{verb: "DELETE", path: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/seaworthy-" + name})
		}
	})
	return found
}

// awaitPolicies waits until the API server judges by the policies: it takes them up all
// at once, and the one here that needs parameters last.
func (w *world) awaitPolicies() {
	w.t.Helper()
	probe := pod("probe", true)
	for i := 0; i < 600; i++ {
		id := fmt.Sprintf("probe-%d", i)
		w.must(call{path: pods, body: probe, dryRun: true, id: id})
		native := annotations(w.t)[id]
		if native["seaworthy-privileged-container/offending"] != "" && native["seaworthy-image-registry-not-allowed/offending"] != "" && native["seaworthy-image-registry-blocked/offending"] != "" {
			time.Sleep(2 * time.Second)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	w.t.Fatal("the server does not judge by the policies")
}

// eachCase gives the objects of all cases of all checks, each once.
func eachCase(t *testing.T) map[*checktest.Case]bool {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	out, seen := map[*checktest.Case]bool{}, map[string]bool{}
	for _, s := range sources {
		raw, err := fs.ReadFile(checks.Cases(), checktest.Path(s.File))
		if err != nil {
			t.Fatal(err)
		}
		list, err := checktest.Cases(raw)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range list {
			if body := strings.TrimSpace(c.Text); c.Object.Typed != nil && c.Object.ReplacedAPI == "" && !seen[body] {
				seen[body] = true
				out[&list[i]] = true
			}
		}
	}
	return out
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
	if ns != "" {
		w.namespace(ns)
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
		if body["metadata"].(object)["name"] != "" {
			w.do(call{path: path, body: maps.Clone(body)}) // one that the server refuses is left to the objects that use it
		}
	}
}
