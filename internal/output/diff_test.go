// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/output"
)

const someDiff = "--- a/x.yaml\n+++ b/x.yaml\n@@ -1,2 +1,2 @@\n name: \x1b[31mred\r\n-a: 1\n+a: 2\n"

func TestDiffIsExactForPrograms(t *testing.T) {
	var b bytes.Buffer
	if err := output.Diff(&b, []byte(someDiff), output.DiffOptions{}); err != nil {
		t.Fatal(err)
	}
	if b.String() != someDiff {
		t.Errorf("Diff = %q, want %q", b.String(), someDiff)
	}
}

func TestDiffOnATerminal(t *testing.T) {
	var b bytes.Buffer
	if err := output.Diff(&b, []byte(someDiff), output.DiffOptions{Terminal: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[1m--- a/x.yaml\x1b[0m\n", "\x1b[31m-a: 1\x1b[0m\n", "\x1b[32m+a: 2\x1b[0m\n", "␛[31mred\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("Diff = %q, want %q in it", b.String(), want)
		}
	}
}
