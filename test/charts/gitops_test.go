// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/deploy/charts"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

// The examples for Argo CD and Flux install the chart of this version with values that it
// takes, and leave alone what the agent fills.
func TestExamplesInstallTheChart(t *testing.T) {
	for file, where := range map[string]struct{ values, version []string }{
		"argocd-application.yaml": {[]string{"spec", "source", "helm", "valuesObject"}, []string{"spec", "source", "targetRevision"}},
		"flux-helmrelease.yaml":   {[]string{"spec", "values"}, []string{"spec", "chart", "spec", "version"}},
	} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../deploy/gitops", file))
			if err != nil {
				t.Fatal(err)
			}
			objects := decode(t, text)
			o := objects[len(objects)-1]
			if v, _, err := unstructured.NestedString(o.Object, where.version...); err != nil || v != version(t, "seaworthy-agent") {
				t.Errorf("it installs the version %q: %v", v, err)
			}
			values, found, err := unstructured.NestedMap(o.Object, where.values...)
			if err != nil || !found {
				t.Fatalf("it has no values: %v", err)
			}
			raw, err := yaml.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			mine := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(mine, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			rendered := render(t, "seaworthy-agent", mine)
			differences, _, _ := unstructured.NestedSlice(o.Object, "spec", "ignoreDifferences")
			for _, d := range differences {
				kind, _, _ := unstructured.NestedString(d.(map[string]any), "kind")
				name, _, _ := unstructured.NestedString(d.(map[string]any), "name")
				one(t, rendered, kind, name)
			}
		})
	}
}

func version(t *testing.T, chart string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, chart, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Version string }
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c.Version
}

// The chart that the program has in it renders what the folder renders.
func TestEmbeddedChartIsTheChart(t *testing.T) {
	chart, err := charts.Agent()
	if err != nil {
		t.Fatal(err)
	}
	o := options("seaworthy-agent", "testdata/seaworthy-agent/most.yaml")
	embedded, err := manifest.Template(chart, o)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := manifest.Template(os.DirFS(filepath.Join(folder, "seaworthy-agent")), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(folder), string(embedded)); diff != "" {
		t.Errorf("the folder and the program differ:\n%s", diff)
	}
	kinds := []string{}
	for _, o := range decode(t, embedded) {
		kinds = append(kinds, o.GetKind())
	}
	// What others need comes first.
	if a, b := slices.Index(kinds, "ServiceAccount"), slices.Index(kinds, "StatefulSet"); a < 0 || b < a || strings.Count(strings.Join(kinds, " "), "Secret") < 2 {
		t.Errorf("the order is %v", kinds)
	}
}
