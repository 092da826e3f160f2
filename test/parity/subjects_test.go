// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// A subject is an object to be judged on both sides.
type subject struct {
	object *snapshot.Object
	dec    *snapshot.Decoder
	from   string
	// check is the check whose case it is, with the params of the case.
	check  string
	params map[string]string
}

func (s *subject) String() string {
	return fmt.Sprintf("%s/%s (%s:%d)", s.object.Kind, s.object.Name, s.from, s.object.Source.Line)
}

// key is equal for objects that are judged equally.
func (s *subject) key() string {
	raw, _ := json.Marshal([]any{s.object.Written, s.params, s.paramsOf()})
	return string(raw)
}

func (s *subject) paramsOf() string {
	if s.params == nil {
		return ""
	}
	return s.check
}

// gather reads the corpus and the cases of all checks, each object once.
func gather(t *testing.T, sources []checks.Source) []*subject {
	t.Helper()
	dec := snapshot.NewDecoder()
	all := append(corpus(t), cases(t, dec, os.DirFS("."), "testdata/defaults.yaml", "")...)
	for _, s := range sources {
		all = append(all, cases(t, dec, checks.Cases(), checktest.Path(s.File), s.ID)...)
	}
	seen := map[string]bool{}
	var out []*subject
	for _, s := range all {
		if k := s.key(); !seen[k] {
			seen[k] = true
			out = append(out, s)
		}
	}
	return out
}

// cases reads a file of objects in the form of a check's cases.
func cases(t *testing.T, dec *snapshot.Decoder, tree fs.FS, file, check string) []*subject {
	t.Helper()
	raw, err := fs.ReadFile(tree, file)
	if err != nil {
		t.Error(err)
		return nil
	}
	list, err := checktest.Cases(raw)
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	var out []*subject
	for _, c := range list {
		out = append(out, &subject{object: c.Object, dec: dec, from: path.Base(file), check: check, params: c.Params})
	}
	return out
}

// corpus reads the manifests of real projects as a scan does.
func corpus(t *testing.T) []*subject {
	t.Helper()
	root, ok := others.Have(t, "corpus")
	if !ok {
		return nil // only the checks' own cases are compared
	}
	ctx := context.Background()
	plan, err := manifest.NewPlan(ctx, manifest.Options{Paths: []string{root}, KubernetesVersion: "1.36"})
	if err != nil {
		t.Fatal(err)
	}
	dec := snapshot.NewDecoder()
	if err := plan.Learn(ctx, dec); err != nil {
		t.Fatal(err)
	}
	var out []*subject
	for _, u := range plan.Units {
		r, err := u.Read(ctx, dec, func(o *snapshot.Object) error {
			from, err := filepath.Rel(root, cmp.Or(o.Source.File, u.Path))
			if err != nil {
				from = o.Source.File
			}
			out = append(out, &subject{object: o, dec: dec, from: from})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Errors {
			t.Logf("not read: %s:%d: %s", p.File, p.Line, p.Message)
		}
	}
	if len(out) < 500 {
		t.Errorf("the corpus at %s gave only %d objects", root, len(out))
	}
	return out
}

// sample leaves the first and every tenth object of each kind from each place.
func sample(all []*subject) []*subject {
	seen := map[string]int{}
	return slices.DeleteFunc(all, func(s *subject) bool {
		key := s.object.Kind + " " + s.check
		seen[key]++
		return seen[key]%10 != 1
	})
}
