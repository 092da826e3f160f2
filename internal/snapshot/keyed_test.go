// SPDX-License-Identifier: Apache-2.0

package snapshot_test

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

func TestItemFindsElementsByContent(t *testing.T) {
	const text = `
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list]}
- {apiGroups: [example.com], resources: ["*"], verbs: ["*"]}
- {apiGroups: [example.org], resources: ["*"], verbs: ["*"]}
- {apiGroups: ["", apps], resources: [pods], resourceNames: [web, db], verbs: [get]}
- {nonResourceURLs: [/healthz], verbs: [get]}
- {nonResourceURLs: ["*"], verbs: ["*"]}
subjects:
- {kind: User, name: shop}
- {kind: ServiceAccount, name: shop, namespace: a}
- {kind: ServiceAccount, name: shop, namespace: b}
envFrom:
- {configMapRef: {name: settings}}
- {secretRef: {name: login}}
`
	o := &snapshot.Object{}
	if err := yaml.Unmarshal([]byte(text), &o.Written); err != nil {
		t.Fatal(err)
	}
	for keyed, want := range map[string]string{
		"rules[get,list secrets]":                   "rules[0]",
		"rules[* * in example.com]":                 "rules[1]",
		"rules[* * in example.org]":                 "rules[2]",
		"rules[* *]":                                "rules[5]",
		"rules[get pods]":                           "rules[3]",
		"rules[get pods in core,apps named web,db]": "rules[3]",
		"rules[get /healthz]":                       "rules[4]",
		"rules[get nodes]":                          "rules",
		"subjects[shop]":                            "subjects[0]",
		"subjects[User shop]":                       "subjects[0]",
		"subjects[ServiceAccount b/shop]":           "subjects[2]",
		"subjects[Group shop]":                      "subjects",
		"envFrom[login].secretRef":                  "envFrom[1].secretRef",
		"envFrom[settings].configMapRef":            "envFrom[0].configMapRef",
		"envFrom[other].secretRef":                  "envFrom",
	} {
		if got := o.Item(keyed, "").Path; got != want {
			t.Errorf("Item(%q) is at %q, want %q", keyed, got, want)
		}
	}
}
