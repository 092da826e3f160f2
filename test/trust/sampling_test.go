// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// shell runs one of the documented shells.
func shell(t *testing.T, script string, env ...string) []string {
	t.Helper()
	for _, tool := range []string{"bash", "sha256sum", "seq", "comm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, what docs/auditors.md shows was not tried: there is no %s", tool)
		}
	}
	cmd := exec.Command("bash", "-euc", script)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), env...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the documented shell ends with %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// rowsOf writes the rows of a population of a package where a shell can read them.
func rowsOf(t *testing.T, files []file, p seaworthy.Population) string {
	t.Helper()
	i := slices.IndexFunc(files, func(f file) bool { return strings.HasSuffix(f.name, p.ID+".jsonl") })
	if i < 0 {
		t.Fatalf("the package has no rows of %s", p.Name)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, files[i].data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An auditor draws the sample again with the shell that the documentation shows.
func TestSampleIsDrawnAgainAsDocumented(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.fill()
	list, err := w.server.Store().Populations(t.Context(), w.program.ID, "", 1)
	w.must(err)
	auditor := seaworthy.Principal{Actor: "user:aud", UserID: "aud", Role: seaworthy.Auditor, Program: w.program.ID}
	const seed = "Wednesday's draw: 4 8 15 16 23 42 % $HOME"
	made, err := w.audit.SampleBySeed(t.Context(), auditor, list[0].ID, seed, 7)
	w.must(err)
	files := unpack(t, w.pack(nil))
	got := shell(t, documented(t, "auditors.md")[0], "ROWS="+rowsOf(t, files, list[0]), "SEED="+seed, "SIZE=7")
	if want := strings.Fields(strings.Trim(fmt.Sprint(made.Items), "[]")); !slices.Equal(got, want) || len(got) != 7 {
		t.Errorf("the shell draws %q, the server drew %q", got, want)
	}
	i := slices.IndexFunc(files, func(f file) bool { return strings.HasSuffix(f.name, made.ID+".meta.json") })
	var told seaworthy.Sample
	if i < 0 || json.Unmarshal(files[i].data, &told) != nil || !slices.Equal(told.Items, made.Items) || told.Trial {
		t.Errorf("the package tells of the sample %+v, want %+v", told, made)
	}
}

// Rolled forward is what is new or changed, and nothing that was there before.
func TestRollForwardAsDocumented(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.fill()
	freeze := func(name string) seaworthy.Population {
		t.Helper()
		p, err := w.audit.Freeze(t.Context(), manager, audit.FreezeRequest{Name: name, Program: w.program.ID, List: "evidence"})
		w.must(err)
		return p
	}
	before := freeze("interim")
	late := w.upload("minutes of the rest")
	after := freeze("end")
	files := unpack(t, w.pack(nil))
	got := shell(t, documented(t, "auditors.md")[1], "BEFORE="+rowsOf(t, files, before), "AFTER="+rowsOf(t, files, after))
	if len(got) != 1 || !strings.Contains(got[0], late.ID) {
		t.Errorf("left to test is %q, want the evidence %s alone", got, late.ID)
	}
}
