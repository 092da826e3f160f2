// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// agree holds the locator to the nodes, for every path of every object of a plan.
func agree(t *testing.T, opts manifest.Options) (paths int) {
	t.Helper()
	ctx := context.Background()
	plan, err := manifest.NewPlan(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	locator, dec := plan.Locator(), snapshot.NewDecoder()
	for _, u := range plan.Units {
		_, err := u.Read(ctx, dec, func(o *snapshot.Object) error {
			var visit func(v any, path string)
			visit = func(v any, path string) {
				for _, path := range []string{path, path + ".missing", path + "[7000]"} {
					paths++
					if got, want := locator.Line(ctx, o, path), o.Line(path); got != want {
						t.Errorf("%s: %s: Line(%q) = %d, want %d", o.Source.File, o.Object, path, got, want)
					}
				}
				switch v := v.(type) {
				case map[string]any:
					for k, e := range v {
						if strings.ContainsAny(k, `.[]"`) {
							visit(e, path+`["`+k+`"]`)
						} else {
							visit(e, strings.TrimPrefix(path+"."+k, "."))
						}
					}
				case []any:
					for i, e := range v {
						visit(e, fmt.Sprintf("%s[%d]", path, i))
					}
				}
			}
			visit(o.Written, "")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestLocatorAgreesWithNodes(t *testing.T) {
	write(t, map[string]string{
		"plain.yaml": `
# a comment
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    example.com/a.b: text

spec:
  ports:
  - port: 80
    name: web

  -
    port: 81
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: flow},
 data: {a: b,
  c: d}}
`,
		"aliases.yaml": `
apiVersion: v1
kind: ConfigMap
metadata:
  name: aliases
  labels: &labels
    a: b
    c: d
  annotations:
    e: f
    <<: *labels
    c: g
spec:
  - *labels
  - <<: [*labels]
    h: i
  - &list [1, 2,
     3]
  - *list
  - <<: {x: y,
      z: {w: 1}}
`,
		"twice.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
data:
  a: b
  a:
   - c
`,
		"list.yaml": `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: first}
  data:
    a: b
- {apiVersion: v1, kind: ConfigMap, metadata: {name: second}}
`,
		"object.json": `{
  "apiVersion": "v1",
  "kind": "ConfigMap", "metadata": {
    "name": "json"},
  "data": {"a": "b",
    "c": "d"
  }
}`,
	})
	if n := agree(t, manifest.Options{Paths: []string{"."}}); n < 100 {
		t.Errorf("only %d paths compared", n)
	}
}

// TestLocatorBoundsAliases reads what stands for more than the locator keeps. The line of
// the nearest parent answers for the rest, and what is no alias is found all the same.
func TestLocatorBoundsAliases(t *testing.T) {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: laughs}\na0: &a0 [1, 2, 3, 4, 5, 6, 7, 8]\n")
	for i := 1; i < 5; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 8))
	}
	b.WriteString("data:\n  last: one\n")
	ctx := context.Background()
	plan, err := manifest.NewPlan(ctx, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(b.String()),
		Limits: manifest.Limits{AliasFactor: 10_000}})
	if err != nil {
		t.Fatal(err)
	}
	locator, seen := plan.Locator(), 0
	_, err = plan.Units[0].Read(ctx, snapshot.NewDecoder(), func(o *snapshot.Object) error {
		seen++
		o.Release()
		for path, want := range map[string]int{"data.last": 10, "a4[7]": 8, "a1[2][3]": 4} {
			if got := locator.Line(ctx, o, path); got != want {
				t.Errorf("Line(%q) = %d, want %d", path, got, want)
			}
		}
		return nil
	})
	if err != nil || seen != 1 {
		t.Fatalf("%d objects read, %v", seen, err)
	}
}

func TestLocatorAgreesWithNodesOfTheCorpus(t *testing.T) {
	if n := agree(t, manifest.Options{Paths: []string{others.Need(t, "corpus/kube-prometheus"), others.Need(t, "corpus/k8s-examples")}}); n < 100_000 {
		t.Errorf("only %d paths compared", n)
	}
}
