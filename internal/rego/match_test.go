// SPDX-License-Identifier: Apache-2.0

package rego_test

import (
	"fmt"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/rego"
)

const anything = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: anything}
spec:
  crd: {spec: {names: {kind: Anything}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package anything
      violation[{"msg": "seen"}] { input.review }
`

func TestConstraintsMatch(t *testing.T) {
	labelled := func(kv ...string) map[string]any {
		labels := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			labels[kv[i]] = kv[i+1]
		}
		return map[string]any{"metadata": map[string]any{"labels": labels}}
	}
	app := &rego.Request{Group: "apps", Version: "v1", Kind: "Deployment", Name: "web-app", Namespaced: true, Namespace: "shop-prod",
		Written: labelled("app", "web"), NamespaceObject: labelled("env", "prod")}
	alone := &rego.Request{Version: "v1", Kind: "Pod", Name: "alone", Namespaced: true, Namespace: "default", Written: labelled()}
	namespace := &rego.Request{Version: "v1", Kind: "Namespace", Name: "shop-prod", Written: labelled("env", "prod")}
	node := &rego.Request{Version: "v1", Kind: "Node", Name: "node-1", Written: labelled()}
	unlabelled := &rego.Request{Group: "apps", Version: "v1", Kind: "Deployment", Name: "web-app", Namespaced: true, Namespace: "shop-prod",
		Written: labelled(), Old: labelled("app", "web")}

	for _, c := range []struct {
		match string
		req   *rego.Request
		want  bool
	}{
		{`{}`, node, true},
		{`{kinds: [{apiGroups: [apps], kinds: [Deployment, StatefulSet]}]}`, app, true},
		{`{kinds: [{apiGroups: [apps], kinds: [Deployment]}]}`, alone, false},
		{`{kinds: [{apiGroups: [""], kinds: ["*"]}]}`, app, false},
		{`{kinds: [{kinds: [Pod]}, {apiGroups: ["*"]}]}`, app, true},
		{`{scope: Cluster}`, app, false},
		{`{scope: Cluster}`, node, true},
		{`{scope: Cluster}`, namespace, true},
		{`{scope: Namespaced}`, app, true},
		{`{scope: Namespaced}`, namespace, false},
		{`{scope: "*"}`, namespace, true},
		{`{namespaces: [shop-prod]}`, app, true},
		{`{namespaces: ["shop-*"]}`, app, true},
		{`{namespaces: ["*-prod"]}`, app, true},
		{`{namespaces: ["*-p*"]}`, app, true},
		{`{namespaces: [shop]}`, app, false},
		{`{namespaces: [shop]}`, node, true},
		{`{namespaces: ["shop-*"]}`, namespace, true},
		{`{excludedNamespaces: ["shop-*"]}`, app, false},
		{`{excludedNamespaces: ["shop-*"]}`, namespace, false},
		{`{excludedNamespaces: ["*"]}`, node, true},
		{`{excludedNamespaces: [default]}`, app, true},
		{`{labelSelector: {matchLabels: {app: web}}}`, app, true},
		{`{labelSelector: {matchLabels: {app: web}}}`, alone, false},
		{`{labelSelector: {matchLabels: {app: web}}}`, unlabelled, true},
		{`{labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}`, app, false},
		{`{namespaceSelector: {matchLabels: {env: prod}}}`, app, true},
		{`{namespaceSelector: {matchLabels: {env: prod}}}`, namespace, true},
		{`{namespaceSelector: {matchLabels: {env: prod}}}`, alone, false},
		{`{namespaceSelector: {matchLabels: {env: prod}}}`, node, true},
		{`{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}`, alone, true},
		{`{name: "web-*"}`, app, true},
		{`{name: web}`, app, false},
		{`{source: Generated}`, app, false},
		{`{source: Original}`, app, true},
		{`{kinds: [{apiGroups: [apps], kinds: [Deployment]}], namespaces: [other]}`, app, false},
	} {
		t.Run(fmt.Sprintf("%s %s", c.match, c.req.Name), func(t *testing.T) {
			constraint := "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Anything\nmetadata: {name: a}\nspec:\n  match: " + c.match + "\n"
			b := load(t, folder("t.yaml", anything, "c.yaml", constraint))
			if len(b.Problems()) > 0 {
				t.Fatal(b.Problems())
			}
			got := false
			err := b.Evaluate(t.Context(), c.req, func(v rego.Verdict) { got = len(v.Items) == 1 })
			if err != nil || got != c.want {
				t.Errorf("judged = %v (%v), want %v", got, err, c.want)
			}
		})
	}
}

func TestConstraintsThatWouldMatchByMistake(t *testing.T) {
	for _, spec := range []string{
		`{match: {scope: namespaced}}`,
		`{match: {source: Everything}}`,
		`{match: {labelSelector: {matchExpressions: [{key: a, operator: In}]}}}`,
		`{match: {kinds: Deployment}}`,
		`{enforcementAction: block}`,
	} {
		constraint := "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Anything\nmetadata: {name: a}\nspec: " + spec + "\n"
		b := load(t, folder("t.yaml", anything, "c.yaml", constraint))
		if len(b.Problems()) != 1 || len(b.Checks()) != 0 {
			t.Errorf("%s: problems = %v, checks = %d; want one and none", spec, b.Problems(), len(b.Checks()))
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	policies := folder("t.yaml", anything)
	for i := range 20 {
		policies[fmt.Sprintf("p%d.rego", i)] = folder("x", fmt.Sprintf(`package p%d

deny contains msg if {
	some c in input.spec.template.spec.containers
	c.securityContext.privileged
	msg := sprintf("%%s is privileged", [c.name])
}
`, i))["x"]
	}
	bundle := load(b, policies)
	o := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "x"}, "spec": map[string]any{
		"template": map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{"name": "app", "image": "app", "securityContext": map[string]any{"privileged": false}},
			map[string]any{"name": "side", "image": "side"},
		}}},
	}}
	req := request(o)
	for b.Loop() {
		if err := bundle.Evaluate(b.Context(), req, func(rego.Verdict) {}); err != nil {
			b.Fatal(err)
		}
	}
}
