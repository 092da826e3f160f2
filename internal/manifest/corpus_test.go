// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// explained are the errors that real manifests have reason to give.
var explained = []string{
	"names the remote http",              // released with kustomizations that fetch
	"leads to the same errors as",        // another root of the same
	"looks like an unrendered template;", // examples that a script fills in
}

// Real manifests are read without an error that nobody can explain.
func TestRealManifests(t *testing.T) {
	for _, name := range []string{"corpus", "acceptance/inputs"} {
		t.Run(path.Base(name), func(t *testing.T) {
			dir := others.Need(t, name)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !e.IsDir() {
					continue
				}
				out := read(t, manifest.Options{Paths: []string{filepath.Join(dir, e.Name())}})
				t.Logf("%s: %d objects in %d files, %d errors, %d skipped", e.Name(), len(out.objects), out.files, len(out.errors), len(out.skipped))
				if len(out.objects) == 0 {
					t.Errorf("%s: no object", e.Name())
				}
			problems:
				for _, p := range out.errors {
					for _, w := range explained {
						if strings.Contains(p.Message, w) {
							continue problems
						}
					}
					t.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
				}
				for _, o := range out.objects {
					if o.Source.File == "" || o.Source.Line < 1 {
						t.Errorf("%s has no place: %+v", o, o.Source)
					}
				}
			}
		})
	}
}
