// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/golden"
)

// node is a part of a schema.
type node struct {
	Description string          `json:"description"`
	Properties  map[string]node `json:"properties"`
	Additional  any             `json:"additionalProperties"`
	Enum        []any           `json:"enum"`
}

// value is one that can be set.
type value struct{ path, standard, doc string }

// Every value has a description and a default, the schema and the defaults name the same,
// and docs/charts.md lists them.
func TestChartsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/charts.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, chart := range []string{"seaworthy", "seaworthy-agent"} {
		begin, end := "<!-- values of "+chart+": generated from its schema -->\n", "<!-- end of values -->"
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("docs/charts.md has no place for the values of %s", chart)
		}
		text = before + begin + table(values(t, chart)) + end + after
	}
	golden.Compare(t, "../../../docs/charts.md", []byte(text))
}

func values(t *testing.T, chart string) []value {
	t.Helper()
	var schema node
	var standard map[string]any
	for name, into := range map[string]any{"values.schema.json": &schema, "values.yaml": &standard} {
		data, err := os.ReadFile(filepath.Join(folder, chart, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") {
			err = json.Unmarshal(data, into)
		} else {
			err = yaml.UnmarshalStrict(data, into.(*map[string]any))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	delete(schema.Properties, "global") // Helm's own
	return walk(t, chart, "", schema, standard)
}

// walk lists what a part of the schema describes, beside its defaults.
func walk(t *testing.T, chart, at string, n node, standard map[string]any) []value {
	t.Helper()
	if n.Additional != false {
		t.Errorf("%s: the schema lets anything stand in %q", chart, at)
	}
	var out []value
	for _, name := range slices.Sorted(maps.Keys(standard)) {
		if _, ok := n.Properties[name]; !ok {
			t.Errorf("%s: %s%s is not in the schema", chart, at, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		p, path := n.Properties[name], at+name
		given, ok := standard[name]
		if !ok || p.Description == "" {
			t.Errorf("%s: %s has no default, or nothing says what it is", chart, path)
		}
		if len(p.Properties) > 0 {
			below, _ := given.(map[string]any)
			out = append(out, walk(t, chart, path+".", p, below)...)
			continue
		}
		text, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Enum) > 0 {
			var words []string
			for _, e := range p.Enum {
				w := fmt.Sprint(e)
				off := e == false && slices.Contains(p.Enum, any("off")) // what YAML 1.1 makes of the word
				if !off && !slices.Contains(words, w) {
					words = append(words, w)
				}
			}
			p.Description += ": " + strings.Join(words, ", ")
		}
		out = append(out, value{path, string(text), p.Description})
	}
	return out
}

func table(list []value) string {
	var b strings.Builder
	b.WriteString("| value | default | what it is |\n|---|---|---|\n")
	for _, v := range list {
		standard := "`" + strings.ReplaceAll(v.standard, "|", "\\|") + "`"
		if v.standard == `""` || v.standard == "{}" || v.standard == "[]" {
			standard = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.path, standard, strings.ReplaceAll(v.doc, "|", "\\|"))
	}
	return b.String()
}
