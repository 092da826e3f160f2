// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// applies tells whether a control applies to a namespace of a source, or to the source.
// Clusters, repositories and namespaces that are in narrow it to these; what is out is
// out. A namespace that is in names its cluster, and of that the other namespaces are out.
// What belongs to no namespace goes with its cluster.
func applies(c seaworthy.TrackedControl, source, namespace string) bool {
	narrowed, in := false, false // to sources
	spaces, space := false, false
	for _, item := range c.Scope {
		here := item.Source == source
		switch {
		case item.Kind == seaworthy.KindSystem:
		case item.In && item.Kind == seaworthy.KindNamespace:
			narrowed, in = true, in || here
			spaces, space = spaces || here, space || here && item.Name == namespace
		case item.In:
			narrowed, in = true, in || here
		case here && (item.Kind != seaworthy.KindNamespace || namespace != "" && item.Name == namespace):
			return false
		}
	}
	return (in || !narrowed) && (space || !spaces || namespace == "")
}

// checkScope refuses a scope that would not be obeyed.
func checkScope(tx *store.Tx, c seaworthy.TrackedControl) error {
	for i, item := range c.Scope {
		same := func(other seaworthy.ScopeItem) bool {
			return other.Kind == item.Kind && other.Source == item.Source && strings.EqualFold(other.Name, item.Name)
		}
		if slices.ContainsFunc(c.Scope[:i], same) {
			return seaworthy.Invalid("control %s: the scope names the %s %s twice", c.ID, item.Kind, item.Source+item.Name)
		}
		if item.Kind == seaworthy.KindSystem {
			if c.Machine() {
				return seaworthy.Invalid("control %s is tested by reports of clusters and repositories, which belong to no system: narrow it by these, and not by the system %s", c.ID, item.Name)
			}
			continue
		}
		source, err := tx.Source(item.Source)
		if err != nil {
			return seaworthy.Invalid("control %s: its scope names the source %q, and there is none", c.ID, item.Source)
		}
		kind := item.Kind
		if kind == seaworthy.KindNamespace {
			kind = seaworthy.KindCluster
		}
		if source.Kind != kind {
			return seaworthy.Invalid("control %s: its scope names %s as a %s, and it is a %s", c.ID, source.Name, kind, source.Kind)
		}
	}
	return nil
}

// ofSystem refuses evidence of a system to which a control does not apply.
func ofSystem(c seaworthy.TrackedControl, system string) error {
	var in []string
	for _, item := range c.Scope {
		same := strings.EqualFold(item.Name, strings.TrimSpace(system))
		switch {
		case item.Kind != seaworthy.KindSystem:
		case !item.In && same:
			return seaworthy.Invalid("control %s does not apply to the system %s: %s", c.ID, item.Name, item.Reason)
		case item.In && same:
			return nil
		case item.In:
			in = append(in, item.Name)
		}
	}
	switch {
	case len(in) == 0:
		return nil
	case strings.TrimSpace(system) == "":
		return seaworthy.Invalid("control %s applies to %s: say of which system the evidence is", c.ID, strings.Join(in, ", "))
	}
	return seaworthy.Invalid("control %s applies to %s, and not to the system %s", c.ID, strings.Join(in, ", "), system)
}
