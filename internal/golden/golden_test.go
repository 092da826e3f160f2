// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"flag"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/golden"
)

// recorder is a test that remembers whether it failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCompare(t *testing.T) {
	if flag.Lookup("update").Value.String() == "true" {
		t.Skip("-update would rewrite what this test compares with")
	}
	for _, c := range []struct {
		name, file, got string
		fails           bool
	}{
		{"same", "sample.golden", "one\ntwo\n", false},
		{"different", "sample.golden", "one\n", true},
		{"missing_file", "none.golden", "one\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			golden.Compare(r, c.file, []byte(c.got))
			if r.failed != c.fails {
				t.Errorf("Compare failed = %v, want %v", r.failed, c.fails)
			}
		})
	}
}
