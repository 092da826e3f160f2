// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
)

// TestListIsComplete wants every folder that holds an analyzer to be in the list.
func TestListIsComplete(t *testing.T) {
	source, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Base(filepath.Dir(file))
		for _, line := range strings.Split(string(data), "\n") {
			name, ok := strings.CutSuffix(line, " = &analysis.Analyzer{")
			if !ok {
				continue
			}
			if want := dir + "." + strings.TrimPrefix(name, "var "); !strings.Contains(string(source), "\t"+want+",\n") {
				t.Errorf("all.go lacks %s", want)
			}
		}
	}
}

// TestChecks holds the description of every check to what the catalogue needs.
func TestChecks(t *testing.T) {
	known, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	names, ids := map[string]bool{}, map[string]bool{}
	for _, a := range all.Analyzers {
		if a.Name == "" || names[a.Name] || !strings.Contains(a.Doc, ".") {
			t.Errorf("analyzer %q: its name is taken or empty, or its doc is no sentence", a.Name)
		}
		names[a.Name] = true
		for _, c := range a.Checks {
			if ids[c.ID] {
				t.Errorf("%s is listed twice", c.ID)
			}
			ids[c.ID] = true
			if c.Scope == seaworthy.ScopeSingleCross {
				if c.Title != "" || c.Rationale != "" {
					t.Errorf("%s is described by its policy, not here", c.ID)
				}
				continue
			}
			describes(t, c, known)
		}
	}
}

func describes(t *testing.T, c seaworthy.Check, known []seaworthy.Control) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, id := range c.Controls {
		if !slices.ContainsFunc(known, func(k seaworthy.Control) bool { return k.ID == id }) {
			t.Errorf("%s: control %q is not known", c.ID, id)
		}
	}
	command := strings.HasPrefix(c.Snippet, "kubectl ") || strings.HasPrefix(c.Snippet, "kubeadm ") || strings.HasPrefix(c.Snippet, "seaworthy ")
	if c.Snippet == "" {
		t.Errorf("%s has no snippet", c.ID)
	} else if !command {
		var any any
		if err := yaml.Unmarshal([]byte(c.Snippet), &any); err != nil {
			t.Errorf("%s: snippet: %v", c.ID, err)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(c.Rationale), ".") {
		t.Errorf("%s: the rationale is no sentence", c.ID)
	}
}
