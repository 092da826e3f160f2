// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	kyaml "sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/test/others"
)

// everyEdit makes one edit of each sort at each place of a decoded document, up to a
// limit: a new field, a new nested field, another value, another element.
func everyEdit(v any, limit int) []edit {
	var out []edit
	var visit func(v any, path []string)
	visit = func(v any, path []string) {
		below := func(steps ...string) []string { return append(slices.Clone(path), steps...) }
		if len(out) >= limit {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			out = append(out, edit{path: below("addedField"), value: true}, edit{path: below("addedMap", "list"), value: "ALL", add: true})
			for _, key := range slices.Sorted(maps.Keys(v)) {
				visit(v[key], below(key))
			}
		case []any:
			for i := range v {
				visit(v[i], below(fmt.Sprintf("[%d]", i)))
			}
			if len(path) > 0 && (len(v) == 0 || isText(v[0])) {
				out = append(out, edit{path: path, value: "ALL", add: true})
			}
		case nil:
			if len(path) > 0 {
				out = append(out, edit{path: below("addedField"), value: true})
			}
		default:
			if _, element := index(path[len(path)-1]); !element {
				out = append(out, edit{path: path, value: "apps/v1"})
			}
		}
	}
	visit(v, nil)
	return out
}

func isText(v any) bool { _, ok := v.(string); return ok }

// onlyChanges tells whether new holds all of old but one piece that is no longer than
// allowed: the value that was replaced.
func onlyChanges(old, new string, allowed int) bool {
	head := 0
	for head < len(old) && head < len(new) && old[head] == new[head] {
		head++
	}
	tail := 0
	for tail < len(old)-head && tail < len(new)-head && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	return len(old)-head-tail <= allowed
}

// roots are the folders of YAML files to try edits on.
func yamlFiles(t testing.TB) []string {
	roots := []string{"../../examples", "../../checks"}
	if corpus, ok := others.Have(t, "corpus"); ok {
		roots = append(roots, corpus)
	}
	var files []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Each edit of each document gives the tree that it should, and nothing but the intended
// bytes change. Only what is shared through anchors may be refused.
func TestEditsOfRealFiles(t *testing.T) {
	limit := 30
	if testing.Short() {
		limit = 6
	}
	edits, refused := 0, map[error]int{}
	for i, file := range yamlFiles(t) {
		if testing.Short() && i%4 != 0 {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if errors.Is(editable(text), errText) || len(text) > 200<<10 {
			continue
		}
		text, _ = bytes.CutPrefix(text, byteOrderMark)
		for _, c := range split(text) {
			s, err := parse(c.text)
			var v any
			if err != nil || kyaml.Unmarshal(c.text, &v) != nil {
				continue // templates, and what is no YAML
			}
			if o, ok := v.(map[string]any); !ok || o["kind"] == nil {
				continue
			}
			for _, e := range everyEdit(v, limit) {
				edits++
				got, err := editText(string(c.text), []edit{e})
				switch {
				case errors.Is(err, errAlias), errors.Is(err, errTwice), errors.Is(err, errTag),
					errors.Is(err, errBlock) && !bytes.HasSuffix(c.text, []byte{'\n'}):
					refused[err]++
				case err != nil:
					t.Errorf("%s:%d: edit %v: %v", file, c.line, e.path, err)
				case !onlyChanges(string(c.text), got, replaced(s, e)):
					t.Errorf("%s:%d: edit %v changes other text:\n%s", file, c.line, e.path, got)
				}
			}
		}
	}
	t.Logf("%d edits; refused: %v", edits, refused)
	if edits < 1000 {
		t.Errorf("only %d edits were tried", edits)
	}
}

// replaced is how many bytes an edit may take away.
func replaced(s *source, e edit) int {
	at, err := s.find(e.path)
	if err != nil {
		return 0
	}
	if start, err := s.offset(at.node); err == nil && len(at.node.Content) == 0 {
		if end, err := s.end(at.node, at.keyCol); err == nil {
			if len(at.rest) > 0 { // null: what follows it on the line comes to stand above what is new
				end = s.lineAfter(end)
			}
			return end - start + 8 // with the spaces before it
		}
	}
	return 0
}
