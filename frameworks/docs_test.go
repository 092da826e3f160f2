// SPDX-License-Identifier: Apache-2.0

package frameworks_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// The documents are compared with what their sources say now; -update writes them.
func TestDocsAreFresh(t *testing.T) {
	list, own := builtIn(t), builtInControls(t)
	checks, err := scan.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		var b bytes.Buffer
		if err := frameworks.Matrix(&b, f, own, checks); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "../../docs/frameworks/"+f.ID+".md", b.Bytes())
	}
	crosswalks, err := frameworks.Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range crosswalks {
		var b bytes.Buffer
		if err := c.Document(&b); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "../../docs/frameworks/"+c.ID+".md", b.Bytes())
	}
	var b bytes.Buffer
	if err := controls.Document(&b, own, seaworthy.RequirementsOf(list), checks); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "../../docs/controls.md", b.Bytes())
}

// A matrix of made-up data shows every form of a row.
func TestMatrix(t *testing.T) {
	f := seaworthy.Framework{
		ID: "house", Title: "House rules", Source: "the handbook", File: "own/house.yaml",
		Requirements: []seaworthy.Requirement{
			{ID: "H1", Title: "Only what is needed runs", Category: "first-floor", Controls: []string{"isolation"}},
			{ID: "H2", Title: "Access is looked after", Category: "first-floor", Controls: []string{"isolation", "review"}},
			{ID: "H3", Category: "roof", Controls: []string{"review", "lost"}, Evidence: "manual", Upload: []string{"Minutes", "Photographs"}},
			{ID: "H4", Title: "Nobody thought of it", Category: "roof"},
		},
	}
	own := []seaworthy.Control{
		{ID: "isolation", Title: "Isolated | apart", Sources: []string{"checks"}, Evidence: []string{"Check results"}},
		{ID: "review", Title: "Reviewed", Sources: []string{"records", "people"}, Evidence: []string{"List", "Decisions"}},
	}
	checks := []seaworthy.Check{
		{ID: "host-pid", Controls: []string{"isolation"}},
		{ID: "host-ipc", Controls: []string{"isolation", "other"}},
	}
	var b bytes.Buffer
	if err := frameworks.Matrix(&b, f, own, checks); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "matrix.golden", b.Bytes())

	b.Reset()
	if err := controls.Document(&b, own, seaworthy.RequirementsOf([]seaworthy.Framework{f}), checks); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "controls.golden", b.Bytes())
}

type brokenWriter struct{}

var errBroken = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestDocumentsTellWriteErrors(t *testing.T) {
	f := builtIn(t)[0]
	if err := frameworks.Matrix(brokenWriter{}, f, nil, nil); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "soc2") {
		t.Errorf("Matrix to a full disk = %v", err)
	}
	if err := controls.Document(brokenWriter{}, nil, nil, nil); !errors.Is(err, errBroken) {
		t.Errorf("Document to a full disk = %v", err)
	}
	if err := (frameworks.Crosswalk{}).Document(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("Document of a crosswalk to a full disk = %v", err)
	}
}

// The examples of the README are files that work as they stand there.
func TestReadmeExamples(t *testing.T) {
	text, err := os.ReadFile("../docs/frameworks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, part := range strings.Split(string(text), "```yaml\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		examples = append(examples, example)
	}
	if len(examples) != 2 {
		t.Fatalf("the README has %d examples, want a control and an extension", len(examples))
	}
	write := func(example string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	own, _, err := controls.Load(write(examples[0]), builtInControls(t))
	if err != nil {
		t.Fatal(err)
	}
	all, notes, err := frameworks.Load(write(examples[1]), builtIn(t), own)
	if err != nil || len(notes) != 1 {
		t.Fatalf("Load of the extension: %v, %v", notes, err)
	}
	if got := seaworthy.RequirementsOf(all)["licence-review"]; !slices.Equal(got, []string{"soc2:CC9.2"}) {
		t.Errorf("licence-review supports %v, want soc2:CC9.2", got)
	}
}
