// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"path/filepath"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
)

// exempt are checks whose cases need not both fail and pass, with the reason.
var exempt = map[string]string{
	"rbac-cluster-admin-binding": "its policy counts the bindings that pass",
}

// TestCases runs the cases of every analyzer, which stand beside it. They share a binary,
// since making one takes many times as long as running the cases of an analyzer.
func TestCases(t *testing.T) {
	beside := map[string][]*analysis.Analyzer{}
	for _, a := range all.Analyzers {
		found, err := filepath.Glob(filepath.Join("..", "*", "testdata", a.Checks[0].ID))
		if err != nil || len(found) != 1 {
			t.Errorf("the cases of %s in analyzer %s are at %q (%v), want one folder", a.Checks[0].ID, a.Name, found, err)
			continue
		}
		dir := filepath.Dir(filepath.Dir(found[0]))
		beside[dir] = append(beside[dir], a)
	}
	for dir, list := range beside {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(dir)
			for _, a := range list {
				analysistest.Run(t, a, exempt, list...)
			}
		})
	}
}
