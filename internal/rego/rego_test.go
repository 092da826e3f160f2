// SPDX-License-Identifier: Apache-2.0

package rego_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/rego"
)

// TestStories loads the policies of each archive, judges its objects and compares all
// that came of it with the golden file.
func TestStories(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, story := range stories {
		name := strings.TrimSuffix(filepath.Base(story), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(story)
			if err != nil {
				t.Fatal(err)
			}
			policies := fstest.MapFS{}
			var objects []map[string]any
			for _, f := range archive.Files {
				if f.Name == "objects.yaml" {
					objects = documents(t, f.Data)
				} else {
					policies[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			b := load(t, policies)
			golden.Compare(t, name+".golden", []byte(describe(t, b, objects)))
		})
	}
}

func load(t testing.TB, policies fs.FS) *rego.Bundle {
	t.Helper()
	b, err := rego.Load(t.Context(), rego.Config{FS: policies, Dir: "policies", Timeout: 2 * time.Second})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return b
}

// describe writes down what a bundle is and says.
func describe(t *testing.T, b *rego.Bundle, objects []map[string]any) string {
	var out strings.Builder
	for _, c := range b.Checks() {
		fmt.Fprintf(&out, "check %s (%s, %s, %s) %s\n", c.ID, c.Severity, c.Category, c.Scope, c.File)
		fmt.Fprintf(&out, "  title: %s\n", c.Title)
		if len(c.Controls) > 0 {
			fmt.Fprintf(&out, "  controls: %s\n", strings.Join(c.Controls, " "))
		}
		if c.Rationale != "" {
			fmt.Fprintf(&out, "  rationale: %s\n", c.Rationale)
		}
		if c.Remediation != "" {
			fmt.Fprintf(&out, "  remediation: %s\n", c.Remediation)
		}
	}
	problems := func(word string, list []seaworthy.Problem) {
		for _, p := range list {
			fmt.Fprintf(&out, "%s %s:%d %s\n", word, p.File, p.Line, p.Message)
		}
	}
	problems("problem", b.Problems())
	problems("skipped", b.Skipped())
	fmt.Fprintf(&out, "files %s\n", strings.Join(b.Files(), " "))
	for _, n := range b.Natives() {
		policy, err := json.MarshalIndent(n.Policy, "  ", "  ")
		if err != nil {
			t.Fatal(err)
		}
		params, err := json.Marshal(n.Params)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "native %s\n  params %s\n  %s\n", n.Check.ID, params, policy)
		for _, o := range objects {
			fmt.Fprintf(&out, "  %s: %v\n", objectName(o), n.Matches(request(o)))
		}
	}
	cross := b.Cross()
	for _, o := range objects {
		req := request(o)
		var lines []string
		if err := b.Evaluate(t.Context(), req, func(v rego.Verdict) { lines = append(lines, verdict(v)) }); err != nil {
			t.Fatalf("Evaluate: %v", err)
		}
		slices.Sort(lines)
		fmt.Fprintf(&out, "%s\n%s", objectName(o), strings.Join(lines, ""))
		if cross != nil {
			cross.Add(req)
		}
	}
	if cross != nil {
		for _, unlisted := range []map[string]string{nil, {"Ingress": "forbidden"}} {
			fmt.Fprintf(&out, "cross, unlisted %v\n", unlisted)
			err := cross.Evaluate(t.Context(), unlisted, func(r *rego.Request, v rego.Verdict) {
				if r != nil {
					fmt.Fprintf(&out, "%s ", objectName(r.Written))
				}
				out.WriteString(verdict(v))
			})
			if err != nil {
				t.Fatalf("Cross.Evaluate: %v", err)
			}
		}
	}
	return out.String()
}

func verdict(v rego.Verdict) string {
	switch {
	case v.Err != nil:
		return fmt.Sprintf("  %s ERROR %v\n", v.Check, v.Err)
	case v.NotEvaluated != "":
		return fmt.Sprintf("  %s not evaluated: %s\n", v.Check, v.NotEvaluated)
	case v.Exempt:
		return fmt.Sprintf("  %s exempt\n", v.Check)
	case len(v.Items) == 0:
		return fmt.Sprintf("  %s passed\n", v.Check)
	}
	s := fmt.Sprintf("  %s FAILED\n", v.Check)
	for _, it := range v.Items {
		s += fmt.Sprintf("    key=%q path=%q container=%q %s\n", it.Key, it.Path, it.Container, it.Message)
	}
	return s
}

func objectName(o map[string]any) string {
	meta, _ := o["metadata"].(map[string]any)
	return fmt.Sprintf("%v/%v", o["kind"], meta["name"])
}

var clusterKinds = map[string]bool{"Namespace": true, "ClusterRole": true, "StorageClass": true}

func request(o map[string]any) *rego.Request {
	text := func(m map[string]any, k string) string { s, _ := m[k].(string); return s }
	meta, _ := o["metadata"].(map[string]any)
	r := &rego.Request{Written: o, Kind: text(o, "kind"), Name: text(meta, "name"), Namespace: text(meta, "namespace")}
	r.Group, r.Version, _ = strings.Cut(text(o, "apiVersion"), "/")
	if r.Version == "" {
		r.Group, r.Version = "", r.Group
	}
	r.Namespaced = !clusterKinds[r.Kind]
	if r.Namespaced && r.Namespace == "" {
		r.Namespace = "default"
	}
	return r
}

func documents(t testing.TB, text []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var v map[string]any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, whole(v).(map[string]any))
	}
}

// whole turns int into the int64 of decoded objects.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = whole(e)
		}
	case []any:
		for i, e := range v {
			v[i] = whole(e)
		}
	case int:
		return int64(v)
	}
	return v
}

func evaluate(ctx context.Context, t testing.TB, b *rego.Bundle, o map[string]any) map[string]rego.Verdict {
	t.Helper()
	out := map[string]rego.Verdict{}
	if err := b.Evaluate(ctx, request(o), func(v rego.Verdict) { out[v.Check] = v }); err != nil {
		t.Fatalf("Evaluate: %v", err)
	}
	return out
}
