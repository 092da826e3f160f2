// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"strings"
	"testing"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"
)

var pods = resource{GroupVersionResource: kschema.GroupVersionResource{Version: "v1", Resource: "pods"}, kind: "Pod", namespaced: true}

func TestReadPage(t *testing.T) {
	for _, c := range []struct {
		name, body string
		items      int
		token      string
		fails      bool
	}{
		{"usual", `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":"x"},"items":[{"metadata":{"name":"a"}},{}]}`, 2, "x", false},
		{"items first", `{"items":[{}],"metadata":{"continue":"y"}}`, 1, "y", false},
		{"no items", `{"items":[],"metadata":{}}`, 0, "", false},
		{"null", `{"items":null}`, 0, "", false},
		{"unknown fields", `{"more":{"a":[1]},"items":[{}]}`, 1, "", false},
		{"breaks off between items", `{"items":[{},`, 0, "", true},
		{"breaks off after the items", `{"items":[{}]`, 0, "", true},
		{"empty", ``, 0, "", true},
		{"no object", `[]`, 0, "", true},
		{"items no list", `{"items":{}}`, 0, "", true},
		{"item no object", `{"items":[1]}`, 0, "", true},
		{"item null", `{"items":[null]}`, 0, "", true},
		{"page of a proxy", `<html>`, 0, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := readPage(strings.NewReader(c.body), pods)
			if c.fails {
				if err == nil {
					t.Errorf("no error; items = %v", p.items)
				}
				return
			}
			if err != nil || len(p.items) != c.items || p.token != c.token {
				t.Errorf("page = %+v, %v; want %d items and token %q", p, err, c.items, c.token)
			}
		})
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add(`{"kind":"PodList","metadata":{"continue":"x"},"items":[{"metadata":{"name":"a","annotations":{"k":"v"}},"spec":{"template":{"spec":{"containers":[{}]}}}}]}`)
	f.Add(`{"items":[{"metadata":{"ownerReferences":[{"controller":true}]},"status":{"phase":"x"},"data":{"a":"b"}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		p, err := readPage(strings.NewReader(body), pods)
		if err != nil {
			return
		}
		o := owners{covers: map[string]bool{}, complete: map[string]bool{}}
		for _, r := range []resource{pods, {GroupVersionResource: kschema.GroupVersionResource{Version: "v1", Resource: "secrets"}, kind: "Secret"}} {
			for _, m := range p.items {
				tidy(r, m)
				o.of(r, m)
				if data, ok := m["data"].(map[string]any); ok && r.kind == "Secret" {
					for k, v := range data {
						if v != "" {
							t.Errorf("the value of %s is kept", k)
						}
					}
				}
			}
		}
	})
}
