// SPDX-License-Identifier: Apache-2.0

package fix_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/fix"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

func TestRemediesAreOfChecks(t *testing.T) {
	all, err := scan.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range fix.Remedies() {
		if !slices.ContainsFunc(all, func(k seaworthy.Check) bool { return k.ID == r.Check }) {
			t.Errorf("%s is not a check", r.Check)
		}
		if seen[r.Check] {
			t.Errorf("%s has two remedies", r.Check)
		}
		seen[r.Check] = true
		if r.Change == "" || r.Caution == "" {
			t.Errorf("%s does not say what it changes and what may stop working", r.Check)
		}
	}
}

// The table of docs/fix.md is that of the code.
func TestDocumentation(t *testing.T) {
	raw, err := os.ReadFile("../../docs/fix.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, r := range fix.Remedies() {
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", r.Check, r.Change, cmp.Or(r.Safe, "only by name"), r.Caution)
	}
	if !strings.Contains(string(raw), want.String()) {
		t.Errorf("docs/fix.md does not hold this table:\n%s", want.String())
	}
}
