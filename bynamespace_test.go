// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
)

func TestResultsWithoutSomeNamespaces(t *testing.T) {
	const passed, failed, errored = seaworthy.StatusPassed, seaworthy.StatusFailed, seaworthy.StatusError
	type tallies = map[string]seaworthy.NamespaceTally
	for name, tt := range map[string]struct {
		given, want seaworthy.CheckResult
	}{
		"not divided": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1},
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1},
		},
		"nothing is left out": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1, ByNamespace: tallies{"shop": {InScope: 5, Passed: 4, Failed: 1}}},
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1},
		},
		"some is left out, and what failed is not": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 3, Failed: 2, Waived: 2, ByNamespace: tallies{"shop": {InScope: 1, Failed: 1, Waived: 1}, "out": {InScope: 2, Passed: 1, Failed: 1, Waived: 1}}},
			seaworthy.CheckResult{Status: failed, InScope: 3, Passed: 2, Failed: 1, Waived: 1},
		},
		"what failed is left out": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1, ByNamespace: tallies{"out": {InScope: 1, Failed: 1}}},
			seaworthy.CheckResult{Status: passed, InScope: 4, Passed: 4},
		},
		"what failed is left out, and data is lacking besides": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 4, Failed: 1, Lacking: "no scan", ByNamespace: tallies{"out": {InScope: 1, Failed: 1}}},
			seaworthy.CheckResult{Status: seaworthy.StatusNotEvaluated, Reason: "no scan", InScope: 4, Passed: 4, Lacking: "no scan"},
		},
		"what failed is left out, and something ended in an error": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 3, Failed: 1, Errors: 1, ByNamespace: tallies{"out": {InScope: 1, Failed: 1}}},
			seaworthy.CheckResult{Status: errored, Reason: seaworthy.ReasonErrors, InScope: 4, Passed: 3, Errors: 1},
		},
		"what ended in an error is left out": {
			seaworthy.CheckResult{Status: errored, Reason: seaworthy.ReasonErrors, InScope: 5, Passed: 4, Errors: 1, ByNamespace: tallies{"out": {InScope: 2, Passed: 1, Errors: 1}}},
			seaworthy.CheckResult{Status: passed, InScope: 3, Passed: 3},
		},
		"an error of no object stays": {
			seaworthy.CheckResult{Status: errored, Reason: seaworthy.ReasonErrors, InScope: 5, Passed: 4, Errors: 2, ByNamespace: tallies{"out": {InScope: 1, Errors: 1}}},
			seaworthy.CheckResult{Status: errored, Reason: seaworthy.ReasonErrors, InScope: 4, Passed: 4, Errors: 1},
		},
		"an error that nothing counts stays": {
			seaworthy.CheckResult{Status: errored, Reason: "why", InScope: 5, Passed: 5, ByNamespace: tallies{"out": {InScope: 1, Passed: 1}}},
			seaworthy.CheckResult{Status: errored, Reason: "why", InScope: 4, Passed: 4},
		},
		"a failure that nothing counts stays": {
			seaworthy.CheckResult{Status: failed, InScope: 5, Passed: 5, ByNamespace: tallies{"out": {InScope: 1, Passed: 1}}},
			seaworthy.CheckResult{Status: failed, InScope: 4, Passed: 4},
		},
		"nothing is left": {
			seaworthy.CheckResult{Status: passed, InScope: 2, Passed: 2, ByNamespace: tallies{"out": {InScope: 2, Passed: 2}}},
			seaworthy.CheckResult{Status: seaworthy.StatusNotApplicable, Reason: seaworthy.ReasonNoObject},
		},
		"what was not evaluated stays so": {
			seaworthy.CheckResult{Status: seaworthy.StatusNotEvaluated, Reason: "no scan", InScope: 2, Passed: 2, ByNamespace: tallies{"out": {InScope: 2, Passed: 2}}},
			seaworthy.CheckResult{Status: seaworthy.StatusNotEvaluated, Reason: "no scan"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.given.Within(func(namespace string) bool { return namespace != "out" })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
