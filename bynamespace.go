// SPDX-License-Identifier: Apache-2.0

package seaworthy

// Bounds of what a report counts by namespace. A check with more namespaces, and every check
// of a report with more pairs of check and namespace, is counted as a whole only: what is
// counted by namespace is all or nothing, never a part.
const (
	MaxNamespacesOfCheck = 5_000
	MaxNamespacePairs    = 200_000
)

// NamespaceTally is what one check came to in one namespace: how many objects it was asked
// of, and what came of them. Waived ones are part of the failed; what neither passed nor
// failed could not be judged.
type NamespaceTally struct {
	InScope int `json:"inScope"`
	Passed  int `json:"passed,omitempty"`
	Failed  int `json:"failed,omitempty"`
	Waived  int `json:"waived,omitempty"`
	Errors  int `json:"errors,omitempty"`
}

// Plus adds the counts of another tally.
func (t NamespaceTally) Plus(o NamespaceTally) NamespaceTally {
	return NamespaceTally{t.InScope + o.InScope, t.Passed + o.Passed, t.Failed + o.Failed, t.Waived + o.Waived, t.Errors + o.Errors}
}

func (t NamespaceTally) minus(o NamespaceTally) NamespaceTally {
	return NamespaceTally{t.InScope - o.InScope, t.Passed - o.Passed, t.Failed - o.Failed, t.Waived - o.Waived, t.Errors - o.Errors}
}

// Divided tells whether the result says of each namespace what it counts there. A result
// that counts nothing needs not.
func (r CheckResult) Divided() bool { return r.ByNamespace != nil || r.InScope == 0 }

// Within gives the result without the objects of namespaces for which in is false: of a
// check that failed only there it is that of the other objects. Objects of no namespace
// stay. Findings are not counted by namespace and stay as they are. A result that is not
// divided is given as it is.
func (r CheckResult) Within(in func(namespace string) bool) CheckResult {
	var out NamespaceTally
	for namespace, t := range r.ByNamespace {
		if !in(namespace) {
			out = out.Plus(t)
		}
	}
	r.ByNamespace = nil
	if out.InScope == 0 {
		return r
	}
	left := NamespaceTally{r.InScope, r.Passed, r.Failed, r.Waived, r.Errors}.minus(out)
	explained := r.Status == StatusFailed && r.Failed > 0 || r.Status == StatusError && r.Errors > 0 || r.Status == StatusPassed
	r.InScope, r.Passed, r.Failed, r.Waived, r.Errors = left.InScope, left.Passed, left.Failed, left.Waived, left.Errors
	switch {
	case !explained || r.Failed > 0: // what the counts do not explain stays
	case r.Errors > 0:
		r.Status, r.Reason = StatusError, ReasonErrors
	case r.Lacking != "":
		r.Status, r.Reason = StatusNotEvaluated, r.Lacking
	case r.InScope == 0:
		r.Status, r.Reason = StatusNotApplicable, ReasonNoObject
	default:
		r.Status, r.Reason = StatusPassed, ""
	}
	return r
}
