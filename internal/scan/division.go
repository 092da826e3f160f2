// SPDX-License-Identifier: Apache-2.0

package scan

import "github.com/seaworthy-dev/seaworthy"

// division counts what came of each check by namespace, so that whoever looks at some
// namespaces alone can count without the others. Where there are too many it gives up, for
// a check or for all.
type division struct {
	checks []map[string]*seaworthy.NamespaceTally // nil: given up
	pairs  int
}

func newDivision(checks int) division {
	d := division{checks: make([]map[string]*seaworthy.NamespaceTally, checks)}
	for i := range d.checks {
		d.checks[i] = map[string]*seaworthy.NamespaceTally{}
	}
	return d
}

// add counts an object of a namespace. One of no namespace is part of the whole alone.
func (d *division) add(check int, namespace string, one seaworthy.NamespaceTally) {
	spaces := d.checks[check]
	if namespace == "" || spaces == nil {
		return
	}
	t := spaces[namespace]
	if t == nil {
		t = &seaworthy.NamespaceTally{}
		spaces[namespace] = t
		d.pairs++
	}
	*t = t.Plus(one)
	if len(spaces) > seaworthy.MaxNamespacesOfCheck {
		d.pairs -= len(spaces)
		d.checks[check] = nil
	}
	if d.pairs > seaworthy.MaxNamespacePairs {
		clear(d.checks)
		d.pairs = 0
	}
}

// of gives what was counted of a check in each namespace, nil if it was given up or there
// was nothing to count.
func (d *division) of(check, inScope int) map[string]seaworthy.NamespaceTally {
	spaces := d.checks[check]
	if spaces == nil || inScope == 0 {
		return nil
	}
	out := make(map[string]seaworthy.NamespaceTally, len(spaces))
	for namespace, t := range spaces {
		out[namespace] = *t
	}
	return out
}
