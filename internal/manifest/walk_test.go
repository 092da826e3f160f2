// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

func TestWhatIsLeftOut(t *testing.T) {
	write(t, map[string]string{
		".git/config.yaml": pod, "x/.git/a.yaml": pod, ".gitignore": "gen/\n*.tmp.yaml\n", ".git/info/exclude": "private.yaml\n", "private.yaml": pod,
		"a.yaml": pod, "a.tmp.yaml": pod, "gen/b.yaml": pod, "x/.gitignore": "!b.tmp.yaml\nc.yaml\n", "x/b.tmp.yaml": pod, "x/c.yaml": pod, "c.yaml": pod,
		"vendor/d.yaml": pod, "web/node_modules/e.yaml": pod, "ignored.txt": "",
	})
	out := read(t, manifest.Options{Paths: []string{"."}, RespectGitignore: true, SkipVendored: true})
	want := []string{"Pod/a@a.yaml:1", "Pod/a@c.yaml:1", "Pod/a@x/b.tmp.yaml:1"}
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	matches(t, "skipped", out.skipped, []string{
		"a.tmp.yaml:0 is ignored by .gitignore", "gen:0 is ignored", "private.yaml:0 is ignored", "vendor:0 is a vendored folder",
		"web/node_modules:0 is a vendored folder", "x/c.yaml:0 is ignored",
	})
	out = read(t, manifest.Options{Paths: []string{"x", "gen/b.yaml"}, RespectGitignore: true})
	want = []string{"Pod/a@x/b.tmp.yaml:1", "Pod/a@gen/b.yaml:1"} // the patterns above x count; what is named is read
	if diff := cmp.Diff(want, out.names()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if out = read(t, manifest.Options{Paths: []string{"."}}); len(out.objects) != 9 {
		t.Errorf("objects %v, want all nine", out.names())
	}
}
