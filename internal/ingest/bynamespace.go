// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"github.com/seaworthy-dev/seaworthy"
)

// divided refuses counts by namespace that cannot be: whoever looks at some namespaces alone
// takes the others from the whole, so that a wrong part would make a wrong rest.
func (r *reader) divided(c *checkResult) error {
	if len(c.ByNamespace) > seaworthy.MaxNamespacesOfCheck {
		return seaworthy.Invalid("the report counts %s in %d namespaces, more than %d: leave byNamespace out then", c.ID, len(c.ByNamespace), seaworthy.MaxNamespacesOfCheck)
	}
	if r.pairs += len(c.ByNamespace); r.pairs > seaworthy.MaxNamespacePairs {
		return seaworthy.Invalid("the report counts more than %d pairs of check and namespace: leave byNamespace out then", seaworthy.MaxNamespacePairs)
	}
	// Sums of numbers below this do not overflow.
	const most = 1 << 40
	var sum seaworthy.NamespaceTally
	for namespace, t := range c.ByNamespace {
		switch {
		case namespace == "" || len(namespace) > maxName:
			return seaworthy.Invalid("the report counts %s in a namespace called %.60q", c.ID, namespace)
		case min(t.Passed, t.Failed, t.Waived, t.Errors) < 0 || t.InScope > most || max(t.Passed, t.Failed, t.Errors) > most ||
			t.InScope < 1 || t.Passed+t.Failed+t.Errors != t.InScope || t.Waived > t.Failed:
			return seaworthy.Invalid("what the report counts of %s in the namespace %s does not add up: %d in scope, %d passed, %d failed (%d waived), %d not judged",
				c.ID, namespace, t.InScope, t.Passed, t.Failed, t.Waived, t.Errors)
		}
		sum = sum.Plus(t)
	}
	if sum.InScope > c.InScope || sum.Passed > c.Passed || sum.Failed > c.Failed || sum.Waived > c.Waived || sum.Errors > c.Errors {
		return seaworthy.Invalid("the report counts more of %s in its namespaces than in all", c.ID)
	}
	return nil
}
