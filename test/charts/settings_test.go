// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// What the agent's chart writes as settings, the program reads; what values say is in them.
func TestSettingsAreTheProgramsOwn(t *testing.T) {
	for _, values := range cases(t, "seaworthy-agent") {
		t.Run(filepath.Base(values), func(t *testing.T) {
			objects := render(t, "seaworthy-agent", values)
			file := filepath.Join(t.TempDir(), config.FileName)
			text := settings(t, objects)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(file)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			all := strings.HasSuffix(values, "most.yaml")
			a := c.Agent
			if c.Cluster.Secrets != all || a.Admission.Off != strings.HasSuffix(values, "watch-only.yaml") || (a.Audit.TokenFile != "") != all || (a.Admission.Certificate != "") != all {
				t.Errorf("secrets %t, %+v", c.Cluster.Secrets, a)
			}
			if all && (a.Admission.FailurePolicy != "Fail" || a.Admission.Mode != "warn" || len(a.Admission.Modes) != 2 || a.Admission.Modes[1].Mode != "off" || len(a.Notices.Destinations) != 1 || len(c.Scopes) != 1 || len(c.Scopes[0].Off) != 1) {
				t.Errorf("what values say is not all there: %+v", a)
			}
		})
	}
}

// settings gives what the agent's chart writes as settings: a Secret, which the role of who may
// look around does not read.
func settings(t *testing.T, objects []*unstructured.Unstructured) string {
	t.Helper()
	return convert[corev1.Secret](t, one(t, objects, "Secret", "seaworthy-agent-settings")).StringData[config.FileName]
}

// Off is a word, though Helm takes it for a boolean.
func TestOffIsAWord(t *testing.T) {
	objects := render(t, "seaworthy-agent", "testdata/seaworthy-agent/least.yaml", "admission.mode=false")
	text := settings(t, objects)
	if !strings.Contains(text, `mode: "off"`) {
		t.Errorf("the settings are\n%s", text)
	}
}

// Each flag that the charts give is one that the program has.
func TestFlagsAreTheProgramsOwn(t *testing.T) {
	for chart, sources := range map[string][]string{"seaworthy": {"serve.go", "servesignon.go"}, "seaworthy-agent": {"agent.go"}} {
		var code strings.Builder
		for _, name := range sources {
			text, err := os.ReadFile(filepath.Join("../../internal/cli", name))
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
		for _, values := range cases(t, chart) {
			args := arguments(t, render(t, chart, values, "extraArgs=null"))
			if len(args) < 6 {
				t.Fatalf("%s: the program is started with %v", values, args)
			}
			for _, arg := range args[1:] {
				name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				if !strings.Contains(code.String(), `, "`+name+`", `) {
					t.Errorf("%s: the program has no flag --%s", values, name)
				}
			}
		}
	}
}

// arguments gives those of the workload among the objects.
func arguments(t *testing.T, objects []*unstructured.Unstructured) []string {
	t.Helper()
	at := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet"
	})
	if at < 0 {
		t.Fatal("there is no workload")
	}
	containers, _, err := unstructured.NestedSlice(objects[at].Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if err != nil {
		t.Fatal(err)
	}
	return args
}
