// SPDX-License-Identifier: Apache-2.0

package cel_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
)

// TestBound holds the form that is installed with bindings to its promises: waivers count
// where they speak of the object and until the time that the object itself shows, and a
// binding counts where the mode is its own.
func TestBound(t *testing.T) {
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(sources, func(s checks.Source) bool { return s.ID == "privileged-container" })
	const here = "request.?namespace.orValue('') in ['lab'] ? 'off' : namespaceObject != null && namespaceObject.metadata.?labels[?'kubernetes.io/metadata.name'].orValue('') == 'kiosk' ? 'warn' : 'deny'"
	p := cel.Bound(sources[i].Policy, &sources[i].Check, here)
	object := func(namespace string) *cel.Request {
		return request(t, `
apiVersion: v1
kind: Pod
metadata: {name: app, namespace: `+namespace+`, creationTimestamp: "2026-03-02T10:00:00Z"}
spec: {containers: [{name: a, image: a:1, securityContext: {privileged: true}}, {name: b, image: b:1, securityContext: {privileged: true}}]}
`)
	}
	updated := func() *cel.Request {
		r := *object("shop")
		r.Operation = "UPDATE"
		meta := r.Object["metadata"].(map[string]any)
		meta["managedFields"] = []any{map[string]any{"time": "2026-03-01T00:00:00Z"}, map[string]any{"time": "2026-03-20T00:00:00Z"}, map[string]any{"manager": "untimed"}}
		old := *request(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: shop}\nspec: {containers: [{name: a, image: a:1}]}\n")
		r.OldObject = old.Object
		return &r
	}
	by := func(username, annotation string) *cel.Request {
		r := *object("shop")
		r.Username = username
		r.Object["metadata"].(map[string]any)["annotations"] = map[string]any{annotation: "x"}
		return &r
	}
	deny := map[string]string{"mode": "deny"}
	const mirror = "kubernetes.io/config.mirror"
	line := func(words ...string) map[string]string {
		return map[string]string{"mode": "deny", "waivers.privileged-container": "2026-03-03T00:00:00Z\t" + strings.Join(words, "\t")}
	}
	const all = "spec.containers[a].securityContext.privileged"
	for _, c := range []struct {
		name string
		req  *cel.Request
		data map[string]string
		says string // empty: it passes
	}{
		{"nothing is waived", object("shop"), map[string]string{"mode": "deny"}, all + ", spec.containers[b]"},
		{"all is waived", object("shop"), line("", "", "", ""), ""},
		{"one is waived", object("shop"), line("^Pod$", "^shop$", "^app$", `containers\[b\]`), "Container runs in privileged mode: " + all + ". Remove "},
		{"of another kind", object("shop"), line("^Job$", "", "", ""), all},
		{"in another namespace", object("shop"), line("", "^kiosk$", "", ""), all},
		{"of another name", object("shop"), line("", "", "^web$", ""), all},
		{"of another check", object("shop"), map[string]string{"mode": "deny", "waivers.host-pid": "2026-03-03T00:00:00Z\t\t\t\t"}, all},
		{"over", object("shop"), map[string]string{"mode": "deny", "waivers.privileged-container": "2026-03-02T10:00:00Z\t\t\t\t"}, all},
		{"a line that is none", object("shop"), map[string]string{"mode": "deny", "waivers.privileged-container": "9\n9\t\t\t"}, all},
		{"updated after its end", updated(), line("", "", "", ""), all},
		{"updated before its end", updated(), map[string]string{"mode": "deny", "waivers.privileged-container": "2026-03-21T00:00:00Z\t\t\t\t"}, ""},
		{"by the API server itself", by("system:apiserver", "a"), deny, ""},
		{"a static Pod", by("system:node:n1", mirror), deny, ""},
		{"a node's Pod that is none", by("system:node:n1", "a"), deny, all},
		{"who poses as a static Pod", by("jane", mirror), deny, all},
		{"off", object("lab"), map[string]string{"mode": "deny"}, ""},
		{"of the mode of another binding", object("kiosk"), map[string]string{"mode": "deny"}, ""},
		{"by the API server itself, where it is warned of", func() *cel.Request { r := *object("kiosk"); r.Username = "system:apiserver"; return &r }(), map[string]string{"mode": "warn"}, all},
		{"of the mode of this one", object("kiosk"), map[string]string{"mode": "warn"}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := map[string]any{}
			for k, v := range c.data {
				data[k] = v
			}
			params := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "p"}, "data": data}
			policies := []cel.Policy{{ID: p.Name, Spec: &p.Spec, Params: []map[string]any{params}}}
			check := func(who string, v cel.Verdict) {
				t.Helper()
				if v.Err != nil || v.Denied != (c.says != "") || !strings.Contains(strings.Join(v.Messages, "; "), c.says) {
					t.Errorf("%s: denied %v %q (%v), want %q", who, v.Denied, v.Messages, v.Err, c.says)
				}
			}
			cel.New(policies).Evaluator().Judge(c.req, nil, func(_ int, v cel.Verdict) { check("evaluator", v) })
			v, err := cel.NewReference(&policies[0]).Judge(context.Background(), c.req, params)
			if err != nil {
				t.Fatal(err)
			}
			check("validator", v)
		})
	}
}
