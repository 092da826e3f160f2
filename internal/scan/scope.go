// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"path"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Scope switches checks off in some namespaces.
type Scope struct {
	Namespaces []string // names or patterns as in path.Match; "*" holds for what has none, too
	Off        []string // ids or categories of checks
	Reason     string
}

// judges tells whether a check that runs judges the object where it is.
func (c *Catalogue) judges(check int, o *snapshot.Object) bool {
	if len(c.off[check]) == 0 {
		return true
	}
	namespace := o.EffectiveNamespace()
	if o.Kind == "Namespace" && o.Group() == "" {
		namespace = o.Name
	}
	return !slices.ContainsFunc(c.off[check], func(pattern string) bool {
		ok, err := path.Match(pattern, namespace)
		return err == nil && ok
	})
}

// limit remembers where a check that runs is switched off, and has the report say so.
func (c *Catalogue) limit(k seaworthy.Check) {
	var off []string
	for _, s := range c.scopes {
		if listed(s.Off, k) {
			off = append(off, s.Namespaces...)
			c.Skipped = append(c.Skipped, seaworthy.Problem{
				Check: k.ID, Message: "is off in " + namespaces(s.Namespaces) + ": " + s.Reason,
			})
		}
	}
	c.off = append(c.off, off)
}

func namespaces(patterns []string) string {
	switch {
	case slices.Contains(patterns, "*"):
		return "every namespace"
	case len(patterns) == 1:
		return "namespace " + patterns[0]
	}
	return "namespaces " + strings.Join(patterns, ", ")
}
